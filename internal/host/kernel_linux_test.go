package host

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestReadKernelLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kmsg")
	if err := os.WriteFile(path, []byte(kernelMessages), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := readKernelLog(context.Background(), path)
	if err != nil || len(log.Lines) != 6 || log.Overwritten {
		t.Errorf("readKernelLog() = %+v, %v", log, err)
	}
	if _, err := readKernelLog(context.Background(), path+".none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("readKernelLog() of no file: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := readKernelLog(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("readKernelLog() after the end: %v", err)
	}
}

// The kernel's own log is read to its end, and not waited for.
func TestReadKernelLogOfThisMachine(t *testing.T) {
	done := make(chan error, 1)
	go func() {
		_, err := readKernelLog(context.Background(), "/dev/kmsg")
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	case <-time.After(2 * time.Minute): // only ends a hang
		t.Error("readKernelLog() waits for more")
	}
}
