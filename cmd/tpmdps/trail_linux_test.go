package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// waitsAloud ends a run when it says that it waits.
type waitsAloud struct {
	text bytes.Buffer
	end  context.CancelFunc
}

func (w *waitsAloud) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "waiting: another run keeps") {
		w.end()
	}
	return w.text.Write(p)
}

// Waiting for a trail that another run keeps ends with Ctrl-C, and nothing was
// asked of the service before.
func TestWaitingForTheTrailEnds(t *testing.T) {
	t.Parallel()
	asked := 0
	dir, args := batchAt(t, 1, func(*http.Request) { asked++ })
	f, err := os.OpenFile(filepath.Join(dir, "trail"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := &unix.Flock_t{Type: unix.F_WRLCK} // all of the file
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, all); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	errs := &waitsAloud{end: cancel}
	if code := run(ctx, args, streams{strings.NewReader(""), errs, errs}); code != 130 || asked > 0 {
		t.Errorf("exit code %d after %d requests: %s", code, asked, &errs.text)
	}
}
