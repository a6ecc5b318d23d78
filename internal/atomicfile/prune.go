package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Backups is how many backups of a file are kept where nobody says otherwise.
const Backups = 5

// stampLayout is the time in a backup's name.
const stampLayout = "20060102T150405Z"

// Prune removes the oldest backups that [Replace] made of the file at path, by their
// names, and leaves the newest keep of them, at least one, and in any case the one
// that newest names, whatever its time says. It returns what it removed. A file of
// another name, such as the user's own copies, is not touched.
func Prune(path string, keep int, newest string) (removed []string, err error) {
	removed = []string{}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return removed, err
	}
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return removed, err
	}
	var all []backup
	for _, e := range entries {
		if b, ok := parseBackup(e.Name(), base); ok && e.Type().IsRegular() && b.name != filepath.Base(newest) {
			all = append(all, b)
		}
	}
	slices.SortFunc(all, backup.compare)
	keep = max(keep, 1)
	if newest != "" {
		keep--
	}
	for _, b := range all[:max(0, len(all)-keep)] {
		name := filepath.Join(dir, b.name)
		switch e := os.Remove(name); {
		case e == nil:
			removed = append(removed, name)
		case !errors.Is(e, fs.ErrNotExist): // another run was faster
			err = errors.Join(err, e)
		}
	}
	return removed, err
}

// backup is what the name of one says.
type backup struct {
	name string
	time time.Time
	n    int // of those of one second, from 1
}

func (b backup) compare(c backup) int {
	if order := b.time.Compare(c.time); order != 0 {
		return order
	}
	return b.n - c.n
}

// backupName is the name of the n-th backup of a second.
func backupName(path string, now time.Time, n int) string {
	name := path + "." + now.UTC().Format(stampLayout)
	if n > 1 {
		name += "-" + strconv.Itoa(n)
	}
	return name + ".bak"
}

// parseBackup reads a name that backupName made for base, and no other.
func parseBackup(name, base string) (b backup, ok bool) {
	text, found := strings.CutPrefix(name, base+".")
	if !found {
		return b, false
	}
	text, found = strings.CutSuffix(text, ".bak")
	if !found {
		return b, false
	}
	stamp, number, counted := strings.Cut(text, "-")
	b.name, b.n = name, 1
	if counted {
		if b.n, _ = strconv.Atoi(number); b.n < 2 {
			return b, false
		}
	}
	var err error
	if b.time, err = time.Parse(stampLayout, stamp); err != nil {
		return b, false
	}
	return b, backupName(base, b.time, b.n) == name
}
