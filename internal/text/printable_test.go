package text

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "",
		"line7-box 12":                   "line7-box 12",
		"Größe, 日本, e\u0301":             "Größe, 日本, e\u0301",
		"a\x1b[31mred":                   "a?[31mred",
		"a\nb\tc\rd":                     "a?b?c?d",
		"a\x00b\x7fc\u0085d":             "a?b?c?d",
		"zero\u200bwidth\ufeff\u2060":    "zero?width??",
		"\u202eevil\u2066":               "?evil?",
		"a\u2028b\u2029c":                "a?b?c",
		"soft\u00adhyphen":               "soft?hyphen",
		"\u3164\u115f\uffa0":             "???", // blank letters of Hangul
		"v\ufe0f":                        "v?",
		"bad\xffbyte \ufffd":             "bad?byte ?",
		"\ue000\U000f0000":               "??", // private use
		"no-break\u00a0space":            "no-break\u00a0space",
		strings.Repeat("ä", 30) + "more": strings.Repeat("ä", 30) + "…",
	} {
		if got := Printable(in, 30); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}

// Nothing that Printable lets pass acts on a terminal, whatever Unicode adds.
func TestPrintableOverAllOfUnicode(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		got := Printable(string(r), 2)
		acts := !utf8.ValidRune(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs, unicode.Bidi_Control, unicode.Noncharacter_Code_Point)
		if acts && got != "?" {
			t.Errorf("%U is shown", r)
		}
		if unicode.In(r, unicode.L, unicode.N) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) && got != string(r) {
			t.Errorf("%U is not shown", r)
		}
	}
}

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"  one \r\n\ttwo\x00three\v ": "one two three",
		"":                            "",
		"a\x1b[0mb":                   "a [0mb",
		strings.Repeat("word ", 20):   "word word word word …",
	} {
		if got := OneLine(in, 20); got != want {
			t.Errorf("OneLine(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b]8;;http://x\x07", 5)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 0 || n > 1000 {
			return
		}
		for _, got := range []string{Printable(s, n), OneLine(s, n)} {
			if utf8.RuneCountInString(got) > n+1 || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x1b\x00") {
				t.Errorf("%q becomes %q", s, got)
			}
		}
	})
}
