package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

func at(call string, number syscall.Errno) error {
	return &fs.PathError{Op: call, Path: "f", Err: number}
}

// Each number, in whatever wraps it, has one cause, and that one kind and one hint.
func TestCauses(t *testing.T) {
	for _, tt := range []struct {
		err   error
		cause Cause
		kind  error
		hint  string
	}{
		{at("write", syscall.ENOSPC), Full, ErrMachine, "df"},
		{at("open", syscall.EDQUOT), Full, ErrMachine, "quota"},
		{at("open", syscall.EROFS), ReadOnly, ErrMachine, "remount"},
		{at("read", syscall.EIO), Broken, ErrMachine, "dmesg"},
		{at("read", syscall.ENODEV), Broken, ErrMachine, "medium"},
		{at("stat", syscall.ESTALE), Broken, ErrMachine, "share"},
		{at("write", syscall.EFBIG), TooLarge, ErrMachine, "ulimit"},
		{at("open", syscall.ETXTBSY), Busy, ErrMachine, "fuser"},
		{&os.LinkError{Op: "rename", Err: syscall.EBUSY}, Busy, ErrMachine, "containers"},
		{&os.LinkError{Op: "rename", Err: syscall.EXDEV}, Busy, ErrMachine, "containers"},
		{at("open", syscall.EMFILE), Other, ErrMachine, "dmesg"},
		{at("open", syscall.EACCES), Denied, ErrPlace, ""},
		{at("open", syscall.EPERM), Denied, ErrPlace, ""},
		{at("open", syscall.ENOENT), Missing, ErrPlace, "folder"},
		{at("read", syscall.EISDIR), IsFolder, ErrPlace, "folder"},
		{at("open", syscall.ENOTDIR), NoFolder, ErrPlace, "part of that path"},
		{at("open", syscall.ENAMETOOLONG), BadName, ErrPlace, "shorter"},
		{at("open", syscall.ELOOP), Loop, ErrPlace, "symbolic"},
		{at("chmod", syscall.EPERM), NoModes, ErrPlace, "FAT"},
		{at("chmod", syscall.ENOTSUP), NoModes, ErrPlace, "FAT"},
		{at("chmod", syscall.EINVAL), NoModes, ErrPlace, "no secret is safe"},
		{at("fchmod", syscall.ENOSYS), NoModes, ErrPlace, "own disk"},
		{at("chown", syscall.EINVAL), NoModes, ErrPlace, "FAT"},
		{at("sync", syscall.EINVAL), Lacking, ErrPlace, "FAT"},
		{syscall.ENOLCK, Lacking, ErrPlace, "network shares"},
		{syscall.ENOTSUP, Lacking, ErrPlace, "FAT"},
		{&os.LinkError{Op: "link", Err: syscall.EPERM}, Denied, ErrPlace, ""},
		{at("read", syscall.EBADF), Closed, ErrPlace, "not open"},
		{fs.ErrPermission, Denied, ErrPlace, ""},
		{fs.ErrNotExist, Missing, ErrPlace, "folder"},
		{errors.Join(errors.New("first"), at("write", syscall.ENOSPC)), Full, ErrMachine, "df"},
	} {
		err := At("f", fmt.Errorf("writing: %w", tt.err))
		var got *Error
		if !errors.As(err, &got) || got.Cause != tt.cause || !errors.Is(err, tt.kind) || !errors.Is(err, tt.cause) || !errors.Is(err, tt.err) {
			t.Errorf("%v: %#v, want %v, %v", tt.err, err, tt.cause, tt.kind)
			continue
		}
		if hint := got.Hint(); !strings.Contains(hint, tt.hint) || (hint == "") != (tt.cause == Denied) {
			t.Errorf("%v: hint %q, want %q", tt.err, hint, tt.hint)
		}
		if reads, _ := strings.CutSuffix(err.Error(), ": the file system keeps no modes"); reads != "writing: "+tt.err.Error() || tt.cause == NoModes && reads == err.Error() {
			t.Errorf("%v reads %q", tt.err, err)
		}
		if again := At("g", err); again != err {
			t.Errorf("%v: given another cause: %v", tt.err, again)
		}
	}
}

