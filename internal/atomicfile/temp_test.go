package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// What fails before a file has its name leaves nothing, and is an error.
func TestWriteTempThatFails(t *testing.T) {
	refused := errors.New("refused")
	works := func(*os.File) error { return nil }
	fails := func(*os.File) error { return refused }
	closes := func(f *os.File) error { return errors.Join(refused, f.Close()) }
	for name, calls := range map[string][2]func(*os.File) error{
		"mode": {fails, works}, "flush": {works, fails}, "mode, closed": {closes, works}, "flush, closed": {works, closes},
	} {
		dir := t.TempDir()
		temp, err := writeTemp(filepath.Join(dir, "f"), []byte("x"), calls[0], calls[1])
		if temp != nil || !errors.Is(err, refused) {
			t.Errorf("%s: %v, %v", name, temp, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("%s: left behind: %v, %v", name, entries, err)
		}
	}
}
