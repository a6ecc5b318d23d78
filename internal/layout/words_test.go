package layout_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

var listWords = flag.String("list-words", "", "write every string that people see to this `file`, to be read aloud")

// riddle is an expression that a technician has to read twice, and what to write
// instead. But are expressions in which the same words are plain.
type riddle struct {
	words, but *regexp.Regexp
	instead    string
}

func newRiddle(words, but, instead string) riddle {
	r := riddle{words: regexp.MustCompile(`(?i)` + words), instead: instead}
	if but != "" {
		r.but = regexp.MustCompile(`(?i)` + but)
	}
	return r
}

// things are what a program accepts.
const things = `((bearer |access |sas |public |endorsement |registration |whole |plain |https )?(key|token|value|flag|argument|name|id|text|string|machine|device|credential|list|password|certificate|template|record|request|url|option|format|secret|scope|connection string|json|toml)s?)\b`

var riddles = []riddle{
	newRiddle(`\b(takes?|taking|took) (the device's |the chip's |a device's |(a|an|the|its|no|any|only|every|each|these|those|this|that|one|such|several|more) )?`+things,
		`\b(takes?|taking|took) ([a-z']+ ){1,5}?(apart|out|off|away|over|from|back|for|as|to|along)\b|apart`, "accepts"),
	newRiddle(`\bpass(es|ed|ing)? over\b`, "", "ignores, skips"),
	newRiddle(`\b(is|are|was|were|be) none\b`, `\b(there|where) (is|are|was|were|be) none\b`, "is not an X, means none"),
	newRiddle(`\b(is|are|was|were) no [a-z]`, `\b(there|where) (is|are|was|were) no |\b(is|are|was|were) no (more|longer|business|use|good|help|match|harm|obstacle|reason)\b|\bthere (is|are) `, "is not an X"),
	newRiddle(`\bbehind\b`, `\btools behind each key\b|\b(leaves?|left|leaving|stays?|stay|remains?)( [a-z,]+){0,4} behind\b|\bbehind (a|an|the|this|its|their|one|internal|\S*/\S*|`+"`"+`[^ ]*)( [a-z-]+)? ?(firewall|proxy|address|socket|resource manager|key|endpoint|interface|port|/dev\S*|verify`+"`"+`|service's|chip|key|clock|resolver's)|\bbehind /dev|\b(is|be|are|runs|minutes|seconds|%s|that is) behind\b|\bbehind (`+"`"+`|identity|when|that they)`, "after"),
	newRiddle(`\bin (the )?place of\b`, "", "instead of"),
	newRiddle(`\bfor who\b`, "", "for those who"),
	newRiddle(`\bshall\b`, "", "will, must"),
	newRiddle(`\b(when|unless|if|where|that|what|which|who) (\S+ )?(was|were|is|are) (not )?(said|told)( (for|by|here|there)\b|[.,;:]|$)`, "", "given, reported, set"),
	newRiddle(`(--[a-z-]+\W{0,3}|\bflags?) (said|told)\b`, "", "given, reported"),
	newRiddle(`\bit stays so\b`, "", "it persists"),
	newRiddle(`\bwho(m|so)?ever\b`, "", "anyone, those who"),
	newRiddle(`\bis found unchanged\b`, "", "is left unchanged"),
	newRiddle(`\ball the same\b`, "", "anyway"),
	newRiddle(`\banew\b`, "", "again"),
	newRiddle(`\b(not foreseen|nobody foresaw|unforeseen)\b`, "", "unexpected"),
	newRiddle(`\btime (was|is) over\b`, "", "timed out"),
	newRiddle(`\bsays what to type\b`, "", "shows what to fix"),
	newRiddle(`\bsomething else than\b`, "", "something other than"),
}

// faults returns what is wrong in a text: file, line, words, and better ones.
func (t text) faults() []string {
	var faults []string
	for _, r := range riddles {
		for _, at := range r.words.FindAllStringIndex(t.text, -1) {
			around := t.text[max(0, at[0]-40):min(len(t.text), at[1]+40)]
			if r.but != nil && r.but.MatchString(around) {
				continue
			}
			faults = append(faults, fmt.Sprintf("%s:%d: %q: write %s", t.file, t.line(at[0]), strings.TrimSpace(around), r.instead))
		}
	}
	return faults
}

// Nothing that people read has a word that they have to puzzle over. With
// -list-words FILE the strings are written to a file, one a line.
func TestWords(t *testing.T) {
	shown, comments, err := prose(os.DirFS(filepath.Join("..", "..")))
	if err != nil {
		t.Fatal(err)
	}
	if len(shown) < 3000 || len(comments) < 3000 {
		t.Errorf("%d texts and %d comments are read, too few to be all", len(shown), len(comments))
	}
	if *listWords != "" {
		var list []byte
		for _, text := range shown {
			list = fmt.Appendf(list, "%s:%d: %q\n", text.file, text.lines[0].line, text.text)
		}
		if err := os.WriteFile(*listWords, list, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range slices.Concat(shown, comments) {
		for _, fault := range text.faults() {
			t.Error(fault)
		}
	}
}

// Each riddle is found in every place where people read, with its line, and the plain
// use of the same word is not.
func TestWordsFindsFaults(t *testing.T) {
	root := fstest.MapFS{
		"a/a.go": {Data: []byte("package a\n\nimport \"for/who\"\n\n// A hub takes the token\n// of a device, whoever sent it.\ntype A struct {\n\tB int `json:\"shall behind\"`\n}\n\n" +
			"const c = \"one line \" +\n\t\"that passes \" + x + \"passes over it\"\n\nvar d = f(\"it is no file\", 'x', \"shall\", \"in the \"+g(\"the time was over\")+\"place of it\", `one\ntwo, all\nthe same`)\n\n" +
			"var e = regexp.MustCompile(\"we shall see\")\n")},
		"a/a_test.go":       {Data: []byte("package a\n\n// whoever\n")},
		"a/testdata/b.go":   {Data: []byte("package b\n\n// whoever\n")},
		"docs/d.md":         {Data: []byte("# Head\n\nText for\nwho reads.\n\nIt is none.\n")},
		".git/x.md":         {Data: []byte("whoever\n")},
		"plain/plain.go":    {Data: []byte("package plain\n\n// It takes the key out of the chip, there is no key, keys are left behind, a hub behind a firewall, ten seconds behind the service's.\n")},
		"plain/plain.txtar": {Data: []byte("whoever\n")},
	}
	shown, comments, err := prose(root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, text := range slices.Concat(shown, comments) {
		for _, fault := range text.faults() {
			place, rest, _ := strings.Cut(fault, `: "`)
			got = append(got, place+rest[strings.LastIndex(rest, ": write"):])
		}
	}
	slices.Sort(got)
	want := []string{
		"a/a.go:12: write ignores, skips",
		"a/a.go:14: write is not an X",
		"a/a.go:14: write timed out",
		"a/a.go:15: write anyway",
		"a/a.go:5: write accepts",
		"a/a.go:6: write anyone, those who",
		"docs/d.md:3: write for those who",
		"docs/d.md:6: write is not an X, means none",
	}
	if !slices.Equal(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
