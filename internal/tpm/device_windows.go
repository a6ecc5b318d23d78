package tpm

import (
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/windowstpm"
)

// connectDefault opens the chip through the TPM Base Services. windowstpm.Open
// returns a value even when it fails, so the error is looked at first.
func connectDefault() (Address, transport.TPMCloser, error) {
	t, err := windowstpm.Open()
	switch {
	case errors.Is(err, windowstpm.ErrNotTPM20):
		return Address{}, nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	case err != nil:
		return Address{}, nil, fmt.Errorf("%w: TPM Base Services: %w", ErrNoDevice, err)
	}
	return Address{}, t, nil
}

func openDevice(path string) (transport.TPMCloser, error) {
	return nil, fmt.Errorf("%w: %s: on Windows the TPM has no path, leave the address out", ErrNoDevice, path)
}
