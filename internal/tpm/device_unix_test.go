//go:build !windows

package tpm

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/google/go-tpm/tpm2/transport"
)

// The device without the resource manager is used only where that with it does
// not exist.
func TestDefaultDevice(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first error // of opening the first device
		opens string
		want  error
	}{
		{"there", nil, "/dev/tpmrm0", nil},
		{"missing", syscall.ENOENT, "/dev/tpm0", nil},
		{"not this user's", syscall.EACCES, "", ErrPermission},
		{"not allowed", syscall.EPERM, "", ErrPermission},
		{"busy", syscall.EBUSY, "", ErrBusy},
		{"without a driver", syscall.ENODEV, "", ErrNoDevice},
		{"broken", syscall.EIO, "", ErrNoDevice},
	} {
		var opened []string
		addr, _, err := connectFirst(func(path string) (transport.TPMCloser, error) {
			opened = append(opened, path)
			if path == devices[0] && tt.first != nil {
				return nil, openError(path, &fs.PathError{Op: "open", Path: path, Err: tt.first})
			}
			return nil, nil
		})
		if !errors.Is(err, tt.want) || addr.path != tt.opens {
			t.Errorf("%s: %q, %v, want %q, %v", tt.name, addr.path, err, tt.opens, tt.want)
		}
		if tt.opens != "/dev/tpm0" && len(opened) != 1 {
			t.Errorf("%s: opened %q", tt.name, opened)
		}
	}
	if _, _, err := connectFirst(func(path string) (transport.TPMCloser, error) {
		return nil, openError(path, os.ErrNotExist)
	}); !errors.Is(err, ErrNoDevice) {
		t.Errorf("without either: %v", err)
	}
}
