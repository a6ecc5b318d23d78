package tpm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// winError stands for go-tpm's tbs.Error, which exists on Windows alone.
type winError uint32

func (e winError) Error() string { return fmt.Sprintf("TBS Error 0x%X", uint32(e)) }

func winCode(err error) (uint32, bool) {
	var e winError
	ok := errors.As(err, &e)
	return uint32(e), ok
}

// closable makes a transport one that can be closed.
type closable struct{ transport.TPM }

func (closable) Close() error { return nil }

func overTBS(t transport.TPM) transport.TPM { return tbsTransport{closable{t}, winCode} }

// The codes that an operator can do something about, each through an opened
// device, as a failure of the call.
func TestTBSCodes(t *testing.T) {
	tests := []struct {
		code uint32
		is   error
		want string
	}{
		{0x80280400, ErrPermission, "run it as administrator (TPM_E_COMMAND_BLOCKED, 0x80280400)"},
		{0x80284001, ErrNoDevice, "TPM Base Services: code 0x80284001"},
		{0x80284006, ErrNoDevice, "TBS_E_IOERROR"},
		{0x80284008, ErrNoDevice, "sc start TBS (TBS_E_SERVICE_NOT_RUNNING, 0x80284008)"},
		{0x80284009, ErrBusy, "TBS_E_TOO_MANY_TBS_CONTEXTS"},
		{0x8028400a, ErrResources, "TBS_E_TOO_MANY_RESOURCES"},
		{0x8028400b, ErrBusy, "TBS_E_SERVICE_START_PENDING"},
		{0x8028400d, ErrBusy, "TBS_E_COMMAND_CANCELED"},
		{0x8028400f, ErrNoDevice, "Windows finds no chip (TBS_E_TPM_NOT_FOUND, 0x8028400f)"},
		{0x80284010, ErrNoDevice, "TBS_E_SERVICE_DISABLED"},
		{0x80284012, ErrPermission, "run it as administrator (TBS_E_ACCESS_DENIED, 0x80284012)"},
		{0x80284016, ErrNoDevice, "TBS_E_DEACTIVATED"},
	}
	sentinels := []error{ErrNoDevice, ErrPermission, ErrBusy, ErrResources, ErrUnsupported, ErrAuth, ErrLockout}
	for _, test := range tests {
		chip := fake(func([]byte) ([]byte, error) { return nil, fmt.Errorf("submit: %w", winError(test.code)) })
		_, err := newDevice(t.Context(), overTBS(chip), Options{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%#x: newDevice() = %v, want %q in it", test.code, err, test.want)
		}
		for _, s := range sentinels {
			if errors.Is(err, s) != (s == test.is) {
				t.Errorf("%#x: newDevice() = %v, want only %q in it", test.code, err, test.is)
			}
		}
	}
}

// What is no word of the TPM Base Services passes.
func TestTBSPassesTheRest(t *testing.T) {
	answer := []byte{0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x43} // TPM_RC_COMMAND_CODE
	for name, chip := range map[string]fake{
		"an answer":      func([]byte) ([]byte, error) { return answer, nil },
		"a short answer": func([]byte) ([]byte, error) { return answer[:4], nil },
		"no answer":      func([]byte) ([]byte, error) { return nil, nil },
		"another error":  func([]byte) ([]byte, error) { return nil, io.ErrUnexpectedEOF },
	} {
		wantRsp, wantErr := chip(nil)
		if rsp, err := overTBS(chip).Send(nil); string(rsp) != string(wantRsp) || err != wantErr {
			t.Errorf("%s: Send() = %x, %v, want %x, %v", name, rsp, err, wantRsp, wantErr)
		}
	}
}

// A program that is not elevated may read the chip but not activate a
// credential. Windows says so in either of two ways; the commands that follow
// still pass, so nothing stays on the chip.
func TestTBSBlockedCommand(t *testing.T) {
	answer := func(tag uint16) func() ([]byte, error) {
		rsp := binary.BigEndian.AppendUint16(nil, tag)
		rsp = binary.BigEndian.AppendUint32(rsp, responseHeader)
		rsp = binary.BigEndian.AppendUint32(rsp, tbsCommandBlocked)
		return func() ([]byte, error) { return rsp, nil }
	}
	for name, blocked := range map[string]func() ([]byte, error){
		"as the call's result":        func() ([]byte, error) { return nil, winError(tbsCommandBlocked) },
		"as an answer":                answer(0x8001),
		"as an answer of a TPM 1.2":   answer(0x00c4),
		"as an answer of an odd kind": answer(0),
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, chip *recorder) {
				windows := fake(func(cmd []byte) ([]byte, error) {
					if tpm2.TPMCC(binary.BigEndian.Uint32(cmd[6:])) == tpm2.TPMCCActivateCredential {
						return blocked()
					}
					return chip.Send(cmd)
				})
				d := open(t, overTBS(windows), Options{})
				ek, srk := keys(t, d)
				defer closeAll(t, ek, srk)
				_, err := d.Activate(ek, srk, wrap(t, ek, srk, []byte("a key of thirty-two bytes, about"), "text"))
				if !errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), "administrator") {
					t.Errorf("Activate() = %v, want ErrPermission", err)
				}
			})
		})
	}
}
