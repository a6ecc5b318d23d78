package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"tpmdps/internal/softtpm"
	"tpmdps/internal/softtpm/softtpmtest"
)

var kills = flag.Int("kills", 0, "kill that many runs at least in the tests of killed runs; 0: each once")

// testLedgers names the directory of the ledgers for a program under test.
const testLedgers = "TPMDPS_TEST_LEDGERS"

func init() {
	ledgerDirectory = func() string { return os.Getenv(testLedgers) }
}

// onBus is a program that is run on a chip with a Bus before it.
type onBus struct {
	t       *testing.T
	chip    *softtpm.Process
	bus     *softtpmtest.Bus
	ledgers string
}

func newOnBus(t *testing.T, prepare func(*softtpm.Process) error) *onBus {
	t.Helper()
	o := &onBus{t: t, chip: softtpmtest.Start(t, ""), ledgers: filepath.Join(t.TempDir(), "ledgers")}
	if prepare != nil {
		if err := prepare(o.chip); err != nil {
			t.Fatal(err)
		}
	}
	o.bus = softtpmtest.Tap(t, o.chip)
	return o
}

// start starts the real program.
func (o *onBus) start(args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	o.t.Helper()
	program, err := exec.LookPath("tpmdps")
	if err != nil {
		o.t.Fatal(err)
	}
	cmd, stderr = exec.Command(program, append(args, "--tpm", o.bus.Address())...), &bytes.Buffer{}
	cmd.Env = append(os.Environ(), testLedgers+"="+o.ledgers)
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	return cmd, stderr
}

// run runs it to its end, and returns its exit code.
func (o *onBus) run(args ...string) (code int, stderr string) {
	o.t.Helper()
	cmd, printed := o.start(args...)
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		o.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), printed.String()
}

// kill runs it, and kills it when it has sent command n, before or after the chip
// has done it. It tells whether there was one.
func (o *onBus) kill(n int, done bool, args ...string) bool {
	o.t.Helper()
	var start sync.Mutex
	start.Lock()
	var cmd *exec.Cmd
	var sent atomic.Int64
	o.bus.SetQuirk(func(command []byte, send func([]byte) []byte) []byte {
		if sent.Add(1) != int64(n) {
			return nil
		}
		start.Lock() // until cmd is there
		defer start.Unlock()
		var response []byte
		if done {
			response = send(command)
		}
		cmd.Process.Kill()
		cmd.Process.Wait()
		if response == nil {
			response = softtpmtest.Refusal(tpm2.TPMRCCanceled) // nobody hears it
		}
		return response
	})
	cmd, _ = o.start(args...)
	start.Unlock()
	cmd.Wait()
	o.bus.SetQuirk(nil)
	return sent.Load() >= int64(n)
}

// left is what is in the chip's memory.
func (o *onBus) left() []tpm2.TPMHandle {
	o.t.Helper()
	left, err := softtpmtest.Leftovers(o.chip)
	if err != nil {
		o.t.Fatal(err)
	}
	return left
}

// Runs that were killed with SIGKILL, at every command, before and after the chip
// has done it: the next run works, and what was left is gone.
func TestRunAfterAKilledOne(t *testing.T) {
	persistent := func(p *softtpm.Process) error {
		return errors.Join(softtpmtest.PersistSRK(p), softtpmtest.PersistPrimary(p, tpm2.TPMRHEndorsement, tpm2.RSAEKTemplate, 0x81010001))
	}
	const password = "tpmdps-canary-killed"
	passwords := func(p *softtpm.Process) error { return softtpmtest.SetAuth(p, password, password) }
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
		t.Fatal(err)
	}
	offline := []string{"verify", "--offline", "-q", "-o", "none"}
	for _, tt := range []struct {
		name    string
		prepare func(*softtpm.Process) error
		step    int // of the commands at which it is killed
		args    []string
	}{
		{"nothing persistent", nil, 4, offline},
		{"both persistent", persistent, 1, offline},
		{"passwords", passwords, 5, append(offline[:len(offline):len(offline)], "--endorsement-auth-file", secret, "--owner-auth-file", secret)},
		{"read-ek", nil, 2, []string{"read-ek", "-q", "-o", "none"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOnBus(t, tt.prepare)
			count, dirty := 0, 0
			for round := 0; ; round++ {
				for n := 1 + round%tt.step; ; n += tt.step {
					// Done by the chip or not, in turns.
					if !o.kill(n, (n+round/tt.step)%2 == 1, tt.args...) {
						break
					}
					count++
					if left := o.left(); len(left) > 0 {
						dirty++
					}
					if code, stderr := o.run(tt.args...); code != 0 {
						t.Fatalf("killed at command %d, round %d: the next run ends with %d: %s", n, round, code, stderr)
					}
					if left := o.left(); len(left) > 0 {
						t.Fatalf("killed at command %d, round %d: left after the next run: %#x", n, round, left)
					}
				}
				if count >= *kills {
					break
				}
			}
			if dirty == 0 {
				t.Error("no run left anything: nothing was tested")
			}
			t.Logf("%d runs killed, %d left something", count, dirty)
			if ledgers, _ := filepath.Glob(filepath.Join(o.ledgers, "*")); len(ledgers) > 0 {
				t.Errorf("ledgers are left: %q", ledgers)
			}
		})
	}
}

// Killed one after the other, none of which gets through, the runs do not fill
// the chip.
func TestManyKilledRunsInARow(t *testing.T) {
	o := newOnBus(t, nil)
	for i := range 8 {
		if !o.kill(8+i, true, "verify", "--offline", "-q", "-o", "none") {
			t.Fatalf("run %d was over before it was killed", i)
		}
	}
	if code, stderr := o.run("verify", "--offline"); code != 0 || !strings.Contains(stderr, "flushed what a run of tpmdps left") {
		t.Errorf("the run after them ends with %d: %s", code, stderr)
	}
	if left := o.left(); len(left) > 0 {
		t.Errorf("left: %#x", left)
	}
}

// What another program left is not this program's to remove, whether it looks the
// same or not: not by a run after a killed one, and not by one without room.
func TestOthersLeftoversStay(t *testing.T) {
	for name, leave := range map[string]func(transport.TPM) error{
		"a session": func(c transport.TPM) error { return softtpmtest.LeaveSessions(c, 1) },
		"the EK itself": func(c transport.TPM) error {
			_, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHEndorsement, InPublic: tpm2.New2B(tpm2.RSAEKTemplate)}.Execute(c)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOnBus(t, func(p *softtpm.Process) error { return softtpmtest.On(p, leave) })
			before := o.left()
			for n := 4; o.kill(n, true, "verify", "--offline", "-q", "-o", "none"); n += 5 {
				if code, stderr := o.run("verify", "--offline", "-q", "-o", "none"); code != 0 {
					t.Fatalf("killed at command %d: the next run ends with %d: %s", n, code, stderr)
				}
				if left := o.left(); fmt.Sprint(left) != fmt.Sprint(before) {
					t.Fatalf("killed at command %d: on the chip are %#x, there were %#x", n, left, before)
				}
			}
		})
	}
}
