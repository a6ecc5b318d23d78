package aziot

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/host"
)

// tree makes a root directory. Its files are this user's, who has the name tss
// there, as has the group.
func tree(t *testing.T, files map[string]string) Installation {
	t.Helper()
	m := Installation{Machine: host.Machine{Root: t.TempDir()}, Pause: time.Millisecond}
	for name, text := range files {
		file := filepath.Join(m.Machine.Root, name)
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		must(t, os.WriteFile(file, []byte(text), 0o644))
	}
	return m
}

// people are the files of the local accounts; groups are more lines of group.
func people(groups string) map[string]string {
	return map[string]string{
		"etc/passwd": fmt.Sprintf("tss:x:%d:%d::/:/bin/false\nroot:x:0:0:root:/root:/bin/sh\naziottpm:x:4990:4991:aziot-tpmd user:/var/lib/aziot/tpmd:/sbin/nologin\n+\n", os.Getuid(), os.Getgid()),
		"etc/group":  fmt.Sprintf("tss:x:%d:%s\naziottpm:x:4991:aziotid\n", os.Getgid(), groups),
	}
}

func TestAccess(t *testing.T) {
	type nodes map[string]fs.FileMode
	const refused = "it is tss's and group tss's, and aziottpm is neither"
	tests := []struct {
		name, tcti, groups string
		nodes              nodes
		want               Verdict
		node, reason       string
	}{
		{"nobody has said anything", "device", "", nodes{"tpmrm0": 0o600, "tpm0": 0o600}, Denied, "/dev/tpmrm0", refused},
		{"tpm-udev", "device", "", nodes{"tpmrm0": 0o660, "tpm0": 0o660}, Denied, "/dev/tpmrm0", refused},
		{"in the group tss", "device", "aziottpm", nodes{"tpmrm0": 0o660, "tpm0": 0o600}, Allowed, "/dev/tpmrm0", "aziottpm is in its group, tss"},
		{"open to all", "device", "", nodes{"tpmrm0": 0o666}, Allowed, "/dev/tpmrm0", "everybody may open it"},
		{"the daemon goes on to the next node", "device", "", nodes{"tpmrm0": 0o600, "tpm0": 0o666}, Allowed, "/dev/tpm0", "everybody may open it, but not /dev/tpmrm0, so that it bypasses the kernel's resource manager"},
		{"an old kernel", "", "", nodes{"tpm0": 0o666}, Allowed, "/dev/tpm0", "everybody may open it"},
		{"the node that is named", "device:/dev/tpm0", "", nodes{"tpmrm0": 0o666, "tpm0": 0o600}, Denied, "/dev/tpm0", refused},
		{"no chip", "device", "", nil, NoNode, "", "there is no /dev/tpmrm0 and no /dev/tpm0"},
		{"another chip than is named", "device:/dev/tpmrm1", "", nodes{"tpmrm0": 0o666}, NoNode, "", "there is no /dev/tpmrm1"},
		{"a group that reads", "device", "aziottpm", nodes{"tpmrm0": 0o646}, Denied, "/dev/tpmrm0", "aziottpm is in its group, which may not both read and write"},
		{"a software TPM", "swtpm:port=2321", "", nil, Other, "", "it speaks with a software TPM over a socket"},
		{"a daemon between", "tabrmd", "", nil, Other, "", "it asks the daemon tpm2-abrmd, which opens the chip itself"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := tree(t, people(test.groups))
			for name, mode := range test.nodes {
				file := filepath.Join(m.Machine.Root, "dev", name)
				must(t, os.MkdirAll(filepath.Dir(file), 0o755))
				must(t, os.WriteFile(file, nil, 0o600))
				must(t, os.Chmod(file, mode))
			}
			a := m.Access(test.tcti)
			if a.Verdict != test.want || a.Node != test.node || a.Reason != test.reason {
				t.Errorf("Access() = %s %s: %s\nwant %s %s: %s", a.Verdict, a.Node, a.Reason, test.want, test.node, test.reason)
			}
			if a.Verdict == Denied && a.Hint != hintRule {
				t.Errorf("hint %q, want %q", a.Hint, hintRule)
			}
			if a.Node != "" && (a.Owner != "tss" || a.Group != "tss" || !strings.HasPrefix(a.Mode, "-rw-")) {
				t.Errorf("the node is %s %s:%s", a.Mode, a.Owner, a.Group)
			}
		})
	}
}

func TestAccessWithoutTheDaemon(t *testing.T) {
	files := people("")
	files["etc/passwd"] = "root:x:0:0:root:/root:/bin/sh\n"
	m := tree(t, files)
	if a := m.Access("device"); a.Verdict != NoUser || a.Node != "" || a.Hint != HintInstall {
		t.Errorf("no user, no node: %+v", a)
	}
	files["dev/tpmrm0"], files["dev/tpm0"] = "", ""
	m = tree(t, files)
	if a := m.Access("device"); a.Verdict != NoUser || a.Node != "/dev/tpmrm0" || a.Reason != "there is no user aziottpm" {
		t.Errorf("no user: %+v", a)
	}
	if a := tree(t, nil).Access("device"); a.Verdict != Unknown {
		t.Errorf("no passwd: %+v", a)
	}
}

// A directory above the node counts, too.
func TestAccessThroughAClosedDirectory(t *testing.T) {
	files := people("")
	files["run/chip/tpm0"] = ""
	m := tree(t, files)
	must(t, os.Chmod(filepath.Join(m.Machine.Root, "run/chip/tpm0"), 0o666))
	if a := m.Access("device:/run/chip/tpm0"); a.Verdict != Allowed {
		t.Errorf("open directory: %+v", a)
	}
	must(t, os.Chmod(filepath.Join(m.Machine.Root, "run/chip"), 0o750))
	if a := m.Access("device:/run/chip/tpm0"); a.Verdict != Denied || !strings.Contains(a.Reason, "may not enter /run/chip") {
		t.Errorf("closed directory: %+v", a)
	}
}
