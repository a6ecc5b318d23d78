//go:build unix

package host

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// machineTree writes a machine's files; a text that begins with "-> " is a link.
func machineTree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, link := strings.CutPrefix(text, "-> "); link {
			err = os.Symlink(to, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o640)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestReadAccess(t *testing.T) {
	root := machineTree(t, map[string]string{
		"sys/devices/LNXSYSTM:00/MSFT0101:00/tpm/tpm0/device":            "-> ../../../MSFT0101:00",
		"sys/devices/LNXSYSTM:00/MSFT0101:00/tpm/tpm0/tpm_version_major": "2\n",
		"sys/devices/LNXSYSTM:00/MSFT0101:00/driver":                     "-> ../../../bus/acpi/drivers/tpm_crb",
		"sys/devices/LNXSYSTM:00/MSFT0101:00/description":                "TPM 2.0 Device\n",
		"sys/class/tpm/tpm0":                     "-> ../../devices/LNXSYSTM:00/MSFT0101:00/tpm/tpm0",
		"dev/tpmrm0":                             "",
		"dev/null":                               "",
		"etc/passwd":                             "root:x:0:0::/root:/bin/sh\n",
		"etc/group":                              "root:x:0:\n",
		"etc/udev/rules.d/tpmaccess.rules":       "# comment on tpm\nKERNEL==\"tpmrm0\", OWNER=\"aziottpm\", MODE=\"0660\"\nKERNEL==\"sda\"\n",
		"usr/lib/udev/rules.d/60-tpm-udev.rules": "KERNEL==\"tpm[0-9]*\", TAG+=\"systemd\", OWNER=\"tss\"\n",
		"usr/lib/udev/rules.d/50-x.rules":        "ATTR{x}==\"httpmod\"\n",
		"proc/10/comm":                           "aziot-tpmd\n",
		"proc/10/cmdline":                        "aziot-tpmd --password=canary",
		"proc/10/fd/3":                           "-> /dev/tpmrm0",
		"proc/10/fd/4":                           "-> /dev/null",
		"proc/11/comm":                           "tpmdps\n",
		"proc/11/fd/3":                           "-> /dev/tpmrm0",
		"proc/12/comm":                           "gone\n",
	})
	a := readAccess(context.Background(), os.DirFS(root), 11)
	if want := []Chip{{"tpm0", "tpm_crb", "MSFT0101:00", "TPM 2.0 Device", "2"}}; !slices.Equal(a.Chips, want) {
		t.Errorf("Chips = %+v", a.Chips)
	}
	if len(a.Nodes) != 1 || a.Nodes[0].Path != "/dev/tpmrm0" || a.Nodes[0].Mode != "-rw-r-----" || a.Nodes[0].Owner == "" {
		t.Errorf("Nodes = %+v", a.Nodes)
	}
	if want := []Rule{
		{"/etc/udev/rules.d/tpmaccess.rules", `KERNEL=="tpmrm0", OWNER="aziottpm", MODE="0660"`},
		{"/usr/lib/udev/rules.d/60-tpm-udev.rules", `KERNEL=="tpm[0-9]*", TAG+="systemd", OWNER="tss"`},
	}; !slices.Equal(a.Rules, want) {
		t.Errorf("Rules = %+v", a.Rules)
	}
	if want := []User{{10, "aziot-tpmd", "/dev/tpmrm0"}}; !slices.Equal(a.Users, want) {
		t.Errorf("Users = %+v", a.Users)
	}
	if len(a.Notes) != 1 || !strings.Contains(a.Notes[0], "1 of them") {
		t.Errorf("Notes = %q", a.Notes)
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if a := readAccess(ctx, os.DirFS(root), 11); len(a.Users) != 0 || len(a.Notes) != 1 || len(a.Nodes) != 1 {
		t.Errorf("after the end: %+v", a)
	}
}

func TestReadAccessOfNothing(t *testing.T) {
	a := readAccess(context.Background(), fstest.MapFS{}, 1)
	if a.Chips == nil || a.Nodes == nil || a.Rules == nil || a.Users == nil || a.Notes == nil {
		t.Errorf("a list is nil: %+v", a)
	}
}
