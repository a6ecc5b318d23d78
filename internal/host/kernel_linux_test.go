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
	log, err := ReadKernelLog(context.Background(), path)
	if err != nil || len(log.Lines) != 6 || log.Overwritten {
		t.Errorf("ReadKernelLog() = %+v, %v", log, err)
	}
	if _, err := ReadKernelLog(context.Background(), path+".none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ReadKernelLog() of no file: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := ReadKernelLog(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("ReadKernelLog() after the end: %v", err)
	}
}

// The kernel's own log is read to its end, and not waited for.
func TestReadKernelLogOfThisMachine(t *testing.T) {
	done := make(chan error, 1)
	go func() {
		_, err := ReadKernelLog(context.Background(), "/dev/kmsg")
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	case <-time.After(2 * time.Minute): // only ends a hang
		t.Error("ReadKernelLog() waits for more")
	}
}
