// Package sums is lists of SHA-256 sums, SHA256SUMS: read strictly, written, and
// compared with files.
//
// The form is the one of sha256sum of GNU coreutils, which a list written here can be
// checked with: a sum in hex, two blanks, or a blank and an asterisk, and a name. The
// encodings and line ends of Windows are accepted. A line that is anything else is an
// error and not skipped: a file whose line was skipped would be believed unseen.
//
// A list does not prove where the files come from. It is as good as the way on which
// it came.
package sums

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"tpmdps/internal/text"
)

// FileName is how such a list is called.
const FileName = "SHA256SUMS"

// The limits of a list: a release has some dozen files.
const (
	// MaxSize is the size of the largest list, in bytes.
	MaxSize = 1 << 20
	// MaxFiles is how many files are in the longest list.
	MaxFiles = 10_000
	// maxName is the length of the longest name, in bytes: that of a path on Linux.
	maxName = 4096
)

var (
	// ErrMalformed is wrapped by every error of a list that cannot be relied on.
	ErrMalformed = errors.New("not a list of SHA-256 sums")
	// ErrUnlisted is for a file that the list does not name.
	ErrUnlisted = errors.New("not in the list of sums")
	// ErrDiffers is for a file that is not the one of which the list has the sum.
	ErrDiffers = errors.New("its SHA-256 is another one than the list has")
)

// Sums are the sums of files by their names, which have slashes on every system. The
// zero value is empty, and of use.
type Sums struct {
	of map[string]string
}

// Of returns the sum of a file, in lower-case hex. Names are compared as they are, with
// their case.
func (s Sums) Of(name string) (sum string, listed bool) {
	sum, listed = s.of[name]
	return sum, listed
}

// Names are the names of all files, sorted.
func (s Sums) Names() []string { return slices.Sorted(maps.Keys(s.of)) }

// Add puts a file in the list. It is an error that wraps ErrMalformed for a name that
// leads out of the folder or is there already, and for what is not a sum.
func (s *Sums) Add(name, sum string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := checkSum(sum); err != nil {
		return err
	}
	if _, twice := s.of[name]; twice {
		return fmt.Errorf("%w: %s is named twice", ErrMalformed, shown(name))
	}
	if len(s.of) == MaxFiles {
		return fmt.Errorf("%w: it names more than %d files", ErrMalformed, MaxFiles)
	}
	if s.of == nil {
		s.of = make(map[string]string)
	}
	s.of[name] = strings.ToLower(sum)
	return nil
}

// Verify compares a file with the list. Errors wrap ErrUnlisted or ErrDiffers, or are
// the reader's own.
func (s Sums) Verify(name string, file io.Reader) error {
	want, listed := s.of[name]
	if !listed {
		return fmt.Errorf("%s: %w", shown(name), ErrUnlisted)
	}
	got, err := Of(file)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%s: %w (%s, not %s)", shown(name), ErrDiffers, got, want)
	}
	return nil
}

