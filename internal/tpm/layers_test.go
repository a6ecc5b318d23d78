package tpm

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"testing"

	"github.com/google/go-tpm/tpm2"
)

// Every code that a chip can say means the same with each layer in front, and
// with Windows's facility, but for the codes that are Windows's own.
func TestLayersMeanTheSame(t *testing.T) {
	d := &Device{opts: Options{PlainBus: true}}
	for code := uint32(formatOne); code <= codeMask; code++ {
		want := d.responseError(tpm2.TPMRC(code), code, "Load")
		is := want.sentinel
		if errors.Is(is, ErrAuth) {
			is = ErrAuth // without whose
		}
		for _, layer := range []uint32{1, 6, 7, 8, 9, 10, 11, 12, 13, 0xff, 0x8028} {
			full := layer<<16 | code
			if tbsOwn(full) {
				continue
			}
			chip := fake(func([]byte) ([]byte, error) { return answerOf(tpm2.TPMRC(full)), nil })
			if _, again := asksForRepeat(tpm2.TPMRC(code)); again {
				continue // TestRepeats
			}
			dev := &Device{t: newGuard(t.Context(), chip, nil), opts: d.opts}
			_, err := run(dev, "do", tpm2.FlushContext{FlushHandle: tpm2.TPMHandle(0x80000000)})
			var got *ResponseError
			if !errors.As(err, &got) || got.Code != code || got.Original != full || !errors.Is(got, is) {
				t.Fatalf("%#x: %v (%+v), want the meaning of %#x: %v", full, err, got, code, want.sentinel)
			}
		}
	}
}

// No code is without a meaning, and so without an exit code: of the chip, of each
// layer, of Windows.
func TestEveryCodeHasAMeaning(t *testing.T) {
	sentinels := []error{ErrNoDevice, ErrPermission, ErrBusy, ErrLockout, ErrAuth, ErrUnsupported, ErrHierarchy,
		ErrNoEncryption, ErrFailure, ErrResources, ErrLost, ErrNVFull, ErrOccupied}
	for _, upper := range []uint32{0, 6, 7, 8, 9, 10, 11, 12, 13, 0xff, 0x100, 0x8028, 0xffff} {
		for low := range uint32(1 << 16) {
			code := upper<<16 | low
			if code == 0 {
				continue
			}
			chip := fake(func([]byte) ([]byte, error) { return answerOf(tpm2.TPMRC(code)), nil })
			if _, again := asksForRepeat(responseCode(withoutLayer(answerOf(tpm2.TPMRC(code))))); again {
				continue // TestRepeats
			}
			if low > 0x1000 && low%0x101 != 0 {
				continue // a sample of what nobody says
			}
			d := &Device{t: newGuard(t.Context(), chip, nil)}
			_, err := run(d, "do", tpm2.ReadPublic{ObjectHandle: tpm2.TPMHandle(1)})
			n := 0
			for _, s := range sentinels {
				if errors.Is(err, s) {
					n++
				}
			}
			if n != 1 {
				t.Fatalf("%#x: %v is %d of this package's errors", code, err, n)
			}
		}
	}
}

// The codes that layers have for errors of their own.
func TestStackCodes(t *testing.T) {
	for base, want := range map[uint32]error{
		8: ErrNoDevice, 10: ErrNoDevice, 17: ErrNoDevice, 12: ErrPermission, 23: ErrResources, 24: ErrLost, 2: ErrUnsupported, 28: ErrUnsupported,
	} {
		for _, layer := range []uint32{6, 7, 8, 9, 10, 11} {
			code := layer<<16 | base
			chip := fake(func([]byte) ([]byte, error) { return answerOf(tpm2.TPMRC(code)), nil })
			_, err := newDevice(t.Context(), chip, Options{})
			var got *ResponseError
			if !errors.Is(err, want) || !errors.As(err, &got) || got.Code != code {
				t.Errorf("%#x: %v, want %v", code, err, want)
			}
		}
	}
}

// An address that was given and leads to no TPM is told from a machine without
// one.
func TestWrongAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.2:0") // where nobody else looks for a port
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close() // nobody listens there now
	dir := t.TempDir()
	for address, wrong := range map[string]bool{
		"swtpm:host=127.0.0.2,port=" + port:      true,
		"mssim:host=127.0.0.2,port=" + port:      true,
		"swtpm:path=" + filepath.Join(dir, "no"): true,
		filepath.Join(dir, "no"):                 true,
		dir:                                      true,
		"/dev/null":                              true,
		"/dev/tpmrm77":                           false,
		"/dev/nowhere":                           false,
		"device:/dev/tpm77":                      false,
	} {
		addr, err := ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(t.Context(), addr, Options{})
		if !errors.Is(err, ErrNoDevice) || errors.Is(err, ErrWrongAddress) != wrong {
			t.Errorf("Open(%q) = %v, wrong address: %v", address, err, !wrong)
		}
	}
	for code, wrong := range map[error]bool{ErrNoDevice: true, ErrPermission: false, &ResponseError{sentinel: ErrNoDevice}: false} {
		if got := errors.Is(ofAddress(Address{kind: addressTCP}, fmt.Errorf("open: %w", code)), ErrWrongAddress); got != wrong {
			t.Errorf("%v: wrong address: %v", code, got)
		}
	}
}
