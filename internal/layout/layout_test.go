// Package layout_test keeps the map of the project true: who may import whom,
// what must never be linked, and what only the commands may do.
//
// The map is the table in docs/layout.md, with the tables below. A change that
// needs another edge changes the table, with the reason, in the same commit. The
// tests read the source, so there is nothing here for a program to import.
package layout_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "tpmdps/"

// edges says for each of our packages which others of ours it may import; but says
// it the other way round: which it may not.
type edges struct{ to, but map[string][]string }

// readEdges reads the table of docs/layout.md, which is the only one: the data goes
// one way there, from the chip to a record, to an enrollment or to provisioning,
// and to the configuration.
func readEdges(t *testing.T) edges {
	t.Helper()
	manual, err := os.ReadFile(filepath.Join("..", "..", "docs", "layout.md"))
	if err != nil {
		t.Fatal(err)
	}
	return parseEdges(string(manual))
}

// parseEdges reads rows such as
//
//	| `internal/dps` | the wire | network, text |
func parseEdges(manual string) edges {
	e := edges{to: map[string][]string{}, but: map[string][]string{}}
	for line := range strings.Lines(manual) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		name := strings.Trim(cells[1], " `")
		names, isBut := strings.CutPrefix(strings.TrimSpace(cells[3]), "all but ")
		others := []string{}
		for other := range strings.FieldsFuncSeq(names, func(r rune) bool { return r == ',' || r == ' ' }) {
			if other != "templates" {
				other = "internal/" + other
			}
			others = append(others, other)
		}
		if isBut {
			e.but[name] = others
		} else {
			e.to[name] = others
		}
	}
	return e
}

// restricted names packages that only some of ours may import, in the product
// and, where tests is set, in the tests too. "/..." stands for the package and
// all below it.
var restricted = []struct {
	packages string
	to       []string
	tests    bool
	reason   string
}{
	{"github.com/google/go-tpm/...", []string{"internal/tpm", "internal/challenge", "internal/softtpm/softtpmtest", "internal/vmtest/init"}, false,
		"one package speaks with the chip; one makes challenges for chips"},
	{"github.com/google/go-tpm/legacy/...", nil, true, "the deprecated API"},
	{"github.com/google/go-tpm-tools/...", nil, false, "the simulator needs cgo and is for tests"},
	{"github.com/urfave/cli/...", []string{"cmd/...", "internal/commandline"}, true, "flags are read by the commands alone"},
	{"flag", []string{"cmd/..."}, false, "flags are read by the commands alone"},
	{"log", nil, false, "log.Fatal exits and log prints; a *slog.Logger is handed down"},
	{"os/exec", []string{"internal/softtpm", "internal/program", "internal/vmtest/init"}, false,
		"other programs are run by internal/program, which ends what they start; the software TPM outlives a call"},
	{"github.com/olekukonko/tablewriter/...", []string{"cmd/..."}, false, "stages return values, the commands draw them"},
	{"github.com/Azure/azure-sdk-for-go/sdk/azidentity/...", []string{"internal/operator"}, false,
		"one package signs in, the stages are handed who did"},
	{"testing/...", []string{"internal/contexttest", "internal/edge/edgetest", "internal/emulator/hub/hubtest", "internal/filelock/filelocktest", "internal/softtpm/softtpmtest"}, false, "for tests"},
}

// notLinked names what the program must not contain, however deep it is imported.
var notLinked = []struct{ packages, reason string }{
	{"github.com/google/go-tpm-tools/...", "a shipped program has no switch that replaces the chip, and no cgo"},
	{module + "internal/softtpm/softtpmtest", "for tests"},
	{module + "internal/bench", "for tests"},
	{module + "internal/contexttest", "for tests"},
	{module + "internal/edge/edgetest", "for tests"},
	{module + "internal/emulator/hub/hubtest", "for tests"},
	{module + "internal/stick/sticktest", "for tests"},
	{module + "internal/filelock/filelocktest", "for tests"},
	{module + "internal/twin/twintest", "for tests"},
	{module + "internal/vmtest/...", "for tests"},
	{module + "internal/winetest", "for tests"},
	{"testing/...", "for tests"},
	{"net/http/httptest", "for tests"},
	{"github.com/rogpeppe/go-internal/testscript/...", "for tests; its diff is not"},
}

