// Package rootfile reads certificates of CAs as makers of TPMs, Microsoft and others
// publish them: PEM, DER, a folder, a zip, or Microsoft's TrustedTpm.cab as it is
// downloaded. Nothing in them is trusted for being there.
package rootfile

import (
	"archive/zip"
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tpmdps/internal/cabinet"
	"tpmdps/internal/ektrust/chain"
	"tpmdps/internal/text"
)

// Bounds of what is read. The cabinet of all makers has 2.5 MB, 2,193 files, and
// 4 MB unpacked.
const (
	// MaxFile bounds one file, in bytes.
	MaxFile    = 32 << 20
	maxContent = 64 << 20 // of all files together, unpacked
	maxFiles   = 20_000
	maxDepth   = 3 // an archive in a folder in an archive
)

// ErrNone is wrapped by the error for a source without a certificate of a CA in it.
var ErrNone = errors.New("no certificate of a CA in it")

// errBounds is wrapped where a source is too large.
var errBounds = errors.New("more than is read")

// Bundle is what was found.
type Bundle struct {
	// Certificates are those of CAs, each once, in the order of the source.
	Certificates []*chain.Certificate
	// Attestation counts the CAs that were left out because they certify attestation
	// keys only. Microsoft's list has more of them than of all others.
	Attestation int
	// Ignored are files with something else in them, such as a readme.
	Ignored []Ignored
}

// Ignored is a file that gave no certificate.
type Ignored struct {
	// Name is the file's, fit for a terminal, and Reason the end of a sentence about it.
	Name, Reason string
}

// Load reads a file or a folder. The error wraps [ErrNone] when nothing in it is of
// use, and what the file system says otherwise.
func Load(name string) (Bundle, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Bundle{}, err
	}
	r := newReader()
	if info.IsDir() {
		err = r.folder(name, func(file string, data []byte) error { return r.file(file, data, 1) })
	} else {
		var data []byte
		if data, err = read(os.DirFS(filepath.Dir(name)), filepath.Base(name)); err == nil {
			err = r.file(filepath.Base(name), data, 0)
		}
	}
	if err != nil {
		return Bundle{}, fmt.Errorf("read %s: %w", text.Printable(name, maxName), err)
	}
	return r.result(name)
}

// Parse reads the content of a file that is already in memory. The name is for
// messages.
func Parse(name string, data []byte) (Bundle, error) {
	r := newReader()
	if err := r.file(name, data, 0); err != nil {
		return Bundle{}, fmt.Errorf("read %s: %w", text.Printable(name, maxName), err)
	}
	return r.result(name)
}

// maxName bounds what is shown of a file's name.
const maxName = 200

// reader gathers certificates within the bounds.
type reader struct {
	bundle      Bundle
	seen        map[[32]byte]bool
	files, left int
}

func newReader() *reader { return &reader{seen: map[[32]byte]bool{}, left: maxContent} }

func (r *reader) result(name string) (Bundle, error) {
	if len(r.bundle.Certificates) > 0 {
		return r.bundle, nil
	}
	reason := "it is empty"
	if len(r.bundle.Ignored) > 0 {
		reason = r.bundle.Ignored[0].Name + ": " + r.bundle.Ignored[0].Reason
	}
	if r.bundle.Attestation > 0 {
		reason = "there are only CAs for attestation keys"
	}
	return Bundle{}, fmt.Errorf("%s: %w: %s", text.Printable(name, maxName), ErrNone, reason)
}

// folder hands all files below a folder to use, which may end it with an error. One that
// cannot be read is ignored by name; links are not followed out of it.
func (r *reader) folder(name string, use func(file string, data []byte) error) error {
	root, err := os.OpenRoot(name)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && file == ".":
			return err
		case err != nil:
			r.ignore(file, err.Error())
			return nil
		case entry.IsDir():
			return nil
		}
		data, err := read(root.FS(), file)
		if err != nil {
			r.ignore(file, err.Error())
			return nil
		}
		return use(file, data)
	})
}

// read reads a whole file. Only ordinary files are opened: a pipe might never end.
func read(folder fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(folder, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not an ordinary file")
	}
	f, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return limited(f)
}

func limited(from io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, MaxFile+1))
	if err == nil && len(data) > MaxFile {
		err = fmt.Errorf("%w: a file of over %d MB", errBounds, MaxFile>>20)
	}
	return data, err
}

func (r *reader) ignore(name, reason string) {
	const longest = 100
	if len(r.bundle.Ignored) < longest {
		r.bundle.Ignored = append(r.bundle.Ignored, Ignored{text.Printable(name, maxName), text.Printable(reason, maxName)})
	}
}

// file reads the content of one file, which may be an archive. Only bounds are
// errors; what is not understood is ignored.
func (r *reader) file(name string, data []byte, depth int) error {
	r.files++
	r.left -= len(data)
	switch {
	case r.files > maxFiles || r.left < 0:
		return fmt.Errorf("%w: %d files, %d MB together", errBounds, maxFiles, maxContent>>20)
	case cabinet.Is(data) && depth < maxDepth:
		return r.cabinet(name, data, depth)
	case bytes.HasPrefix(data, []byte("PK\x03\x04")) && depth < maxDepth:
		return r.zip(name, data, depth)
	case len(data) > 1 && data[0] == 0x30 && data[1]&0x80 != 0:
		r.add(name, data)
		return nil
	}
	r.pem(name, data)
	return nil
}

func (r *reader) cabinet(name string, data []byte, depth int) error {
	files, err := cabinet.Read(data)
	if err != nil {
		if depth == 0 {
			return err
		}
		r.ignore(name, err.Error())
	}
	for _, f := range files {
		if err := r.file(f.Name, f.Data, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) zip(name string, data []byte, depth int) error {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		r.ignore(name, "it is a zip that is damaged or cut short")
		return nil
	}
	for _, entry := range archive.File {
		if entry.FileInfo().IsDir() {
			continue
		}
		content, err := unzip(entry)
		if errors.Is(err, errBounds) {
			return err
		}
		if err != nil {
			r.ignore(entry.Name, err.Error())
			continue
		}
		if err := r.file(entry.Name, content, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func unzip(entry *zip.File) ([]byte, error) {
	content, err := entry.Open()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return limited(content)
}

// pem reads all certificates of a text in any encoding.
func (r *reader) pem(name string, data []byte) {
	decoded, err := text.Decode(data)
	if err != nil {
		r.ignore(name, "it is neither a certificate nor a text")
		return
	}
	rest, found := decoded.UTF8, false
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if strings.HasSuffix(block.Type, "CERTIFICATE") {
			found = true
			r.add(name, block.Bytes)
		}
	}
	if !found {
		r.ignore(name, "there is no certificate in it")
	}
}

// add keeps a certificate that may stand above a chip's.
func (r *reader) add(name string, der []byte) {
	c, err := chain.Parse(der)
	switch {
	case err != nil:
		r.ignore(name, err.Error())
	case r.seen[c.Fingerprint]:
	case !c.CA:
		r.ignore(name, "it is the certificate of "+c.Subject.String()+", which is not a CA")
	case c.ForAttestationOnly():
		r.seen[c.Fingerprint] = true
		r.bundle.Attestation++
	default:
		r.seen[c.Fingerprint] = true
		r.bundle.Certificates = append(r.bundle.Certificates, c)
	}
}
