package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/identity"
	"tpmdps/internal/labels"
	"tpmdps/internal/station"
	"tpmdps/internal/verdict"
)

// schemaFolder has a JSON Schema for each of the outputs. They are made of the Go values
// that are printed, of what the fields' tables of docs/scripting.md say, and of the words
// that the source has for a field:
//
//	go test ./cmd/tpmdps -run SchemaFiles -update
const schemaFolder = "../../docs/schema"

// jsonSchema is a JSON Schema (https://json-schema.org/draft/2020-12), as far as it is used.
type jsonSchema struct {
	Dialect     string                 `json:"$schema,omitempty"`
	ID          string                 `json:"$id,omitempty"`
	Title       string                 `json:"title,omitempty"`
	Description string                 `json:"description,omitempty"`
	Type        any                    `json:"type,omitempty"` // a word, or the list of a word and "null"
	Enum        []any                  `json:"enum,omitempty"`
	Format      string                 `json:"format,omitempty"`
	Pattern     string                 `json:"pattern,omitempty"`
	Encoding    string                 `json:"contentEncoding,omitempty"`
	Properties  map[string]*jsonSchema `json:"properties,omitempty"`
	Required    []string               `json:"required,omitempty"`
	Additional  any                    `json:"additionalProperties,omitempty"` // false, or a schema
	Items       *jsonSchema            `json:"items,omitempty"`
}

// schemas are those of all outputs by name, those of the lines of -o jsonl included.
func schemas(t *testing.T) map[string]*jsonSchema {
	t.Helper()
	all := map[string]*jsonSchema{}
	add := func(name, title string, s *jsonSchema) {
		s.Dialect, s.ID, s.Title = "https://json-schema.org/draft/2020-12/schema", "urn:tpmdps:schema:"+name, title
		all[name] = s
	}
	for _, o := range outputs {
		m := schemaMaker{t: t, output: o.schema, about: fieldsAbout(t, o.heading)}
		s := m.of(reflect.TypeOf(o.value()).Elem(), "")
		add(o.schema, titleOf(o), s)
		if o.list != "" {
			line := *s.Properties[o.list].Items
			add(o.schema+"-line", titleOf(o)+", a line of -o jsonl", &line)
		}
	}
	return all
}

func titleOf(o output) string {
	if len(o.commands) == 0 {
		return "tpmdps " + strings.ReplaceAll(o.schema, "-", " ")
	}
	return "tpmdps " + strings.TrimLeft(strings.TrimLeft(o.heading, "# "), " ")
}

// schemaMaker makes the schema of one output.
type schemaMaker struct {
	t      *testing.T
	output string
	about  map[string]string // by path
}

// of is the schema of a type at a path: the names of members, with dots between.
func (m schemaMaker) of(typ reflect.Type, path string) *jsonSchema {
	s := &jsonSchema{Description: m.about[path]}
	if words := m.words(typ, path); words != nil {
		s.Enum = words
	}
	switch {
	case typ == reflect.TypeFor[time.Time]():
		s.Type, s.Format, s.Pattern = "string", "date-time", "Z$"
	case typ == reflect.TypeFor[json.RawMessage]():
	case typ == reflect.TypeFor[[]byte]():
		s.Type, s.Encoding = "string", "base64"
	case typ.Kind() == reflect.Pointer:
		s = m.of(typ.Elem(), path)
		s.Type = []any{s.Type, "null"}
	case typ.Kind() == reflect.Slice:
		s.Type, s.Items = "array", m.of(typ.Elem(), path)
		s.Items.Description, s.Enum = "", nil
	case typ.Kind() == reflect.Map:
		s.Type, s.Additional = "object", m.of(typ.Elem(), path)
		s.Additional.(*jsonSchema).Description = ""
	case typ.Kind() == reflect.Struct:
		s.Type, s.Additional, s.Properties = "object", false, map[string]*jsonSchema{}
		m.members(s, typ, path)
	case typ.Kind() == reflect.String:
		s.Type = "string"
	case typ.Kind() == reflect.Bool:
		s.Type = "boolean"
	case slices.Contains([]reflect.Kind{reflect.Int, reflect.Int64}, typ.Kind()):
		s.Type = "integer"
	default:
		m.t.Fatalf("%s: %s: a schema for %v has to be thought of", m.output, path, typ)
	}
	return s
}