// What is not a file system's has no cause.
func TestNoCause(t *testing.T) {
	connect := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EACCES)}
	for _, err := range []error{nil, errors.New("x"), fs.ErrExist, &fs.PathError{Op: "read", Err: fs.ErrClosed}, &fs.PathError{Op: "read", Err: os.ErrDeadlineExceeded}, at("open", syscall.EEXIST), at("write", syscall.EPIPE)} {
		if got := At("f", err); got != err {
			t.Errorf("At(%v) = %v", err, got)
		}
	}
	for _, err := range []error{nil, connect, syscall.ECONNREFUSED, errors.New("x"), at("write", syscall.EPIPE)} {
		if got, found := Find(err); found {
			t.Errorf("Find(%v) = %v", err, got.Cause)
		}
	}
	for _, err := range []error{at("write", syscall.ENOSPC), syscall.ENOSPC, &os.LinkError{Op: "rename", Err: syscall.EROFS}} {
		if _, found := Find(fmt.Errorf("doing: %w", err)); !found {
			t.Errorf("Find(%v) finds nothing", err)
		}
	}
}

// Only root gives files away, so that a refused chown is the file system's for root.
func TestChownByRoot(t *testing.T) {
	defer func(old func() bool) { isRoot = old }(isRoot)
	for root, want := range map[bool]Cause{true: NoModes, false: Denied} {
		isRoot = func() bool { return root }
		if got := causeOf(at("chown", syscall.EPERM)); got != want {
			t.Errorf("root %v: %v, want %v", root, got, want)
		}
	}
}

// An error that comes after the deed says both, and keeps its cause.
func TestAfter(t *testing.T) {
	full := At("f", at("write", syscall.ENOSPC))
	for _, tt := range []struct {
		done []string
		err  error
		want string
	}{
		{nil, full, "write f: no space left on device"},
		{[]string{"a was written"}, full, "write f: no space left on device; done before that: a was written"},
		{[]string{"a", "b", "c", "d", "e"}, full, "write f: no space left on device; done before that: a, b, c and 2 more"},
		{[]string{"a"}, errors.New("x"), "x"},
	} {
		if got := After(tt.done, tt.err); got.Error() != tt.want || !errors.Is(got, tt.err) {
			t.Errorf("After(%q, %v) = %v", tt.done, tt.err, got)
		}
	}
	if err := After([]string{"a"}, nil); err != nil {
		t.Error(err)
	}
}

// fails fails from the second writing on.
type fails struct{ n int }

func (f *fails) Write(p []byte) (int, error) {
	if f.n++; f.n == 1 {
		return len(p), nil
	}
	return 0, at("write", syscall.ENOSPC)
}

// Output remembers what a writer of help texts does not look at.
func TestOutput(t *testing.T) {
	out := NewOutput(&fails{})
	fmt.Fprint(out, "a")
	if out.Err() != nil {
		t.Errorf("after a good writing: %v", out.Err())
	}
	if _, err := fmt.Fprint(out, "b"); !errors.Is(err, Full) || !errors.Is(out.Err(), Full) {
		t.Errorf("%v, %v", err, out.Err())
	}
	if hint := out.Err().(*Error).Hint(); !strings.Contains(hint, "where standard output goes") {
		t.Errorf("hint %q", hint)
	}
}

// The hint names the place where the file system is mounted.
func TestMountOf(t *testing.T) {
	if got := mountOf("/proc/self/no/such/file"); got != "/proc" {
		t.Errorf("mountOf() = %q, want /proc", got)
	}
	if got := mountOf(Stdout); got != "" {
		t.Errorf("mountOf(stdout) = %q", got)
	}
}
