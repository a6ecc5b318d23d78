package dictionary

// responseText is what there is to say about a response code, whatever command
// it comes from.
type responseText struct {
	name, means, why, do string
	sources              []string
}

// What to do, where it is the same for several codes.
const (
	doPassword = "give the hierarchy's password: --endorsement-auth-file FILE, --owner-auth-file FILE; for IoT Edge in config.toml, [tpm.hierarchy_authorization]"
	doKeyAuth  = "tpmdps has no flag for the password of a key. If nothing else needs the key, remove it (tpm2_evictcontrol -C o -c HANDLE), then make one without a password: tpmdps read-ek --persist"
	doOtherKey = "compare the chip's key with the enrolled one: tpmdps read-ek; to move the enrollment to this chip: tpmdps enroll --replace-ek --reason TEXT"
	doObjects  = "use /dev/tpmrm0, where the kernel swaps; on /dev/tpm0 remove the keys that other programs left behind: tpmdps chip flush, or tpm2_flushcontext -t. A restart of the machine removes them too"
	doSessions = "use /dev/tpmrm0, where the kernel swaps; on /dev/tpm0 remove the sessions that other programs left behind: tpmdps chip flush, or tpm2_flushcontext -l for loaded ones, -s for saved ones. A restart of the machine removes them too"
	doAlone    = "use /dev/tpmrm0 in every program, and end the other programs that use the chip"
	doSoon     = "tpmdps repeats the command by itself, with pauses from 1 ms to 1 s, for up to 10 seconds; if it still fails, end the other programs that use the chip, then switch the machine off and on"
	doOffline  = "tpmdps verify --offline tries all that DPS needs of this chip and names what is missing"
	doPlain    = "tpmdps verify --plain-bus works without encrypted sessions; otherwise this machine needs newer TPM firmware or another TPM"
	doTemplate = "see which keys the chip holds: tpmdps read-ek --compare, tpm2_getcap handles-persistent; if nothing needs the one that is wrong: tpm2_evictcontrol -C o -c HANDLE, then tpmdps read-ek --persist"
	doRepeat   = "run the command again: a damaged connection to the chip causes it too; if it persists, keep the output of -vv, and look for newer TPM firmware"
	doProgram  = "run the command again; if it persists, keep the output of -vv: the program that sent the command is at fault"
	doRestart  = "start the program that uses the chip again; it then makes new sessions and loads its keys again. Use /dev/tpmrm0"
	doPolicyEK = "see whether the EK is of the TCG's template: tpmdps read-ek --compare; tpmdps satisfies the policy of that template only"
	doNVList   = "see what the index allows: tpm2_nvreadpublic"
)

