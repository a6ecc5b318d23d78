package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

// Each number of Windows has the cause that Linux's has.
func TestCauses(t *testing.T) {
	for number, want := range map[syscall.Errno]Cause{
		112: Full, 39: Full, 1295: Full, 19: ReadOnly, 23: Broken, 21: Broken, 1117: Broken, 64: Broken, 55: Broken,
		223: TooLarge, 32: Busy, 33: Busy, 17: Busy, 5: Denied, 1314: Denied, 2: Missing, 3: Missing, 15: Missing,
		53: Missing, 67: Missing, 267: NoFolder, 123: BadName, 161: BadName, 206: BadName, 1921: Loop, 1: Lacking,
		50: Lacking, 6: Closed, 1450: Other,
	} {
		err := At("f", fmt.Errorf("writing: %w", &fs.PathError{Op: "open", Path: "f", Err: number}))
		if !errors.Is(err, want) {
			t.Errorf("%d: %#v, want %v", number, err, want)
		}
		var cause *Error
		if errors.As(err, &cause) && (cause.Hint() == "") != (want == Denied) {
			t.Errorf("%d: hint %q", number, cause.Hint())
		}
	}
	for _, number := range []syscall.Errno{80, 183, 109, 232} {
		if err := At("f", &fs.PathError{Op: "open", Path: "f", Err: number}); errors.As(err, new(*Error)) {
			t.Errorf("%d has a cause: %#v", number, err)
		}
	}
}
