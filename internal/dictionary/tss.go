package dictionary

import "fmt"

// layer is a part of the software around the chip.
type layer struct {
	name string   // as in the names of its codes: TSS2_ESYS_RC_...
	what string   // for people
	tags []string // in front of the text that tpm2_rc_decode prints
}

// layers stand in bits 16 to 23 of a code (TCG TSS 2.0 Overview and Common
// Structures, 2.4; tss2_common.h). The Linux kernel's resource manager
// (/dev/tpmrm0) uses 11.
var layers = map[uint32]layer{
	6:  {"FAPI", "the feature API of tpm2-tss", []string{"fapi", "feature"}},
	7:  {"ESYS", "the ESAPI of tpm2-tss", []string{"esapi", "esys"}},
	8:  {"SYS", "the system API of tpm2-tss", []string{"sys", "sapi"}},
	9:  {"MU", "the part of tpm2-tss that packs and unpacks structures", []string{"mu"}},
	10: {"TCTI", "the part of tpm2-tss that talks to the device", []string{"tcti"}},
	11: {"RESMGR", "the resource manager: the kernel's (/dev/tpmrm0) or tpm2-abrmd", []string{"rmt", "resmgr"}},
	12: {"RESMGR_TPM", "the resource manager: the kernel's (/dev/tpmrm0) or tpm2-abrmd", []string{"rm", "resmgrtpm"}},
}

const (
	noConnection = "the program does not reach the chip: no permission on /dev/tpmrm0, no such device, or a broker (abrmd) that does not run"
	doTCTI       = "try with another program: tpmdps verify --offline; IoT Edge's way to the chip is tcti in config.toml, and its user aziottpm needs the right to use the device"
	doStack      = "the program that called tpm2-tss is at fault, or its version does not fit: update both; tpmdps verify --offline tries the chip without tpm2-tss"
	doUpdate     = "update all tpm2-tss packages together"
	doFAPI       = "see what FAPI keeps: tss2_list; tpmdps and IoT Edge do not use FAPI"
	doCutOff     = "run the command again; if it persists, keep the output of -v"
)

