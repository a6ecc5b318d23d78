package tpm

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"
)

// A thousand activations, half of them failing, on two chips side by side: no
// session, no object, no file descriptor and no memory is lost.
func TestThousandActivations(t *testing.T) {
	chips := []*activations{newActivations(t), newActivations(t)}
	round := func(n int) {
		var all sync.WaitGroup
		for _, a := range chips {
			all.Go(func() { a.run(t, n/len(chips)) })
		}
		all.Wait()
	}
	round(100) // what is kept for good is kept by now
	files, memory := openFiles(t), liveMemory()
	round(900)
	if now := openFiles(t); now != files {
		t.Errorf("%d files are open, there were %d", now, files)
	}
	if now := liveMemory(); now > memory+256<<10 {
		t.Errorf("%d bytes are live, there were %d", now, memory)
	}
	for _, a := range chips {
		closeAll(t, a.ek, a.srk)
		if left := leftovers(t, a.chip); len(left) > 0 {
			t.Errorf("left on the chip: %#x", left)
		}
	}
}

// activations are made on one chip, in turns with a blob that is for it and one
// that is not.
type activations struct {
	chip      *recorder
	device    *Device
	ek, srk   *Key
	good, bad []byte
}

func newActivations(t *testing.T) *activations {
	t.Helper()
	a := &activations{chip: &recorder{t: implementations["swtpm"](t)}}
	a.device = open(t, a.chip, Options{})
	a.ek, a.srk = keys(t, a.device)
	a.good = wrap(t, a.ek, a.srk, testKey, "x/y")
	a.bad = wrap(t, altered(a.ek), a.srk, testKey, "x/y")
	return a
}

func (a *activations) run(t *testing.T, n int) {
	for i := range n {
		blob, want := a.good, error(nil)
		if i%2 == 1 {
			blob, want = a.bad, ErrOtherChip
		}
		key, err := a.device.Activate(a.ek, a.srk, blob)
		if !errors.Is(err, want) {
			t.Errorf("activation %d: %v, want %v", i, err, want)
			return
		}
		if key != nil {
			closeAll(t, key)
		}
	}
	a.chip.sent, a.chip.bytes = nil, nil
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func liveMemory() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
