//go:build vm

package vmtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
)

// blockLog is what a machine wrote to a disk, in its order. qemu keeps it in the form of
// Linux's dm-log-writes (Documentation/admin-guide/device-mapper/log-writes.rst).
type blockLog []blockWrite

type blockWrite struct {
	at    int64
	data  []byte
	flush bool // all before it had to be on the disk
}

func readBlockLog(t *testing.T, path string) (log blockLog) {
	t.Helper()
	const (
		magic      = 0x6a736677736872
		flush, fua = 1, 2
	)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var super struct {
		Magic, Version, Entries uint64
		SectorSize              uint32
	}
	if err := binary.Read(f, binary.LittleEndian, &super); err != nil || super.Magic != magic {
		t.Fatalf("not a log of writes: %+v, %v", super, err)
	}
	next := int64(super.SectorSize)
	for range super.Entries {
		var e struct{ Sector, Sectors, Flags, Length uint64 }
		if err := binary.Read(io.NewSectionReader(f, next, 32), binary.LittleEndian, &e); err != nil {
			t.Fatal(err)
		}
		next += int64(super.SectorSize)
		w := blockWrite{at: int64(e.Sector) * int64(super.SectorSize), flush: e.Flags&(flush|fua) != 0}
		if w.data = make([]byte, e.Sectors*uint64(super.SectorSize)); !w.flush || len(w.data) > 0 {
			if _, err := f.ReadAt(w.data, next); err != nil {
				t.Fatal(errors.Join(err, errors.New("the log is cut off")))
			}
			next += int64(len(w.data))
		}
		log = append(log, w)
	}
	return log
}

// state is what a power cut left on a disk, and the mark that was on it.
type state struct {
	image  []byte
	marked int
}

// cuts are all different states of a disk that had the image before: after each write, and
// with one write alone of those that no flush had brought to the disk. What is behind the
// end of the image are marks.
func (log blockLog) cuts(t *testing.T, image []byte) (states []state) {
	t.Helper()
	seen := map[[32]byte]bool{}
	marked := 0
	keep := func(image []byte) {
		sum := sha256.Sum256(image)
		if !seen[sum] {
			seen[sum] = true
			states = append(states, state{bytes.Clone(image), marked})
		}
	}
	durable, now := bytes.Clone(image), bytes.Clone(image)
	for _, w := range log {
		switch {
		case len(w.data) == 0: // a flush alone
		case w.at >= int64(len(image)):
			n, err := strconv.Atoi(strings.TrimSpace(string(w.data)))
			if err != nil {
				t.Fatal(err)
			}
			marked = n
		default:
			alone := bytes.Clone(durable)
			copy(alone[w.at:], w.data)
			copy(now[w.at:], w.data)
			keep(now)
			keep(alone)
		}
		if w.flush {
			durable = bytes.Clone(now)
		}
	}
	return states
}