// responses are the response codes of TPM 2.0 Part 2, 6.6.3, by value; those of
// format 1 without the number of the parameter, session or handle.
var responses = map[uint16]responseText{
	0x01e: {name: "BAD_TAG", means: "the command has a tag that the chip does not know",
		why: "a TPM 1.2 answers so to every command of a TPM 2.0", do: "look in the firmware setup whether the chip can be switched to TPM 2.0; with a TPM 1.2 there is no DPS attestation"},

	// Format 0: the command as a whole.
	0x100: {name: "INITIALIZE", means: "the chip was not started by the firmware (TPM2_Startup), or is started twice",
		why: "a software TPM without a start-up, or a machine whose firmware skips it", do: "switch the machine off and on. A chip without firmware in front of it: tpm2_startup -c; swtpm: --flags startup-clear"},
	0x101: {name: "FAILURE", means: "the chip refuses: its self test failed, or a command failed inside of it",
		why: "some chips, and every software TPM on libtpms, answer so when a key of DPS was wrapped for another EK, and go on working afterwards; otherwise the chip is in failure mode",
		do:  "if only the challenge of DPS fails, " + doOtherKey + ". If every command fails, switch the machine off and on; if it persists, the chip needs newer firmware or is broken: tpm2_gettestresult. A software TPM most often cannot read or write its state: give swtpm an absolute path (--tpmstate dir=/PATH), since --daemon changes the directory, and look at its log"},
	0x103: {name: "SEQUENCE", means: "a sequence of commands was used in the wrong order", do: doProgram},
	0x10b: {name: "PRIVATE", means: "not in use"},
	0x119: {name: "HMAC", means: "not in use"},
	0x120: {name: "DISABLED", means: "the command is switched off", why: "the chip, or a part of it, is disabled in the firmware setup", do: "enable the TPM in the firmware setup, and all of its hierarchies"},
	0x121: {name: "EXCLUSIVE", means: "an exclusive session was broken by another command", why: "two programs use the chip without a resource manager", do: doAlone},
	0x124: {name: "AUTH_TYPE", means: "this handle wants another kind of authorization", why: "a key or an NV index that allows a policy only, or a password only", do: doTemplate},
	0x125: {name: "AUTH_MISSING", means: "the command came without the authorization that it needs", why: "a program that never sends one, or something between program and chip that changes commands", do: doProgram},
	0x126: {name: "POLICY", means: "the policy command does not fit, or the key has no policy",
		why: "what is at 0x81010001 is not an endorsement key of the TCG's template", do: doPolicyEK},
	0x127: {name: "PCR", means: "a PCR does not have the value that a policy wants", why: "firmware, boot loader or kernel changed since the key was made", do: "make the key that is bound to the PCRs again; DPS attestation needs none: tpmdps verify --offline"},
	0x128: {name: "PCR_CHANGED", means: "a PCR changed between the check of a policy and its use", why: "something was measured at that moment", do: "run the command again"},
	0x12d: {name: "UPGRADE", means: "the chip is in field upgrade mode and executes nothing else", why: "a firmware update of the chip runs, or was broken off", do: "finish the firmware update with the maker's tool, then switch the machine off and on"},
	0x12e: {name: "TOO_MANY_CONTEXTS", means: "the chip's counter of saved sessions is used up", why: "a resource manager has swapped for a very long time", do: "restart the machine, which resets the counter"},
	0x12f: {name: "AUTH_UNAVAILABLE", means: "there is no password or policy to authorize with", why: "a key or an NV index whose attributes allow neither a password nor a policy to this user", do: doTemplate},
	0x130: {name: "REBOOT", means: "the chip needs a restart of the machine first", why: "after a firmware update of the chip", do: "switch the machine off and on"},
	0x131: {name: "UNBALANCED", means: "hash and symmetric algorithm of a key are of different strength", why: "an EK or SRK of a template that this chip does not allow", do: doTemplate},
	0x142: {name: "COMMAND_SIZE", means: "the command's length is not what its header says, or more than the chip accepts", why: "a damaged connection to the chip, or a program that is at fault", do: doRepeat},
	0x143: {name: "COMMAND_CODE", means: "this chip does not have the command",
		why:     "some chips lack HMAC (Infineon SLB 9665 and 9670 with old firmware) or EncryptDecrypt2, which the Java SDK wants; a TPM 1.2 lacks all",
		do:      "tpmdps verify --offline names the commands that are missing; a chip without a command that it needs cannot do DPS attestation, unless its maker has newer firmware",
		sources: []string{"tpm2-tools issues 2281, 3159", "azure-iot-sdk-java issue 611"}},
	0x144: {name: "AUTHSIZE", means: "the authorization area is too long or too short", why: "a damaged connection to the chip, or a password longer than the chip accepts", do: "check that the password file holds the password alone (at most 32 bytes for a hierarchy), then run the command again; if it persists, keep the output of -vv"},
	0x145: {name: "AUTH_CONTEXT", means: "the command accepts no sessions, and got some", do: doProgram},
	0x146: {name: "NV_RANGE", means: "read or written beyond the end of an NV index", why: "a certificate in the chip is shorter than its index says", do: doNVList + ". An EK certificate that cannot be read does not prevent DPS attestation: tpmdps enroll needs the key alone"},
	0x147: {name: "NV_SIZE", means: "the NV index is larger than the chip allows", why: "a certificate longer than the chip's memory for one index", do: "define a smaller index; the limit is TPM2_PT_NV_INDEX_MAX: tpm2_getcap properties-fixed"},
	0x148: {name: "NV_LOCKED", means: "the NV index is locked", why: "the firmware locks it for reading or writing until the next start", do: "restart the machine; " + doNVList},
	0x149: {name: "NV_AUTHORIZATION", means: "no right to use the NV index", why: "the EK certificate's index is protected on some chips", do: "give the owner's password: --owner-auth-file FILE; " + doNVList},
	0x14a: {name: "NV_UNINITIALIZED", means: "the NV index was never written", why: "the maker left room for an EK certificate and wrote none; or a state of the chip that was saved for sleep is lost", do: "nothing: DPS attestation needs the key alone. Directly after the machine slept: switch it off and on"},
	0x14b: {name: "NV_SPACE", means: "the chip's non-volatile memory is full",
		why: "many persistent keys or NV indexes; IoT Edge and the SDKs keep three keys there", do: "list them: tpm2_getcap handles-persistent, tpm2_getcap handles-nv-index; remove what nothing needs: tpm2_evictcontrol -C o -c HANDLE, tpm2_nvundefine -C o INDEX. Keep the EK certificates, 0x01c00000 and above"},
	0x14c: {name: "NV_DEFINED", means: "the handle or NV index is in use already",
		why:     "another program keeps a key where IoT Edge wants to put the one of DPS (0x81000100), or version 1.4.0 of IoT Edge writes a second time",
		do:      "see what is there: tpm2_readpublic -c 0x81000100; give IoT Edge another place with auth_key_index in config.toml; update aziot-identity-service to 1.4.1 or later",
		sources: []string{"iot-identity-service issue 450", "tpm2-tools issue 3424"}},
	0x150: {name: "BAD_CONTEXT", means: "a saved context is not this chip's, or is out of date", why: "the machine slept, or the chip was reset, while a program kept a context", do: "start the program that uses the chip again"},
	0x151: {name: "CPHASH", means: "the policy allows only other parameters", why: "a policy that was made for another command", do: doPolicyEK},
	0x152: {name: "PARENT", means: "the handle is not a key that can wrap others", why: "what is at 0x81000001 is not a storage root key", do: "see what is there: tpm2_readpublic -c 0x81000001; if nothing needs it: tpm2_evictcontrol -C o -c 0x81000001, then tpmdps read-ek --persist"},
	0x153: {name: "NEEDS_TEST", means: "the chip needs a self test first", do: "tpm2_selftest --fulltest, then run the command again; or restart the machine"},
	0x154: {name: "NO_RESULT", means: "the chip cannot execute the command for a reason that has no code", why: "a parameter that the chip finds unusable only while it computes", do: doRepeat},
	0x155: {name: "SENSITIVE", means: "the private part of a key is not what its public part says",
		why: "a key of DPS arrived damaged", do: "run the command again; if it persists, keep the output of -v"},

	// Format 1: a parameter, a session or a handle.
	0x081: {name: "ASYMMETRIC", means: "the asymmetric algorithm is not supported or not right", why: "a chip that cannot do RSA 2048", do: doOffline},
	0x082: {name: "ATTRIBUTES", means: "the attributes of the key do not allow this",
		why: "an SRK with other attributes than the TCG's, or an EK that is used without its policy", do: "see what is at 0x81010001 and 0x81000001: tpmdps read-ek --compare, tpm2_readpublic -c 0x81000001"},
	0x083: {name: "HASH", means: "the hash algorithm is not supported or not right", why: "a chip without SHA-256", do: doOffline},
	0x084: {name: "VALUE", means: "a value is out of range or wrong in its place",
		why: "from ActivateCredential: the key of DPS was wrapped for another EK; from TPM2_ReadPublic, with a handle: nothing is there",
		do:  "at the challenge of DPS, " + doOtherKey + ". With the number of a handle: see what is there: tpm2_getcap handles-persistent"},
	0x085: {name: "HIERARCHY", means: "the hierarchy is switched off, or is the wrong one",
		why: "the firmware or the operating system switched off the endorsement or owner hierarchy", do: "restart the machine, which switches it on again; if it persists, enable the hierarchies in the firmware setup"},
	0x087: {name: "KEY_SIZE", means: "the key size is not supported", why: "a chip without RSA 2048 or AES 128, or an EK of another size", do: doOffline},
	0x088: {name: "MGF", means: "the mask generation function is not supported", do: doOffline},
	0x089: {name: "MODE", means: "the mode of operation is not supported", why: "a chip without AES-128-CFB for sessions", do: doPlain},
	0x08a: {name: "TYPE", means: "a value has another type than belongs there", why: "an ECC key lies where an RSA key belongs", do: doTemplate},
	0x08b: {name: "HANDLE", means: "nothing is at this handle, or something of another kind",
		why:     "an EK or SRK that was never made persistent: aziot-tpmd logs it as 0x18b at every start until it has made the keys; the SDKs in the same way before they make theirs. It is not a fault",
		do:      "nothing, when the program goes on; otherwise see what is there: tpm2_getcap handles-persistent",
		sources: []string{"iot-identity-service issue 450"}},
	0x08c: {name: "KDF", means: "the key derivation function is not supported", do: doOffline},
	0x08d: {name: "RANGE", means: "a value is out of range", why: "a persistent handle that the owner may not use: 0x81000000 to 0x817fffff are the owner's", do: "choose a handle from 0x81000000 to 0x817fffff; tpmdps and IoT Edge count from 0x81000000: --auth-key-index, or auth_key_index in config.toml, up to 0x7fffff"},
	0x08e: {name: "AUTH_FAIL", means: "wrong password, and the chip counts it (dictionary attack protection)",
		why: "a key or an NV index under this protection has a password (the owner and endorsement hierarchies are never counted), as an SRK at 0x81000001 that another tool made",
		do:  "do not guess: after some failures the chip locks itself; tpm2_getcap properties-variable shows the count. " + doKeyAuth},
	0x08f: {name: "NONCE", means: "a nonce of a session is wrong", why: "something between program and chip changes commands, or two programs use one session", do: doAlone},
	0x090: {name: "PP", means: "the command needs physical presence", why: "the firmware demands that somebody at the machine confirms it", do: "confirm it in the firmware setup, or at the prompt after a restart"},
	0x092: {name: "SCHEME", means: "the signing or encryption scheme is not supported or not the key's", why: "a key of another template lies where the EK, the SRK or the key of DPS belongs", do: doTemplate},
	0x095: {name: "SIZE", means: "a structure has another size than its header says",
		why: "a key of DPS arrived cut off or changed; or was wrapped for another chip, on some chips", do: doOtherKey},
	0x096: {name: "SYMMETRIC", means: "the symmetric algorithm or key size is not supported", why: "a chip without AES-128-CFB for sessions", do: doPlain},
	0x097: {name: "TAG", means: "a structure has a wrong tag", why: "a damaged connection to the chip, or a ticket of another kind", do: doRepeat},
	0x098: {name: "SELECTOR", means: "a union's selector is wrong", why: "an algorithm that this chip does not know in this place", do: doOffline},
	0x09a: {name: "INSUFFICIENT", means: "a structure ends before its last field", why: "a key of DPS arrived cut off or changed", do: "run the command again; if it persists, keep the output of -v"},
	0x09b: {name: "SIGNATURE", means: "the signature is not valid", why: "a policy that was signed with another key, or data that was changed", do: "sign again with the key that the policy names; DPS attestation verifies no signature on the chip"},
	0x09c: {name: "KEY", means: "the key does not fit, or has no such use", why: "an SRK or an EK of another template", do: doTemplate},
	0x09d: {name: "POLICY_FAIL", means: "the policy of the key is not satisfied",
		why: "the EK wants a policy session with the endorsement hierarchy's password, and a program used none, or this EK has another policy than the TCG's template", do: "if the endorsement hierarchy has a password: --endorsement-auth-file FILE; " + doPolicyEK},
	0x09f: {name: "INTEGRITY", means: "the integrity check failed: it was wrapped for another key, or was changed on the way",
		why: "from ActivateCredential and Import: the key of DPS is for another EK or SRK; after a clear of the TPM, a new board, or a software TPM that lost its state", do: doOtherKey},
	0x0a0: {name: "TICKET", means: "a ticket is not valid", why: "the chip was reset, or cleared, since it gave out the ticket", do: "start the program that uses the chip again; it then gets a new ticket"},
	0x0a1: {name: "RESERVED_BITS", means: "bits are set that must be zero", why: "a program for a newer version of the specification than the chip's, or a damaged connection", do: doRepeat},
	0x0a2: {name: "BAD_AUTH", means: "wrong password, and the chip does not count it",
		why:     "the owner or endorsement hierarchy has a password; the SDKs and old versions of IoT Edge cannot give one",
		do:      doPassword + ". If no hierarchy has one, the password is a key's; " + doKeyAuth,
		sources: []string{"iotedge issue 3195", "azure-iot-sdk-csharp issue 2991"}},
	0x0a3: {name: "EXPIRED", means: "the policy has expired", why: "a signed policy with an end, or a chip whose clock was set forward", do: "have the policy signed again; the chip's clock: tpm2_readclock"},
	0x0a4: {name: "POLICY_CC", means: "the policy is for another command", why: "an EK or a key with a policy of its own", do: doPolicyEK},
	0x0a5: {name: "BINDING", means: "public and private part do not belong together",
		why: "the key of DPS is for an EK or SRK that is not this chip's any more", do: doOtherKey, sources: []string{"azure-iot-sdk-csharp issue 926"}},
	0x0a6: {name: "CURVE", means: "the elliptic curve is not supported", why: "a program that asks for an ECC key which this chip cannot make", do: "DPS attestation needs an RSA key: tpmdps read-ek"},
	0x0a7: {name: "ECC_POINT", means: "the point is not on the curve", why: "an ECC key that was damaged or is for another curve", do: "DPS attestation needs an RSA key: tpmdps read-ek"},

	// Warnings: the same command may succeed later.
	0x901: {name: "CONTEXT_GAP", means: "too many sessions were saved since the oldest one", why: "a program saved a session and never came back for it", do: doSessions},
	0x902: {name: "OBJECT_MEMORY", means: "the chip has no memory for another key",
		why: "programs leave loaded keys behind on /dev/tpm0, which has room for about three", do: doObjects},
	0x903: {name: "SESSION_MEMORY", means: "the chip has no memory for another session", why: "programs leave sessions behind", do: doSessions},
	0x904: {name: "MEMORY", means: "the chip has no memory left", why: "programs leave keys and sessions behind", do: doObjects + ". Sessions: tpm2_flushcontext -l"},
	0x905: {name: "SESSION_HANDLES", means: "the chip has no handle for another session", why: "programs leave sessions behind", do: doSessions},
	0x906: {name: "OBJECT_HANDLES", means: "the chip has no handle for another key", why: "programs leave loaded keys behind", do: doObjects},
	0x907: {name: "LOCALITY", means: "the command came from a place that may not use it", why: "a key or a PCR for the firmware or the hypervisor alone; operating systems use locality 0", do: "use this machine's own device: --tpm /dev/tpmrm0; a software TPM has to be at locality 0: swtpm_ioctl -l 0"},
	0x908: {name: "YIELDED", means: "the chip postponed the command", why: "it was doing something more urgent", do: doSoon},
	0x909: {name: "CANCELED", means: "the command was cancelled", why: "by the operating system, for a shutdown or sleep", do: doSoon},
	0x90a: {name: "TESTING", means: "the chip is testing itself", why: "in the first seconds after power on",
		do: "tpmdps repeats the command by itself for up to 60 seconds; if it still fails, see how the test went: tpm2_gettestresult, then switch the machine off and on"},
	0x910: {name: "REFERENCE_H0", means: "a handle in the command is of a key that is not loaded", why: "a program kept a handle that was flushed, or another one took it away", do: doRestart},
	0x918: {name: "REFERENCE_S0", means: "a session in the command is not there", why: "a program kept a session that was flushed, or another one took it away", do: doRestart},
	0x920: {name: "NV_RATE", means: "the chip refuses to write for a while, to protect its memory from wear", why: "a loop that registers again and again: each registration of an SDK writes to the chip",
		do: "tpmdps repeats the command by itself for up to 60 seconds; if it still fails, stop the program that writes to the chip, wait some minutes, and run the command again"},
	0x921: {name: "LOCKOUT", means: "too many wrong passwords: the chip refuses every key under dictionary attack protection for a while",
		why:     "a wrong password in a loop, or power cuts while such a key was loaded; the documented Linux recipe makes an SRK under this protection, so that it locks IoT Edge out",
		do:      "wait, do not retry in a loop: tpm2_getcap properties-variable shows the count and the time to wait. With the lockout hierarchy's password (often empty) it ends at once: tpm2_dictionarylockout --clear-lockout. Have the SRK made without the protection (noDA), as tpmdps and IoT Edge do",
		sources: []string{"tpm2-tss issue 2400"}},
	0x922: {name: "RETRY", means: "the chip could not begin the command; it must be sent again", why: "the first use of a protected key after a power cut, or a busy chip", do: doSoon},
	0x923: {name: "NV_UNAVAILABLE", means: "the chip's non-volatile memory cannot be written at the moment", why: "the memory is busy, or the firmware uses it, as with a TPM in the processor (fTPM)",
		do: "tpmdps repeats the command by itself for up to 60 seconds; if it still fails, wait a minute and run it again; if it persists, switch the machine off and on: the memory may be worn out"},
}
