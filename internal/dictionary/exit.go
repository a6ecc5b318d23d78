package dictionary

import "strconv"

// exitCodes are those of docs/exit-codes.md: an interface.
var exitCodes = []struct {
	code                 int
	name, means, why, do string
}{
	{0, "done", "the request was carried out, and the result checked", "", ""},
	{1, "unexpected", "an unexpected error, or a disk that is full, read-only or broken", "", "where the message is about a file, make room or use another disk; otherwise keep the output of -v for a report"},
	{2, "usage", "a flag, a value or a named file is wrong, or DPS does not accept it; nothing was done", "", "correct the command line; --help after the command shows its flags"},
	{10, "no-tpm", "there is no TPM, or nothing answers at the address", "the TPM is switched off in the firmware setup; on a virtual machine, none was given to it", "switch it on (Security, TPM or PTT or fTPM), or name it: tpmdps read-ek --tpm ADDR"},
	{11, "no-permission", "the TPM is there, and this user may not open it", "/dev/tpmrm0 belongs to root and the group tss", "run as root, or join the group: sudo usermod -aG tss $USER, and log in again"},
	{12, "tpm-refuses", "the TPM is busy, locked out, full, in failure mode, refuses a password, or gives an answer that cannot be used", "another program holds it, or a hierarchy has a password", "read the code at the end of the message and explain that one; never repeat a wrong password in a loop"},
	{13, "tpm-unsuitable", "this TPM cannot do what DPS asks for, or something else is stored where the EK belongs", "a TPM 1.2, a missing command, a hierarchy that is switched off", "tpmdps verify --offline shows what is missing"},
	{14, "ek-refused", "the endorsement key is not one that DPS can use, a public sample key, or of a chip that --ek-policy refuses", "copied from a documentation page, cut off, or an ECC key; or a chip whose certificate is missing, forged or another chip's", "read it from the chip: tpmdps read-ek; a refused chip: explain the verdict, such as tpmdps explain untrusted"},
	{15, "conflict", "an enrollment exists with other settings or another key, two records contradict each other, a file exists already, or IoT Edge runs here", "a second machine under the same ID, or a second run with other settings", "the hint names the flag that would overrule it: --update, --replace-ek, --even-if-provisioned"},
	{20, "network", "no connection, a name that does not resolve, or a timeout", "cable, name server or firewall: 443 out to DPS, 8883 or 443 out to the hub", "the step that failed shows which: tpmdps verify"},
	{21, "tls-or-proxy", "the certificate is not trusted, the proxy refused, something other than DPS answered, or an answer contradicts itself", "a proxy that inspects TLS, a captive portal, a wrong endpoint", "give the proxy's CA with --ca-file; look at HTTPS_PROXY and NO_PROXY"},
	{22, "clock", "this machine's clock is so wrong that its token counts as expired", "an empty battery, or no network for the time service; DPS tolerates five minutes", "set the clock: sudo timedatectl set-ntp true"},
	{30, "credentials", "the operator's credential is missing, wrong, or has too few rights", "a connection string of the hub instead of the DPS, a rotated key, a policy without EnrollmentWrite", "set PROVISIONING_CONNECTION_STRING to that of the DPS"},
	{31, "device-refused", "DPS refuses this device", "not enrolled, disabled, enrolled with another key, or another ID scope", "tpmdps read-ek shows key and both IDs; enroll it: tpmdps enroll"},
	{32, "unavailable", "DPS throttles or is down, after all retries", "many machines at once: the quota is 1,000 operations a minute", "try again in some minutes, with pauses that grow"},
	{33, "not-assigned", "the registration ended without a usable assignment to a hub", "no linked hub, a stale link, or a custom allocation that fails", "explain the error code in the message"},
	{34, "hub-refused", "the hub refused the device", "the device is disabled on the hub, its key was rotated there, or the hub throttles", "look at the device: az iot hub device-identity show; register again: tpmdps verify"},
	{40, "config-invalid", "an existing configuration is not valid", "a key in the wrong table, a value without quotes", "correct the file; tpmdps config --config - prints a valid one"},
	{41, "disagreement", "configuration, chip and enrollment do not belong together", "a disk that was moved to another machine", "compare tpmdps read-ek with config.toml"},
	{50, "batch-damaged", "the batch file cannot be read to its end; nothing was enrolled", "a stick that was pulled out, or a line edited by hand", "correct the line that is named"},
	{51, "batch-partly", "some records of a batch were not enrolled", "", "correct what failed and run the same command again: records already enrolled are left unchanged"},
	{130, "interrupted", "the run was ended by a signal", "", "run it again; the chip and all files are whole"},
}

// exitCode finds an exit code of this program by its number or its name.
func exitCode(text string) []Entry {
	for _, e := range exitCodes {
		if code := strconv.Itoa(e.code); text == code || text == e.name {
			return []Entry{{kindExit, code, e.name, e.means, e.why, e.do, []string{"docs/exit-codes.md"}}}
		}
	}
	return nil
}
