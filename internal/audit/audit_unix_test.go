//go:build unix

package audit

import (
	"bytes"
	"os/signal"
	"syscall"
	"testing"
)

// A disk that is full in the middle of a line leaves a trail that goes on once
// there is room.
func TestAppendToAFullDisk(t *testing.T) {
	path := trail(t, 2)
	whole := read(t, path)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	full := before
	full.Cur = uint64(len(whole) + 100)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), path, nil, Notices{})
	if err == nil {
		_, err = a.Append(t.Context(), Entry{Stage: Intent, Action: "create", RegistrationID: "box-3"})
		a.Close()
	}
	if again := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); again != nil {
		t.Fatal(again)
	}
	if err == nil {
		t.Error("a line was appended where there was no room")
	}
	if !bytes.Equal(read(t, path), whole) {
		t.Error("a part of a line was left behind")
	}
	appendOne(t, path, "box-3")
	if report, err := Verify(bytes.NewReader(read(t, path)), Options{}); err != nil || report.Lines != 3 {
		t.Errorf("Verify() = %+v, %v", report, err)
	}
}
