package tpm

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tpmdps/internal/softtpm/softtpmtest"
)

// What opening a socket or a device may end with, and what that means.
func TestOpenErrors(t *testing.T) {
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", err)}
	}
	open := func(err error) error { return &fs.PathError{Op: "open", Path: "/dev/tpm0", Err: err} }
	for _, test := range []struct {
		err, is error
	}{
		{dial(syscall.EAGAIN), ErrBusy},
		{dial(syscall.EBUSY), ErrBusy},
		{open(syscall.EBUSY), ErrBusy},
		{open(syscall.EAGAIN), ErrBusy},
		{dial(syscall.ECONNREFUSED), ErrNoDevice},
		{dial(syscall.ENOENT), ErrNoDevice},
		{dial(syscall.EACCES), ErrPermission},
		{open(syscall.EPERM), ErrPermission},
	} {
		err := openError("x", test.err)
		for _, one := range []error{ErrBusy, ErrNoDevice, ErrPermission} {
			if errors.Is(err, one) != (one == test.is) {
				t.Errorf("%v is %v", test.err, err)
			}
		}
	}
}

// A chip that answered and then is not there any more was there: that is said, and
// of one that never answered it is not.
func TestGone(t *testing.T) {
	chip := softtpmtest.Start(t, "persisted")
	addr, err := ParseAddress(chip.Address())
	if err != nil {
		t.Fatal(err)
	}
	d, err := Open(t.Context(), addr, Options{})
	if err != nil {
		t.Fatal(err)
	}
	chip.Stop()
	_, err = d.Inventory()
	if !errors.Is(err, ErrGone) || !errors.Is(err, ErrNoDevice) || !strings.Contains(err.Error(), "it answered ") {
		t.Errorf("killed within the run: %v", err)
	}
	d.Close()
	if _, err := Open(t.Context(), addr, Options{}); errors.Is(err, ErrGone) || !errors.Is(err, ErrNoDevice) {
		t.Errorf("not there at all: %v", err)
	}
}

// A run that only looks leaves on the chip what a killed one left, and notes it for
// the next that cleans up.
func TestKeepLeftovers(t *testing.T) {
	chip := softtpmtest.Start(t, "")
	dir := filepath.Join(t.TempDir(), "ledgers")
	leaves(t, chip, dir)
	left, err := softtpmtest.Leftovers(chip)
	if err != nil || len(left) == 0 {
		t.Fatalf("nothing was left: %v", err)
	}
	addr, err := ParseAddress(chip.Address())
	if err != nil {
		t.Fatal(err)
	}
	for _, keep := range []bool{true, true, false} {
		var notices []string
		d, err := Open(t.Context(), addr, Options{Ledgers: dir, keepLeftovers: keep, Flushed: func(what string) { notices = append(notices, what) }})
		if err != nil {
			t.Fatal(err)
		}
		i, err := d.Inventory()
		if err := errors.Join(err, d.Close()); err != nil {
			t.Fatal(err)
		}
		want := 0
		if keep {
			want = len(left)
		}
		still, err := softtpmtest.Leftovers(chip)
		if err != nil || len(still) != want || len(i.Transient)+len(i.LoadedSessions) != want || (len(notices) == 0) != keep {
			t.Errorf("keep %v: %#x stay, %v and %v are listed, said %q, %v", keep, still, i.Transient, i.LoadedSessions, notices, err)
		}
	}
}
