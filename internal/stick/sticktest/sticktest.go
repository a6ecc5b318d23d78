// Package sticktest makes releases for tests: archives as goreleaser names them, of one
// program that says of itself that it was built for each of several systems.
package sticktest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tpmdps/internal/sums"
)

// Systems are those of a release.
var Systems = []string{"linux-amd64", "linux-arm64", "linux-armv7", "linux-riscv64", "windows-amd64", "windows-arm64"}

// ErrBuildInfo is for a program in which there is no room for another system's name.
var ErrBuildInfo = errors.New("this program's build settings are not where they are looked for")

// For is the program with the build settings of another system.
func For(program []byte, system string) ([]byte, error) {
	goos, arch, _ := strings.Cut(system, "-")
	settings := "build\tGOOS=" + goos + "\n"
	if version, arm := strings.CutPrefix(arch, "armv"); arm {
		settings += "build\tGOARCH=arm\nbuild\tGOARM=" + version + "\n"
	} else {
		settings += "build\tGOARCH=" + arch + "\n"
	}
	// The last occurrence in the file need not be the one that counts, so all are changed.
	const first = "build\tCGO_ENABLED="
	out, changed := bytes.Clone(program), false
	for at := 0; ; {
		next := bytes.Index(out[at:], []byte(first))
		if next < 0 {
			break
		}
		begin := at + next
		end := begin
		for bytes.HasPrefix(out[end:], []byte("build\t")) {
			end += 1 + bytes.IndexByte(out[end:], '\n')
		}
		at = begin + len(first)
		pad := end - begin - len(settings) - len("build\tx=\n")
		if pad < 0 || !bytes.Contains(out[begin:end], []byte("GOARCH=")) {
			continue
		}
		copy(out[begin:end], settings+"build\tx="+strings.Repeat("x", pad)+"\n")
		changed = true
	}
	if !changed {
		return nil, ErrBuildInfo
	}
	return out, nil
}

// Entry is a file for an archive.
type Entry struct {
	Name, Link string
	Mode       fs.FileMode
	Data       []byte
}

// Entries are what a release's archive has, with a program.
func Entries(name string, program []byte) []Entry {
	return []Entry{
		{Name: "LICENSE", Mode: 0o644, Data: []byte("the license\n")},
		{Name: "README.md", Mode: 0o644, Data: []byte("# tpmdps\n")},
		{Name: "docs/tpmdps.1.md", Mode: 0o644, Data: []byte("# tpmdps(1)\n")},
		{Name: "completion/tpmdps.bash", Mode: 0o644, Data: []byte("complete\n")},
		{Name: name, Mode: 0o755, Data: program},
	}
}

// large tells whether entries have to be compressed, which takes its time.
func large(entries []Entry) bool {
	size := 0
	for _, e := range entries {
		size += len(e.Data)
	}
	return size > 60<<20
}

// Tar packs entries as .tar.gz.
func Tar(entries ...Entry) []byte {
	var out bytes.Buffer
	level := gzip.NoCompression
	if large(entries) {
		level = gzip.BestSpeed
	}
	zipped, err := gzip.NewWriterLevel(&out, level)
	must(err)
	w := tar.NewWriter(zipped)
	for _, e := range entries {
		h := &tar.Header{Name: e.Name, Linkname: e.Link, Mode: int64(e.Mode.Perm()), Size: int64(len(e.Data)), Typeflag: tar.TypeReg}
		switch {
		case e.Mode&fs.ModeSymlink != 0:
			h.Typeflag = tar.TypeSymlink
		case e.Mode.IsDir():
			h.Typeflag = tar.TypeDir
		case e.Mode&fs.ModeNamedPipe != 0:
			h.Typeflag = tar.TypeFifo
		case e.Link != "":
			h.Typeflag = tar.TypeLink
		}
		must(w.WriteHeader(h))
		_, err := w.Write(e.Data)
		must(err)
	}
	must(errors.Join(w.Close(), zipped.Close()))
	return out.Bytes()
}

// Zip packs entries as .zip.
func Zip(entries ...Entry) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.Name, Method: zip.Store}
		if large(entries) {
			h.Method = zip.Deflate
		}
		h.SetMode(e.Mode)
		f, err := w.CreateHeader(h)
		must(err)
		data := e.Data
		if e.Link != "" {
			data = []byte(e.Link)
		}
		_, err = f.Write(data)
		must(err)
	}
	must(w.Close())
	return out.Bytes()
}

// must is for what cannot fail in memory.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// Release writes the archives of a release to a folder, and their SHA256SUMS.
func Release(dir string, program []byte, systems ...string) error {
	var list sums.Sums
	for _, system := range systems {
		built, err := For(program, system)
		if err != nil {
			return err
		}
		name := "tpmdps_1.2.3_" + strings.Replace(system, "-", "_", 1)
		archive := []byte(nil)
		if strings.HasPrefix(system, "windows-") {
			name, archive = name+".zip", Zip(Entries("tpmdps.exe", built)...)
		} else {
			name, archive = name+".tar.gz", Tar(Entries("tpmdps", built)...)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, archive, 0o644); err != nil {
			return err
		}
		sum, err := sums.File(path)
		if err != nil {
			return err
		}
		if err := list.Add(name, sum); err != nil {
			return err
		}
	}
	var out bytes.Buffer
	if err := sums.Write(&out, list); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, sums.FileName), out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the sums of the release: %w", err)
	}
	return nil
}
