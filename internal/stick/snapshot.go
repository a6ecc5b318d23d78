package stick

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tpmdps/internal/disk"
	"tpmdps/internal/input"
	"tpmdps/internal/sums"
)

// maxArchives is how many archives are read: a release has six.
const maxArchives = 64

// Snapshot is what is wanted of a release.
type Snapshot struct {
	// Archives are those that were read, in that order.
	Archives []Archive
	// programs are by their systems.
	programs map[string][]byte
	license  []byte
}

// Archive is an archive of a release.
type Archive struct {
	// Path is where it was read.
	Path string `json:"archive"`
	// System is the one that its program is for, such as linux-armv7.
	System string `json:"system"`
	// Checked: it is the file that the SHA256SUMS beside it has. false: there is none.
	Checked bool `json:"checked"`
}

// Read reads a release: archives, or folders in which they are, such as the one that
// `make snapshot` makes. Each archive that has a SHA256SUMS beside it has to be the one
// that stands there. Errors wrap [ErrArchive], [ErrDownload], or are those of
// input.ReadFile and of disk.
func Read(ctx context.Context, paths []string) (Snapshot, error) {
	s := Snapshot{programs: map[string][]byte{}}
	archives, err := findArchives(paths)
	if err != nil {
		return s, err
	}
	for _, path := range archives {
		if err := s.add(ctx, path); err != nil {
			return Snapshot{}, err
		}
	}
	return s, nil
}

// findArchives lists the archives in folders, and those that are named.
func findArchives(paths []string) ([]string, error) {
	var all []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, input.Unreadable(path, disk.At(path, err))
		}
		if !info.IsDir() {
			all = append(all, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, input.Unreadable(path, disk.At(path, err))
		}
		found := len(all)
		for _, e := range entries {
			if isArchive(e.Name()) && !e.IsDir() {
				all = append(all, filepath.Join(path, e.Name()))
			}
		}
		if len(all) == found {
			return nil, fmt.Errorf("%s: %w: there is no archive in this folder whose name begins with tpmdps and ends with .tar.gz or .zip", path, ErrArchive)
		}
	}
	if len(all) > maxArchives {
		return nil, fmt.Errorf("%w: there are %d archives, and one for each system is wanted", ErrArchive, len(all))
	}
	return all, nil
}

func isArchive(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "tpmdps") && (strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".tgz") || strings.HasSuffix(name, ".zip"))
}

// add reads an archive. It is in memory from its sum to its program: on the disk it
// could become another one meanwhile.
func (s *Snapshot) add(ctx context.Context, path string) error {
	data, err := input.ReadRegular(ctx, path, maxArchive)
	if err != nil {
		return err
	}
	checked, err := compare(ctx, path, data)
	if err != nil {
		return err
	}
	c, err := unpack(data)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", path, ErrArchive, err)
	}
	system, err := systemOf(c.program)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", path, ErrArchive, err)
	}
	if other, twice := s.programs[system]; twice && !bytes.Equal(other, c.program) {
		first := slices.IndexFunc(s.Archives, func(a Archive) bool { return a.System == system })
		return fmt.Errorf("%w: %s and %s both have a program for %s, and not the same one", ErrArchive, s.Archives[first].Path, path, system)
	}
	s.programs[system] = c.program
	if s.license == nil {
		s.license = c.license
	}
	s.Archives = append(s.Archives, Archive{path, system, checked})
	return nil
}

// compare compares an archive with the list of sums beside it, and says whether there is
// one.
func compare(ctx context.Context, path string, data []byte) (bool, error) {
	beside := filepath.Join(filepath.Dir(path), sums.FileName)
	list, err := input.ReadRegular(ctx, beside, sums.MaxSize)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, disk.Missing) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	known, err := sums.Parse(bytes.NewReader(list))
	if err == nil {
		err = known.Verify(filepath.Base(path), bytes.NewReader(data))
	}
	if err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrDownload, beside, err)
	}
	return true, nil
}

// sumOf is the SHA-256 of bytes in hex.
func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
