package atomicfile

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"tpmdps/internal/filelock"
	"tpmdps/internal/filelock/filelocktest"
)

// Whatever a child still has open, the next one gets the lock as soon as it is given back, and
// a file whose writer has closed it can be swept.
func TestNextOneGetsTheLock(t *testing.T) {
	const text = "one\n"
	for name, use := range map[string]func(path string) (io.Closer, error){
		"Own, a new file": func(path string) (io.Closer, error) { return Own(path, []byte(text), 0o600) },
		"Own": func(path string) (io.Closer, error) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				return nil, err
			}
			return Own(path, nil, 0o600)
		},
		"Own, replaced": func(path string) (io.Closer, error) {
			o, err := Own(path, []byte(text), 0o600)
			if err != nil {
				return nil, err
			}
			return o, o.Put(func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
		},
		"Acquire": func(path string) (io.Closer, error) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				return nil, err
			}
			lock, err := Acquire(t.Context(), path, nil)
			return releaser{lock}, err
		},
		"temporary file": func(path string) (io.Closer, error) {
			f, err := newTemp(path)
			if err != nil {
				return nil, err
			}
			return f, os.Link(f.Name(), path)
		},
	} {
		path := filepath.Join(t.TempDir(), "f")
		first, err := use(path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n := filelocktest.Inherit(t, filepath.Dir(path)); n != 1 {
			t.Errorf("%s: %d open files", name, n)
		}
		if err := first.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if locked, err := filelock.TryLock(f); !locked || err != nil {
			t.Errorf("%s: %v, %v, want the lock", name, locked, err)
		}
		filelock.Close(f)
	}
}

type releaser struct{ *Lock }

func (r releaser) Close() error { return r.Release() }
