package filelock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"tpmdps/internal/contexttest"
)

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func try(t *testing.T, f *os.File, want bool) {
	t.Helper()
	if got, err := TryLock(f); got != want || err != nil {
		t.Errorf("TryLock() = %v, %v, want %v", got, err, want)
	}
}

// A lock keeps every other open file out, until it is given back or closed.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	a, b := open(t, path), open(t, path)
	if err := Lock(t.Context(), a, func() { t.Error("it waits for nobody") }); err != nil {
		t.Fatal(err)
	}
	try(t, b, false)
	if err := Unlock(a); err != nil {
		t.Fatal(err)
	}
	try(t, b, true)
	try(t, a, false)
	b.Close()
	try(t, a, true)
}

// The end of the time, and Ctrl-C, end the waiting, and it says for what it waited.
func TestLockEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	a, b := open(t, path), open(t, path)
	try(t, a, true)
	deadline, expire := contexttest.WithDeadline(t)
	interrupted, interrupt := context.WithCancel(t.Context())
	for _, test := range []struct {
		ctx  context.Context
		end  func()
		want error
	}{{deadline, expire, context.DeadlineExceeded}, {interrupted, interrupt, context.Canceled}} {
		if err := Lock(test.ctx, b, test.end); !errors.Is(err, test.want) || !errors.Is(err, ErrHeld) {
			t.Errorf("Lock() = %v, want %v and %v", err, ErrHeld, test.want)
		}
	}
	a.Close()
	try(t, b, true)
	if err := Lock(interrupted, open(t, path), nil); !errors.Is(err, context.Canceled) || errors.Is(err, ErrHeld) {
		t.Errorf("Lock() of a run that is over = %v", err)
	}
}

func TestLockOneAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var inside, times atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		f := open(t, path)
		wg.Go(func() {
			if err := Lock(t.Context(), f, nil); err != nil {
				t.Error(err)
			}
			if n := inside.Add(1); n != 1 {
				t.Errorf("%d have the lock", n)
			}
			times.Add(1)
			inside.Add(-1)
			if err := Unlock(f); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := times.Load(); n != 8 {
		t.Errorf("%d of 8 had the lock", n)
	}
}
