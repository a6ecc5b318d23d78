package tpm

import (
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// The codes of Windows's TPM Base Services (TBS): winerror.h and the pages
// "TBS Return Codes" and "Command Blocking" of its documentation. The chip's own
// codes have 12 bits (TPM 2.0 Part 2, 6.6.2); winerror.h has each of them with
// the facility in front (TPM_20_E_...), besides those that are Windows's.
const (
	tbsFacility       = 0x80280000 // the upper half of every code
	tbsCommandBlocked = 0x80280400 // TPM_E_COMMAND_BLOCKED
	tbsRetry          = 0x80280800 // TPM_E_RETRY
	tbsDoingSelfTest  = 0x80280802 // TPM_E_DOING_SELFTEST
)

// tbsMeanings is what the codes mean that are not a fault of this program.
var tbsMeanings = map[uint32]struct {
	sentinel error
	name     string
	text     string
}{
	tbsCommandBlocked: {ErrPermission, "TPM_E_COMMAND_BLOCKED", "Windows refuses this command to programs that are not elevated; run it as administrator"},
	tbsRetry:          {ErrBusy, "TPM_E_RETRY", "the chip is too busy to answer"},
	0x80280801:        {ErrFailure, "TPM_E_NEEDS_SELFTEST", "the chip needs a self-test first"},
	tbsDoingSelfTest:  {ErrBusy, "TPM_E_DOING_SELFTEST", "the chip is testing itself"},
	0x80280803:        {ErrLockout, "TPM_E_DEFEND_LOCK_RUNNING", "the chip is locked because of wrong passwords"},
	0x80284006:        {ErrNoDevice, "TBS_E_IOERROR", "Windows cannot communicate with the chip"},
	0x80284008:        {ErrNoDevice, "TBS_E_SERVICE_NOT_RUNNING", "the service TPM Base Services is not running; start it as administrator: sc start TBS"},
	0x80284009:        {ErrBusy, "TBS_E_TOO_MANY_TBS_CONTEXTS", "too many programs have the chip open"},
	0x8028400a:        {ErrResources, "TBS_E_TOO_MANY_RESOURCES", "too many keys and sessions are open"},
	0x8028400b:        {ErrBusy, "TBS_E_SERVICE_START_PENDING", "the service TPM Base Services is starting; try again"},
	0x8028400d:        {ErrBusy, "TBS_E_COMMAND_CANCELED", "the command was cancelled, by another program or for the machine's sleep"},
	0x8028400f:        {ErrNoDevice, "TBS_E_TPM_NOT_FOUND", "Windows finds no chip"},
	0x80284010:        {ErrNoDevice, "TBS_E_SERVICE_DISABLED", "the service TPM Base Services is disabled"},
	0x80284012:        {ErrPermission, "TBS_E_ACCESS_DENIED", "Windows does not let this user have the chip; run it as administrator"},
	0x80284016:        {ErrNoDevice, "TBS_E_DEACTIVATED", "the chip is deactivated"},
}

// isTBS reports whether a code is one of the TPM Base Services.
func isTBS(code uint32) bool { return code&0xffff0000 == tbsFacility }

// tbsOwn reports whether a code is Windows's own: not one of the chip with the
// facility in front.
func tbsOwn(code uint32) bool {
	low := code & 0xffff
	return isTBS(code) && (low < formatOne || low > codeMask ||
		low >= 0x400 && low <= 0x404 || // TPM_E_COMMAND_BLOCKED and its neighbours
		low >= 0x800 && low <= 0x803) // TPM_E_RETRY to TPM_E_DEFEND_LOCK_RUNNING
}

// tbsError gives a code of the TPM Base Services its meaning.
func tbsError(code uint32, command string) error {
	e := &ResponseError{Code: code, Original: code, Command: command, sentinel: ErrNoDevice}
	m, known := tbsMeanings[code]
	if !known {
		e.text = fmt.Sprintf("%v: TPM Base Services: code %#x", e.sentinel, code)
		return e
	}
	e.sentinel = m.sentinel
	e.text = fmt.Sprintf("%v: TPM Base Services: %s (%s, %#x)", m.sentinel, m.text, m.name, code)
	return e
}

// tbsTransport is a transport through the TPM Base Services, whose errors it
// gives their meaning. code finds the return code in an error of go-tpm, whose
// type for it exists on Windows alone.
type tbsTransport struct {
	transport.TPMCloser
	code func(error) (uint32, bool)
}

// Send implements transport.TPM. A blocked command reached no chip, and the
// next one may pass: it becomes an answer with that code, as the driver itself
// gives it, and does not end the connection. So does a code of the chip, and one
// that asks for a repeat.
func (t tbsTransport) Send(cmd []byte) ([]byte, error) {
	rsp, err := t.TPMCloser.Send(cmd)
	if err != nil {
		code, ok := t.code(err)
		_, again := asksForRepeat(tpm2.TPMRC(code))
		switch {
		case !ok:
			return nil, err
		case tbsOwn(code) && code != tbsCommandBlocked && !again:
			return nil, tbsError(code, commandName(commandOf(cmd)))
		}
		return answerOf(tpm2.TPMRC(code)), nil
	}
	if len(rsp) >= responseHeader {
		// An answer that the driver made up may have any tag.
		if code := uint32(responseCode(rsp)); isTBS(code) {
			return answerOf(tpm2.TPMRC(code)), nil
		}
	}
	return rsp, nil
}
