// Package secretfile reads a secret that a person, an editor or a secret store
// wrote: a password, a key, a connection string, a token. It refuses one on a
// medium that can be pulled out, and warns of a file that others can read.
//
// The caller opens what is read, since a pipe or a terminal may keep it waiting
// for ever: what the caller hands in ends with its own context.
package secretfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"tpmdps/internal/host"
	"tpmdps/internal/text"
)

// MaxSize is the size of the largest file that is read, in bytes: a password, a
// connection string and a token are far smaller.
const MaxSize = 16 << 10

// Why a file is not read. The error of a file that the system cannot read is the
// system's own.
var (
	// ErrRemovable: a secret on a stick or a card is carried away with it.
	ErrRemovable = errors.New("a secret on removable media")
	// ErrEmpty: there is nothing in the file but line ends.
	ErrEmpty = errors.New("it is empty")
	// ErrZeroByte: the file is not a text, or one in several encodings.
	ErrZeroByte = errors.New("a zero byte cannot be part of a secret here")
	// ErrTooLarge: the file has more than [MaxSize] bytes.
	ErrTooLarge = fmt.Errorf("it is larger than %d bytes", MaxSize)
)

// Policy says where a secret may be.
type Policy struct {
	// Machine has the kernel's list of mounts and its block devices.
	Machine host.Machine
	// AllowRemovable accepts a secret on removable media.
	AllowRemovable bool
	// Warn receives what is not right and does not prevent the reading: one
	// sentence without a line end.
	Warn func(message string)
}

// Source is an input that the caller has opened.
type Source struct {
	// Reader is read to its end, or to one byte more than [MaxSize].
	io.Reader
	// File is the file that the reader reads; nil if it is not a file.
	File *os.File
	// Path is the name under which the file was opened; "" for an inherited file
	// descriptor, of which the system is asked.
	Path string
}

// Read checks where a source lies, reads it, and returns the secret in it.
func (p Policy) Read(s Source) ([]byte, error) {
	if s.File != nil {
		path := s.Path
		if path == "" {
			path = descriptorPath(s.File)
		}
		if err := p.checkFile(s.File, path); err != nil {
			return nil, err
		}
	}
	return Read(s)
}

// CheckPath returns [ErrRemovable] for a path, of a file or of one to be written,
// that lies on removable media, unless the policy allows it.
func (p Policy) CheckPath(path string) error {
	if p.AllowRemovable {
		return nil
	}
	if medium := removable(p.Machine, path); medium != "" {
		return fmt.Errorf("%w: %s is on %s", ErrRemovable, path, medium)
	}
	return nil
}

// CheckMode warns of a file that others can read. Windows has other rights, which
// the mode does not show.
func (p Policy) CheckMode(info fs.FileInfo, path string) {
	if !info.Mode().IsRegular() || runtime.GOOS == "windows" {
		return
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		p.Warn(fmt.Sprintf("%s: others can read it (mode %04o): chmod 600 %[1]s", path, mode))
	}
}

// checkFile checks the place and the mode of an open file. A pipe lies nowhere, and
// of a file without a known path there is nothing to say.
func (p Policy) checkFile(f *os.File, path string) error {
	info, err := f.Stat()
	if path == "" || err != nil || !info.Mode().IsRegular() {
		return nil
	}
	if err := p.CheckPath(path); err != nil {
		return err
	}
	p.CheckMode(info, path)
	return nil
}

// descriptorPath asks the system which file an inherited descriptor is of: a shell
// redirects from a stick as readily as from a disk. "" is a pipe, or unknown.
func descriptorPath(f *os.File) (path string) {
	raw, err := f.SyscallConn()
	if err != nil {
		return ""
	}
	_ = raw.Control(func(fd uintptr) { // the file stays in the mode that it has
		path, err = os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	})
	if err != nil || !filepath.IsAbs(path) { // not on Linux, or a pipe
		return ""
	}
	return path
}

// Read reads a secret to its end. The encoding in which Windows writes a file, and
// the line end that editors add, are not part of it; nothing else is changed.
// Errors are ErrEmpty, ErrZeroByte, ErrTooLarge, or the reader's own.
func Read(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxSize {
		return nil, ErrTooLarge
	}
	secret := bytes.TrimRight(decode(data), "\r\n")
	switch {
	case len(secret) == 0:
		return nil, ErrEmpty
	case slices.Contains(secret, 0):
		return nil, ErrZeroByte
	}
	return secret, nil
}

// decode undoes the encoding in which Windows writes a file, where that is beyond
// doubt, and changes nothing else: a password may be any bytes. UTF-16 without its
// mark counts only if each character is in Latin-1, as on a western keyboard.
func decode(data []byte) []byte {
	decoded, err := text.Decode(data)
	if err != nil || decoded.Encoding == text.Mixed {
		return data
	}
	if decoded.Encoding == text.BareUTF16 && strings.ContainsFunc(string(decoded.UTF8), func(r rune) bool { return r > 0xff }) {
		return data
	}
	return decoded.UTF8
}
