package stick

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/check"
	"tpmdps/internal/disk"
	"tpmdps/internal/manifest"
	"tpmdps/internal/sums"
	"tpmdps/internal/text"
)

// BytesPerBox is how much of the stick a box is counted with: a record with its EK
// certificate has about 4 KiB.
const BytesPerBox = 8 << 10

// The steps of Check, in their order.
const (
	StepSums    = "sums"
	StepBatch   = "batch"
	StepSecrets = "secrets"
	StepSpace   = "space"
	StepWrite   = "write"
)

// Report is what a stick was found to be.
type Report struct {
	Steps    []Step    `json:"steps"`
	Findings []Finding `json:"findings"`
	// Boxes are those in the batch.
	Boxes int `json:"boxes"`
	// FreeBytes is what this user can still write; -1 where the system does not say.
	FreeBytes int64 `json:"free_bytes"`
	// RoomFor is for how many boxes that is enough; -1 as well.
	RoomFor int64 `json:"room_for"`
	// Writable: a file could be written here.
	Writable bool `json:"writable"`
}

// Step is a part of the check.
type Step struct {
	Name   string       `json:"name"`
	Status check.Status `json:"status"`
	Detail string       `json:"detail"`
}

// What a finding is.
const (
	Missing    = "missing"
	Changed    = "changed"
	Unlisted   = "not of the stick"
	Unreadable = "unreadable"
	Secret     = "secret"
	Unsearched = "not searched"
)

// Finding is something about a file of the stick.
type Finding struct {
	File   string       `json:"file"`
	Line   int          `json:"line"` // 0 where it is about the file as a whole
	What   string       `json:"what"`
	Status check.Status `json:"status"` // warn or fail
	Detail string       `json:"detail"`
}

// Check looks at the stick at dir: whether all that does not change is as it was made,
// whether the batch is whole and has room for so many more boxes, whether it can be
// written to, and whether a secret lies on it. It writes one empty file, and removes it.
// The error names the first thing that is wrong, in that order: [ErrNoStick],
// [ErrAltered], manifest's, [ErrSecret], [ErrRoom]; with it, the report is whole but for
// ErrNoStick. That a stick cannot be written to is a warning: all else works from it.
func Check(ctx context.Context, dir string, boxes int) (Report, error) {
	r := Report{Steps: []Step{}, Findings: []Finding{}, FreeBytes: -1, RoomFor: -1}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return r, disk.At(dir, fmt.Errorf("check the stick %s: %w", dir, err))
	}
	defer root.Close()
	list, err := readSums(root)
	if err != nil {
		return r, fmt.Errorf("%s: %w: %w", dir, ErrNoStick, err)
	}
	c := checker{ctx: ctx, root: root, dir: dir, list: list, report: &r, intact: map[string]bool{}}
	altered, damaged, secret := c.sums(), c.batch(), c.secrets()
	if err := ctx.Err(); err != nil {
		return r, err
	}
	c.write()
	return r, cmp.Or(altered, damaged, secret, c.space(int64(boxes)))
}

// readSums reads the list of a stick.
func readSums(root *os.Root) (sums.Sums, error) {
	f, err := openPlain(root, sums.FileName)
	if errors.Is(err, fs.ErrNotExist) {
		return sums.Sums{}, errors.New("there is no " + sums.FileName + " on it")
	} else if err != nil {
		return sums.Sums{}, err
	}
	defer f.Close()
	list, err := sums.Parse(f)
	if err != nil {
		return list, fmt.Errorf("%s: %w", sums.FileName, err)
	}
	if !ofStick(list) {
		return list, errors.New(sums.FileName + " is of something else")
	}
	return list, nil
}

// openPlain opens a file below the stick that is one: a pipe might never open.
func openPlain(root *os.Root, name string) (*os.File, error) {
	info, err := root.Lstat(filepath.FromSlash(name))
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a plain file")
	}
	return root.Open(filepath.FromSlash(name))
}

// checker is a run of Check.
type checker struct {
	ctx    context.Context
	root   *os.Root
	dir    string
	list   sums.Sums
	report *Report
	intact map[string]bool // files of the list that are as they were made
}

func (c *checker) step(name string, status check.Status, detail string) {
	c.report.Steps = append(c.report.Steps, Step{name, status, detail})
}

func (c *checker) found(f Finding) {
	f.File, f.Detail = text.Printable(f.File, 200), text.Printable(f.Detail, 300)
	c.report.Findings = append(c.report.Findings, f)
}

