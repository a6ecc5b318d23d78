package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tpmdps/internal/softtpm"
	"tpmdps/internal/softtpm/softtpmtest"
)

// TestAloneInAChroot: the released program works where there is nothing else, not even
// /etc, /proc, /dev or /tmp: a chip is read over TCP, proved, and configured, and what
// needs more says so.
func TestAloneInAChroot(t *testing.T) {
	// Ubuntu's AppArmor and the default profile of Docker refuse namespaces; root needs none.
	enter := []string{"chroot"}
	if os.Getuid() != 0 {
		enter = []string{"unshare", "-Ur", "chroot"}
	}
	root := t.TempDir()
	list := installReleased(t, filepath.Join(root, "tpmdps"))
	if err := os.Mkdir(filepath.Join(root, "out"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeSums(t, filepath.Join(root, "SHA256SUMS"), list, "tpmdps")
	chip := softtpmtest.StartWith(t, "persisted", softtpm.Options{TCP: true})
	for _, test := range []struct {
		name, args string
		code       int
		out, err   string // what is said
	}{
		{"version", "version", 0, "go1.", ""},
		{"read", "read-ek --tpm CHIP -o json --ek-policy off", 0, `"registration_id"`, ""},
		{"record", "read-ek --tpm CHIP --append /out/batch.jsonl -o none --ek-policy off", 0, "", ""},
		{"batch", "batch verify /out/batch.jsonl", 0, "1", ""},
		{"verify", "verify --offline --tpm CHIP", 0, "PASS", ""},
		{"config", "config --file /out/config.toml --id-scope 0ne0012AB34 --tpm CHIP", 0, "/out/config.toml", ""},
		{"config on stdout", "config --file - --id-scope 0ne0012AB34 --tpm CHIP", 0, `id_scope = "0ne0012AB34"`, ""},
		{"no chip", "read-ek", 10, "", "/dev/tpm"},
		{"no folder", "config --id-scope 0ne0012AB34 --registration-id box", 2, "", "/etc/aziot"},
		{"self-check", "self-check", 0, "PASS", ""},
	} {
		args := strings.Fields(strings.ReplaceAll(test.args, "CHIP", chip.Address()))
		cmd := exec.CommandContext(t.Context(), enter[0], append(append(enter[1:len(enter):len(enter)], root, "/tpmdps"), args...)...)
		cmd.Env = []string{}
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != test.code || !strings.Contains(out.String(), test.out) || !strings.Contains(errs.String(), test.err) {
			t.Errorf("%s: exit code %d, want %d with %q and %q\n%s%s", test.name, code, test.code, test.out, test.err, out.String(), errs.String())
		}
	}
	written, err := os.ReadFile(filepath.Join(root, "out", "config.toml"))
	if err != nil || !strings.Contains(string(written), `id_scope = "0ne0012AB34"`) {
		t.Errorf("config.toml: %s, %v", strconv.Quote(string(written)), err)
	}
	entries, err := os.ReadDir(root)
	if err != nil || len(entries) != 3 {
		t.Errorf("the program left something: %v, %v", entries, err)
	}
}
