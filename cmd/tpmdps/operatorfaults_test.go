package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/emulator"
	"tpmdps/internal/softtpm/softtpmtest"
	"tpmdps/internal/verdict"
)

// operatorFaults says for each fault that no device meets how enroll ends, and
// what it says to do.
var operatorFaults = []struct {
	fault string
	code  int
	hint  string // what stands in it
}{
	{"local-auth-disabled", 30, "this DPS may accept Entra ID only: --auth-type login"},
	{"chaos=256115", 32, "try again in some minutes"}, // 429 to the first five requests
}

func TestOperatorFaults(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "")
	for _, row := range operatorFaults {
		t.Run(row.fault, func(t *testing.T) {
			server, err := emulator.New(emulator.Options{Faults: []string{row.fault}})
			if err != nil {
				t.Fatal(err)
			}
			if err := server.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			ca, key := filepath.Join(t.TempDir(), "ca.pem"), filepath.Join(t.TempDir(), "cs")
			for path, data := range map[string][]byte{ca: server.CAPEM(), key: []byte(server.ConnectionString())} {
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			stdout, stderr := searched(t, server), searched(t, server)
			args := []string{"tpmdps", "enroll", "--connection-string-file", key, "--ca-file", ca,
				"--tpm", softtpmtest.Start(t, "persisted").Address(), "--ek-policy", "off", "-o", "json"}
			code := run(t.Context(), args, streams{strings.NewReader(""), stdout, stderr})
			var failed failure
			if err := json.Unmarshal(stderr.Bytes(), &failed); err != nil {
				t.Fatalf("stderr %q: %v", stderr.String(), err)
			}
			if code != row.code || failed.Code != code || !strings.Contains(failed.Hint, row.hint) {
				t.Errorf("exit code %d, %+v, want %d and the hint %q", code, failed, row.code, row.hint)
			}
		})
	}
	for _, f := range emulator.Faults() {
		if f.Operator != slices.ContainsFunc(operatorFaults, func(row struct {
			fault string
			code  int
			hint  string
		}) bool {
			name, _, _ := strings.Cut(row.fault, "=")
			return name == f.Name
		}) {
			t.Errorf("the fault %s: an operator's %v, and that is not what the table says", f.Name, f.Operator)
		}
	}
}

// operatorSection is the part of docs/faults.md that is written from the table.
func operatorSection(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("\n## What enroll says\n\nNo device meets these faults. `tpmdps enroll` does, with `chaos` where each of its tries\n" +
		"meets a 429 or a 500, which few seeds have:\n\n" +
		"| fault | what happens | exit code | hint |\n| --- | --- | --- | --- |\n")
	for _, row := range operatorFaults {
		name, _, _ := strings.Cut(row.fault, "=")
		i := slices.IndexFunc(emulator.Faults(), func(f emulator.Fault) bool { return f.Name == name })
		if i < 0 {
			t.Fatalf("the emulator has no fault %s", row.fault)
		}
		f := emulator.Faults()[i]
		fmt.Fprintf(&b, "| `%s` | %s | %d %s | ... %s |\n", f.Usage(), f.What, row.code, verdict.Names[row.code], row.hint)
	}
	return b.String()
}