// Of is the SHA-256 of what a reader has, in lower-case hex, whatever its size.
func Of(r io.Reader) (string, error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// File is the SHA-256 of the file at path, in lower-case hex. Errors are the system's,
// or say that it is not a regular file: those may have no end.
func File(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	sum, err := Of(file)
	return sum, errors.Join(err, file.Close())
}

// Parse reads a list to its end. Errors wrap ErrMalformed and name the line, or are the
// reader's own.
func Parse(r io.Reader) (Sums, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return Sums{}, err
	}
	if len(data) > MaxSize {
		return Sums{}, fmt.Errorf("%w: it is larger than %d bytes", ErrMalformed, MaxSize)
	}
	decoded, err := text.Decode(data)
	if err != nil {
		return Sums{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var s Sums
	number := 0
	for line := range bytes.Lines(decoded.UTF8) {
		number++
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if len(line) == 0 {
			continue
		}
		name, sum, err := parseLine(string(line))
		if err == nil {
			err = s.Add(name, sum)
		}
		if err != nil {
			return Sums{}, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if len(s.of) == 0 {
		return Sums{}, fmt.Errorf("%w: it names no file", ErrMalformed)
	}
	return s, nil
}

// inBSD is a line of sha256sum --tag, of shasum and openssl.
var inBSD = regexp.MustCompile(`^\\?[A-Z0-9/-]+ ?\(.*\) ?= ?[0-9A-Fa-f]+$`)

// parseLine reads a line. One that begins with a backslash has a name in which line
// ends and backslashes are escaped.
func parseLine(line string) (name, sum string, err error) {
	if inBSD.MatchString(line) {
		return "", "", fmt.Errorf("%w: this is the form of sha256sum --tag; write it with sha256sum alone", ErrMalformed)
	}
	rest, escaped := strings.CutPrefix(line, `\`)
	sum, name, found := strings.Cut(rest, " ")
	if err := checkSum(sum); err != nil {
		return "", "", err
	}
	if !found || name == "" || name[0] != ' ' && name[0] != '*' {
		return "", "", fmt.Errorf("%w: after the sum come two blanks, or a blank and an asterisk, and the name", ErrMalformed)
	}
	name = name[1:]
	if escaped {
		if name, err = unescape(name); err != nil {
			return "", "", err
		}
	} else if strings.ContainsRune(name, '\\') {
		return "", "", fmt.Errorf(`%w: %s has a backslash in a line that does not begin with one; folders are separated by "/"`, ErrMalformed, shown(name))
	}
	// sha256sum ./* names the files so.
	return strings.TrimPrefix(name, "./"), sum, nil
}

func unescape(name string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '\\' {
			b.WriteByte(name[i])
			continue
		}
		i++
		if i == len(name) {
			return "", fmt.Errorf(`%w: %s ends within an escape`, ErrMalformed, shown(name))
		}
		switch name[i] {
		case '\\':
			b.WriteByte('\\')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		default:
			return "", fmt.Errorf(`%w: %s has an escape that sha256sum does not write`, ErrMalformed, shown(name))
		}
	}
	return b.String(), nil
}

var escaper = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)

// Write writes a list, sorted by name, for Parse and for sha256sum -c.
func Write(w io.Writer, s Sums) error {
	out := bufio.NewWriter(w)
	for _, name := range s.Names() {
		written, mark := escaper.Replace(name), ""
		if written != name {
			mark = `\`
		}
		fmt.Fprintf(out, "%s%s  %s\n", mark, s.of[name], written)
	}
	return out.Flush()
}

// otherSums are the lengths in hex of sums that are made as often.
var otherSums = map[int]string{32: "MD5", 40: "SHA-1", 56: "SHA-224", 96: "SHA-384", 128: "SHA-512"}

func checkSum(sum string) error {
	if _, err := hex.DecodeString(sum); err != nil || len(sum) != hex.EncodedLen(sha256.Size) {
		if other := otherSums[len(sum)]; err == nil && other != "" {
			return fmt.Errorf("%w: this is a sum of %s", ErrMalformed, other)
		}
		return fmt.Errorf("%w: a line begins with a sum of %d hex digits", ErrMalformed, hex.EncodedLen(sha256.Size))
	}
	return nil
}

// checkName refuses a name that is not one of a file in the folder of the list or below
// it, on any system: on Windows a backslash separates folders, too.
func checkName(name string) error {
	if name == "" || len(name) > maxName || strings.ContainsRune(name, 0) {
		return fmt.Errorf("%w: %s cannot be the name of a file", ErrMalformed, shown(name))
	}
	slashed := strings.ReplaceAll(name, `\`, "/")
	drive := len(name) >= 2 && name[1] == ':'
	if drive || path.IsAbs(slashed) || slices.Contains(strings.Split(slashed, "/"), "..") {
		return fmt.Errorf("%w: %s leads out of the folder of the list", ErrMalformed, shown(name))
	}
	if path.Clean(slashed) != slashed || slashed == "." {
		return fmt.Errorf("%w: %s is not the plain name of a file", ErrMalformed, shown(name))
	}
	return nil
}

// shown is a name for a message.
func shown(name string) string { return text.Printable(name, 200) }
