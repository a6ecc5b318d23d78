package dictionary

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// constants are the values of a package's constants of text by their names, read from
// its source so that a new one is found.
func constants(t *testing.T, folder string, named func(name, typ string) bool) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", folder, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(folder, err)
	}
	var values []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != len(spec.Names) {
				return true
			}
			typ, _ := spec.Type.(*ast.Ident)
			for i, id := range spec.Names {
				if lit, ok := spec.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING && named(id.Name, typeName(typ)) {
					value, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					values = append(values, value)
				}
			}
			return true
		})
	}
	return values
}

func typeName(id *ast.Ident) string {
	if id == nil {
		return ""
	}
	return id.Name
}

func codesOf(entries []Entry) []string {
	var list []string
	for _, e := range entries {
		list = append(list, e.Code)
	}
	slices.Sort(list)
	return list
}

// Each verdict and each code of a reason that the program has is explained, and no
// other.
func TestEveryVerdictIsExplained(t *testing.T) {
	words := constants(t, "ektrust", func(_, typ string) bool { return typ == "Word" })
	isCode := func(name, _ string) bool { return strings.HasPrefix(name, "Code") }
	codes := slices.Concat(constants(t, "ektrust", isCode), constants(t, filepath.Join("ektrust", "chain"), isCode))
	slices.Sort(words)
	slices.Sort(codes)
	if got := codesOf(ekVerdicts); !slices.Equal(got, words) {
		t.Errorf("the dictionary has the verdicts %q, the program %q", got, words)
	}
	if got := codesOf(ekReasons); !slices.Equal(got, codes) {
		t.Errorf("the dictionary has the reasons %q, the program %q", got, codes)
	}
}

// The page for people has the same words.
func TestPageHasEveryVerdict(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "ek-trust.md"))
	if err != nil {
		t.Fatal(err)
	}
	text, reasons, found := strings.Cut(string(data), "## Reasons, for scripts")
	if !found {
		t.Fatal("docs/ek-trust.md has no table of reasons")
	}
	cells := func(text string) (list []string) {
		for _, row := range regexp.MustCompile(`(?m)^\| ([a-z0-9, -]+) \|`).FindAllStringSubmatch(text, -1) {
			if row[1] != "verdict" && row[1] != "code" || strings.Contains(row[1], ",") {
				list = append(list, strings.Split(row[1], ", ")...)
			}
		}
		slices.Sort(list)
		return list
	}
	_, verdicts, _ := strings.Cut(text, "## What a verdict says")
	verdicts, _, _ = strings.Cut(verdicts, "\n## ")
	if got, want := cells(verdicts), codesOf(ekVerdicts); !slices.Equal(got, want) {
		t.Errorf("docs/ek-trust.md has the verdicts %q, the program %q", got, want)
	}
	if got, want := cells(reasons), codesOf(ekReasons); !slices.Equal(got, want) {
		t.Errorf("docs/ek-trust.md has the reasons %q, the program %q", got, want)
	}
}

// A word is found where it is what was asked for, however it is written, and nowhere
// inside of another text.
func TestVerdictsAreWordsAlone(t *testing.T) {
	of := func(text string) bool {
		return slices.ContainsFunc(Explain(text), func(e Entry) bool { return e.Kind == kindEKVerdict || e.Kind == kindEKReason })
	}
	tried := 0
	for _, e := range slices.Concat(ekVerdicts, ekReasons) {
		for _, asked := range []string{
			"%", " %\n", "'%'", "\"%\",", "(%)", "ek verdict: %", "EK verdict: %.", "ek_verdict=%", "ek verdict %", "\"ek_verdict\": \"%\"", "ek reason: %",
		} {
			tried++
			text := strings.ReplaceAll(asked, "%", e.Code)
			if found := Explain(text); len(found) != 1 || found[0].Code != e.Code {
				t.Errorf("Explain(%q) = %q, want %s", text, brief(found), e.Code)
			}
		}
		for _, other := range []string{
			"the % of it", "%: no such file", "error: %", "aziot-tpmd[7]: [ERR!] - % failed", "% %", "x\n%\ny", "%\n%", "path %", "{\"%\": 1}", "ek verdict: % and more",
			"aziot-edged[7]: 2026-11-25T12:00:01Z [INFO] - ek verdict: %\naziot-edged[7]: done", "/usr/%/x", "key=%", "no %", "%s", "x%",
		} {
			tried++
			if text := strings.ReplaceAll(other, "%", e.Code); of(text) {
				t.Errorf("Explain(%q) = %q: that is another text", text, brief(Explain(text)))
			}
		}
	}
	for _, name := range []string{"{Signature}", "SIGNATURE", "TPM_RC_SIGNATURE", "Signature"} {
		tried++
		if found := Explain(name); len(found) != 1 || found[0].Kind != kindTPM {
			t.Errorf("Explain(%q) = %q, want the chip's code", name, brief(found))
		}
	}
	for _, word := range []string{"Trusted", "UNTRUSTED", "Not-A-CA", "Path"} {
		tried++
		if !of(word) {
			t.Errorf("Explain(%q) = %q, want a verdict or reason", word, brief(Explain(word)))
		}
	}
	t.Logf("%d were tried", tried)
}
