package secretfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tpmdps/internal/host"
)

// A kernel's files as they are on a machine with a disk, a stick, a USB disk
// that does not call itself removable, and a card reader.
func TestRemovable(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for device, at := range map[string]struct{ path, disk, says string }{
		"259:2": {"devices/pci0/nvme0n1/nvme0n1p2", "devices/pci0/nvme0n1", "0\n"},
		"8:1":   {"devices/pci0/usb1/1-1/block/sda/sda1", "devices/pci0/usb1/1-1/block/sda", "1\n"},
		"8:16":  {"devices/pci0/usb2/2-1/block/sdb", "devices/pci0/usb2/2-1/block/sdb", "0\n"},
		"8:33":  {"devices/pci0/usb2/2-2/block/sdc/sdc1", "devices/pci0/usb2/2-2/block/sdc", "0\n"},
		"179:1": {"devices/platform/mmc1/mmcblk1/mmcblk1p1", "devices/platform/mmc1/mmcblk1", "1\n"},
		"179:8": {"devices/platform/mmc2/mmcblk2/mmcblk2p1", "devices/platform/mmc2/mmcblk2", "0\n"},
		"179:9": {"devices/platform/mmc3/mmcblk3/mmcblk3p1", "devices/platform/mmc3/mmcblk3", "0\n"},
	} {
		write("sys/"+at.disk+"/removable", at.says)
		if err := os.MkdirAll(filepath.Join(root, "sys", at.path), 0o700); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(root, "sys/dev/block", device)
		if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("../..", at.path), link); err != nil {
			t.Fatal(err)
		}
	}
	write("sys/devices/platform/mmc2/mmcblk2/device/type", "SD\n")
	write("sys/devices/platform/mmc3/mmcblk3/device/type", "MMC\n")
	write("proc/self/mountinfo", strings.Join([]string{
		`22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw`,
		`23 22 0:5 / /nowhere/mem rw - tmpfs tmpfs rw`,
		`30 22 8:1 / /nowhere/stick rw,nosuid shared:9 master:2 - vfat /dev/sda1 rw`,
		`31 22 8:16 / /nowhere/USB\040DISK rw - exfat /dev/sdb rw`,
		`32 22 8:33 / /nowhere/backup rw - ext4 /dev/sdc1 rw`,
		`33 22 179:1 / /nowhere/card rw - ext4 /dev/mmcblk1p1 rw`,
		`34 30 259:2 /x /nowhere/stick/inner rw - ext4 /dev/nvme0n1p2 rw`,
		`35 22 8:1 / /nowhere/twice rw - vfat /dev/sda1 rw`,
		`36 22 259:2 / /nowhere/twice rw - ext4 /dev/nvme0n1p2 rw`,
		`37 22 179:8 / /nowhere/sd rw - vfat /dev/mmcblk2p1 rw`,
		`38 22 179:8 / /nowhere/sdroot rw - ext4 /dev/mmcblk2p1 rw`,
		`39 22 179:9 / /nowhere/emmc rw - vfat /dev/mmcblk3p1 rw`,
		`damaged`,
	}, "\n"))
	for path, want := range map[string]string{
		"/nowhere/disk/cs":        "",
		"/nowhere/mem/cs":         "",
		"/nowhere/stick/cs":       "sda1, /nowhere/stick",
		"/nowhere/stick":          "sda1, /nowhere/stick",
		"/nowhere/stickers/cs":    "",
		"/nowhere/stick/inner/cs": "",
		"/nowhere/USB DISK/a/cs":  "sdb, /nowhere/USB DISK",
		"/nowhere/backup/cs":      "", // a disk with Linux on it, in a USB frame
		"/nowhere/card/cs":        "mmcblk1p1, /nowhere/card",
		"/nowhere/sd/cs":          "mmcblk2p1, /nowhere/sd",
		"/nowhere/sdroot/cs":      "",
		"/nowhere/emmc/cs":        "",
		"/nowhere/twice/cs":       "",
	} {
		if got := removable(host.Machine{Root: root}, path); got != want {
			t.Errorf("removable(%s) = %q, want %q", path, got, want)
		}
	}
	if got := removable(host.Machine{Root: t.TempDir()}, "/nowhere/stick/cs"); got != "" {
		t.Errorf("without a kernel's files: %q", got)
	}
}

// A link does not hide where a file lies.
func TestRemovableFollowsLinks(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	stick := filepath.Join(dir, "stick")
	for _, d := range []string{"proc/self", "sys/dev/block/8:1"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(stick, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		filepath.Join(root, "proc/self/mountinfo"):         "22 1 8:1 / " + stick + " rw - vfat /dev/sda1 rw",
		filepath.Join(root, "sys/dev/block/8:1/removable"): "1",
		filepath.Join(stick, "cs"):                         "canary",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(stick, "cs"), link); err != nil {
		t.Fatal(err)
	}
	if got := removable(host.Machine{Root: root}, link); got == "" {
		t.Error("a link to a stick was not followed")
	}
	policy := Policy{Machine: host.Machine{Root: root}, Warn: func(string) {}}
	folder := filepath.Join(dir, "folder")
	if err := os.Symlink(stick, folder); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, filepath.Join(folder, "cs"), filepath.Join(folder, "new"), filepath.Join(stick, "new"), filepath.Join(dir, "folder/../folder/new")} {
		if err := policy.CheckPath(path); !errors.Is(err, ErrRemovable) || !strings.Contains(err.Error(), path+" is on 8:1, "+stick) {
			t.Errorf("CheckPath(%s) = %v", path, err)
		}
		policy.AllowRemovable = true
		if err := policy.CheckPath(path); err != nil {
			t.Errorf("CheckPath(%s) = %v, and it is allowed", path, err)
		}
		policy.AllowRemovable = false
	}
	for _, name := range []string{link, ""} {
		f, err := os.Open(link)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if got, err := policy.Read(Source{f, f, name}); !errors.Is(err, ErrRemovable) || got != nil {
			t.Errorf("Read, opened as %q: %q, %v", name, got, err)
		}
	}
}
