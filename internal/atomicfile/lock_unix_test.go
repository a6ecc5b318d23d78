//go:build unix

package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"tpmdps/internal/contexttest"
	"tpmdps/internal/filelock"
)

// edit adds a line to a file as a command does: lock, read, replace.
func edit(ctx context.Context, path, line string) error {
	lock, err := Acquire(ctx, path, nil)
	if err != nil {
		return err
	}
	old, err := os.ReadFile(path)
	if err == nil {
		_, err = Replace(path, old, append(old, line+"\n"...), noon)
	}
	if err == nil {
		_, err = Prune(path, 3, "")
	}
	return errors.Join(err, lock.Release())
}

// No edit is lost, and none refused, under any name of the file.
func TestEditsInParallel(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "c"), filepath.Join(t.TempDir(), "link")
	write(t, path, "", 0o600)
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	const runs, edits = 8, 10
	var wg sync.WaitGroup
	for run := range runs {
		wg.Go(func() {
			for n := range edits {
				if err := edit(t.Context(), []string{path, link}[run%2], fmt.Sprintf("run %d edit %d", run, n)); err != nil {
					t.Errorf("run %d, edit %d: %v", run, n, err)
				}
			}
		})
	}
	wg.Wait()
	all := files(t, dir)
	for run := range runs {
		for n := range edits {
			if line := fmt.Sprintf("run %d edit %d\n", run, n); strings.Count(all["c"], line) != 1 {
				t.Errorf("%q is %d times in the file", line, strings.Count(all["c"], line))
			}
		}
	}
	if len(all) != 1+3 {
		t.Errorf("there are %d files, want the file and 3 backups: %q", len(all), all)
	}
}

// Waiting ends with the run, and nothing has changed then.
func TestAcquireEnds(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c")
	write(t, path, "one", 0o400) // which no lock needs to be able to write
	held, err := Acquire(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, expire := contexttest.WithDeadline(t)
	if _, err := Acquire(ctx, path, expire); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, filelock.ErrHeld) || !strings.Contains(err.Error(), path) {
		t.Errorf("Acquire() = %v", err)
	}
	if err := held.Release(); err != nil {
		t.Fatal(err)
	}
	free(t, path)
	want(t, dir, map[string]string{"c": "one"})
	free(t, filepath.Join(dir, "none"))
	if err := (*Lock)(nil).Release(); err != nil {
		t.Error(err)
	}
}

// free makes sure that nobody has the lock.
func free(t *testing.T, path string) {
	t.Helper()
	lock, err := Acquire(t.Context(), path, func() { t.Errorf("%s is locked", path) })
	if err == nil {
		err = lock.Release()
	}
	if err != nil {
		t.Error(err)
	}
}

