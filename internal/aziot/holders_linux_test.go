package aziot

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tpmdps/internal/host"
)

// process adds one to a tree.
func process(t *testing.T, m Installation, pid, name, started, cgroup string, open ...string) {
	t.Helper()
	dir := filepath.Join(m.Machine.Root, "proc", pid)
	must(t, os.MkdirAll(filepath.Join(dir, "fd"), 0o755))
	for i, target := range open {
		must(t, os.Symlink(target, filepath.Join(dir, "fd", fmt.Sprint(i))))
	}
	stat := pid + " (" + name + ") S" + strings.Repeat(" 0", 18) + " " + started + " 0 0\n"
	for file, text := range map[string]string{"comm": name + "\n", "stat": stat, "cgroup": cgroup} {
		must(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644))
	}
}

func TestHolders(t *testing.T) {
	m := tree(t, nil)
	process(t, m, "1", "systemd", "3", "0::/init.scope\n", "/dev/null")
	process(t, m, "77", "aziot-tpmd", "500", "0::/system.slice/aziot-tpmd.service\n", "socket:[12]", "/dev/tpmrm0", "/dev/tpmrm0")
	process(t, m, "120", "tpm2-abrmd", "400", "1:name=systemd:/system.slice/tpm2-abrmd.service\n", "/dev/tpm0")
	process(t, m, "130", "a) b (c", "400", "0::/user.slice/user-0.slice/session-1.scope\n", "/dev/tpm1", "/dev/tpmx", "/srv/dev/tpm0")
	must(t, os.MkdirAll(filepath.Join(m.Machine.Root, "proc/140"), 0o755)) // it ended
	must(t, os.MkdirAll(filepath.Join(m.Machine.Root, "proc/self/fd"), 0o755))
	want := []Holder{
		{77, "aziot-tpmd", "aziot-tpmd.service", "/dev/tpmrm0"},
		{120, "tpm2-abrmd", "tpm2-abrmd.service", "/dev/tpm0"},
		{130, "a) b (c", "", "/dev/tpm1"},
	}
	got := m.Holders()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Holders() = %v, want %v", got, want)
	}
	for i, alone := range []bool{false, true, true} {
		if got[i].Exclusive() != alone {
			t.Errorf("%v: Exclusive() = %v", got[i], !alone)
		}
	}
	if got := tree(t, nil).Holders(); got != nil {
		t.Errorf("Holders() without /proc = %v", got)
	}
}

func TestAtWork(t *testing.T) {
	m := tree(t, nil)
	process(t, m, "1", "systemd", "3", "")
	process(t, m, "77", "aziot-tpmd", "500", "")
	process(t, m, "78", "aziot-identityd", "500", "")
	process(t, m, "79", "aziot-identityd", "600", "")
	if got, want := m.AtWork(), []string{"aziot-identityd", "aziot-tpmd"}; !reflect.DeepEqual(got, want) {
		t.Errorf("AtWork() = %q, want %q", got, want)
	}
	if got := tree(t, nil).AtWork(); len(got) != 0 {
		t.Errorf("AtWork() without /proc = %q", got)
	}
}

func TestStillRunning(t *testing.T) {
	m := tree(t, nil)
	process(t, m, "77", "aziot-tpmd", "500", "")
	process(t, m, "78", "aziot-tpmd) x", "500", "")
	process(t, m, "79", "aziot-tpmd", "600", "")
	before := m.TPMDaemons()
	both := []host.Process{{PID: 77, Name: "aziot-tpmd", Started: "500"}, {PID: 79, Name: "aziot-tpmd", Started: "600"}}
	if !reflect.DeepEqual(before, both) {
		t.Fatalf("TPMDaemons() = %v, want %v", before, both)
	}
	must(t, os.RemoveAll(filepath.Join(m.Machine.Root, "proc/79")))
	must(t, os.RemoveAll(filepath.Join(m.Machine.Root, "proc/77")))
	if got := stillRunning(before, m.TPMDaemons()); len(got) != 0 {
		t.Errorf("all have ended: %v", got)
	}
	process(t, m, "77", "aziot-tpmd", "900", "") // the number is used again
	process(t, m, "79", "aziot-tpmd", "600", "")
	if got, want := stillRunning(before, m.TPMDaemons()), []host.Process{{PID: 79, Name: "aziot-tpmd", Started: "600"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("stillRunning() = %v, want %v", got, want)
	}
}
