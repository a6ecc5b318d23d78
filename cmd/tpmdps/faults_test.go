package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tpmdps/internal/emulator"
	"tpmdps/internal/softtpm/softtpmtest"
	"tpmdps/internal/verdict"
)

// faults says for each fault of the emulator where verify ends, with which exit
// code, and what it says to do. docs/faults.md is written from it.
var faults = []struct {
	fault string
	end   int64 // where waiting is what the fault is about: the time is over at this request, counted from 1
	step  string
	code  int
	hint  string // how it begins
}{
	{"dns-less", 0, "net.dns", 20, "check the name servers"},
	{"tcp-refuse", 0, "net.tcp", 20, "check cable, address and firewall"},
	{"tls-intercept", 0, "net.tls", 21, "if a proxy inspects TLS here"},
	{"proxy-407", 0, "dps.challenge", 21, "put name and password into HTTPS_PROXY"},
	{"html", 0, "dps.challenge", 21, "something other than DPS answered"},
	{"drop=99", 1, "dps.challenge", 20, "raise --timeout"},
	{"one-byte", 1, "dps.challenge", 20, "raise --timeout"},
	{"close-after-headers", 1, "dps.challenge", 20, "raise --timeout"},
	{"redirect", 0, "dps.register", 21, "something other than DPS answered"},
	{"clock", 0, "clock", 22, "set the clock"},
	{"throttle=99", 2, "dps.challenge", 32, "try again in some minutes"},
	{"http-500=99", 2, "dps.challenge", 32, "try again in some minutes"},
	{"not-enrolled", 0, "dps.challenge", 31, "enroll the machine first"},
	{"ek-mismatch", 0, "dps.challenge", 31, "the enrollment was made with another chip's key"},
	{"bad-blob", 0, "tpm.activate", 31, "the enrollment was made with another chip's key"},
	{"disabled", 0, "dps.assigned", 31, "enable it"},
	{"slow-assign=999999", 4, "dps.assigned", 20, "raise --timeout; if it persists, look at the DPS's linked hubs"},
	{"allocation-failed", 0, "dps.assigned", 33, "look at the function's own log"},
	{"no-hub", 0, "dps.assigned", 33, "link a hub to the DPS"},
	{"hub-unauthorized", 0, "dps.assigned", 33, "in the portal, unlink the hub from the DPS and link it again"},
	{"unknown-status", 0, "dps.assigned", 33, "look at the linked hubs"},
	{"bad-hub-blob", 0, "tpm.hubkey", 31, "leave the enrollment as it is: it has this chip's key"},
	{"hub-dns", 0, "hub.tls", 20, "hub.tpmdps.invalid comes from the enrollment's iotHubs"},
	{"hub-refuse", 0, "hub.tls", 20, "check the firewall: port 8883 out to the hub"},
	{"hub-sas", 0, "hub.connect", 34, "the hub does not accept this device"},
	{"hub-drop", 0, "hub.twin", 34, "the hub closes the connection"},
}

// Every fault ends at the right step, with its exit code and its hint; none
// hangs, none prints PASS, and the chip is clean.
func TestFaults(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "")
	for _, f := range emulator.Faults() {
		if f.Operator { // see operatorFaults
			continue
		}
		if !slices.ContainsFunc(faults, func(row struct {
			fault string
			end   int64
			step  string
			code  int
			hint  string
		}) bool {
			name, _, _ := strings.Cut(row.fault, "=")
			return name == f.Name
		}) {
			t.Errorf("the fault %s has no row", f.Name)
		}
	}
	for _, row := range faults {
		t.Run(row.fault, func(t *testing.T) {
			t.Parallel()
			chip := softtpmtest.Start(t, "persisted")
			out, failed := verifyWith(t, chip.Address(), row.fault, row.end)
			if failed.Step != row.step || failed.Code != row.code || !strings.HasPrefix(failed.Hint, row.hint) {
				t.Errorf("ended at %s with %d and the hint %q, want %s, %d, %q\n%s", failed.Step, failed.Code, failed.Hint, row.step, row.code, row.hint, failed.Error)
			}
			if out.Outcome != "fail" {
				t.Errorf("the result is %q", out.Outcome)
			}
			left, err := softtpmtest.Leftovers(chip)
			if err != nil {
				t.Fatal(err)
			}
			if len(left) > 0 {
				t.Errorf("left on the chip: %#x", left)
			}
		})
	}
}

// verifyWith runs the program against an emulator with one fault. Its time ends
// when a certain request has arrived; 0 is none.
func verifyWith(t *testing.T, chip, fault string, end int64) (tripResult, failure) {
	t.Helper()
	var requests atomic.Int64
	over := make(chan struct{})
	server, err := emulator.New(emulator.Options{
		EnrollOnSight: true, RetryAfter: time.Millisecond, MQTT: "127.0.0.1:0", Faults: []string{fault},
		Arrived: func(*http.Request) {
			if requests.Add(1) == end {
				close(over)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, server.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"tpmdps", "verify", "--tpm", chip, "--id-scope", server.IDScope(),
		"--global-endpoint", server.Endpoint(), "--ca-file", ca, "-o", "json"}
	stdout, stderr := searched(t, server), searched(t, server)
	code := run(endingWith(t.Context(), over), args, streams{strings.NewReader(""), stdout, stderr})
	var out tripResult
	if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
		t.Fatalf("stdout %q: %v", stdout.String(), err)
	}
	var failed failure
	if err := json.Unmarshal(stderr.Bytes(), &failed); err != nil {
		t.Fatalf("stderr %q: %v", stderr.String(), err)
	}
	if failed.Code != code {
		t.Errorf("exit code %d, the error says %d", code, failed.Code)
	}
	return out, failed
}

// docs/faults.md is the table above and what the emulator says of each fault:
// go test -run DocsFaults -update writes it.
func TestDocsFaults(t *testing.T) {
	var b strings.Builder
	b.WriteString("# What verify says when a layer is broken\n\n" +
		"Each row is a fault that `tpmdps emulator --fault NAME` plays, and a test: where `tpmdps verify` ends, with which\n" +
		"[exit code](exit-codes.md), and the hint it gives. A real proxy that wants a login refuses before: such a run ends\n" +
		"at `net.tcp`, with the same code and hint as `proxy-407`, which the service itself answers here.\n\n" +
		"| fault | what happens | step that fails | exit code | hint |\n| --- | --- | --- | --- | --- |\n")
	for _, row := range faults {
		name, _, _ := strings.Cut(row.fault, "=")
		i := slices.IndexFunc(emulator.Faults(), func(f emulator.Fault) bool { return f.Name == name })
		if i < 0 {
			t.Errorf("the emulator has no fault %s", name)
			continue
		}
		f := emulator.Faults()[i]
		hint := row.hint
		if hint != "" {
			hint += " ..."
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %d %s | %s |\n", f.Usage(), f.What, row.step, row.code, verdict.Names[row.code], hint)
	}
	b.WriteString(operatorSection(t))
	path := filepath.Join("..", "..", "docs", "faults.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, answers, _ := strings.Cut(string(page), "\n"+answersHeading)
	switch {
	case *update:
		if err := os.WriteFile(path, []byte(b.String()+"\n"+answersHeading+answers), 0o644); err != nil {
			t.Fatal(err)
		}
	case got != b.String():
		t.Errorf("%s is not what the table says; write it with -update", path)
	}
}
