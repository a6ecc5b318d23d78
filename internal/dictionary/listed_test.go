package dictionary

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// known is one thing that explain knows: what the page has to say of it, and where
// it is from.
type known struct {
	what    string
	shown   []string // in one line of the page
	sources []string
}

// everything enumerates the tables that explain reads, not the sections of the page.
func everything() []known {
	var all []known
	add := func(what string, sources []string, shown ...string) {
		all = append(all, known{what, shown, sources})
	}
	ofEntry := func(e Entry) {
		add(e.Kind+" "+e.Code, e.Sources, append([]string{"`" + e.Code + "`", e.Means}, e.Sources...)...)
	}
	for _, g := range lineGroups {
		for _, e := range g.entries {
			ofEntry(e)
		}
	}
	for _, e := range services {
		ofEntry(e)
	}
	for _, e := range verifySteps {
		ofEntry(e)
	}
	for _, x := range exitCodes {
		ofEntry(exitCode(x.name)[0])
	}
	for rc := range responses {
		e, _ := tpm(rc)
		ofEntry(e)
	}
	for low, text := range stackCodes {
		add("stack code "+text.name, []string{commonHeader}, "_RC_"+text.name+" ", fmt.Sprintf("%02x`", low), commonHeader)
	}
	for n := range windowsCodes {
		ofEntry(windows(n)[0])
	}
	for _, w := range wordings {
		add(w.text, []string{w.from}, "`"+w.text+"`", w.kind+" `"+w.code+"`", w.from)
	}
	for _, f := range forms {
		add(f.example, []string{f.from}, "`"+f.example+"`", "`"+f.code+"`", f.from)
	}
	for _, f := range finders {
		add(f.example, []string{f.from}, "`"+f.example+"`", f.from)
	}
	for code, text := range decodedTexts {
		add(text, []string{"tss2_rc.c"}, text, fmt.Sprintf("TPM `%#x`", code))
	}
	for code, text := range decodedStackTexts {
		add(text, []string{"tss2_rc.c"}, text, fmt.Sprintf("stack `%#04x`", code))
	}
	return all
}

// TestEveryTextIsListed: what explain knows stands on the page, with its source. It
// reads the page as it is in the tree.
func TestEveryTextIsListed(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(string(data), "\n")
	all := everything()
	for _, k := range all {
		for _, source := range k.sources {
			if source == "" {
				t.Errorf("%s has no source", k.what)
			}
		}
		listed := false
		for _, row := range rows {
			found := strings.HasPrefix(row, "| ")
			for _, part := range k.shown {
				found = found && strings.Contains(row, part)
			}
			listed = listed || found
		}
		if !listed {
			t.Errorf("%s is not on the page, with %q in one row", k.what, k.shown)
		}
	}
	if len(all) < 500 {
		t.Errorf("%d texts and codes are known", len(all))
	}
	t.Logf("%d texts and codes", len(all))
}

// TestNoPhraseIsMissing: the phrases that are looked for are the lines and the
// wordings, which the page lists, and nothing else.
func TestNoPhraseIsMissing(t *testing.T) {
	if len(phrases()) != len(lines)+len(wordings) {
		t.Errorf("%d phrases, %d lines and %d wordings", len(phrases()), len(lines), len(wordings))
	}
}

// TestExamplesOfFormsAndCodes: each example is one of its pattern, and is explained as
// the page says.
func TestExamplesOfFormsAndCodes(t *testing.T) {
	for _, f := range forms {
		e, _, ok := lineCoded(f.code)
		if !ok || !f.pattern.compiled().MatchString(clean(f.example)) {
			t.Errorf("%q: stands for %q, pattern %v", f.example, f.code, f.pattern.compiled())
			continue
		}
		for _, text := range []string{f.example, "2026-11-25T12:00:01Z [ERR!] - " + f.example, "a\niotedge: " + f.example + "\nb"} {
			if got := brief(Explain(text)); len(got) == 0 || got[0] != strings.TrimSpace(e.Kind+" "+e.Code+" "+e.Name) {
				t.Errorf("Explain(%q) = %q, want %q first", text, got, f.code)
			}
		}
	}
	for _, f := range finders {
		if len(f.find(newScan(clean(f.example)))) == 0 || len(Explain(f.example)) == 0 {
			t.Errorf("%q is not explained by %v", f.example, f.pattern.compiled())
		}
	}
}

// TestSourcesHaveAForm: a source is a text that a reader can look up: an issue of a
// repository, a file of one, a document, or that it was only seen.
func TestSourcesHaveAForm(t *testing.T) {
	form := regexp.MustCompile(`issues? [0-9]|, |^docs/|^Azure documentation: |^TPM 2\.0 Library|^HTTP, RFC|^Eclipse Paho|` + regexp.QuoteMeta(observed))
	for _, k := range everything() {
		for _, source := range k.sources {
			if source != "tss2_rc.c" && !form.MatchString(source) {
				t.Errorf("%s is from %q", k.what, source)
			}
		}
	}
}
