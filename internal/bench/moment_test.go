//go:build linux

package bench

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// event is what a moment waits for.
type event int

// Each is an event of the run itself, never a time.
const (
	arrived   event = iota // a request is at the service, which never carries it out
	late                   // a request is at the service, which carries it out when its sender is dead
	overtaken              // the same, but in the midst of the next run
	answered               // a request was carried out and answered
	written                // something was written to the results file or to the trail
	events                 // how many there are
)

func (e event) String() string {
	return [...]string{"arrived", "late", "overtaken", "answered", "written"}[e]
}

// moment is the n-th event of a kind since a run began.
type moment struct {
	event event
	n     int
}

func (m moment) String() string { return fmt.Sprintf("%s %d", m.event, m.n) }

// drawMoment is one within a run's first requests, of which at least so many look.
func drawMoment(random *rand.Rand, looking int) moment {
	m := moment{event: event(random.IntN(int(events)))}
	if m.n = 1 + random.IntN(looking+15); m.event == written {
		m.n = 1 + random.IntN(30) // a request has four: both files, before and after it
	}
	return m
}

// victim is the run that is to be killed, seen from the service.
type victim struct {
	mu      sync.Mutex
	process *os.Process   // nil where none is to be killed
	dead    chan struct{} // closed when it has ended
	moment  moment
	seen    [events]int
	killed  bool
	held    chan struct{} // open while a request of the run before is held back
	after   int           // requests of this run, until that is let go on
}

// begin starts a run that is killed at a moment; one with n 0 is not.
func (v *victim) begin(cmd *exec.Cmd, m moment) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.moment, v.seen, v.killed, v.dead = m, [events]int{}, false, make(chan struct{})
	if err := cmd.Start(); err != nil {
		return err
	}
	v.process = cmd.Process
	return nil
}

// ended says that the run is over, and lets go on what it was to overtake.
func (v *victim) ended() (killed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	close(v.dead)
	v.process = nil
	return v.killed
}

// happens counts an event, and kills the run at its moment.
func (v *victim) happens(e event) (now bool) {
	v.seen[e]++
	if v.process == nil || v.killed || v.moment.event != e || v.seen[e] != v.moment.n {
		return false
	}
	v.killed = v.process.Kill() == nil
	return v.killed
}

// arrive is [emulator.Options.Arrived].
func (v *victim) arrive(*http.Request) {
	v.mu.Lock()
	if v.after--; v.after <= 0 {
		v.release()
	}
	lost, isLate, over := v.happens(arrived), v.happens(late), v.happens(overtaken)
	dead, held := v.dead, v.held
	if over {
		held = make(chan struct{})
		v.held, v.after = held, 1+v.moment.n // of the next run
	}
	v.mu.Unlock()
	if lost || isLate || over {
		<-dead
	}
	if lost {
		panic(http.ErrAbortHandler)
	}
	if over {
		<-held
	}
}

// release lets the request go on that was held back.
func (v *victim) release() {
	if v.held != nil {
		close(v.held)
		v.held = nil
	}
}

// watch counts what is written to files of a folder, until the folder is gone.
func (v *victim) watch(t testing.TB, dir string, names ...string) {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MODIFY); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "inotify")
	t.Cleanup(func() { f.Close() })
	go func() {
		for buf := make([]byte, 64<<10); ; {
			n, err := f.Read(buf)
			if err != nil {
				return
			}
			for rest := buf[:n]; len(rest) >= unix.SizeofInotifyEvent; {
				size := unix.SizeofInotifyEvent + int(rest[12]) + int(rest[13])<<8 // the length of the name is the last field
				name := strings.TrimRight(string(rest[unix.SizeofInotifyEvent:size]), "\x00")
				rest = rest[size:]
				for _, wanted := range names {
					if name == wanted {
						v.mu.Lock()
						v.happens(written)
						v.mu.Unlock()
					}
				}
			}
		}
	}()
}

// log is a log of the emulator, of which a line about a request says that it was answered.
func (v *victim) log() *slog.Logger { return slog.New(answers{v}) }

type answers struct{ v *victim }

func (answers) Enabled(context.Context, slog.Level) bool { return true }

func (a answers) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "request" {
		a.v.mu.Lock()
		defer a.v.mu.Unlock()
		a.v.happens(answered)
	}
	return nil
}

func (a answers) WithAttrs([]slog.Attr) slog.Handler { return a }
func (a answers) WithGroup(string) slog.Handler      { return a }
