package tpm

import (
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/windowstpm"
	"github.com/google/go-tpm/tpmutil/tbs"
	"golang.org/x/sys/windows"
)

// systemTBS is loaded before go-tpm asks for it by its bare name, which would
// search the folder of the program first: that may be a stick that others can
// write to.
var systemTBS = windows.NewLazySystemDLL("tbs.dll")

// connectDefault opens the chip through the TPM Base Services. windowstpm.Open
// returns a value even when it fails, so the error is looked at first.
func connectDefault() (Address, transport.TPMCloser, error) {
	if err := systemTBS.Load(); err != nil {
		return Address{}, nil, fmt.Errorf("%w: this Windows has no TPM Base Services: %w", ErrNoDevice, err)
	}
	t, err := windowstpm.Open()
	if err != nil {
		return Address{}, nil, tbsOpenError(err)
	}
	return Address{}, tbsTransport{t, tbsCode}, nil
}

func tbsOpenError(err error) error {
	if errors.Is(err, windowstpm.ErrNotTPM20) {
		return errTPM12()
	}
	if code, ok := tbsCode(err); ok {
		return tbsError(code, "")
	}
	return fmt.Errorf("%w: TPM Base Services: %w", ErrNoDevice, err)
}

// tbsCode finds the return code of the TPM Base Services in an error of go-tpm.
func tbsCode(err error) (uint32, bool) {
	var code tbs.Error
	ok := errors.As(err, &code)
	return uint32(code), ok
}

func openDevice(path string) (transport.TPMCloser, error) {
	return nil, fmt.Errorf("%w: %s: on Windows the TPM has no path, omit the address", ErrNoDevice, path)
}
