package stick

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/disk"
	"tpmdps/internal/sums"
)

// Action is what became of a file of the stick.
type Action string

// The actions of Init.
const (
	Created   Action = "created"
	Updated   Action = "updated"
	Unchanged Action = "unchanged"
	// Kept is for what Init does not write: a batch, and a program for a system that
	// this release has none for.
	Kept Action = "kept"
)

// Change is a file of the stick, and what became of it.
type Change struct {
	File   string `json:"file"`
	Action Action `json:"action"`
	Bytes  int64  `json:"bytes"`
}

// Init makes a stick of the folder dir, which has to exist: of a medium that is not
// mounted only the empty folder may be there, but no folder that was just made. What is
// there of an earlier stick is replaced, each file in one step, and the sums last, so
// that a run that was killed is found by [Check] and mended by another one. A batch is
// left alone. The changes that were made are returned with an error, too: [ErrForeign],
// or one of the disk.
func Init(ctx context.Context, dir string, s Snapshot) ([]Change, error) {
	i := initer{ctx: ctx, dir: dir}
	if err := i.look(); err != nil {
		return nil, err
	}
	wanted := ownFiles()
	for system, data := range s.programs {
		wanted[fileOf(system)] = data
	}
	if s.license != nil {
		wanted[LicenseFile] = s.license
	}
	return i.write(wanted)
}

// initer is a run of Init.
type initer struct {
	ctx     context.Context
	dir     string
	old     sums.Sums // of the stick that is there; empty if there is none
	changes []Change
}

// look finds out what is there, and refuses what could lead a write elsewhere.
func (i *initer) look() error {
	info, err := os.Stat(i.dir)
	if err != nil {
		return disk.At(i.dir, fmt.Errorf("make a stick of %s: %w", i.dir, err))
	}
	if !info.IsDir() {
		return &disk.Error{Cause: disk.NoFolder, Path: i.dir, Err: fmt.Errorf("make a stick of %s: it is not a folder", i.dir)}
	}
	if info, err := os.Lstat(i.at(programs)); err == nil && !info.IsDir() {
		return fmt.Errorf("%w: %s is not a folder, or a link to one", ErrForeign, i.at(programs))
	}
	root, err := os.OpenRoot(i.dir)
	if err != nil {
		return disk.At(i.dir, err)
	}
	defer root.Close()
	if _, err := root.Lstat(sums.FileName); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if i.old, err = readSums(root); err != nil {
		return fmt.Errorf("%w: %s is not a stick's (%w): move it away, or name another folder", ErrForeign, i.at(sums.FileName), err)
	}
	return nil
}

// ofStick tells whether a list is one that Init wrote.
func ofStick(s sums.Sums) bool {
	for name := range ownFiles() {
		if _, listed := s.Of(name); !listed {
			return false
		}
	}
	return slices.ContainsFunc(s.Names(), isProgram)
}

func (i *initer) at(name string) string { return filepath.Join(i.dir, filepath.FromSlash(name)) }

// write brings the stick to what is wanted.
func (i *initer) write(wanted map[string][]byte) ([]Change, error) {
	names := slices.Sorted(maps.Keys(wanted))
	for _, name := range names { // before anything is written
		if err := i.mayReplace(name, wanted[name]); err != nil {
			return nil, err
		}
	}
	if err := os.Mkdir(i.at(programs), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, disk.At(i.at(programs), err)
	}
	var list sums.Sums
	for _, name := range names {
		if err := i.ctx.Err(); err != nil {
			return i.changes, err
		}
		if err := errors.Join(i.put(name, wanted[name]), list.Add(name, sumOf(wanted[name]))); err != nil {
			return i.changes, err
		}
	}
	if err := i.keep(&list, wanted); err != nil {
		return i.changes, err
	}
	var written bytes.Buffer
	if err := sums.Write(&written, list); err != nil {
		return i.changes, err
	}
	if err := i.put(sums.FileName, written.Bytes()); err != nil {
		return i.changes, err
	}
	return i.changes, i.batch()
}

// mayReplace refuses to replace what is not the stick's: what its sums do not name, a
// program and the very file that is wanted aside.
func (i *initer) mayReplace(name string, data []byte) error {
	info, err := os.Lstat(i.at(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return disk.At(i.at(name), err)
	}
	_, ours := i.old.Of(name)
	if info.Mode().IsRegular() && (ours || isProgram(name) || i.has(name, data)) {
		return nil
	}
	return fmt.Errorf("%w: %s is not of a stick: move it away, or name another folder", ErrForeign, i.at(name))
}

// has tells whether a file of the stick has this content.
func (i *initer) has(name string, data []byte) bool {
	info, err := os.Lstat(i.at(name))
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(data)) {
		return false
	}
	sum, err := sums.File(i.at(name))
	return err == nil && sum == sumOf(data)
}

// put writes a file, unless it is there.
func (i *initer) put(name string, data []byte) error {
	action := Created
	if _, err := os.Lstat(i.at(name)); err == nil {
		action = Updated
	}
	if i.has(name, data) {
		action = Unchanged
	} else {
		mode := fs.FileMode(0o644)
		if name == "start.sh" || strings.HasPrefix(name, program) {
			mode = 0o755
		}
		if err := atomicfile.PutShared(i.at(name), data, mode); err != nil {
			return err
		}
	}
	i.changes = append(i.changes, Change{name, action, int64(len(data))})
	return nil
}

// keep leaves the programs of an earlier release where this one has none, and their sums
// in the list: what the sum is of, Check compares.
func (i *initer) keep(list *sums.Sums, wanted map[string][]byte) error {
	for _, name := range i.old.Names() {
		info, err := os.Lstat(i.at(name))
		if _, new := wanted[name]; new || err != nil || !isProgram(name) && name != LicenseFile {
			continue
		}
		sum, _ := i.old.Of(name)
		if err := list.Add(name, sum); err != nil {
			return err
		}
		i.changes = append(i.changes, Change{name, Kept, info.Size()})
	}
	return nil
}

// batch makes an empty batch, if there is none.
func (i *initer) batch() error {
	info, err := os.Lstat(i.at(BatchFile))
	if err == nil {
		i.changes = append(i.changes, Change{BatchFile, Kept, info.Size()})
		return nil
	}
	f, err := os.OpenFile(i.at(BatchFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return disk.At(i.at(BatchFile), err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return disk.At(i.at(BatchFile), err)
	}
	i.changes = append(i.changes, Change{BatchFile, Created, 0})
	return nil
}
