package dictionary

import (
	"slices"
	"strings"
	"testing"
)

// corpus are all texts that the tests of this package have.
func corpus() []string {
	texts := slices.Clone(ordinary)
	for _, p := range pasted {
		texts = append(texts, p.text)
	}
	for _, quotes := range cited {
		texts = append(texts, quotes...)
	}
	for _, k := range everything() {
		texts = append(texts, k.what, strings.ToUpper(k.what), "[ERR!] - "+k.what+" (1)")
	}
	return texts
}

// TestWordsLoseNothing: what a pattern finds on a line it finds as well when only
// lines with one of its words are looked at.
func TestWordsLoseNothing(t *testing.T) {
	texts := corpus()
	log := newScan(clean(strings.Join(texts, "\n")))
	check := func(name string, pattern *pattern, words []string) {
		want := 0
		for line := range strings.SplitSeq(log.text, "\n") {
			want += len(pattern.compiled().FindAllStringIndex(line, -1))
		}
		got := log.matches(pattern, words)
		if want > maxCandidates || len(got) != want {
			t.Errorf("%s: %d matches on lines with %q, %d on all", name, len(got), words, want)
		}
		for _, m := range got {
			if part := log.text[m[0]:m[1]]; !pattern.compiled().MatchString(part) && !pattern.compiled().MatchString(" "+part) {
				t.Errorf("%s: %q is no match", name, part)
			}
		}
	}
	for _, f := range finders {
		if len(f.words) > 0 {
			check(f.example, f.pattern, f.words)
		}
	}
	for _, f := range forms {
		check(f.example, f.pattern, f.words)
	}
	check("decoded", decodedHead, decodedTags)
}

// TestLongLogsAreLookedThrough: of a text that is too long the end counts, and a MiB
// of a log has its one error found among lines of all kinds.
func TestLongLogsAreLookedThrough(t *testing.T) {
	const cause = "aziot-tpmd[9]: [ERR!] - caused by: tcti:IO failure\n"
	healthy := strings.Repeat(strings.Join(ordinary, "\n")+"\n", MaxText/2000)
	for name, log := range map[string]string{
		"at the end": healthy + healthy + cause, "in the middle of the last MiB": healthy + cause + healthy[:MaxText/2],
	} {
		if got := brief(Explain(log)); len(got) == 0 || got[0] != ioFailure {
			t.Errorf("%s of %d bytes: %q", name, len(log), got)
		}
	}
	if got := brief(Explain(cause + healthy + healthy)); len(got) > 0 {
		t.Errorf("more than a MiB before the end: %q", got)
	}
}
