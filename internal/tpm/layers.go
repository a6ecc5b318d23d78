package tpm

import (
	"encoding/binary"
	"slices"

	"github.com/google/go-tpm/tpm2"
)

// Bits of a response code: TPM 2.0 Part 2, 6.6.2. What passes the chip's code
// on, a resource manager or a library, may put the number of its layer into bits
// 16 to 23 (TCG TSS 2.0 Overview and Common Structures, 2.4): the Linux kernel's
// resource manager uses 11, tabrmd 11 and 12.
const (
	codeMask    = 0xfff
	formatOne   = 0x80 // what is below is not a code of a TPM 2.0
	layerShift  = 16
	lastLayer   = 0xff
	badTag      = 0x1e // TPM_RC_BAD_TAG, the one code of a TPM 1.2
	rcOfSession = 0x800
)

// withoutLayer gives an answer the code that it means: the chip's own, whichever
// layer handed it on. Codes of the layers themselves stay, and so do those of
// Windows's services ([isTBS]) that are not the chip's.
func withoutLayer(rsp []byte) []byte {
	code := uint32(responseCode(rsp))
	bare, layered := chipCode(code)
	if !layered {
		return rsp
	}
	rsp = slices.Clone(rsp)
	binary.BigEndian.PutUint32(rsp[6:], bare)
	return rsp
}

// chipCode takes the layer off a code of the chip.
func chipCode(code uint32) (bare uint32, layered bool) {
	layer, low := code>>layerShift, code&0xffff
	switch {
	case layer == 0, low > codeMask, low < formatOne && low != badTag:
		return code, false
	case layer <= lastLayer, layer == tbsFacility>>layerShift && !tbsOwn(code):
		return low, true
	}
	return code, false
}

// stackCode takes the layer off a code that a layer has for errors of its own.
func stackCode(code uint32) (base uint32, ok bool) {
	layer, low := code>>layerShift, code&0xffff
	return low, layer > 0 && layer <= lastLayer && low < formatOne && low != badTag
}

const (
	stackTryAgain     = 9
	stackNoConnection = 8
	stackIOError      = 10
)

// stackMeanings are the codes that each layer of the TSS may have for errors of
// its own (tss2_common.h), as far as they mean something other than that this
// software cannot do what is asked.
var stackMeanings = map[uint32]struct {
	sentinel error
	name     string
}{
	1:                 {ErrNoDevice, "GENERAL_FAILURE"},
	3:                 {ErrLost, "BAD_CONTEXT"},
	7:                 {ErrBusy, "BAD_SEQUENCE"}, // of two programs on one connection
	stackNoConnection: {ErrNoDevice, "NO_CONNECTION"},
	stackTryAgain:     {ErrBusy, "TRY_AGAIN"},
	stackIOError:      {ErrNoDevice, "IO_ERROR"},
	12:                {ErrPermission, "NOT_PERMITTED"},
	17:                {ErrNoDevice, "MALFORMED_RESPONSE"},
	19:                {ErrNoDevice, "INSUFFICIENT_RESPONSE"},
	23:                {ErrResources, "MEMORY"},
	24:                {ErrLost, "BAD_TR"},
	27:                {ErrAuth, "RSP_AUTH_FAILED"},
}

// stackError gives a code of a layer its meaning.
func stackError(base uint32) (text string, is error) {
	if m, ok := stackMeanings[base]; ok {
		return "the software between program and chip answers " + m.name, m.sentinel
	}
	return "the software between program and chip refuses the command", ErrUnsupported
}

// meaning gives a code of the chip its meaning. What has none of its own is a
// chip that refuses a command which every chip fit for DPS accepts: it cannot do
// what is needed.
func meaning(rc tpm2.TPMRC) error {
	const reference, references = tpm2.TPMRCReferenceH0, 0xf // H0 to H6, S0 to S6
	if rc&formatOne == 0 && rc&^references == reference&^references {
		return ErrLost
	}
	for _, m := range meanings {
		if rc.Is(m.rc) {
			return m.sentinel
		}
	}
	return ErrUnsupported
}