// members adds those of a struct.
func (m schemaMaker) members(s *jsonSchema, typ reflect.Type, path string) {
	for field := range typ.Fields() {
		name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			m.members(s, field.Type, path)
		case name == "" && field.IsExported():
			m.t.Errorf("%s: %v.%s has no JSON name", m.output, typ, field.Name)
		case name == "" || name == "-":
		default:
			s.Properties[name] = m.of(field.Type, strings.TrimPrefix(path+"."+name, "."))
			if option == "omitempty" {
				if field.Type.Kind() == reflect.Pointer { // it is not there instead
					s.Properties[name] = m.of(field.Type.Elem(), strings.TrimPrefix(path+"."+name, "."))
				}
				continue
			}
			s.Required = append(s.Required, name)
		}
	}
}

// fieldsAbout are what the tables of a part of docs/scripting.md say of each member.
func fieldsAbout(t *testing.T, heading string) map[string]string {
	t.Helper()
	about := map[string]string{}
	if heading == "" {
		return about
	}
	link := regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
	row := regexp.MustCompile("(?m)^\\| (`[^|]*`) \\| ((?:[^|\n]|\\\\\\|)*) \\|$")
	for _, cells := range row.FindAllStringSubmatch(section(t, scripting, heading), -1) {
		for name := range strings.SplitSeq(cells[1], ", ") {
			about[strings.Trim(name, "`")] = strings.NewReplacer("`", "", "**", "", `\|`, "|").Replace(link.ReplaceAllString(cells[2], "$1"))
		}
	}
	return about
}

// words are all that a member can have: of a type that the source declares words for,
// these; otherwise those of the table. nil means that it is free.
func (m schemaMaker) words(typ reflect.Type, path string) []any {
	for _, w := range fieldWords {
		if slices.Contains(w.outputs, m.output) && path == w.path || len(w.outputs) == 0 && (path == w.path || strings.HasSuffix(path, "."+w.path)) {
			return w.list(m.t)
		}
	}
	if typ.Kind() != reflect.String || !strings.HasPrefix(typ.PkgPath(), "tpmdps/") {
		return nil
	}
	list := anys(declared(m.t, typ.PkgPath(), func(name, of string) bool { return of == typ.Name() }))
	if len(list) == 0 {
		m.t.Errorf("%s: %s: no words of %v were found", m.output, path, typ)
	}
	return list
}

// fieldWords are those of members that are plain texts or numbers, and of those that can
// have one more than their type has. No outputs means all with such a member.
var fieldWords = []struct {
	outputs []string
	path    string
	list    func(*testing.T) []any
}{
	{[]string{"error"}, "code", func(*testing.T) []any { return exitCodes(1) }},
	{[]string{"error"}, "name", func(*testing.T) []any { return exitNames(1) }},
	{[]string{"results-line"}, "code", func(*testing.T) []any { return exitCodes(0) }},
	{[]string{"results-line"}, "name", func(*testing.T) []any { return append(exitNames(1), "") }},
	{[]string{"results-line"}, "stage", constantsOf("enroll/batch", "Stage")},
	{[]string{"results-line"}, "result", func(t *testing.T) []any { return append(constantsOf("enroll/batch", "Result")(t), "") }},
	{[]string{"results-line"}, "schema", fixed("tpmdps/results/1")},
	{[]string{"audit-line"}, "schema", fixed("tpmdps/audit/2")},
	{[]string{"record", "batch-line"}, "schema", fixed(identity.Schema)},
	{[]string{"record", "batch-line"}, "ek_template", fixed("tcg-l1", "empty-unique", "other", "unknown")},
	{nil, "ek_verdict.verdict", constantsOf("ektrust", "", "Word")},
	{nil, "ek_verdict.reasons.code", func(t *testing.T) []any {
		return append(constantsOf("ektrust", "Code")(t), constantsOf("ektrust/chain", "Code")(t)...)
	}},
	{[]string{"bench", "verify", "demo", "config-check"}, "result", fixed("pass", "fail")},
	{[]string{"config-apply"}, "verify.result", fixed("pass", "fail")},
	{[]string{"support-bundle"}, "verdict.result", constantsOf("bundle", "Result")},
	{[]string{"support-bundle"}, "verdict.findings.exit_code", func(*testing.T) []any { return exitCodes(0) }},
	{[]string{"support-bundle"}, "verdict.findings.exit_name", func(*testing.T) []any { return append(exitNames(0), "") }},
	{[]string{"config-check"}, "findings.rule", func(*testing.T) []any {
		return anys(append(lint.Rules(), checkup.RuleAccess, checkup.RuleChip, checkup.RuleAuth))
	}},
	{[]string{"config-check"}, "ticks.name", fixed("chip", "file", "enrollment", "device")},
	{[]string{"config-udev"}, "action", fixed("create", "change", "unchanged")},
	{[]string{"enroll"}, "items.action", func(t *testing.T) []any { return append(constantsOf("enroll", "", "Action")(t), "error") }},
	{[]string{"unenroll"}, "items.action", func(t *testing.T) []any { return append(constantsOf("enroll", "", "Action")(t), "error") }},
	{[]string{"unenroll"}, "items.registration_action", fixed("", "delete", "unchanged")},
	{[]string{"unenroll"}, "items.found", fixed("", "enabled", "disabled")},
	{[]string{"explain"}, "entries.kind", constantsOf("dictionary", "kind")},
	{[]string{"roots-list"}, "roots.kind", fixed("root", "old-ca")},
	{[]string{"labels"}, "format", fixed(labels.HTML, labels.SVG, labels.ZPL)},
	{[]string{"labels"}, "code", fixed(labels.DataMatrix, labels.QR)},
	{[]string{"chip-flush"}, "memory.kind", constantsOf("tpm", "Kind")},
	{[]string{"chip-flush"}, "memory.action", fixed("would be removed", "removed", "stays", "failed")},
	{[]string{"completion"}, "shell", func(*testing.T) []any {
		var shells []string
		for _, c := range completionScripts() {
			shells = append(shells, c.Shell)
		}
		return anys(shells)
	}},
	{[]string{"read-ek-compare"}, "candidates.template", fixed("tcg-l1", "empty-unique", "nv-nonce", "nv-template", "nv-template-nonce", "persistent")},
	{[]string{"bench"}, "steps.name", fixed(station.EK, station.Label, station.Certificate, station.Chip, station.Batch, station.Enroll, station.Config, station.Service)},
	{[]string{"verify"}, "steps.name", func(t *testing.T) []any { return anys(tripSteps(t)) }},
	{[]string{"config-apply"}, "verify.steps.name", func(t *testing.T) []any { return anys(tripSteps(t)) }},
}

