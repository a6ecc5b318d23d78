package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compiledSchemas are those of docs/schema, as somebody else's validator reads them.
var compiledSchemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.AssertContent()
	files, err := filepath.Glob(filepath.Join(schemaFolder, "*.json"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no schemas in %s: %w", schemaFolder, err)
	}
	all := map[string]*jsonschema.Schema{}
	for _, file := range files {
		if all[strings.TrimSuffix(filepath.Base(file), ".json")], err = c.Compile(file); err != nil {
			return nil, err
		}
	}
	return all, nil
})

// optional are the members that may be missing, and free those whose own members have
// names of the user's, of modules or of a twin's properties. No schema is asked.
var (
	optional = []string{"record.batch", "token.token", "audit-line.reason", "audit-line.hmac_sha256", "batch-line.again", "batch-line.device_id"}
	free     = regexp.MustCompile(`\.(labels|libraries|desired)$`)
	// worded are members that can only have one of a list of words.
	worded = regexp.MustCompile(`^error\.(code|name)$|ek_verdict\.(verdict|reasons\.code)$|steps\.(name|status)$|parts\.status$|state$|^(un)?enroll(\.items|-line)\.action$|^config(-udev)?\.action$|memory\.action$|findings\.(rule|severity)$|line\.stage$|\.schema$`)
)

// schemaTally counts what was held against the schemas.
type schemaTally struct {
	sync.Mutex
	documents map[string]int // by schema
	mutations int
}

func (s *schemaTally) String() string {
	s.Lock()
	defer s.Unlock()
	sum := 0
	for _, n := range s.documents {
		sum += n
	}
	return fmt.Sprintf("%d documents of JSON fit their schemas, %d changed ones did not: %v", sum, s.mutations, s.documents)
}

var schemasMet = schemaTally{documents: map[string]int{}}

// refusesMutations counts the mutations of a document that a schema refuses, which have to
// be all.
func refusesMutations(s *jsonschema.Schema, name string, document any) (int, error) {
	changed := mutations(name, document)
	for what, mutation := range changed {
		if s.Validate(mutation) == nil {
			return 0, fmt.Errorf("the schema %s accepts a document with %s", name, what)
		}
	}
	return len(changed), nil
}

// checkDocument finds the one of the schemas that a document is of, and sees that none of
// its mutations is.
func checkDocument(names []string, document any) error {
	compiled, err := compiledSchemas()
	if err != nil {
		return err
	}
	var faults []error
	for _, name := range names {
		if err := compiled[name].Validate(document); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
			continue
		}
		refused, err := refusesMutations(compiled[name], name, document)
		if err != nil {
			return err
		}
		schemasMet.Lock()
		defer schemasMet.Unlock()
		schemasMet.documents[name]++
		schemasMet.mutations += refused
		return nil
	}
	return errors.Join(faults...)
}

// checkDocuments is checkDocument for a text of several, up to an end that is cut off
// where that is no fault.
func checkDocuments(names []string, text []byte, cut bool) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	for n := 1; ; n++ {
		var document any
		switch err := dec.Decode(&document); {
		case errors.Is(err, io.EOF), err != nil && cut:
			return nil
		case err != nil:
			return fmt.Errorf("document %d: %w", n, err)
		}
		if err := checkDocument(names, document); err != nil {
			return fmt.Errorf("document %d: %w", n, err)
		}
	}
}

// fitsSchema: schema NAME FILE. Each document of JSON in the file fits the schema.
func fitsSchema(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: schema NAME FILE")
	}
	ts.Check(checkDocuments(args[:1], []byte(ts.ReadFile(args[1])), false))
}

// schemasOf are the schemas of what a command line prints with -o json or jsonl.
func schemasOf(args []string) []string {
	var names []string
	for _, o := range outputs {
		for _, command := range o.commands {
			words := strings.Fields(command)
			if len(args) <= len(words) || !slices.Equal(args[1:1+len(words)], words) {
				continue
			}
			names = append(names, o.schema)
			if o.list != "" {
				names = append(names, o.schema+"-line")
			}
		}
	}
	return names
}

// bare tells the command lines whose stdout is another thing, whatever -o says: the bill of
// materials has the schema of CycloneDX.
func bare(args []string) bool {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(args, w) })
	}
	toStdout := slices.ContainsFunc([]string{"config", "out", "file"}, func(flag string) bool {
		i := slices.Index(args, "--"+flag)
		return i >= 0 && i+1 < len(args) && args[i+1] == "-" || has("--"+flag+"=-")
	})
	tables := len(args) > 2 && (args[1] == "labels" || args[1] == "batch" && args[2] == "export") && !has("--out")
	return has("--help", "-h", "--sbom") || toStdout && !has("--check") || tables
}

// TestSchemasOfExamples holds the manual's examples against the schemas.
func TestSchemasOfExamples(t *testing.T) {
	block := regexp.MustCompile("(?s)```json\n(.*?)```")
	for _, o := range outputs {
		if o.heading == "" {
			continue
		}
		for _, m := range block.FindAllStringSubmatch(section(t, scripting, o.heading), -1) {
			if err := checkDocuments([]string{o.schema}, []byte(m[1]), false); err != nil {
				t.Errorf("%s: %s: %v", scripting, o.heading, err)
			}
		}
	}
	t.Log(&schemasMet)
}

// jsonPrinted is what a run that was asked for JSON printed. Its arguments are not kept:
// some scripts try secrets there.
type jsonPrinted struct {
	Command  string
	Bare     bool // stdout is not JSON
	Schemas  []string
	Code     int
	Out, Err string
}

// keepJSON runs the program with copies of its streams, and leaves them in a folder when
// it has ended.
func keepJSON(dir string, args []string, s streams, run func(streams) int) int {
	var out, err bytes.Buffer
	s.out, s.err = io.MultiWriter(s.out, &out), io.MultiWriter(s.err, &err)
	code := run(s)
	p := jsonPrinted{Command: args[1], Bare: bare(args), Schemas: schemasOf(args), Code: code, Out: out.String(), Err: err.String()}
	data, _ := json.Marshal(p)
	f, fault := os.CreateTemp(dir, "json-*")
	if fault == nil {
		_, fault = f.Write(data)
	}
	switch {
	case errors.Is(fault, syscall.EFBIG): // the run has a limit that this file has, too
		_ = os.Remove(f.Name())
	case fault != nil:
		fmt.Fprintln(os.Stderr, fault)
		return 1
	}
	return code
}

// checkPrinted holds all that was left in a folder against the schemas.
func checkPrinted(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "json-*"))
	if err != nil {
		return err
	}
	for _, file := range files {
		var p jsonPrinted
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, &p); err != nil {
			return err
		}
		if err := p.check(); err != nil {
			return fmt.Errorf("%s: %w", p.Command, err)
		}
	}
	return nil
}

func (p jsonPrinted) check() error {
	if !p.Bare {
		if len(p.Schemas) == 0 && p.Out != "" {
			return errors.New("it printed what there is no schema for")
		}
		if err := checkDocuments(p.Schemas, []byte(p.Out), p.Code != 0); err != nil {
			return fmt.Errorf("stdout: %w", err)
		}
	}
	if p.Code == 0 {
		return nil
	}
	lines := strings.Split(strings.TrimRight(p.Err, "\n"), "\n")
	if err := checkDocuments([]string{"error"}, []byte(lines[len(lines)-1]), false); err != nil {
		return fmt.Errorf("stderr: %w", err)
	}
	return nil
}
