package stick_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"tpmdps/internal/disk"
	"tpmdps/internal/stick"
	"tpmdps/internal/stick/sticktest"
	"tpmdps/internal/sums"
)

// program is this test's own file: Go built it, of this module.
var program = sync.OnceValue(func() []byte {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return data
})

func programFor(t *testing.T, system string) []byte {
	t.Helper()
	data, err := sticktest.For(program(), system)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func release(t *testing.T, systems ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := sticktest.Release(dir, program(), systems...); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func contentOf(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func read(t *testing.T, paths ...string) stick.Snapshot {
	t.Helper()
	s, err := stick.Read(t.Context(), paths)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// made is a stick of a release for one system.
func made(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := stick.Init(t.Context(), dir, read(t, release(t, "linux-amd64"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func actions(changes []stick.Change) map[stick.Action][]string {
	by := map[stick.Action][]string{}
	for _, c := range changes {
		by[c.Action] = append(by[c.Action], c.File)
	}
	return by
}

// TestInit makes a stick of a whole release, again, and of another release.
func TestInit(t *testing.T) {
	from, dir := release(t, sticktest.Systems...), filepath.Join(t.TempDir(), "Prüf stick (1) & 100%")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := read(t, from)
	for _, a := range s.Archives {
		if !a.Checked || !slices.Contains(sticktest.Systems, a.System) {
			t.Errorf("%+v", a)
		}
	}
	changes, err := stick.Init(t.Context(), dir, s)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"LICENSE.txt", "README.txt", "SHA256SUMS", "batch.jsonl", "bin/tpmdps-linux-amd64", "bin/tpmdps-linux-arm64", "bin/tpmdps-linux-armv7",
		"bin/tpmdps-linux-riscv64", "bin/tpmdps-windows-amd64.exe", "bin/tpmdps-windows-arm64.exe", "start.cmd", "start.sh",
	}
	var found []string
	for _, pattern := range []string{"*", "bin/*"} {
		paths, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, path := range paths {
			if name, _ := filepath.Rel(dir, path); name != "bin" {
				found = append(found, filepath.ToSlash(name))
			}
		}
	}
	slices.Sort(found)
	if got := slices.Sorted(slices.Values(actions(changes)[stick.Created])); !slices.Equal(got, want) || len(changes) != len(want) || !slices.Equal(found, want) {
		t.Errorf("created %q, want %q; on the stick: %q", got, want, found)
	}
	for _, system := range []string{"linux-armv7", "windows-amd64"} {
		name := "bin/tpmdps-" + system
		if strings.HasPrefix(system, "windows") {
			name += ".exe"
		}
		if !bytes.Equal(contentOf(t, filepath.Join(dir, name)), programFor(t, system)) {
			t.Errorf("%s is another one than in the archive", name)
		}
	}
	// sha256sum agrees, and all that does not change is in its list.
	check := exec.Command("sha256sum", "--strict", "-c", "SHA256SUMS")
	check.Dir = dir
	if out, err := check.CombinedOutput(); err != nil || strings.Count(string(out), ": OK") != len(want)-2 {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}

	write(t, filepath.Join(dir, "batch.jsonl"), []byte("a line\n"))
	write(t, filepath.Join(dir, "orders", "7.txt"), []byte("of the office"))
	again, err := stick.Init(t.Context(), dir, s)
	if by := actions(again); err != nil || len(by[stick.Unchanged]) != len(want)-1 || !slices.Equal(by[stick.Kept], []string{"batch.jsonl"}) {
		t.Errorf("again: %v, %v", again, err)
	}

	// A release for one system: the programs for the others stay, with their sums.
	later := t.TempDir()
	newer := append(programFor(t, "linux-amd64"), "newer"...)
	write(t, filepath.Join(later, "tpmdps_1.2.4_linux_amd64.tar.gz"), sticktest.Tar(sticktest.Entries("tpmdps", newer)...))
	updated, err := stick.Init(t.Context(), dir, read(t, later))
	by := actions(updated)
	if err != nil || !slices.Equal(by[stick.Updated], []string{"bin/tpmdps-linux-amd64", "SHA256SUMS"}) || len(by[stick.Kept]) != 6 {
		t.Errorf("another release: %v, %v", updated, err)
	}
	if got := string(contentOf(t, filepath.Join(dir, "batch.jsonl"))); got != "a line\n" {
		t.Errorf("the batch is now %q", got)
	}
	if got := string(contentOf(t, filepath.Join(dir, "orders", "7.txt"))); got != "of the office" {
		t.Errorf("another file is now %q", got)
	}
	check = exec.Command("sha256sum", "--strict", "-c", "SHA256SUMS")
	check.Dir = dir
	if out, err := check.CombinedOutput(); err != nil || strings.Count(string(out), ": OK") != len(want)-2 {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
}

// TestInitOfOneArchive accepts archives by name, whatever they are called.
func TestInitOfOneArchive(t *testing.T) {
	dir := t.TempDir()
	one, other := filepath.Join(dir, "download (1)"), filepath.Join(dir, "w.bin")
	write(t, one, sticktest.Tar(sticktest.Entries("tpmdps", programFor(t, "linux-riscv64"))...))
	write(t, other, sticktest.Zip(sticktest.Entries("tpmdps.exe", programFor(t, "windows-arm64"))...))
	s := read(t, one, other, one)
	if len(s.Archives) != 3 || s.Archives[0].System != "linux-riscv64" || s.Archives[1].System != "windows-arm64" || s.Archives[0].Checked {
		t.Errorf("%+v", s.Archives)
	}
}

func TestFilesForPeople(t *testing.T) {
	dir := made(t)
	for name, crlf := range map[string]bool{"start.cmd": true, "README.txt": true, "start.sh": false} {
		data := contentOf(t, filepath.Join(dir, name))
		lines, ends := bytes.Count(data, []byte("\n")), bytes.Count(data, []byte("\r\n"))
		if crlf && ends != lines || !crlf && bytes.Contains(data, []byte("\r")) {
			t.Errorf("%s: %d lines, %d of them with the line end of Windows", name, lines, ends)
		}
		for i, b := range data {
			if b >= 0x80 || b < ' ' && b != '\r' && b != '\n' && b != '\t' {
				t.Errorf("%s: byte %d is %#x, not ASCII", name, i, b)
			}
		}
		for line := range bytes.Lines(data) {
			if len(bytes.TrimSpace(line)) > 79 && name == "README.txt" {
				t.Errorf("%s: too wide for a console: %s", name, line)
			}
		}
	}
}

// TestInitRefuses tries what must not be written over, or written to.
func TestInitRefuses(t *testing.T) {
	s := read(t, release(t, "linux-amd64"))
	for name, test := range map[string]struct {
		prepare func(t *testing.T, dir string) string
		want    error
	}{
		"a folder that is not there": {func(t *testing.T, dir string) string { return filepath.Join(dir, "stick") }, disk.Missing},
		"a file": {func(t *testing.T, dir string) string {
			write(t, filepath.Join(dir, "f"), nil)
			return filepath.Join(dir, "f")
		}, disk.NoFolder},
		"another README": {func(t *testing.T, dir string) string {
			write(t, filepath.Join(dir, "README.txt"), []byte("of mine"))
			return dir
		}, stick.ErrForeign},
		"another start.sh": {func(t *testing.T, dir string) string {
			write(t, filepath.Join(dir, "start.sh"), []byte("of mine"))
			return dir
		}, stick.ErrForeign},
		"the release's own folder": {func(t *testing.T, dir string) string {
			if err := sticktest.Release(dir, program(), "linux-amd64"); err != nil {
				t.Fatal(err)
			}
			return dir
		}, stick.ErrForeign},
		"sums that cannot be read": {func(t *testing.T, dir string) string {
			write(t, filepath.Join(dir, "SHA256SUMS"), []byte("?"))
			return dir
		}, stick.ErrForeign},
		"bin is a link": {func(t *testing.T, dir string) string {
			if err := os.Symlink(t.TempDir(), filepath.Join(dir, "bin")); err != nil {
				t.Fatal(err)
			}
			return dir
		}, stick.ErrForeign},
		"a program is a link": {func(t *testing.T, dir string) string {
			write(t, filepath.Join(dir, "bin", "x"), nil)
			if err := os.Symlink("x", filepath.Join(dir, "bin", "tpmdps-linux-amd64")); err != nil {
				t.Fatal(err)
			}
			return dir
		}, stick.ErrForeign},
		"a program is a folder": {func(t *testing.T, dir string) string {
			write(t, filepath.Join(dir, "bin", "tpmdps-linux-amd64", "x"), nil)
			return dir
		}, stick.ErrForeign},
	} {
		t.Run(name, func(t *testing.T) {
			dir := test.prepare(t, t.TempDir())
			before := listing(t, filepath.Dir(dir))
			changes, err := stick.Init(t.Context(), dir, s)
			if !errors.Is(err, test.want) || len(changes) > 0 {
				t.Errorf("%v, want %v; changes %v", err, test.want, changes)
			}
			if after := listing(t, filepath.Dir(dir)); after != before {
				t.Errorf("something was written:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			sum, err := sums.File(path)
			all.WriteString(sum + " " + path + "\n")
			return err
		}
		all.WriteString(path + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// TestInitEnds has the run end between two files: what is there is found by Check, and
// made whole by another run.
func TestInitEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dir, s := made(t), read(t, release(t, "linux-amd64", "linux-arm64"))
	write(t, filepath.Join(dir, "README.txt"), []byte("edited"))
	cancel()
	if _, err := stick.Init(ctx, dir, s); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := stick.Check(t.Context(), dir, 1); !errors.Is(err, stick.ErrAltered) {
		t.Errorf("%v", err)
	}
	if _, err := stick.Init(t.Context(), dir, s); err != nil {
		t.Fatal(err)
	}
	if _, err := stick.Check(t.Context(), dir, 1); err != nil {
		t.Error(err)
	}
}

func TestReadRefuses(t *testing.T) {
	ok := programFor(t, "linux-amd64")
	big := bytes.Repeat([]byte{0}, 161<<20)
	many := make([]sticktest.Entry, 10_001)
	for i := range many {
		many[i] = sticktest.Entry{Name: "docs/" + strings.Repeat("a", 1+i%50) + string(rune('a'+i%26)), Mode: 0o644}
	}
	file := func(name string, data []byte) sticktest.Entry {
		return sticktest.Entry{Name: name, Mode: 0o644, Data: data}
	}
	all := func(more ...sticktest.Entry) []sticktest.Entry {
		return append(sticktest.Entries("tpmdps", ok), more...)
	}
	patched := bytes.ReplaceAll(bytes.ReplaceAll(ok, []byte("mod\ttpmdps\t"), []byte("mod\tnotour\t")), []byte("path\ttpmdps/"), []byte("path\tnotour/"))
	for name, test := range map[string]struct {
		entries []sticktest.Entry
		want    string
	}{
		"a name above":        {all(file("../../etc/cron.d/x", nil)), "leads out"},
		"an absolute name":    {all(file("/etc/cron.d/x", nil)), "leads out"},
		"a name of Windows":   {all(file(`..\x`, nil)), "leads out"},
		"a drive":             {all(file("C:/x", nil)), "leads out"},
		"the program above":   {[]sticktest.Entry{file("../tpmdps", ok)}, "leads out"},
		"a link":              {all(sticktest.Entry{Name: "x", Link: "/etc/passwd", Mode: fs.ModeSymlink | 0o777}), "a link"},
		"the program a link":  {[]sticktest.Entry{{Name: "tpmdps", Link: "/bin/sh", Mode: fs.ModeSymlink | 0o777}}, "a link"},
		"two programs":        {all(file("x/tpmdps", ok)), "two programs"},
		"one for each system": {all(file("tpmdps.exe", ok)), "two programs"},
		"no program":          {[]sticktest.Entry{file("LICENSE", []byte("x"))}, "no program"},
		"an empty program":    {[]sticktest.Entry{file("tpmdps", nil)}, "empty"},
		"a script":            {[]sticktest.Entry{file("tpmdps", []byte("#!/bin/sh\n"))}, "not a program that Go built"},
		"half a program":      {[]sticktest.Entry{file("tpmdps", ok[:4000])}, "not a program that Go built"},
		"a program too large": {[]sticktest.Entry{file("tpmdps", big)}, "unpacks to more"},
		"too many files":      {many, "more than 10000 files"},
		"another program":     {[]sticktest.Entry{file("tpmdps", patched)}, "not tpmdps but notour"},
		"another system":      {[]sticktest.Entry{file("tpmdps", programFor(t, "darwin-arm64"))}, "darwin-arm64"},
		"an old ARM":          {[]sticktest.Entry{file("tpmdps", programFor(t, "linux-armv6"))}, "linux-armv6"},
	} {
		for format, pack := range map[string]func(...sticktest.Entry) []byte{".tar.gz": sticktest.Tar, ".zip": sticktest.Zip} {
			t.Run(name+format, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "tpmdps"+format)
				write(t, path, pack(test.entries...))
				s, err := stick.Read(t.Context(), []string{path})
				if !errors.Is(err, stick.ErrArchive) || !strings.Contains(err.Error(), test.want) || len(s.Archives) > 0 {
					t.Errorf("%v, want %q", err, test.want)
				}
			})
		}
	}
	whole := sticktest.Tar(all()...)
	zipped := sticktest.Zip(all()...)
	damaged := bytes.Clone(zipped)
	damaged[len(damaged)/2] ^= 1
	for name, data := range map[string][]byte{
		"nothing":                 nil,
		"a web page":              []byte("<html>"),
		"half a tar":              whole[:len(whole)/2],
		"a tar without its end":   whole[:len(whole)-9],
		"half a zip":              zipped[:len(zipped)/2],
		"a zip that was damaged":  damaged,
		"a hard link":             sticktest.Tar(all(sticktest.Entry{Name: "x", Link: "LICENSE"})...),
		"a pipe":                  sticktest.Tar(all(sticktest.Entry{Name: "x", Mode: fs.ModeNamedPipe})...),
		"a bomb, not the program": sticktest.Tar(append([]sticktest.Entry{file("a", big), file("b", big), file("c", big), file("d", big)}, all()...)...),
		"gzip of nothing":         sticktest.Tar(),
		"a zip without a file":    sticktest.Zip(),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tpmdps.zip")
			write(t, path, data)
			if _, err := stick.Read(t.Context(), []string{path}); !errors.Is(err, stick.ErrArchive) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestReadCompares holds archives to the list beside them.
func TestReadCompares(t *testing.T) {
	for name, test := range map[string]struct {
		change func(t *testing.T, dir string)
		want   error
	}{
		"another archive under its name": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "tpmdps_1.2.3_linux_amd64.tar.gz"), sticktest.Tar(sticktest.Entries("tpmdps", append(programFor(t, "linux-amd64"), 'x'))...))
		}, stick.ErrDownload},
		"an archive that is not listed": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "tpmdps_1.2.4_linux_arm64.tar.gz"), sticktest.Tar(sticktest.Entries("tpmdps", programFor(t, "linux-arm64"))...))
		}, stick.ErrDownload},
		"a list that cannot be read": {func(t *testing.T, dir string) { write(t, filepath.Join(dir, "SHA256SUMS"), []byte("SHA1")) }, stick.ErrDownload},
		"no list": {func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "SHA256SUMS")); err != nil {
				t.Fatal(err)
			}
		}, nil},
		"two releases in one folder": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "tpmdps_1.2.4_linux_amd64.tar.gz"), sticktest.Tar(sticktest.Entries("tpmdps", append(programFor(t, "linux-amd64"), 'x'))...))
			if err := os.Remove(filepath.Join(dir, "SHA256SUMS")); err != nil {
				t.Fatal(err)
			}
		}, stick.ErrArchive},
		"no archive": {func(t *testing.T, dir string) {
			if err := os.Rename(filepath.Join(dir, "tpmdps_1.2.3_linux_amd64.tar.gz"), filepath.Join(dir, "tpmdps.deb")); err != nil {
				t.Fatal(err)
			}
		}, stick.ErrArchive},
		"other programs' archives": {func(t *testing.T, dir string) { write(t, filepath.Join(dir, "photos.zip"), []byte("PK")) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := release(t, "linux-amd64")
			test.change(t, dir)
			s, err := stick.Read(t.Context(), []string{dir})
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if err == nil && s.Archives[0].Checked != (name != "no list") {
				t.Errorf("%+v", s.Archives)
			}
		})
	}
	if _, err := stick.Read(t.Context(), []string{filepath.Join(t.TempDir(), "nowhere")}); !errors.Is(err, disk.Missing) {
		t.Errorf("%v", err)
	}
}

func TestOf(t *testing.T) {
	for executable, want := range map[string]string{
		"/media/stick/bin/tpmdps-linux-amd64":     "/media/stick",
		`E:\bin\tpmdps-windows-amd64.exe`:         "E:/",
		`C:\St ick\bin\tpmdps-windows-arm64.exe`:  "C:/St ick",
		"/usr/bin/tpmdps":                         "",
		"/usr/local/bin/tpmdps":                   "",
		"/home/a/tpmdps-linux-amd64":              "",
		"/media/stick/bin/sub/tpmdps-linux-amd64": "",
	} {
		if got := stick.Of(executable); got != want {
			t.Errorf("%s: %q, want %q", executable, got, want)
		}
	}
}
