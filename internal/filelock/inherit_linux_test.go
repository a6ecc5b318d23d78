package filelock_test

import (
	"os"
	"path/filepath"
	"testing"

	"tpmdps/internal/filelock"
	"tpmdps/internal/filelock/filelocktest"
)

// A program that is being started has the file open, too: the lock ends all the same.
func TestCloseEndsTheLock(t *testing.T) {
	for name, end := range map[string]func(*os.File) error{"Close": filelock.Close, "Unlock": filelock.Unlock} {
		path := filepath.Join(t.TempDir(), "f")
		open := func() *os.File {
			f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			return f
		}
		first := open()
		if locked, err := filelock.TryLock(first); !locked || err != nil {
			t.Fatal(locked, err)
		}
		if n := filelocktest.Inherit(t, filepath.Dir(path)); n != 1 {
			t.Fatalf("%d open files", n)
		}
		if err := end(first); err != nil {
			t.Fatal(err)
		}
		if locked, err := filelock.TryLock(open()); !locked || err != nil {
			t.Errorf("after %s: %v, %v, want the lock", name, locked, err)
		}
	}
}
