package host

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

const dpkgStatus = `Package: adduser
Status: install ok installed
Version: 3.134

Package: aziot-identity-service
Status: install ok installed
Priority: optional
Maintainer: somebody
Architecture: amd64
Version: 1.5.3-1
Description: one
 Package: not-this
 .
 Version: 9

Package: aziot-edge
Status: deinstall ok config-files
Architecture: amd64
Version: 1.5.10-1

Package: libtss2-esys-3.0.2-0
Architecture: arm64
Version: 3.2.1-3
Status: install ok installed`

func TestParsePackages(t *testing.T) {
	want := []Package{
		{"aziot-edge", "1.5.10-1", "amd64", "deinstall ok config-files"},
		{"aziot-identity-service", "1.5.3-1", "amd64", "install ok installed"},
		{"libtss2-esys-3.0.2-0", "3.2.1-3", "arm64", "install ok installed"},
	}
	for _, text := range []string{dpkgStatus, strings.ReplaceAll(dpkgStatus, "\n", "\r\n")} {
		got, err := parsePackages(strings.NewReader(text))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("parsePackages() = %+v, %v", got, err)
		}
	}
	got, err := parsePackages(strings.NewReader("Package: aziot-edge\n\n" + strings.Repeat("x", maxStatusLine+1)))
	if err == nil || len(got) != 1 {
		t.Errorf("parsePackages() of a line without end = %+v, %v", got, err)
	}
	var many strings.Builder
	for i := range 2 * maxPackages {
		fmt.Fprintf(&many, "Package: tpm2-%d\nVersion: %s\n\n", i, strings.Repeat("1", 5000))
	}
	got, err = parsePackages(strings.NewReader(many.String()))
	if err != nil || len(got) != maxPackages || len(got[0].Version) > maxValue {
		t.Errorf("parsePackages() of many: %d, %v", len(got), err)
	}
}

func FuzzParsePackages(f *testing.F) {
	f.Add([]byte(dpkgStatus))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, _ := parsePackages(strings.NewReader(string(data)))
		for _, p := range got {
			if strings.ContainsAny(p.Name+p.Version+p.Architecture+p.State, "\n\x1b") {
				t.Errorf("%+v", p)
			}
		}
	})
}

func TestReadSystem(t *testing.T) {
	fsys := fstest.MapFS{}
	for name, text := range map[string]string{
		"etc/os-release":                                   "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID='12'\n",
		"proc/sys/kernel/osrelease":                        "6.1.0-28-amd64\n",
		"proc/sys/kernel/version":                          "#1 SMP Debian 6.1.119-1\n",
		"proc/sys/kernel/arch":                             "x86_64\n",
		"var/lib/dpkg/status":                              dpkgStatus,
		"usr/lib/x86_64-linux-gnu/libtss2-esys.so.0.0.0":   "",
		"usr/lib/x86_64-linux-gnu/libtss2-esys.so.0":       "",
		"usr/lib/x86_64-linux-gnu/libtss2-tcti-x.so.0.1.0": "",
		"snap/azure-iot-edge/current":                      "",
		"snap/core22/current":                              "",
	} {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	got := readSystem(fsys)
	if len(got.Packages) != 3 {
		t.Errorf("Packages = %+v", got.Packages)
	}
	got.Packages = nil
	want := System{
		OS: "Debian GNU/Linux 12 (bookworm)", OSID: "debian", OSVersion: "12", Kernel: "6.1.0-28-amd64", KernelBuild: "#1 SMP Debian 6.1.119-1",
		Architecture: "x86_64", Snaps: []string{"azure-iot-edge"}, Notes: []string{},
		Libraries: []string{"/usr/lib/x86_64-linux-gnu/libtss2-esys.so.0.0.0", "/usr/lib/x86_64-linux-gnu/libtss2-tcti-x.so.0.1.0"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("readSystem() = %+v, want %+v", got, want)
	}
	delete(fsys, "var/lib/dpkg/status")
	if got := readSystem(fsys); len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "no dpkg") {
		t.Errorf("without dpkg: %q", got.Notes)
	}
	fsys["var/lib/rpm/rpmdb.sqlite"] = &fstest.MapFile{}
	if got := readSystem(fsys); len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "rpm -qa") {
		t.Errorf("with rpm: %q", got.Notes)
	}
}

func TestReadClock(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	c := readClock(fstest.MapFS{
		"etc/timezone": {Data: []byte("Europe/Berlin\n")},
		"proc/uptime":  {Data: []byte("4711.42 1.0\n")},
	}, now)
	if !c.UTC.Equal(now.Truncate(time.Second)) || c.ZoneName != "Europe/Berlin" || c.UptimeSeconds != 4711 || c.Synchronized == "" || c.Local == "" {
		t.Errorf("readClock() = %+v", c)
	}
}
