//go:build linux

package bench

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/softtpm/softtpmtest"
)

// writing are the commands that write to a chip's non-volatile memory, which
// is slow and wears out.
var writing = []tpm2.TPMCC{
	tpm2.TPMCCEvictControl, tpm2.TPMCCNVDefineSpace, tpm2.TPMCCNVUndefineSpace, tpm2.TPMCCNVWrite,
	tpm2.TPMCCNVIncrement, tpm2.TPMCCNVExtend, tpm2.TPMCCNVSetBits, tpm2.TPMCCNVWriteLock,
	tpm2.TPMCCHierarchyChanegAuth /* go-tpm's spelling */, tpm2.TPMCCClear,
}

// traffic is what a program sent to its chip.
type traffic struct {
	commands, writes int
	primaries        map[tpm2.TPMHandle]int // CreatePrimary, by hierarchy
	tally            softtpmtest.Tally
}

// sum adds up what crossed a bus. A command and its response take turns there; a header is
// tag, size of the whole, code (TPM 2.0 Part 1, 18), and CreatePrimary names
// its hierarchy right behind it.
func sum(bus *softtpmtest.Bus) traffic {
	t := traffic{primaries: map[tpm2.TPMHandle]int{}, tally: softtpmtest.Count(bus.Bytes())}
	for rest, command := bus.Bytes(), true; len(rest) >= 10; command = !command {
		size := binary.BigEndian.Uint32(rest[2:])
		message := rest[:size]
		rest = rest[size:]
		if !command {
			continue
		}
		code := tpm2.TPMCC(binary.BigEndian.Uint32(message[6:]))
		t.commands++
		if slices.Contains(writing, code) {
			t.writes++
		}
		if code == tpm2.TPMCCCreatePrimary {
			t.primaries[tpm2.TPMHandle(binary.BigEndian.Uint32(message[10:]))]++
		}
	}
	return t
}

// journal takes the emulator's log and tells what was asked of it.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // has one in it when something was written since it was read
}

func newJournal() *journal { return &journal{more: make(chan struct{}, 1)} }

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	select {
	case j.more <- struct{}{}:
	default:
	}
	return j.text.Write(p)
}

func (j *journal) log() *slog.Logger { return slog.New(slog.NewJSONHandler(j, nil)) }

func (j *journal) reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text.Reset()
}

// request is one that the service answered.
type request struct {
	name         string // challenge, register, poll; method and path of others
	began, ended time.Time
	asksBack     bool // the answer says to come again later
}

func names(requests []request) (list []string) {
	for _, r := range requests {
		list = append(list, r.name)
	}
	return list
}

// requests are those of one registration in their order. A line is written
// after its answer, so the last may come when the program has ended.
func (j *journal) requests(b *testing.B) (list []request) {
	b.Helper()
	hang := time.After(runLimit) // only ends a hang
	for {
		var assigned bool
		if list, assigned = j.parse(b); assigned {
			return list
		}
		select {
		case <-j.more:
		case <-hang:
			b.Fatalf("the emulator saw no registration to its end, only %q", names(list))
		}
	}
}

func (j *journal) parse(b *testing.B) (list []request, assigned bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range bytes.Lines(j.text.Bytes()) {
		var r struct {
			Time         time.Time
			Msg          string
			Method, Path string
			Status       int
			Duration     time.Duration
		}
		if err := json.Unmarshal(line, &r); err != nil {
			b.Fatalf("log of the emulator: %v", err)
		}
		if r.Msg != "request" { // the hub's
			continue
		}
		name := r.Method + " " + r.Path
		switch {
		case strings.HasSuffix(r.Path, "/register") && r.Status == 401:
			name = "challenge"
		case strings.HasSuffix(r.Path, "/register") && r.Status == 202:
			name = "register"
		case strings.Contains(r.Path, "/operations/"):
			name, assigned = "poll", r.Status == 200
		}
		list = append(list, request{name, r.Time.Add(-r.Duration), r.Time, r.Status == 202})
	}
	return list, assigned
}

// door stands before a service and counts the connections made to it.
type door struct {
	net.Listener
	opened atomic.Int32
}

// openDoor listens on an address and passes on to another until the benchmark
// is over.
func openDoor(b testing.TB, at, to string) (*door, error) {
	l, err := net.Listen("tcp", at)
	if err != nil {
		return nil, err
	}
	b.Cleanup(func() { l.Close() })
	d := &door{Listener: l}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			d.opened.Add(1)
			go relay(client, to)
		}
	}()
	return d, nil
}

// relay passes everything on in both directions until one side hangs up.
func relay(client net.Conn, to string) {
	defer client.Close()
	server, err := net.DialTimeout("tcp", to, runLimit)
	if err != nil {
		return
	}
	go func() {
		io.Copy(server, client)
		server.Close()
	}()
	io.Copy(client, server)
}
