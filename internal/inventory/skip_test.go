package inventory

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"tpmdps/internal/identity"
)

// Between two good records a bad one costs itself only, and is named with its line. What
// may hide where the next one begins ends the reading.
func TestSkipDamaged(t *testing.T) {
	good := func(n int) string {
		return fmt.Sprintf(`{"registration_id":"box-%d","endorsement_key":%q}`, n, b64(numberedEK(n)))
	}
	for bad, want := range map[string]struct{ ids, line string }{
		`{"registration_id":"box-9","endors`:                   {"box-1 box-2", "line 2"},
		`{"registration_id":"box-9"}`:                          {"box-1 box-2", "line 2"},
		`{"registration_id":"box-9","endorsement_key":"AToA"}`: {"box-1 box-2", "line 2"},
		`{"registration_id":"b9","endors` + good(9):            {"box-1 box-2", "line 2"},
		`{"registration_id":`:                                  {"box-1 box-2", "line 2"},
		`{`:                                                    {"box-1 box-2", "line 2"},
		`}`:                                                    {"box-1 box-2", "line 2"},
		`garbage`:                                              {"box-1 box-2", "line 2"},
		"\x00\x00\x00":                                         {"box-1", ""},
		`"a text"`:                                             {"box-1 box-2", "line 2"},
		`[` + good(9) + `,{"registration_id":"box-10"}]`:           {"box-1 box-9 box-2", "line 2"},
		`{"value":[` + good(9) + `,{"registration_id":"box-10"}]}`: {"box-1 box-2", "line 2"},
		`[{x}]`:         {"box-1", ""},
		`[` + good(9):   {"box-1 box-9", ""},
		"{\n\"x\": \n}": {"box-1 box-2", "line 2"},
	} {
		var about Inventory
		var ids []string
		var ended error
		for e, err := range Stream(strings.NewReader(good(1)+"\n"+bad+"\n"+good(2)+"\n"), Options{SkipDamaged: true}, &about) {
			if ended = err; err == nil {
				ids = append(ids, e.Record.RegistrationID)
			}
		}
		if got := strings.Join(ids, " "); got != want.ids || (ended == nil) != (want.line != "") {
			t.Errorf("%q: %s, %v, want %s", bad, got, ended, want.ids)
		}
		if want.line != "" && (about.Damaged == 0 || len(about.Skipped) != about.Damaged || !strings.HasPrefix(about.Skipped[0].Error(), want.line) || !errors.Is(about.Skipped[0], identity.ErrRecord)) {
			t.Errorf("%q: skipped %v", bad, about.Skipped)
		}
		for _, err := range Stream(strings.NewReader(good(1)+"\n"+bad+"\n"+good(2)+"\n"), Options{}, &Inventory{}) {
			ended = err
		}
		if ended == nil {
			t.Errorf("%q is read where nothing is to be skipped", bad)
		}
	}
}

// An error of the disk is none of a line.
func TestSkipDamagedNotTheDisk(t *testing.T) {
	broken := errors.New("the stick was pulled out")
	var about Inventory
	var ended error
	for _, err := range Stream(io.MultiReader(strings.NewReader(`{"registration_id":"b`), failing{broken}), Options{SkipDamaged: true}, &about) {
		ended = err
	}
	if !errors.Is(ended, broken) || about.Damaged > 0 {
		t.Errorf("%v, %v", ended, about.Skipped)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
