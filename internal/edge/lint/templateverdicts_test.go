package lint_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/edge/edgetest"
	"tpmdps/internal/edge/lint"
)

// The tests below do to IoT Edge's own template what its users do: take away the
// # in front of one line, or of a block of lines. The template itself is not
// ours to ship, so its settings stand in a file with remarks of our own; the
// template has to give the same verdicts.

const ownTemplate = "../testdata/template-settings.toml"

var update = flag.Bool("update", false, "rewrite the golden file")

// example is one commented setting of a template.
type example struct {
	line int // from 0
	text string
	// block counts the paragraphs that have settings.
	block int
}

var (
	commented = regexp.MustCompile(`^#[# ]*((?:\[.*\]|(?:"[^"]*"|[A-Za-z0-9_]+)\s*=\s*\S.*?|"[^"]*",?|\])\s*)$`)
	remark    = regexp.MustCompile(`\s+#.*$`)
)

// examples finds the settings of a template.
func examples(lines []string) []example {
	var found []example
	block, gap := 0, false
	for i, line := range lines {
		if line == "" {
			gap = true
		}
		m := commented.FindStringSubmatch(strings.TrimRight(remark.ReplaceAllString(line, ""), " "))
		if m == nil {
			continue
		}
		if gap && len(found) > 0 {
			block++
		}
		gap = false
		found = append(found, example{i, m[1], block})
	}
	return found
}

// verdict checks the template with those lines in force.
func verdict(lines []string, active ...example) string {
	text := slices.Clone(lines)
	for _, e := range active {
		text[e.line] = strings.TrimLeft(text[e.line], "# ")
	}
	var words []string
	for _, f := range lint.Check([]byte(strings.Join(text, "\n")), lint.Options{}).Findings {
		word := f.Rule
		if f.Severity == lint.Warning {
			word += "?"
		}
		if f.Key != "" {
			word += " " + f.Key
		}
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}

// verdicts writes down the verdict on each line alone, on each block alone, and
// on each line beside the block that provisions with the TPM.
func verdicts(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	all := examples(lines)
	if len(all) < 100 {
		t.Fatalf("%s has %d settings: is this the template?", path, len(all))
	}
	var blocks [][]example
	for _, e := range all {
		if e.block == len(blocks) {
			blocks = append(blocks, nil)
		}
		blocks[e.block] = append(blocks[e.block], e)
	}
	tpm := blocks[slices.IndexFunc(blocks, func(b []example) bool {
		return slices.ContainsFunc(b, func(e example) bool { return e.text == `method = "tpm"` })
	})]
	var b strings.Builder
	b.WriteString("== nothing\n" + verdict(lines) + "\n\n== a line alone\n")
	for _, e := range all {
		fmt.Fprintf(&b, "%s\n\t%s\n", e.text, verdict(lines, e))
	}
	b.WriteString("\n== a block alone\n")
	for _, block := range blocks {
		fmt.Fprintf(&b, "%s … %s\n\t%s\n", block[0].text, block[len(block)-1].text, verdict(lines, block...))
	}
	b.WriteString("\n== a line beside the block for the TPM\n")
	for _, e := range all {
		if !slices.Contains(tpm, e) {
			fmt.Fprintf(&b, "%s\n\t%s\n", e.text, verdict(lines, append(slices.Clone(tpm), e)...))
		}
	}
	b.WriteString("\n== a block beside the block for the TPM\n")
	for i, block := range blocks {
		if block[0] != tpm[0] {
			fmt.Fprintf(&b, "%s … %s\n\t%s\n", block[0].text, block[len(block)-1].text, verdict(lines, append(slices.Clone(tpm), blocks[i]...)...))
		}
	}
	return b.String()
}

func TestTemplateVerdicts(t *testing.T) {
	const golden = "testdata/template-verdicts.txt"
	got := verdicts(t, ownTemplate)
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, got, string(want))
}

// The template that IoT Edge's package installs has the same settings and gives
// the same verdicts.
func TestOfficialTemplateVerdicts(t *testing.T) {
	compare(t, verdicts(t, filepath.Join(edgetest.Samples(t), "iotedge", "config.toml.edge.template")), verdicts(t, ownTemplate))
}

// compare names the first verdicts that differ.
func compare(t *testing.T, got, want string) {
	t.Helper()
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("verdict %d, on %q:\n got %s\nwant %s", i, a[max(i-1, 0)], a[i], b[i])
		}
	}
	if len(a) != len(b) {
		t.Errorf("%d lines of verdicts, want %d", len(a), len(b))
	}
}
