package atomicfile

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPrune(t *testing.T) {
	const (
		first  = "c.20260304T115959Z.bak"
		second = "c.20260304T120000Z.bak"
		third  = "c.20260304T120000Z-2.bak"
		fourth = "c.20260304T120000Z-10.bak"
		fifth  = "c.20270101T000000Z.bak"
	)
	all := []string{first, second, third, fourth, fifth}
	others := []string{
		"c", "c.bak", "c.20260304.bak", "c.20260304T120000Z.bak~", "c.20260304T120000Z-1.bak", "c.20260304T120000Z-02.bak",
		"c.20260304T120000Z-x.bak", "c.20261304T120000Z.bak", "d.20260304T115959Z.bak", "c.old.20260304T115959Z.bak", "c.20260304T115959Z",
		"c.20260304T120000.5Z.bak", "c.20260304T120000Z-+3.bak", "c.20260304T120000Z-.bak",
	}
	for _, test := range []struct {
		keep   int
		newest string
		want   []string // removed, the oldest first
	}{
		{5, "", nil},
		{9, fifth, nil},
		{4, "", all[:1]},
		{4, fifth, all[:1]},
		{1, fifth, all[:4]},
		{1, "", all[:4]},
		{0, "", all[:4]}, // one is always kept
		{-1, fifth, all[:4]},
		// The clock was turned back: the backup just made looks like the oldest.
		{2, first, []string{second, third, fourth}},
		{1, first, []string{second, third, fourth, fifth}},
	} {
		dir := t.TempDir()
		for _, name := range append(others, all...) {
			write(t, filepath.Join(dir, name), "x", 0o600)
		}
		if err := os.Mkdir(filepath.Join(dir, "c.20250101T000000Z.bak"), 0o700); err != nil {
			t.Fatal(err)
		}
		newest := test.newest
		if newest != "" {
			newest = filepath.Join(dir, newest)
		}
		removed, err := Prune(filepath.Join(dir, "c"), test.keep, newest)
		if err != nil || removed == nil {
			t.Errorf("Prune(%d, %q) = %v, %v", test.keep, test.newest, removed, err)
		}
		for i := range removed {
			removed[i] = filepath.Base(removed[i])
		}
		if !slices.Equal(removed, test.want) {
			t.Errorf("Prune(%d, %q) = %q, want %q", test.keep, test.newest, removed, test.want)
		}
		if err := os.Remove(filepath.Join(dir, "c.20250101T000000Z.bak")); err != nil {
			t.Error("a directory is gone")
		}
		left := slices.Sorted(maps.Keys(files(t, dir)))
		want := slices.DeleteFunc(append(slices.Clone(others), all...), func(name string) bool { return slices.Contains(test.want, name) })
		slices.Sort(want)
		if !slices.Equal(left, want) {
			t.Errorf("Prune(%d, %q) left %q, want %q", test.keep, test.newest, left, want)
		}
	}
}

// What Replace names, Prune knows, and only that.
func TestBackupNames(t *testing.T) {
	for _, n := range []int{1, 2, 9, 10, 345} {
		for _, at := range []time.Time{noon, noon.In(time.FixedZone("", 3600)), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)} {
			name := backupName("c", at, n)
			b, ok := parseBackup(name, "c")
			if !ok || b.n != n || !b.time.Equal(at) {
				t.Errorf("parseBackup(%q) = %+v, %v", name, b, ok)
			}
			for i := range name {
				if b, ok := parseBackup(name[:i]+"?"+name[i+1:], "c"); ok {
					t.Errorf("%+v counts as a backup", b)
				}
			}
		}
	}
}

// Many edits leave a bounded number of files.
func TestBackupsAreBounded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c")
	write(t, path, "0", 0o600)
	for n := range 20 {
		backup, err := Replace(path, fmt.Append(nil, n), fmt.Append(nil, n+1), noon.Add(time.Duration(n/3)*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Prune(path, Backups, backup); err != nil {
			t.Fatal(err)
		}
	}
	all := files(t, dir)
	kept := []string{}
	for _, text := range all {
		kept = append(kept, text)
	}
	slices.Sort(kept)
	if got := strings.Join(kept, " "); got != "15 16 17 18 19 20" {
		t.Errorf("left are %s", got)
	}
}
