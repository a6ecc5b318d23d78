package dictionary

import "fmt"

// Layers of the software around the chip, bits 16 to 23 of a code (TCG TSS 2.0
// Overview and Common Structures, 2.4; tss2_common.h). The Linux kernel's
// resource manager (/dev/tpmrm0) uses 11.
var layers = map[uint32]string{
	6: "FAPI", 7: "ESYS", 8: "SYS", 9: "MU", 10: "TCTI", 11: "RESMGR", 12: "RESMGR_TPM",
}

const (
	noConnection = "the program does not reach the chip: no permission on /dev/tpmrm0, no such device, or a broker (abrmd) that does not run"
	doTCTI       = "try with another program: tpmdps verify --offline; IoT Edge's way to the chip is tcti in config.toml, and its user aziottpm needs the right to use the device"
)

// stackCodes are the codes that every layer may use for its own errors.
var stackCodes = map[uint32]struct{ name, means, why, do string }{
	1:  {"GENERAL_FAILURE", "an error that has no code of its own", "", ""},
	2:  {"NOT_IMPLEMENTED", "the layer does not do this", "", ""},
	3:  {"BAD_CONTEXT", "a context that the layer cannot use", "", ""},
	4:  {"ABI_MISMATCH", "two libraries of different versions", "a package was updated without the others", "update all tpm2-tss packages together"},
	5:  {"BAD_REFERENCE", "a pointer that is missing", "", ""},
	6:  {"INSUFFICIENT_BUFFER", "a buffer that is too small", "", ""},
	7:  {"BAD_SEQUENCE", "functions in the wrong order", "", ""},
	8:  {"NO_CONNECTION", "no connection with the layer below", noConnection, doTCTI},
	9:  {"TRY_AGAIN", "the chip has not answered yet", "", doWait},
	10: {"IO_ERROR", "reading from the chip, or writing to it, failed", noConnection + "; or another program holds /dev/tpm0", doTCTI},
	11: {"BAD_VALUE", "a value that the layer cannot use", "a text in tcti that names no way to a chip", doTCTI},
	12: {"NOT_PERMITTED", "the layer does not allow this", noConnection, doTCTI},
	13: {"INVALID_SESSIONS", "sessions that the command cannot take", "", ""},
	14: {"NO_DECRYPT_PARAM", "the command has no parameter that could be encrypted", "", ""},
	15: {"NO_ENCRYPT_PARAM", "the answer has no parameter that could be encrypted", "", ""},
	16: {"BAD_SIZE", "a size that cannot be", "a key of DPS that arrived cut off or changed", ""},
	17: {"MALFORMED_RESPONSE", "the chip's answer is not what a TPM says", "something else than a TPM 2.0 at the device, or a damaged connection", doTCTI},
	18: {"INSUFFICIENT_CONTEXT", "a context that is too small", "", ""},
	19: {"INSUFFICIENT_RESPONSE", "the chip's answer ends too early", "a damaged connection", doTCTI},
	20: {"INCOMPATIBLE_TCTI", "a module for the way to the chip that does not fit", "a package was updated without the others", "update all tpm2-tss packages together"},
	21: {"NOT_SUPPORTED", "this is not supported", "a text in tcti that names no way to a chip that the library has", doTCTI},
	22: {"BAD_TCTI_STRUCTURE", "a module for the way to the chip that is damaged", "", "install the package with the tcti libraries again (libtss2-tcti-device0)"},
	23: {"MEMORY", "no memory", "", ""},
	24: {"BAD_TR", "a handle that the library does not know, or that holds something else", "the key of DPS was evicted by another program since the service started", "restart the service: sudo iotedge system restart"},
	25: {"MULTIPLE_DECRYPT_SESSIONS", "more than one session that encrypts parameters", "", ""},
	26: {"MULTIPLE_ENCRYPT_SESSIONS", "more than one session that encrypts answers", "", ""},
	27: {"RSP_AUTH_FAILED", "the proof in the chip's answer is not right", "a wrong password in the program, or something between program and chip that changes answers", "give the right password; use the chip without a proxy or probe between"},
}

// stack explains a code of the chip, or of a layer above it that hands the
// chip's code on or has one of its own. The chip's are 0x80 and above.
func stack(n uint32) []Entry {
	layer, low := n>>16, n&0xffff
	name, known := layers[layer]
	switch {
	case layer != 0 && !known, low > codeBits:
		return nil
	case layer == 0 || low >= bitFormat1:
		e, ok := tpm(uint16(low))
		if !ok {
			return nil
		}
		if layer != 0 {
			e.Code, e.Name = fmt.Sprintf("0x%08x", n), e.Name+", handed on by the layer "+name
			e.Sources = append(e.Sources, commonHeader)
		}
		return []Entry{e}
	}
	text, ok := stackCodes[low]
	if !ok {
		return nil
	}
	return []Entry{{
		Kind: kindTSS, Code: fmt.Sprintf("0x%08x", n), Name: "TSS2_" + name + "_RC_" + text.name,
		Means: text.means + ", says the layer " + name, Why: text.why, Do: text.do, Sources: []string{commonHeader},
	}}
}

const commonHeader = "tpm2-tss, tss2_common.h"
