package dictionary

import (
	"strings"
)

// softwareWords are what an advice for a chip says and what it is for a software TPM:
// it has no power switch and no firmware setup of the machine, and no device.
var softwareWords = []struct {
	chip     *pattern
	software string
}{
	{newPattern(`^switch the machine off and on again; if it persists, the chip or its firmware is broken`), softwareState},
	{newPattern(`another program holds the TPM; find it with: .*`), "another program is connected to the software TPM, which serves one at a time: end that program"},
	{newPattern(`another program filled the chip past the kernel's resource manager; .*`), softwareMemory},
	{newPattern(`^(?:use /dev/tpmrm0, where the kernel swaps; )?on /dev/tpm0 remove .*`), softwareMemory},
	{newPattern(`run as root, or (?:give the user access|join the group): .*`), "run it as the user whose socket it is, or as root"},
	{newPattern(`(?:; then the chip, or what stands between it and this program, is broken)`), ""},
	{newPattern(`\b(?:(?:tpm2_selftest --fulltest, then run the command again; or )?restart the machine|switch the machine off and on(?: again)?)\b[^;.]*`), softwareStart},
	{newPattern(`; if it persists, (?:the chip or its firmware is broken|the chip needs newer firmware or is broken: tpm2_gettestresult|the firmware setup switches the hierarchy off|enable the hierarchies in the firmware setup|keep the output of -vv, and look for newer TPM firmware)`), ""},
	{newPattern(`is the TPM switched on in the firmware setup \(Security, TPM or PTT or fTPM\)\?[^;]*`), "is the software TPM running, and is that its address?"},
	{newPattern(`^(?:run it again; )?if it persists, another program uses the chip: use /dev/tpmrm0`), "run it again; if it persists, another program uses the software TPM: end it"},
	{newPattern(`(?:; |\. |, )?[Uu]se /dev/tpmrm0(?: in every program, and end the other programs that use the chip)?`), "; end the other programs that use the software TPM"},
}

const (
	softwareStart  = "start the software TPM again and look at its log (swtpm --log file=FILE)"
	softwareState  = "the software TPM most often cannot read or write its state: start it again with an absolute path (swtpm --tpmstate dir=/PATH), since --daemon changes the directory, and look at its log (--log file=FILE)"
	softwareMemory = "end the other programs that use the software TPM, then look at what they left in its memory: tpmdps chip flush"
)

// ofHardware are words that mean nothing for a software TPM; what config.toml is to
// say (tcti) is about IoT Edge's TPM, which is another matter.
var (
	ofHardware = newPattern(`(?:^|[^:])/dev/tpm|fuser -v /dev|firmware setup|machine off and on|restart the machine|restart of the machine`)
	ofConfig   = newPattern(`\btcti = `)
)

// ForSoftwareTPM makes an advice one for a TPM that is reached over a socket: what
// concerns a chip of this machine is said in another way, or left out. What there is to
// say about a response code stays as explain says it: that is of both kinds of TPM.
func ForSoftwareTPM(advice string) string {
	if advice == "" || ofConfig.compiled().MatchString(advice) || ofResponse(advice) {
		return advice
	}
	for _, words := range softwareWords {
		advice = words.chip.compiled().ReplaceAllLiteralString(advice, words.software)
	}
	var kept []string
	for sentence := range strings.SplitSeq(strings.TrimPrefix(advice, "; "), "; ") {
		if !ofHardware.compiled().MatchString(sentence) {
			kept = append(kept, sentence)
		}
	}
	if len(kept) == 0 {
		return softwareStart
	}
	return strings.Join(kept, "; ")
}

// ofResponse tells whether it is the advice for a response code.
func ofResponse(advice string) bool {
	for code := range responses {
		if advice == TPMAdvice(uint32(code)) {
			return true
		}
	}
	return false
}