func anys[T any](list []T) []any {
	var all []any
	for _, one := range list {
		all = append(all, one)
	}
	return all
}

func fixed(words ...string) func(*testing.T) []any {
	return func(*testing.T) []any { return anys(words) }
}

// exitCodes and exitNames are those of docs/exit-codes.md from one on.
func exitCodes(from int) []any {
	codes := slices.Sorted(maps.Keys(verdict.Names))
	return anys(slices.DeleteFunc(codes, func(code int) bool { return code < from }))
}

func exitNames(from int) []any {
	var names []any
	for _, code := range exitCodes(from) {
		names = append(names, verdict.Names[code.(int)])
	}
	return names
}

// constantsOf are the texts that a package below internal declares with names that begin
// so, or of a type.
func constantsOf(pkg, prefix string, typ ...string) func(*testing.T) []any {
	return func(t *testing.T) []any {
		t.Helper()
		list := declared(t, "tpmdps/internal/"+pkg, func(name, of string) bool {
			return len(typ) > 0 && of == typ[0] || len(typ) == 0 && strings.HasPrefix(name, prefix)
		})
		if len(list) == 0 {
			t.Errorf("%s has no constants %s%v: was one renamed?", pkg, prefix, typ)
		}
		return anys(list)
	}
}

// declared are the values of a package's constant texts, by name and type.
func declared(t *testing.T, pkg string, wanted func(name, typ string) bool) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(strings.TrimPrefix(pkg, "tpmdps/")), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			if general, is := d.(*ast.GenDecl); is && general.Tok == token.CONST {
				for _, s := range general.Specs {
					found = append(found, valuesOf(s.(*ast.ValueSpec), wanted)...)
				}
			}
		}
	}
	return found
}

func valuesOf(spec *ast.ValueSpec, wanted func(name, typ string) bool) []string {
	var found []string
	typ, _ := spec.Type.(*ast.Ident)
	for i, name := range spec.Names {
		of := ""
		if typ != nil {
			of = typ.Name
		}
		if i >= len(spec.Values) || !wanted(name.Name, of) {
			continue
		}
		if value, is := spec.Values[i].(*ast.BasicLit); is && value.Kind == token.STRING {
			text, _ := strconv.Unquote(value.Value)
			found = append(found, text)
		}
	}
	return found
}

// schemaText is a schema as it stands in its file.
func schemaText(t *testing.T, s *jsonSchema) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b, s, "  "); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSchemaFiles compares docs/schema with what the source makes.
func TestSchemaFiles(t *testing.T) {
	all := schemas(t)
	for name, s := range all {
		file, want := filepath.Join(schemaFolder, name+".json"), schemaText(t, s)
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s.json is not what the source makes (%v): go test ./cmd/tpmdps -run SchemaFiles -update", name, err)
		}
	}
	files, err := os.ReadDir(schemaFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name, is := strings.CutSuffix(file.Name(), ".json"); !is || all[name] == nil {
			t.Errorf("docs/schema/%s is a schema of nothing that is printed", file.Name())
		}
	}
}
