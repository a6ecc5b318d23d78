package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
)

// System is what runs on the machine, as far as it matters to the chip.
type System struct {
	// OS names the release, such as "Debian GNU/Linux 12 (bookworm)".
	OS string `json:"os"`
	// OSID and OSVersion are those of os-release(5): "debian", "12".
	OSID      string `json:"os_id"`
	OSVersion string `json:"os_version"`
	// Kernel is its release, KernelBuild how it was built.
	Kernel       string `json:"kernel"`
	KernelBuild  string `json:"kernel_build"`
	Architecture string `json:"architecture"`
	// Packages, Libraries and Snaps belong to IoT Edge or to the TPM. Libraries
	// are the files of tpm2-tss.
	Packages  []Package `json:"packages"`
	Libraries []string  `json:"libraries"`
	Snaps     []string  `json:"snaps"`
	// Notes are sentences on what could not be read.
	Notes []string `json:"notes"`
}

// System reads it from the files of a Linux system. On Windows only the release is
// known.
func (m Machine) System() System { return readSystem(m.files()) }

func readSystem(fsys fs.FS) System {
	s := System{
		OS: osRelease(), Kernel: line(fsys, "proc/sys/kernel/osrelease"), KernelBuild: line(fsys, "proc/sys/kernel/version"),
		Architecture: line(fsys, "proc/sys/kernel/arch"), // since Linux 6.1
		Packages:     []Package{}, Libraries: []string{}, Snaps: []string{}, Notes: []string{},
	}
	if s.Architecture == "" {
		s.Architecture = runtime.GOARCH
	}
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		text, err := readSome(fsys, name, 64<<10)
		if err == nil {
			s.readRelease(text)
			break
		}
	}
	s.readPackages(fsys)
	s.Libraries = libraries(fsys)
	for _, name := range glob(fsys, "snap/*/current") {
		if snap := path.Base(path.Dir(name)); strings.HasPrefix(snap, "azure-iot") {
			s.Snaps = append(s.Snaps, clean(snap))
		}
	}
	return s
}

// readRelease reads the lines NAME=value of os-release(5), which are a shell's.
func (s *System) readRelease(text string) {
	for text := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(text), "=")
		value = cut(clean(strings.Trim(value, `"'`)))
		switch name {
		case "PRETTY_NAME":
			s.OS = value
		case "ID":
			s.OSID = value
		case "VERSION_ID":
			s.OSVersion = value
		}
	}
}

func (s *System) readPackages(fsys fs.FS) {
	f, err := fsys.Open("var/lib/dpkg/status")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if len(glob(fsys, "var/lib/rpm/*"))+len(glob(fsys, "usr/lib/sysimage/rpm/*")) > 0 {
			s.Notes = append(s.Notes, "packages: this machine has rpm, whose database is not read: rpm -qa 'aziot*' 'tpm2*'")
		} else {
			s.Notes = append(s.Notes, "packages: there is no dpkg here")
		}
		return
	case err != nil:
		s.Notes = append(s.Notes, "packages: "+err.Error())
		return
	}
	defer f.Close()
	if s.Packages, err = parsePackages(f); err != nil {
		s.Notes = append(s.Notes, "packages: "+err.Error())
	}
}

// libraries lists the files of tpm2-tss; their names have the version.
func libraries(fsys fs.FS) []string {
	found := []string{}
	for _, dir := range []string{"usr/lib", "usr/lib64", "usr/lib/*-linux-*", "usr/local/lib", "usr/local/lib64"} {
		for _, name := range glob(fsys, dir+"/libtss2-*.so.*.*") {
			found = append(found, "/"+clean(name))
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	return found[:min(len(found), maxPackages)]
}

// line reads the first line of a small file; empty where there is none.
func line(fsys fs.FS, name string) string {
	text, err := readSome(fsys, name, 4<<10)
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(text, "\n")
	return cut(clean(first))
}

// readSome reads a file up to a limit.
func readSome(fsys fs.FS, name string, limit int64) (string, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return string(data), nil
}

// glob lists files; a pattern that is wrong finds none.
func glob(fsys fs.FS, pattern string) []string {
	found, _ := fs.Glob(fsys, pattern)
	return found
}
