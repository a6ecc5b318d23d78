package fetch

import (
	"path/filepath"
	"testing"

	"tpmdps/internal/filelock/filelocktest"
)

// The next run is not told of another one, whatever a child of this one still has open.
func TestKeptIsFreeOnceClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "certificates")
	for range 3 {
		k, err := OpenKept(path, &Client{})
		if err != nil {
			t.Fatal(err)
		}
		if n := filelocktest.Inherit(t, filepath.Dir(path)); n == 0 {
			t.Error("it is not open")
		}
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}
}
