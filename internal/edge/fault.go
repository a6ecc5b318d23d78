package edge

import (
	"errors"
	"fmt"
)

// ErrUnusable is wrapped by every [FileError].
var ErrUnusable = errors.New("not usable")

// FileError is what is wrong with a file that was to be IoT Edge's configuration.
type FileError struct {
	Path string
	Err  error
}

// Error implements error.
func (f *FileError) Error() string { return fmt.Sprintf("%s: %v: %v", f.Path, ErrUnusable, f.Err) }

// Unwrap returns both: what it is, and what is wrong.
func (f *FileError) Unwrap() []error { return []error{ErrUnusable, f.Err} }

// Hint names the command that shows what to fix, for this file; "" where the error
// itself has advice.
func (f *FileError) Hint() string {
	if errors.Is(f.Err, ErrOtherProvisioning) {
		return ""
	}
	return "tpmdps config --check" + FileFlag(f.Path) + " shows what to fix; tpmdps config --config - prints a valid file"
}
