// Package integrity says whether a program's file is the one that a list of sums has,
// such as the list of a release, or of a stick.
//
// It finds files that were damaged, mixed up or replaced. It does not find somebody who
// changed file and list: a list is as good as the way on which it came, and the
// program that looks may have been replaced, too. What proves a list is its signature.
package integrity

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"tpmdps/internal/sums"
	"tpmdps/internal/text"
)

var (
	// ErrChanged is for a file that is not the one that is listed under its name.
	ErrChanged = errors.New("this program is not the one in the list")
	// ErrUnlisted is for a file that a list has neither by name nor by sum.
	ErrUnlisted = errors.New("this program is not in the list")
	// ErrNoList is where no list is at hand.
	ErrNoList = errors.New("there is no " + sums.FileName)
	// ErrUnknown is where the system does not tell which file the program is.
	ErrUnknown = errors.New("cannot find the program's own file")
)

// Executable is the path of the running program, with links resolved. called is the path by which it
// was called, for systems that do not tell: Linux without /proc.
func Executable(called string) (string, error) {
	path, err := os.Executable()
	if err != nil {
		if filepath.Base(called) == called { // it was found in PATH, nobody says where
			return "", fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		path, err = filepath.Abs(called)
	}
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return path, nil
}

// FindList is the list beside a file, or in the folder above, where a stick has it. The
// error wraps ErrNoList.
func FindList(file string) (string, error) {
	dir := filepath.Dir(file)
	for _, place := range []string{dir, filepath.Dir(dir)} {
		path := filepath.Join(place, sums.FileName)
		switch _, err := os.Stat(path); {
		case err == nil:
			return path, nil
		case !errors.Is(err, os.ErrNotExist):
			return "", err
		}
	}
	return "", fmt.Errorf("%w in %s", ErrNoList, text.Printable(dir, 300))
}

// Result is what came out.
type Result struct {
	File string `json:"file"` // the path of the program
	SHA  string `json:"sha256"`
	List string `json:"list"` // the path of the list
	// Name is the name in the list that counts: the file's own, or else the one that
	// has the file's sum; "" for none.
	Name string `json:"name"`
	// Listed is the sum that the list has for Name; "" for none.
	Listed string `json:"listed_sha256"`
	// SameAs is another name under which the list has the file's sum, where its own name
	// has another sum; "" for none.
	SameAs string `json:"same_as"`
}

// Compare says whether a file with a sum (lower-case hex) is the one that the list at a
// path has. The file's name counts, seen from the list's folder or alone; where the list
// does not have it, the sum counts under any name: a release names a program by its
// system, and people rename it. Errors wrap ErrChanged or ErrUnlisted.
func Compare(file, sum, path string, list sums.Sums) (Result, error) {
	r := Result{File: file, SHA: sum, List: path}
	same := ""
	for _, name := range list.Names() {
		if of, _ := list.Of(name); of == sum && same == "" {
			same = name
		}
	}
	for _, name := range names(file, path) {
		of, listed := list.Of(name)
		if !listed {
			continue
		}
		r.Name, r.Listed = name, of
		if of == sum {
			return r, nil
		}
		r.SameAs = same
		return r, fmt.Errorf("%w: %s has the SHA-256 %s, and %s has %s for %s", ErrChanged,
			text.Printable(file, 300), sum, text.Printable(path, 300), of, text.Printable(name, 300))
	}
	if same == "" {
		return r, fmt.Errorf("%w: %s has no %s, and no file with the SHA-256 %s", ErrUnlisted,
			text.Printable(path, 300), text.Printable(filepath.Base(file), 300), sum)
	}
	r.Name, r.Listed = same, sum
	return r, nil
}

// names are those that a list at a path may have for a file.
func names(file, path string) []string {
	base := filepath.Base(file)
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return []string{base}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return []string{base}
	}
	if below, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(below) && below != base {
		return []string{filepath.ToSlash(below), base}
	}
	return []string{base}
}
