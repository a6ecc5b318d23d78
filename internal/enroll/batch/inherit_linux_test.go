package batch

import (
	"path/filepath"
	"testing"

	"tpmdps/internal/filelock/filelocktest"
)

// The next run is not told of another one, whatever a child of this one still has open.
func TestResultsAreFreeOnceClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results")
	for range 3 {
		r, err := OpenResults(path, "dps.test")
		if err != nil {
			t.Fatal(err)
		}
		if n := filelocktest.Inherit(t, filepath.Dir(path)); n == 0 {
			t.Error("it is not open")
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
