package stick

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime/debug"
	"slices"
	"strings"

	"tpmdps/internal/text"
)

// The limits of an archive: a release's has some 8 MB, and the program in it 20.
const (
	maxArchive  = 64 << 20
	maxProgram  = 160 << 20
	maxUnpacked = 512 << 20 // of all that is in an archive
	maxEntries  = 10_000
	maxLicense  = 64 << 10
)

// errTooLarge ends the unpacking of what has no end.
var errTooLarge = errors.New("it unpacks to more than any release has")

// contents is what is wanted of an archive.
type contents struct {
	program, license []byte
}

// member is a file in an archive. Its content is read only if it is wanted.
type member struct {
	name    string
	size    int64
	regular bool
	folder  bool
	content io.Reader
}

// unpack reads an archive in either format. It writes nothing, so no name in it leads
// anywhere; one that would is refused anyway, as no release has it.
func unpack(archive []byte) (contents, error) {
	var c contents
	var err error
	switch {
	case bytes.HasPrefix(archive, []byte("\x1f\x8b")):
		err = eachOfTar(archive, c.accept)
	case bytes.HasPrefix(archive, []byte("PK\x03\x04")):
		err = eachOfZip(archive, c.accept)
	default:
		err = errors.New("it is neither a .tar.gz nor a .zip")
	}
	if err == nil && c.program == nil {
		err = errors.New("there is no program in it, neither tpmdps nor tpmdps.exe")
	}
	return c, err
}

// accept looks at the next member.
func (c *contents) accept(m member) (err error) {
	name := strings.TrimSuffix(m.name, "/")
	switch {
	case !fs.ValidPath(name) || strings.ContainsAny(name, `\:`):
		return fmt.Errorf("%s in it leads out of the archive", shown(m.name))
	case m.folder:
		return nil
	case !m.regular:
		return fmt.Errorf("%s in it is not a plain file but a link or a device", shown(m.name))
	}
	switch base := path.Base(name); {
	case base == "tpmdps" || base == "tpmdps.exe":
		if c.program != nil {
			return fmt.Errorf("there are two programs in it: the second one is %s", shown(m.name))
		}
		c.program, err = m.read(maxProgram)
	case name == "LICENSE":
		c.license, err = m.read(maxLicense)
	}
	return err
}

func (m member) read(limit int64) ([]byte, error) {
	if m.size > limit {
		return nil, fmt.Errorf("%s: %w", shown(m.name), errTooLarge)
	}
	data, err := io.ReadAll(io.LimitReader(m.content, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", shown(m.name), err)
	case int64(len(data)) > limit:
		return nil, fmt.Errorf("%s: %w", shown(m.name), errTooLarge)
	case len(data) == 0:
		return nil, fmt.Errorf("%s in it is empty", shown(m.name))
	}
	return data, nil
}

func eachOfTar(archive []byte, accept func(member) error) error {
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return err
	}
	bounded := &bounded{unzipped, maxUnpacked}
	r := tar.NewReader(bounded)
	for range maxEntries {
		h, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			_, err = io.Copy(io.Discard, bounded) // its sum is checked at the end
			return err
		case err != nil:
			return err
		}
		if err := accept(member{h.Name, h.Size, h.Typeflag == tar.TypeReg, h.Typeflag == tar.TypeDir, r}); err != nil {
			return err
		}
	}
	return fmt.Errorf("there are more than %d files in it", maxEntries)
}

func eachOfZip(archive []byte, accept func(member) error) error {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	switch {
	case err != nil:
		return err
	case len(z.File) > maxEntries:
		return fmt.Errorf("there are more than %d files in it", maxEntries)
	}
	for _, f := range z.File {
		mode := f.Mode()
		m := member{name: f.Name, size: int64(min(f.UncompressedSize64, maxUnpacked)), regular: mode.IsRegular(), folder: mode.IsDir(), content: &ofZip{file: f}}
		if err := accept(m); err != nil {
			return err
		}
	}
	return nil
}

// ofZip opens a file of a zip when it is read.
type ofZip struct {
	file *zip.File
	open io.ReadCloser
}

// Read implements io.Reader. The end of the file is not reached without its sum.
func (z *ofZip) Read(p []byte) (n int, err error) {
	if z.open == nil {
		if z.open, err = z.file.Open(); err != nil {
			return 0, err
		}
	}
	return z.open.Read(p)
}

// bounded is a reader that refuses to go on where io.LimitReader would say that this is
// the end.
type bounded struct {
	from io.Reader
	left int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// systemOf says for which system a program was built, from what the Go compiler wrote
// into it: the name of its archive may have been changed. It is an error if it is
// another program.
func systemOf(program []byte) (system string, err error) {
	info := builtInto(program)
	switch {
	case info == nil:
		return "", errors.New("the file in it that is called tpmdps is not a program that Go built")
	case info.Main.Path != module:
		return "", fmt.Errorf("the program in it is not tpmdps but %s", shown(info.Main.Path))
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	system = settings["GOOS"] + "-" + settings["GOARCH"]
	if version, _, _ := strings.Cut(settings["GOARM"], ","); settings["GOARCH"] == "arm" {
		system += "v" + version
	}
	for _, known := range systems {
		if system == known {
			return system, nil
		}
	}
	return "", fmt.Errorf("the program in it is for %s, which the start scripts of a stick do not know", shown(system))
}

// maxBuildInfo is more than the lines on a hundred modules need.
const maxBuildInfo = 64 << 10

// builtInto is what the Go compiler wrote into a program, nil where there is nothing. It
// stands there as text, as runtime/debug has it; debug/buildinfo, which finds it by the
// tables of ELF and PE, is not made for hostile files, and large.
func builtInto(program []byte) *debug.BuildInfo {
	first := []byte("path\t")
	for rest := program; ; rest = rest[len(first):] {
		at := bytes.Index(rest, first)
		if at < 0 {
			return nil
		}
		rest = rest[at:]
		end := bytes.IndexFunc(rest[:min(len(rest), maxBuildInfo)], func(r rune) bool { return r != '\n' && r != '\t' && (r < ' ' || r > '~') })
		info, err := debug.ParseBuildInfo(string(rest[:max(0, end)]))
		if err == nil && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "GOOS" }) {
			return info
		}
	}
}

// module is the path of this program's module.
const module = "tpmdps"

// shown is a name for a message.
func shown(name string) string { return text.Printable(name, 100) }