// commandsOnly names what packages below cmd must not use: they print nothing,
// read no flags and no environment, and never exit.
var commandsOnly = map[string][]string{
	"fmt": {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
	"os": {"Exit", "Args", "Stdin", "Stdout", "Stderr", "Getenv", "LookupEnv", "Environ", "ExpandEnv",
		"Setenv", "Unsetenv", "Clearenv"},
	"log/slog": {"Default", "SetDefault", "Debug", "Info", "Warn", "Error", "Log",
		"DebugContext", "InfoContext", "WarnContext", "ErrorContext"},
	"syscall": {"Exit", "Getenv"},
	"builtin": {"print", "println"},
}

// mainOnly names what even the commands leave to main.go, so that deferred
// closes run: a chip is never left with a session because of an exit.
var mainOnly = map[string][]string{
	"os":      {"Exit", "Args"},
	"syscall": {"Exit"},
	"builtin": {"print", "println"},
}

func TestImports(t *testing.T) {
	edges := readEdges(t)
	var all []pkg
	for _, goos := range []string{"linux", "windows"} {
		packages, err := list(goos)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range slices.Concat(edges.check(packages), checkRestricted(packages), checkLinked(packages)) {
			t.Errorf("%s: %s", goos, fault)
		}
		all = append(all, packages...)
	}
	for _, fault := range edges.missing(all) {
		t.Error(fault)
	}
}

func TestCallsLeftToTheCommands(t *testing.T) {
	root := os.DirFS(filepath.Join("..", ".."))
	for dir, banned := range map[string]map[string][]string{
		"internal":  commandsOnly,
		"templates": commandsOnly,
		"cmd":       mainOnly,
	} {
		faults, err := scan(root, dir, banned)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range faults {
			t.Error(fault)
		}
	}
}

// pkg is what `go list -json` says of one package.
type pkg struct {
	ImportPath                string
	Imports, Deps             []string
	TestImports, XTestImports []string
}

// name is the import path without the module.
func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module) }

// list asks the go command for all packages of the module as built for one
// system, with cgo, which brings in the most.
func list(goos string) ([]pkg, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps,TestImports,XTestImports", module+"...")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, &stderr)
	}
	var packages []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		packages = append(packages, p)
	}
}

// match reports whether an import path is a pattern, or below a pattern that
// ends in "/...".
func match(pattern, name string) bool {
	prefix, deep := strings.CutSuffix(pattern, "/...")
	return name == prefix || deep && strings.HasPrefix(name, prefix+"/")
}

// check compares what packages import with the table, and the table with them.
func (e edges) check(packages []pkg) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for _, p := range packages {
		allowed, known := e.to[p.name()]
		not, most := e.but[p.name()]
		if !known && !most {
			fault("%s has no place in the table of docs/layout.md", p.name())
			continue
		}
		for _, imported := range p.Imports {
			name, own := strings.CutPrefix(imported, module)
			if own && (known && !slices.Contains(allowed, name) || most && slices.Contains(not, name)) {
				fault("%s imports %s, which is against the direction of the data", p.name(), name)
			}
		}
		for _, name := range allowed {
			if !slices.Contains(p.Imports, module+name) {
				fault("%s may import %s, and does not", p.name(), name)
			}
		}
	}
	return faults
}

// missing lists the rows of the table that stand for no package.
func (e edges) missing(packages []pkg) (faults []string) {
	for _, rows := range []map[string][]string{e.to, e.but} {
		for name := range rows {
			if !slices.ContainsFunc(packages, func(p pkg) bool { return p.name() == name }) {
				faults = append(faults, "docs/layout.md has "+name+", which is not a package")
			}
		}
	}
	return faults
}

func checkRestricted(packages []pkg) (faults []string) {
	for _, p := range packages {
		for _, r := range restricted {
			if slices.ContainsFunc(r.to, func(pattern string) bool { return match(pattern, p.name()) }) {
				continue
			}
			imports := p.Imports
			if r.tests {
				imports = slices.Concat(imports, p.TestImports, p.XTestImports)
			}
			for _, imported := range imports {
				if match(r.packages, imported) {
					faults = append(faults, fmt.Sprintf("%s imports %s (%s)", p.name(), imported, r.reason))
				}
			}
		}
	}
	return faults
}

func checkLinked(packages []pkg) (faults []string) {
	for _, p := range packages {
		if !match("cmd/...", p.name()) {
			continue
		}
		for _, r := range notLinked {
			for _, linked := range p.Deps {
				if match(r.packages, linked) {
					faults = append(faults, fmt.Sprintf("%s links %s (%s)", p.name(), linked, r.reason))
				}
			}
		}
	}
	return faults
}

// scan lists the uses of banned names in the product's files below dir. A file
// named main.go may use everything, and so may what is for tests alone.
func scan(root fs.FS, dir string, banned map[string][]string) (faults []string, err error) {
	err = fs.WalkDir(root, dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{"testdata", "softtpmtest", "vmtest", "edgetest"}, entry.Name()):
			return fs.SkipDir
		case path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || path.Base(name) == "main.go":
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		found, err := uses(name, source, banned)
		faults = append(faults, found...)
		return err
	})
	return faults, err
}

// uses lists the uses of banned names in one file. It goes by the names of the
// imports and needs no types.
func uses(name string, source []byte, banned map[string][]string) (faults []string, err error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	imports := map[string]string{} // by the name it has in this file
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		local := path.Base(imported)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		imports[local] = imported
		if local == "." && slices.Contains(slices.Collect(maps.Keys(banned)), imported) {
			faults = append(faults, fmt.Sprintf("%s: imports %s with a dot", fset.Position(spec.Pos()), imported))
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if ok && slices.Contains(banned[imports[x.Name]], n.Sel.Name) {
				faults = append(faults, fmt.Sprintf("%s: uses %s.%s", fset.Position(n.Pos()), x.Name, n.Sel.Name))
			}
		case *ast.CallExpr:
			f, ok := n.Fun.(*ast.Ident)
			if ok && slices.Contains(banned["builtin"], f.Name) {
				faults = append(faults, fmt.Sprintf("%s: uses %s", fset.Position(n.Pos()), f.Name))
			}
		}
		return true
	})
	return faults, nil
}
