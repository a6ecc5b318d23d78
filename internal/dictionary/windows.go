package dictionary

import (
	"fmt"
	"strconv"
)

// windowsFacility is the upper half of Windows' codes for the chip and for the
// services around it (winerror.h, FACILITY_TPM_SERVICES).
const windowsFacility = 0x8028

const (
	doElevated = "run the program as administrator"
	doLater    = "wait some seconds and run the command again; if it persists, restart the machine"
	doCaller   = "the program that called Windows is at fault: update it; tpmdps verify --offline tries the chip"
)

// windowsKeys are the upper halves of the codes of Windows' providers of keys: the
// general one (FACILITY_SECURITY) and the one of the chip (FACILITY_TPM_SOFTWARE).
var windowsKeys = []uint32{0x8009, 0x8029}

// windowsCodes are those of the TPM Base Services (TBS), and of those of the providers
// of keys the ones that a chip leads to. 0x80284016 has another
// name in winerror.h than in the documentation; both are given.
var windowsCodes = map[uint32]struct{ name, means, why, do string }{
	0x80090010: {"NTE_PERM", "Windows does not allow this with the key", "the key belongs to another user or to the machine", doElevated},
	0x80090011: {"NTE_NOT_FOUND", "there is no such key or property", "a key of another user or of another provider, or a chip that was cleared since", "list the keys: certutil -csp \"Microsoft Platform Crypto Provider\" -key"},
	0x80090016: {"NTE_BAD_KEYSET", "the key is not there, or cannot be opened", "the chip was cleared or replaced since Windows made the key", "make the key again; tpmdps verify --offline tries the chip"},
	0x80090027: {"NTE_INVALID_PARAMETER", "a parameter that Windows does not accept", "", doCaller},
	0x80090029: {"NTE_NOT_SUPPORTED", "the provider of keys cannot do this", "a chip without this algorithm or this length of key", "tpmdps verify --offline shows what is missing"},
	0x8009002d: {"NTE_INTERNAL_ERROR", "the provider of keys failed", "", "restart the machine; look at the events of TPM-WMI"},
	0x80090030: {"NTE_DEVICE_NOT_READY", "the chip is not ready for Windows' provider of keys", "the chip was not prepared by Windows, is locked out, or was cleared and not restarted", "tpm.msc shows the state of the chip; prepare it there as administrator and restart the machine"},
	0x80090035: {"NTE_DEVICE_NOT_FOUND", "Windows' provider of keys finds no chip", "the TPM is switched off in the firmware setup, or the virtual machine has none", "switch it on in the firmware setup; tpm.msc shows what Windows sees"},
	0x80290401: {"TPM_E_PCP_DEVICE_NOT_READY", "the chip is not ready for Windows' provider of keys", "the chip was not prepared by Windows, or was cleared and not restarted", "tpm.msc shows the state of the chip; prepare it there as administrator and restart the machine"},
	0x80290405: {"TPM_E_PCP_NOT_SUPPORTED", "Windows' provider of keys cannot do this with this chip", "", "tpmdps verify --offline shows what is missing"},
	0x80290407: {"TPM_E_PCP_INTERNAL_ERROR", "Windows' provider of keys failed at the chip", "", "restart the machine; look at the events of TPM-WMI"},
	0x80290408: {"TPM_E_PCP_AUTHENTICATION_FAILED", "a wrong PIN or password for the key", "", "give the right one; never try in a loop, since the chip counts"},
	0x80280400: {"TPM_E_COMMAND_BLOCKED", "Windows does not pass this command to the chip", "programs that are not elevated may not use some commands, and some are blocked for all by a policy", doElevated},
	0x80280401: {"TPM_E_INVALID_HANDLE", "Windows knows no such handle", "the chip was reset, or the key was evicted, while a program kept its handle", "start the program again"},
	0x80280402: {"TPM_E_DUPLICATE_VHANDLE", "two keys got the same handle from Windows", "", "start the program again"},
	0x80280403: {"TPM_E_EMBEDDED_COMMAND_BLOCKED", "Windows does not pass the command inside of this one to the chip", "", doElevated},
	0x80280404: {"TPM_E_EMBEDDED_COMMAND_UNSUPPORTED", "Windows does not know the command inside of this one", "", doElevated},
	0x80280800: {"TPM_E_RETRY", "the chip is too busy; the command must be sent again", "", doLater},
	0x80280801: {"TPM_E_NEEDS_SELFTEST", "the chip needs a self test first", "", "restart the machine"},
	0x80280802: {"TPM_E_DOING_SELFTEST", "the chip is testing itself", "in the first seconds after power on", doLater},
	0x80280803: {"TPM_E_DEFEND_LOCK_RUNNING", "the chip refuses for a while, because of wrong passwords", "wrong PINs of BitLocker or Windows Hello count as well", "wait; do not retry in a loop"},
	0x80284001: {"TBS_E_INTERNAL_ERROR", "the TPM Base Services failed", "", "restart the machine"},
	0x80284002: {"TBS_E_BAD_PARAMETER", "a parameter that Windows does not accept", "", doCaller},
	0x80284003: {"TBS_E_INVALID_OUTPUT_POINTER", "a pointer that Windows cannot write to", "", doCaller},
	0x80284004: {"TBS_E_INVALID_CONTEXT", "the connection with the service has ended", "the chip was reset or the service restarted", "start the program again"},
	0x80284005: {"TBS_E_INSUFFICIENT_BUFFER", "a buffer that is too small", "", doCaller},
	0x80284006: {"TBS_E_IOERROR", "Windows cannot communicate with the chip", "", "switch the machine off and on; look at the device in the device manager"},
	0x80284007: {"TBS_E_INVALID_CONTEXT_PARAM", "a parameter of the connection that Windows does not accept", "a program for another version of the chip", doCaller},
	0x80284008: {"TBS_E_SERVICE_NOT_RUNNING", "the service TPM Base Services does not run", "", "start it as administrator: sc start TBS"},
	0x80284009: {"TBS_E_TOO_MANY_TBS_CONTEXTS", "too many programs have the chip open", "", "end some of them"},
	0x8028400a: {"TBS_E_TOO_MANY_RESOURCES", "too many keys and sessions are open", "", "end the programs that use the chip"},
	0x8028400b: {"TBS_E_SERVICE_START_PENDING", "the service TPM Base Services is starting", "", doLater},
	0x8028400c: {"TBS_E_PPI_NOT_SUPPORTED", "the firmware has no way to confirm commands at the machine (physical presence)", "", "clear or enable the TPM in the firmware setup"},
	0x8028400d: {"TBS_E_COMMAND_CANCELED", "the command was cancelled", "by another program, or because the machine went to sleep", doLater},
	0x8028400e: {"TBS_E_BUFFER_TOO_LARGE", "a buffer that is larger than Windows or the chip accepts", "", doCaller},
	0x8028400f: {"TBS_E_TPM_NOT_FOUND", "Windows finds no chip", "the TPM is switched off in the firmware setup, or the virtual machine has none", "switch it on in the firmware setup; tpm.msc shows what Windows sees"},
	0x80284010: {"TBS_E_SERVICE_DISABLED", "the service TPM Base Services is disabled", "", "enable it as administrator: sc config TBS start= demand"},
	0x80284011: {"TBS_E_NO_EVENT_LOG", "there is no log of what the firmware measured", "a machine that starts without UEFI", "start it with UEFI; DPS attestation does not need the log"},
	0x80284012: {"TBS_E_ACCESS_DENIED", "this user may not use the chip", "", doElevated},
	0x80284013: {"TBS_E_PROVISIONING_NOT_ALLOWED", "Windows may not prepare the chip now", "a policy, or the chip was left unprepared on purpose", "prepare it with tpm.msc as administrator"},
	0x80284014: {"TBS_E_PPI_FUNCTION_UNSUPPORTED", "the firmware cannot do this by itself", "", "do it in the firmware setup"},
	0x80284015: {"TBS_E_OWNERAUTH_NOT_FOUND", "Windows does not keep the owner's password", "Windows throws it away since version 1607", "give it with --owner-auth-file FILE, if the hierarchy has one"},
	0x80284016: {"TBS_E_DEACTIVATED", "the chip is deactivated (the documentation), or was not prepared to the end (winerror.h: TBS_E_PROVISIONING_INCOMPLETE)", "", "activate it in the firmware setup, then prepare it with tpm.msc"},
}

// cutByDecode explains "40:0x400": tpm2_rc_decode takes half of the upper half of
// Windows' codes for a layer.
func cutByDecode(groups []string) []Entry {
	n, err := strconv.ParseUint(groups[1], 16, 16)
	if err != nil {
		return nil
	}
	return windows(windowsFacility<<16 | uint32(n))
}

// windows explains a code of Windows: one of its services', or the chip's own
// in the lower bits.
func windows(n uint32) []Entry {
	e := Entry{Kind: kindWindows, Code: fmt.Sprintf("%#x", n), Sources: []string{"Windows SDK, winerror.h", "Windows documentation, TBS return codes"}}
	if text, ok := windowsCodes[n]; ok {
		e.Name, e.Means, e.Why, e.Do = text.name, text.means, text.why, text.do
		return []Entry{e}
	}
	chip, ok := tpm(uint16(n & codeBits))
	if !ok || n&0xf000 != 0 || n>>16 != windowsFacility {
		return nil
	}
	e.Name = chip.Name + ", handed on by Windows"
	e.Means, e.Why, e.Do = chip.Means, chip.Why, chip.Do
	e.Sources = append(e.Sources, chip.Sources...)
	return []Entry{e}
}
