package text

import (
	"encoding/csv"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestGuardCell(t *testing.T) {
	for value, want := range map[string]string{
		"": "", "box-1": "box-1", "a=b": "a=b", "7": "7", "'": "'", "''": "''", "'a": "'a", "a'=": "a'=",
		"=1+1": "'=1+1", "+49": "'+49", "-5": "'-5", "@SUM(A1)": "'@SUM(A1)", "\tx": "'\tx", "\r=": "'\r'=",
		"'=1": "''=1", "''-1": "'''-1", " =1": " '=1", `"=1`: `"'=1`, "\uff1d1": "'\uff1d1",
		"a;=cmd|' /C calc'!A0": "a;'=cmd|' /C calc'!A0", "a,@x": "a,'@x", "a\t=x": "a\t'=x", "a;;=x": "a;;'=x", "a\n=x": "a\n'=x",
	} {
		if got := GuardCell(value); got != want {
			t.Errorf("GuardCell(%q) = %q, want %q", value, got, want)
		}
		if got := PlainCell(want); got != value {
			t.Errorf("PlainCell(%q) = %q, want %q", want, got, value)
		}
	}
}

// Whatever the separator, no cell of a table begins a formula, and the text is read
// back as it was.
func TestGuardCellAgainstEverySeparator(t *testing.T) {
	alphabet := []rune("=+-@'\" ,;\tab\uff1d\uff0d\r\n1\u00fc")
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		var value strings.Builder
		for range random.IntN(9) {
			value.WriteRune(alphabet[random.IntN(len(alphabet))])
		}
		guarded := GuardCell(value.String())
		if got := PlainCell(guarded); got != value.String() {
			t.Fatalf("PlainCell(GuardCell(%q)) = %q", value.String(), got)
		}
		var table strings.Builder
		w := csv.NewWriter(&table)
		_ = w.Write([]string{"x", guarded, "y"})
		w.Flush()
		for _, cell := range strings.FieldsFunc(table.String(), func(r rune) bool { return strings.ContainsRune(",;\t\r\n", r) }) {
			if bare := strings.TrimLeft(cell, ` "`); bare != "" && strings.ContainsRune("=+-@\uff1d\uff0d", []rune(bare)[0]) {
				t.Fatalf("%q has the cell %q in the line %q", value.String(), cell, table.String())
			}
		}
	}
}

func FuzzGuardCell(f *testing.F) {
	f.Add("a;=1")
	f.Add("\xff'=\xfe")
	f.Fuzz(func(t *testing.T, value string) {
		if got := PlainCell(GuardCell(value)); got != value {
			t.Errorf("PlainCell(GuardCell(%q)) = %q", value, got)
		}
	})
}