// sums compares all files of the list, and looks for others where programs are.
func (c *checker) sums() error {
	bad := 0
	fail := func(name, what, detail string) {
		bad++
		c.found(Finding{File: name, What: what, Status: check.Fail, Detail: detail})
	}
	names := c.list.Names()
	for _, name := range names {
		if c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		switch err := c.compare(name); {
		case err == nil:
			c.intact[name] = true
		case errors.Is(err, fs.ErrNotExist):
			fail(name, Missing, "it is not on the stick any more")
		case errors.Is(err, sums.ErrDiffers):
			fail(name, Changed, "its sum is another one than "+sums.FileName+" has")
		default:
			fail(name, Unreadable, reason(err))
		}
	}
	entries, err := fs.ReadDir(c.root.FS(), programs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		fail(programs, Unreadable, reason(err))
	}
	for _, e := range entries {
		name := programs + "/" + e.Name()
		if _, listed := c.list.Of(name); !listed {
			fail(name, Unlisted, "where the programs are, nothing else belongs")
		}
	}
	if bad > 0 {
		c.step(StepSums, check.Fail, text.Count(bad, "file")+" not as they were made")
		f := c.report.Findings[0]
		return fmt.Errorf("%w: %s: %s%s", ErrAltered, f.File, f.Detail, andMore(bad-1))
	}
	c.step(StepSums, check.OK, text.Count(len(names), "file")+" as they were made")
	return nil
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more", n)
}

// compare compares a file with its sum.
func (c *checker) compare(name string) error {
	f, err := openPlain(c.root, name)
	if err != nil {
		return err
	}
	defer f.Close()
	return c.list.Verify(name, f)
}

// reason is what the system says, without the path that it says it of.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
}

// batch reads the batch to its end.
func (c *checker) batch() error {
	f, err := openPlain(c.root, BatchFile)
	if errors.Is(err, fs.ErrNotExist) {
		c.step(StepBatch, check.OK, "there is none yet: the first box makes it")
		return nil
	}
	var report manifest.Report
	if err == nil {
		defer f.Close()
		report, err = manifest.Verify(f, manifest.Options{})
	}
	if err != nil {
		c.found(Finding{File: BatchFile, Line: report.Bad, What: Changed, Status: check.Fail, Detail: reason(err)})
		c.step(StepBatch, check.Fail, reason(err))
		if !errors.Is(err, manifest.ErrDamaged) && !errors.Is(err, manifest.ErrPlain) && !errors.Is(err, manifest.ErrConflict) {
			err = disk.At(BatchFile, err)
		}
		return fmt.Errorf("%s: %w", BatchFile, err)
	}
	c.report.Boxes = report.Boxes
	c.step(StepBatch, check.OK, boxesOf(int64(report.Boxes))+" in it, all lines whole")
	return nil
}

func boxesOf(n int64) string {
	if n == 1 {
		return "1 box"
	}
	return fmt.Sprintf("%d boxes", n)
}

// write tries to write beside the batch, and to open the batch.
func (c *checker) write() {
	batch := filepath.Join(c.dir, BatchFile)
	err := atomicfile.TryPlace(batch)
	if err == nil {
		var f *os.File
		switch f, err = c.root.OpenFile(BatchFile, os.O_RDWR, 0); {
		case err == nil:
			f.Close()
		case errors.Is(err, fs.ErrNotExist):
			err = nil
		}
	}
	if err != nil {
		why, _, _ := strings.Cut(reason(disk.At(batch, err)), "\n")
		c.step(StepWrite, check.Warn, "readable, not writable: no --append ("+why+")")
		return
	}
	c.report.Writable = true
	c.step(StepWrite, check.OK, "boxes can be added")
}

// space compares what is free with the boxes that are to come. Where nothing can be
// written it does not matter.
func (c *checker) space(boxes int64) error {
	free, err := disk.Free(c.dir)
	if err != nil {
		c.step(StepSpace, check.Skipped, "the system does not say how much is free")
		return nil
	}
	c.report.FreeBytes, c.report.RoomFor = free, free/BytesPerBox
	switch {
	case !c.report.Writable:
		c.step(StepSpace, check.Skipped, "nothing can be written")
	case c.report.RoomFor < boxes:
		detail := fmt.Sprintf("room for %s, and %s are to come", boxesOf(c.report.RoomFor), boxesOf(boxes))
		c.step(StepSpace, check.Fail, detail)
		return fmt.Errorf("%w: %s", ErrRoom, detail)
	default:
		c.step(StepSpace, check.OK, "room for "+boxesOf(c.report.RoomFor))
	}
	return nil
}