// stackCodes are the codes that every layer may use for its own errors
// (tss2_common.h, TSS2_BASE_RC_...). Those from 28 on only FAPI uses.
var stackCodes = map[uint32]struct{ name, means, why, do string }{
	1:  {"GENERAL_FAILURE", "an error that has no code of its own", "", "read the lines of the log before it: the first error names the cause; tpmdps verify --offline tries the chip without tpm2-tss"},
	2:  {"NOT_IMPLEMENTED", "the layer does not do this", "", doStack},
	3:  {"BAD_CONTEXT", "a context that the layer cannot use", "", doStack},
	4:  {"ABI_MISMATCH", "two libraries of different versions", "a package was updated without the others", doUpdate},
	5:  {"BAD_REFERENCE", "a pointer that is missing", "", doStack},
	6:  {"INSUFFICIENT_BUFFER", "a buffer that is too small", "", doStack},
	7:  {"BAD_SEQUENCE", "functions in the wrong order", "", doStack},
	8:  {"NO_CONNECTION", "no connection with the layer below", noConnection, doTCTI},
	9:  {"TRY_AGAIN", "the chip has not answered yet", "", "run the command again; if it persists, end the other programs that use the chip: sudo fuser -v /dev/tpm0 /dev/tpmrm0"},
	10: {"IO_ERROR", "reading from the chip, or writing to it, failed", noConnection + "; or another program holds /dev/tpm0", doTCTI},
	11: {"BAD_VALUE", "a value that the layer cannot use", "a value of tcti that names no chip", doTCTI},
	12: {"NOT_PERMITTED", "the layer does not allow this", noConnection, doTCTI},
	13: {"INVALID_SESSIONS", "sessions that the command cannot use", "", doStack},
	14: {"NO_DECRYPT_PARAM", "the command has no parameter that could be encrypted", "", doStack},
	15: {"NO_ENCRYPT_PARAM", "the answer has no parameter that could be encrypted", "", doStack},
	16: {"BAD_SIZE", "a size that cannot be", "a key of DPS that arrived cut off or changed", doCutOff},
	17: {"MALFORMED_RESPONSE", "the chip's answer is not what a TPM says", "something other than a TPM 2.0 at the device, or a damaged connection", doTCTI},
	18: {"INSUFFICIENT_CONTEXT", "a context that is too small", "", doStack},
	19: {"INSUFFICIENT_RESPONSE", "the chip's answer ends too early", "a damaged connection", doTCTI},
	20: {"INCOMPATIBLE_TCTI", "a module for the way to the chip that does not fit", "a package was updated without the others", doUpdate},
	21: {"NOT_SUPPORTED", "this is not supported", "a value of tcti that names a module that the library does not have", doTCTI},
	22: {"BAD_TCTI_STRUCTURE", "a module for the way to the chip that is damaged", "", "install the package with the tcti libraries again (libtss2-tcti-device0)"},
	23: {"MEMORY", "no memory", "", "end other programs, or restart the machine: its main memory is full, not the chip's"},
	24: {"BAD_TR", "a handle that the library does not know, or that holds something else", "the key of DPS was evicted by another program since the service started", "restart the service: sudo iotedge system restart"},
	25: {"MULTIPLE_DECRYPT_SESSIONS", "more than one session that encrypts parameters", "", doStack},
	26: {"MULTIPLE_ENCRYPT_SESSIONS", "more than one session that encrypts answers", "", doStack},
	27: {"RSP_AUTH_FAILED", "the proof in the chip's answer is wrong", "a wrong password in the program, or something between program and chip that changes answers", "give the right password; use the chip without a proxy or probe between"},
	28: {"NO_CONFIG", "there is no configuration of FAPI", "", "install the package with /etc/tpm2-tss/fapi-config.json (libtss2-fapi-common)"},
	29: {"BAD_PATH", "a path that FAPI cannot use", "", doFAPI},
	30: {"NOT_DELETABLE", "the object cannot be deleted", "", doFAPI},
	31: {"PATH_ALREADY_EXISTS", "there is an object at the path already", "", doFAPI},
	32: {"KEY_NOT_FOUND", "there is no such key", "", doFAPI},
	33: {"SIGNATURE_VERIFICATION_FAILED", "a signature is not valid", "", doFAPI},
	34: {"HASH_MISMATCH", "two hash values differ that should be the same", "", doFAPI},
	35: {"KEY_NOT_DUPLICABLE", "the key may not leave the chip", "", doFAPI},
	36: {"PATH_NOT_FOUND", "there is nothing at the path", "FAPI was never provisioned for this profile or this user", doFAPI},
	37: {"NO_CERT", "there is no certificate", "a chip without an EK certificate, of which FAPI wants one", "set ek_cert_less to yes in /etc/tpm2-tss/fapi-config.json; DPS attestation needs no certificate"},
	38: {"NO_PCR", "there is no such PCR", "", "list the banks: tpm2_getcap pcrs; choose another bank in FAPI's profile"},
	39: {"PCR_NOT_RESETTABLE", "the PCR cannot be reset", "", "use PCR 16 or 23, or restart the machine"},
	40: {"BAD_TEMPLATE", "FAPI's file of a template is damaged", "", "install the package with FAPI's profiles again (libtss2-fapi-common)"},
	41: {"AUTHORIZATION_FAILED", "a wrong password", "a hierarchy or a key has a password", "give the password to the program; for a hierarchy and tpmdps: --endorsement-auth-file FILE, --owner-auth-file FILE"},
	42: {"AUTHORIZATION_UNKNOWN", "a password is needed, and none was given", "a hierarchy or a key has a password", "give the password to the program; for a hierarchy and tpmdps: --endorsement-auth-file FILE, --owner-auth-file FILE"},
	43: {"NV_NOT_READABLE", "the NV index may not be read", "", doNVList},
	44: {"NV_TOO_SMALL", "the NV index is too small", "", doNVList},
	45: {"NV_NOT_WRITEABLE", "the NV index may not be written", "", doNVList},
	46: {"POLICY_UNKNOWN", "FAPI does not know the policy of the object", "", "import the policy: tss2_import"},
	47: {"NV_WRONG_TYPE", "the NV index is of another type", "", doNVList},
	48: {"NAME_ALREADY_EXISTS", "there is an object of that name already", "", doFAPI},
	49: {"NO_TPM", "there is no chip", noConnection, doTCTI},
	50: {"BAD_KEY", "a key that cannot be used for this", "", doFAPI},
	51: {"NO_HANDLE", "the object has no handle in the chip", "", doFAPI},
	52: {"NOT_PROVISIONED", "FAPI was not provisioned on this machine", "", "tss2_provision; tpmdps and IoT Edge do not need it"},
	53: {"ALREADY_PROVISIONED", "FAPI was provisioned on this machine before", "", "nothing; tss2_list shows what is there"},
	54: {"CALLBACK_NULL", "a program did not give a function that FAPI has to call", "", doStack},
}

// stack explains a code of the chip, or of a layer above it that hands the
// chip's code on or has one of its own. The chip's are 0x80 and above, but for
// the one with which a TPM 1.2 answers, behind a resource manager.
func stack(n uint32) []Entry {
	number, low := n>>16, n&0xffff
	from, known := layers[number]
	switch {
	case number != 0 && !known, low > codeBits:
		return nil
	case number == 0 || low >= bitFormat1 || number >= 11 && low == badTag:
		e, ok := tpm(uint16(low))
		if !ok {
			return nil
		}
		if number != 0 {
			e.Code, e.Name = fmt.Sprintf("0x%08x", n), e.Name+", handed on by the layer "+from.name
			e.Means += fmt.Sprintf(". It is %#x of the chip: the upper half, %#x, says that the code came by way of %s", low, number, from.what)
			e.Sources = append(e.Sources, commonHeader)
		}
		return []Entry{e}
	}
	text, ok := stackCodes[low]
	if !ok {
		return nil
	}
	return []Entry{{
		Kind: kindTSS, Code: fmt.Sprintf("0x%08x", n), Name: "TSS2_" + from.name + "_RC_" + text.name,
		Means: text.means + ", says the layer " + from.name, Why: text.why, Do: text.do, Sources: []string{commonHeader},
	}}
}

const commonHeader = "tpm2-tss, tss2_common.h"
