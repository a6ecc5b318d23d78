package atomicfile

import (
	"os"
	"time"
)

// deadAfter is when a temporary file is a killed run's. Windows renames no file that
// is open, so a lock could not last until then, and only age tells.
const deadAfter = time.Hour

// guard has nothing to do: see deadAfter.
func (t *temp) guard() (kept bool, err error) { return true, nil }

// settle closes the file, so that it can be renamed.
func (t *temp) settle() error { return t.Close() }

// removeDead removes a temporary file that is old.
func removeDead(name string) {
	if info, err := os.Lstat(name); err == nil && time.Since(info.ModTime()) > deadAfter {
		os.Remove(name)
	}
}
