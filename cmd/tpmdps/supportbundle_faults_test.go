package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tpmdps/internal/bundle"
	"tpmdps/internal/bundle/gather"
	"tpmdps/internal/check"
	"tpmdps/internal/emulator"
	"tpmdps/internal/provision"
	"tpmdps/internal/softtpm/softtpmtest"
	"tpmdps/internal/verdict"
)

// Every fault of the emulator is named by a bundle that goes all the way, as verify
// names it; one that stops at the challenge names those up to there, and of the
// others it says that it did not look, and what would.
func TestBundleFaults(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "")
	afterwards := []string{"dps.register", "dps.assigned", "tpm.hubkey", "hub.tls", "hub.connect", "hub.twin"}
	for _, row := range faults {
		t.Run(row.fault, func(t *testing.T) {
			t.Parallel()
			chip := softtpmtest.Start(t, "persisted").Address()
			files := bundleWith(t, chip, row.fault, row.end, "--until", "twin")
			for fault, waits := range map[string]string{"slow-assign": "DPS is still assigning; asking again in ", "throttle": "retrying in 1.0 s: 429 Too Many Requests (localhost:"} {
				if strings.HasPrefix(row.fault, fault) && !strings.Contains(string(files["stderr"]), waits) {
					t.Errorf("a wait is silent:\n%s", files["stderr"])
				}
			}
			v := agreed(t, files)
			if len(v.Findings) == 0 || v.Result != bundle.ResultFault {
				t.Fatalf("the verdict is %+v", v)
			}
			f := v.Findings[0]
			if f.Step != row.step || f.Code != row.code || f.Name != verdict.Names[row.code] || !strings.HasPrefix(f.Next, row.hint) || f.What == "" {
				t.Errorf("the verdict is %+v, want %s, %d, %q", f, row.step, row.code, row.hint)
			}
			if !slices.Contains(afterwards, row.step) {
				return
			}
			v = agreed(t, bundleWith(t, chip, row.fault, 0))
			if !faultless(v) || !slices.ContainsFunc(v.Unseen, func(u bundle.Unseen) bool {
				return u.What == bundle.Hub.Title() && strings.HasPrefix(u.Flag, "--until twin")
			}) || slices.Contains(v.Seen, bundle.Enrollment) {
				t.Errorf("up to the challenge the verdict is %+v", v)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		chip := softtpmtest.Start(t, "persisted").Address()
		v := agreed(t, bundleWith(t, chip, "", 0, "--until", "twin"))
		if !faultless(v) || !slices.Contains(v.Seen, bundle.Hub) || !slices.Contains(v.Seen, bundle.Enrollment) {
			t.Errorf("the verdict is %+v", v)
		}
	})
}

// faultless tells that nothing was found but that the chip is a software TPM.
func faultless(v bundle.Verdict) bool {
	return v.Result == bundle.ResultWarning && len(v.Findings) == 1 && v.Findings[0].Warning && v.Findings[0].Layer == bundle.Certificate &&
		strings.Contains(v.Findings[0].What, "it is a software TPM")
}

// agreed reads the verdict of a bundle, and compares it with verify.json and
// README.txt.
func agreed(t *testing.T, files map[string][]byte) bundle.Verdict {
	t.Helper()
	var m bundle.Manifest
	var verify gather.RoundTrip
	for name, into := range map[string]any{"manifest.json": &m, "verify.json": &verify} {
		if err := json.Unmarshal(files[name], into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	readme := string(files["README.txt"])
	for _, line := range m.Verdict.Lines() {
		if !strings.Contains(readme[:strings.Index(readme, "Made by")], line) {
			t.Errorf("README.txt does not begin with %q", line)
		}
	}
	if strings.Contains(readme, "nothing was registered") == slices.ContainsFunc(verify.Steps, func(s provision.Step) bool {
		return s.Name == "dps.register" && s.Status != check.Skipped
	}) {
		t.Errorf("README.txt is wrong on whether the device was registered:\n%s", readme)
	}
	i := slices.IndexFunc(m.Verdict.Findings, func(f bundle.Finding) bool { return f.Command == "tpmdps verify" })
	j := slices.IndexFunc(verify.Steps, func(s provision.Step) bool { return s.Status == check.Fail })
	switch {
	case (i < 0) != (j < 0), (j < 0) != (verify.ExitCode == 0), (j < 0) != (verify.Outcome == "pass"):
		t.Errorf("verify.json and verdict differ: %+v, %+v", verify, m.Verdict)
	case i >= 0 && (m.Verdict.Findings[i].Step != verify.Steps[j].Name || m.Verdict.Findings[i].Code != verify.ExitCode || m.Verdict.Findings[i].Next != verify.Steps[j].Hint):
		t.Errorf("verify.json has %+v and %d, the verdict %+v", verify.Steps[j], verify.ExitCode, m.Verdict.Findings[i])
	}
	return m.Verdict
}

// bundleWith packs a bundle against an emulator with one fault, as verifyWith runs
// verify.
func bundleWith(t *testing.T, chip, fault string, end int64, args ...string) map[string][]byte {
	t.Helper()
	var requests atomic.Int64
	over := make(chan struct{})
	opts := emulator.Options{
		EnrollOnSight: true, RetryAfter: time.Millisecond, MQTT: "127.0.0.1:0",
		Arrived: func(*http.Request) {
			if requests.Add(1) == end {
				close(over)
			}
		},
	}
	if fault != "" {
		opts.Faults = []string{fault}
	}
	server, err := emulator.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, server.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	zip := filepath.Join(dir, "b.zip")
	stdout, stderr := searched(t, server), searched(t, server)
	args = append([]string{"tpmdps", "support-bundle", "--file", zip, "--tpm", chip, "--id-scope", server.IDScope(),
		"--global-endpoint", server.Endpoint(), "--ca-file", ca}, args...)
	if code := run(endingWith(t.Context(), over), args, streams{strings.NewReader(""), stdout, stderr}); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	data, err := os.ReadFile(zip)
	if err != nil {
		t.Fatal(err)
	}
	files, err := readBundle(data)
	if err != nil {
		t.Fatal(err)
	}
	files["stderr"] = stderr.Bytes()
	return files
}
