package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"tpmdps/internal/identity"
	"tpmdps/internal/softtpm"
	"tpmdps/internal/softtpm/softtpmtest"
)

var allLies = flag.Bool("alllies", false, "tell each lie in each answer, not a third of them")

// printed runs the program in this process.
func printed(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(context.Background(), append([]string{"tpmdps"}, args...), streams{strings.NewReader(""), &out, &err})
	return code, out.String(), err.String()
}

// A chip that lies in each way, in the answer to each command of a run, and then in
// all answers to a command: the error says that the chip is at fault, and with which
// answer; no run passes with anything but the truth, or calls it another chip; and
// nothing is left on the chip.
func TestLiesInEveryAnswer(t *testing.T) {
	before, ledgers := ledgerDirectory, filepath.Join(t.TempDir(), "ledgers")
	ledgerDirectory = func() string { return ledgers }
	t.Cleanup(func() { ledgerDirectory = before })
	persistent := func(p *softtpm.Process) error {
		if err := softtpmtest.PersistSRK(p); err != nil {
			return err
		}
		return softtpmtest.PersistPrimary(p, tpm2.TPMRHEndorsement, tpm2.RSAEKTemplate, 0x81010001)
	}
	for _, tt := range []struct {
		name    string
		fixture string
		prepare func(*softtpm.Process) error
		args    []string
	}{
		{"verify", "", persistent, []string{"verify", "--offline", "-o", "json"}},
		{"verify, plain bus", "", persistent, []string{"verify", "--offline", "--plain-bus", "-o", "json"}},
		{"read-ek", "persisted", nil, []string{"read-ek", "-o", "json"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			chip := softtpmtest.Start(t, tt.fixture)
			if tt.prepare != nil {
				if err := tt.prepare(chip); err != nil {
					t.Fatal(err)
				}
			}
			l := &liar{t: t, chip: chip, bus: softtpmtest.Tap(t, chip)}
			l.args = append(tt.args, "--tpm", l.bus.Address())
			code, stdout, stderr := printed(l.args...)
			if code != 0 {
				t.Fatalf("undisturbed: %d: %s", code, stderr)
			}
			l.truth = facts(t, stdout)
			commands := l.bus.Commands()
			l.bus.Reset()
			for n, cc := range commands {
				for _, lie := range someLies(n) {
					at := 0
					l.lie(fmt.Sprintf("command %d, %#x: %s", n, uint32(cc), lie.Name), lie, func(tpm2.TPMCC) bool { at++; return at == n+1 })
				}
			}
			kinds := slices.Compact(slices.Sorted(slices.Values(commands)))
			for i, cc := range kinds {
				for _, lie := range someLies(i + 1) {
					l.lie(fmt.Sprintf("every %#x: %s", uint32(cc), lie.Name), lie, func(sent tpm2.TPMCC) bool { return sent == cc })
				}
			}
			t.Logf("%d commands, %d kinds of them, %d lies each: %v", len(commands), len(kinds), len(someLies(0)), l.codes)
		})
	}
}

// someLies are a third of the lies, from place n on, or all of them.
func someLies(n int) []softtpmtest.Lie {
	all := softtpmtest.Lies()
	if *allLies {
		return all
	}
	var some []softtpmtest.Lie
	for i := n % 3; i < len(all); i += 3 {
		some = append(some, all[i])
	}
	return some
}

// liar runs the program on a chip that lies.
type liar struct {
	t     *testing.T
	chip  *softtpm.Process
	bus   *softtpmtest.Bus
	args  []string
	truth string
	codes map[int]int
}

// lie has the answers to some commands be a lie.
func (l *liar) lie(what string, lie softtpmtest.Lie, to func(tpm2.TPMCC) bool) {
	l.bus.SetQuirk(func(command []byte, send func([]byte) []byte) []byte {
		if !to(softtpmtest.CommandCode(command)) {
			return nil
		}
		if lie.HangsUp {
			l.bus.HangUp()
		}
		if answer := lie.Change(bytes.Clone(send(command))); len(answer) > 0 {
			return answer
		}
		return []byte{} // the Bus hangs up
	})
	code, stdout, stderr := printed(l.args...)
	l.bus.SetQuirk(nil)
	if l.codes == nil {
		l.codes = map[int]int{}
	}
	l.codes[code]++

	switch {
	case !slices.Contains([]int{0, 10, 12, 13}, code):
		l.t.Errorf("%s: ends with %d: %s", what, code, stderr)
	case code == 0 && facts(l.t, stdout) != l.truth:
		l.t.Errorf("%s: passes with\n%s\ninstead of\n%s", what, facts(l.t, stdout), l.truth)
	case code == 12 && !strings.Contains(stderr, "TPM2_") && !strings.Contains(stderr, "TPM_RC_"):
		l.t.Errorf("%s: the error names no command: %s", what, stderr)
	}
	if left, err := softtpmtest.Leftovers(l.chip); err != nil || len(left) > 0 {
		defer flushAll(l.t, l.chip, left)
		l.t.Errorf("%s: %d: left on the chip: %#x, %v: %s", what, code, left, err, stderr)
	}
}

// facts are those parts of a result that a chip vouches for. What it says of its
// maker, and what it stores of certificates, nothing proves.
func facts(t *testing.T, stdout string) string {
	t.Helper()
	var trip tripResult
	if err := json.Unmarshal([]byte(stdout), &trip); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	var r identity.Record
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(trip.Outcome, trip.RegistrationID, trip.AssignedHub, r.RegistrationIDs, r.EndorsementKey)
}

// flushAll takes what one test left off the chip for the next.
func flushAll(t *testing.T, chip *softtpm.Process, left []tpm2.TPMHandle) {
	t.Helper()
	err := softtpmtest.On(chip, func(c transport.TPM) (err error) {
		for _, handle := range left {
			_, flushErr := tpm2.FlushContext{FlushHandle: handle}.Execute(c)
			err = errors.Join(err, flushErr)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