// Who waited has the lock of the file that bears the name by then.
func TestAcquireFollowsTheName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	write(t, path, "one", 0o600)
	first, err := Acquire(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Acquire(t.Context(), path, func() {
		if _, err := Replace(path, []byte("one"), []byte("two"), noon); err != nil {
			t.Error(err)
		}
		if err := first.Release(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if locked, err := filelock.TryLock(f); locked || err != nil {
		t.Errorf("the new file can be locked: %v, %v", locked, err)
	}
	if err := second.Release(); err != nil {
		t.Error(err)
	}
}

// A file has one owner, whatever that writes, until it is closed.
func TestOwn(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	inUse := func(when string) {
		t.Helper()
		if _, err := Own(path, nil, 0o600); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: Own() = %v, want %v", when, err, ErrInUse)
		}
	}
	o, err := Own(path, []byte("one"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, o, "one")
	inUse("a new file")
	for _, text := range []string{"two", "three"} {
		if err := o.Put(whole([]byte(text))); err != nil {
			t.Fatal(err)
		}
		holds(t, o, text)
		inUse(text)
		want(t, dir, map[string]string{"state": text})
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o, err = Own(path, []byte("one"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, o, "three")
	inUse("an old file")
	write(t, path+"~", "theirs", 0o600)
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
	if err := o.Put(whole([]byte("ours"))); !errors.Is(err, ErrChanged) {
		t.Errorf("Put() over another file = %v, want %v", err, ErrChanged)
	}
	want(t, dir, map[string]string{"state": "theirs"})
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

// Of many at the same moment one gets it, whether it is there or not.
func TestOwnOnceOfMany(t *testing.T) {
	for _, there := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "state")
		if there {
			write(t, path, "x", 0o600)
		}
		owners := make(chan *Owned, 8)
		var wg sync.WaitGroup
		for range cap(owners) {
			wg.Go(func() {
				o, err := Own(path, []byte("x"), 0o600)
				if err == nil {
					owners <- o
				} else if !errors.Is(err, ErrInUse) {
					t.Errorf("Own() = %v", err)
				}
			})
		}
		wg.Wait()
		if len(owners) != 1 {
			t.Errorf("%d own the file, there = %v", len(owners), there)
		}
		close(owners)
		for o := range owners {
			o.Close()
		}
		want(t, filepath.Dir(path), map[string]string{"state": "x"})
	}
}

func TestOwnRefuses(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, dir, filepath.Join(dir, "no", "state"), os.DevNull} {
		if _, err := Own(path, []byte("x"), 0o600); err == nil || !strings.Contains(err.Error(), filepath.Base(path)) {
			t.Errorf("Own(%s) = %v", path, err)
		}
	}
}

// What a killed run left goes, with the next run that writes the file; what somebody
// is still at, and what others named, stays.
func TestSweep(t *testing.T) {
	for name, writeIt := range map[string]func(path string) error{
		"create": func(path string) error { return Create(path, []byte("new"), 0o600) },
		"put":    func(path string) error { return Put(path, []byte("new"), 0o600) },
		"own": func(path string) error {
			o, err := Own(path, []byte("new"), 0o600)
			return errors.Join(err, o.Close())
		},
		"replace": func(path string) error { return edit(context.Background(), path, "new") },
		"exists": func(path string) error {
			if err := Create(path, nil, 0o600); !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("Create() = %w", err)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "c")
			if name == "replace" || name == "exists" {
				write(t, path, "old", 0o600)
			}
			stay := []string{".c.12", ".c.12.tpmdps~", ".c.1a.tpmdps", ".c..tpmdps", ".c.20240301", ".d.12.tpmdps", "c.12.tpmdps", ".c.bak.12.tpmdps", ".c.-1.tpmdps"}
			gone := []string{".c.12.tpmdps", ".c.4294967295.tpmdps"}
			for _, n := range append(stay, gone...) {
				write(t, filepath.Join(dir, n), "x", 0o600)
			}
			live, err := newTemp(path)
			if err != nil {
				t.Fatal(err)
			}
			defer live.drop()
			if err := os.Symlink(".d.12.tpmdps", filepath.Join(dir, ".c.13.tpmdps")); err != nil {
				t.Fatal(err)
			}
			if err := writeIt(path); err != nil {
				t.Fatal(err)
			}
			all := files(t, dir)
			for _, n := range append(stay, filepath.Base(live.Name()), ".c.13.tpmdps") {
				if _, ok := all[n]; !ok {
					t.Errorf("%s is gone", n)
				}
			}
			for _, n := range gone {
				if _, ok := all[n]; ok {
					t.Errorf("%s is still there", n)
				}
			}
		})
	}
}

// Runs that write and sweep at the same time take none of each other's files away.
func TestSweepInParallel(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c")
	var wg sync.WaitGroup
	for run := range 8 {
		wg.Go(func() {
			for range 30 {
				if err := Put(path, fmt.Append(nil, "run ", run), 0o600); err != nil {
					t.Errorf("Put() = %v", err)
				}
			}
		})
	}
	wg.Wait()
	if all := files(t, dir); len(all) != 1 || !strings.HasPrefix(all["c"], "run ") {
		t.Errorf("files = %q", all)
	}
}
