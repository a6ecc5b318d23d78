//go:build !windows

package tpm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/google/go-tpm/tpm2/transport"
)

// devices is the order of trying: the kernel's resource manager first, because
// it shares the chip with other programs and cleans up after a killed one.
var devices = []string{"/dev/tpmrm0", "/dev/tpm0"}

func connectDefault() (Address, transport.TPMCloser, error) { return connectFirst(openDevice) }

// connectFirst opens the first device that exists. One that exists and cannot be
// opened, because it is busy or not this user's, is not gone around: the next one
// is the same chip without the resource manager.
func connectFirst(open func(path string) (transport.TPMCloser, error)) (Address, transport.TPMCloser, error) {
	for _, path := range devices {
		t, err := open(path)
		if err == nil {
			return Address{kind: addressDevice, path: path}, t, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return Address{}, nil, err
		}
	}
	return Address{}, nil, fmt.Errorf("%w: neither %s nor %s exists", ErrNoDevice, devices[0], devices[1])
}

func openDevice(path string) (transport.TPMCloser, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, openError(path, err)
	}
	switch {
	case fi.Mode()&fs.ModeSocket != 0:
		return nil, fmt.Errorf("%w: %s is a socket, not a device", ErrNoDevice, path)
	case fi.Mode()&fs.ModeCharDevice == 0:
		return nil, fmt.Errorf("%w: %s is not a device", ErrNoDevice, path)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, openError(path, err)
	}
	return wire{device{f}}, nil
}

// device is an open TPM device. It stays in the non-blocking mode that os gives
// it, in which the kernel works on a command in a thread of its own: signals of
// ours, and Go's runtime sends itself many, cannot break into a driver that
// waits for the chip. go-tpm's own reader would put it into blocking mode.
type device struct{ *os.File }

// Read waits for the answer. Until it is there the kernel reads 0 bytes, which
// os would take for the end of the file. Kernels before 4.20 have no such mode;
// there the answer is complete when Write returns.
func (d device) Read(p []byte) (n int, err error) {
	raw, err := d.SyscallConn()
	if err != nil {
		return 0, err
	}
	waitErr := raw.Read(func(fd uintptr) bool {
		for {
			if n, err = syscall.Read(int(fd), p); !errors.Is(err, syscall.EINTR) {
				return n != 0 || err != nil && !errors.Is(err, syscall.EAGAIN)
			}
		}
	})
	if waitErr != nil {
		return 0, waitErr
	}
	return max(n, 0), err
}
