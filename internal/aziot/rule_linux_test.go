package aziot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/atomicfile"
)

func TestRule(t *testing.T) {
	const documented = `KERNEL=="tpm0", SUBSYSTEM=="tpm", OWNER="aziottpm", MODE="0660"
KERNEL=="tpmrm0", SUBSYSTEM=="tpmrm", OWNER="aziottpm", MODE="0660"
`
	without := people("")
	without["etc/group"] = "aziottpm:x:4991:aziotid\n"
	tests := []struct {
		name, tcti string
		files      map[string]string
		want       string // the lines that are no comments
	}{
		{"as documented", "device", without, documented},
		{"a group tss", "", people(""), strings.Replace(documented, `OWNER="aziottpm", `, `OWNER="aziottpm", GROUP="tss", `, 1)},
		{"another chip", "device:/dev/tpm3", without, strings.NewReplacer("tpm0", "tpm3", "tpmrm0", "tpmrm3").Replace(documented)},
	}
	for _, test := range tests {
		rule, err := tree(t, test.files).Rule(test.tcti)
		var lines string
		for line := range strings.Lines(string(rule)) {
			if !strings.HasPrefix(line, "#") {
				lines += line
			}
		}
		if err != nil || lines != test.want {
			t.Errorf("%s: Rule() = %s%v\nwant %s", test.name, rule, err, test.want)
		}
	}
	for _, tcti := range []string{"tabrmd", "swtpm:port=2321", "device:/dev/mytpm"} {
		if rule, err := tree(t, people("")).Rule(tcti); !errors.Is(err, ErrNoRule) || rule != nil {
			t.Errorf("Rule(%q) = %q, %v", tcti, rule, err)
		}
	}
}

func TestInstalled(t *testing.T) {
	if err := tree(t, people("")).Installed(); err != nil {
		t.Error(err)
	}
	if err := tree(t, map[string]string{"etc/passwd": "root:x:0:0\n", "etc/group": ""}).Installed(); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("Installed() = %v, want %v", err, ErrNotInstalled)
	}
}

func TestWriteRule(t *testing.T) {
	m := tree(t, people(""))
	now := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	if _, err := m.WriteRule(t.Context(), []byte("rule\n"), now); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without udev: %v", err)
	}
	must(t, os.MkdirAll(filepath.Join(m.Machine.Root, "etc/udev/rules.d"), 0o755))
	steps := []struct{ text, action string }{{"old\n", "create"}, {"old\n", "unchanged"}, {"rule\n", "change"}, {"rule\n", "unchanged"}}
	for _, step := range steps {
		written, err := m.WriteRule(t.Context(), []byte(step.text), now)
		action, backup := written.Action, written.Backup
		if err != nil || action != step.action || (backup != "") != (action == "change") {
			t.Fatalf("WriteRule(%q) = %s, %q, %v, want %s", step.text, action, backup, err, step.action)
		}
		got, err := os.ReadFile(m.Machine.Path(RuleFile))
		if string(got) != step.text {
			t.Errorf("the file has %q, %v, want %q", got, err, step.text)
		}
		if backup != "" {
			// udev reads what ends in .rules.
			if kept, err := os.ReadFile(backup); string(kept) != "old\n" || strings.HasSuffix(backup, ".rules") {
				t.Errorf("the backup %s has %q, %v", backup, kept, err)
			}
		}
	}
	for n := range 2 * atomicfile.Backups {
		if _, err := m.WriteRule(t.Context(), fmt.Append(nil, "rule ", n, "\n"), now); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := filepath.Glob(m.Machine.Path(RuleFile) + ".*.bak"); len(kept) != atomicfile.Backups {
		t.Errorf("backups: %q, %v; want %d", kept, err, atomicfile.Backups)
	}
	info, err := os.Stat(m.Machine.Path(RuleFile))
	if err != nil || info.Mode() != 0o644 {
		t.Errorf("mode %v, %v, want 0644", info.Mode(), err)
	}
}
