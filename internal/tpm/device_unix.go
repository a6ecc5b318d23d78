//go:build !windows

package tpm

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxtpm"
)

// devices is the order of trying: the kernel's resource manager first, because
// it shares the chip with other programs and cleans up after a killed one.
var devices = []string{"/dev/tpmrm0", "/dev/tpm0"}

func connectDefault() (Address, transport.TPMCloser, error) {
	for _, path := range devices {
		t, err := openDevice(path)
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
	t, err := linuxtpm.Open(path)
	if errors.Is(err, linuxtpm.ErrFileIsNotDevice) {
		return nil, fmt.Errorf("%w: %s is not a device", ErrNoDevice, path)
	}
	if err != nil {
		return nil, openError(path, err)
	}
	return t, nil
}
