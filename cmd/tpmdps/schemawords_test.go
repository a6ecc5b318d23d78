package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/enroll/batch"
	"tpmdps/internal/identity"
	"tpmdps/internal/labels"
	"tpmdps/internal/station"
	"tpmdps/internal/stick"
	"tpmdps/internal/verdict"
)

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
	{[]string{"results-line"}, "result", func(t *testing.T) []any {
		return append(constantsOf("enroll/batch", "Result")(t), batch.ResultDone, batch.ResultNotDone, "")
	}},
	{[]string{"results-line"}, "schema", fixed("tpmdps/results/1")},
	{[]string{"audit-line"}, "schema", fixed("tpmdps/audit/2")},
	{[]string{"record", "batch-line"}, "schema", fixed(identity.Schema)},
	{[]string{"record", "batch-line"}, "ek_template", fixed("tcg-l1", "empty-unique", "other", "unknown")},
	{nil, "ek_verdict.verdict", constantsOf("ektrust", "", "Word")},
	{nil, "ek_verdict.reasons.code", func(t *testing.T) []any {
		return append(constantsOf("ektrust", "Code")(t), constantsOf("ektrust/chain", "Code")(t)...)
	}},
	{[]string{"bench", "verify", "demo", "config-check", "stick-check", "self-check"}, "result", fixed("pass", "fail")},
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
	{[]string{"stick-check"}, "steps.name", fixed(stick.StepSums, stick.StepBatch, stick.StepSecrets, stick.StepSpace, stick.StepWrite)},
	{[]string{"stick-check"}, "findings.what", fixed(stick.Missing, stick.Changed, stick.Unlisted, stick.Unreadable, stick.Secret, stick.Unsearched)},
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
