package verdict

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/audit"
	"tpmdps/internal/aziot"
	"tpmdps/internal/commandline"
	"tpmdps/internal/dictionary"
	"tpmdps/internal/disk"
	"tpmdps/internal/dps"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/configfile"
	"tpmdps/internal/ektrust"
	"tpmdps/internal/ektrust/examine"
	"tpmdps/internal/ektrust/fetch"
	"tpmdps/internal/emulator"
	"tpmdps/internal/enroll"
	"tpmdps/internal/enroll/batch"
	"tpmdps/internal/enroll/removal"
	"tpmdps/internal/environment"
	"tpmdps/internal/filelock"
	"tpmdps/internal/host"
	"tpmdps/internal/hub"
	"tpmdps/internal/identity"
	"tpmdps/internal/input"
	"tpmdps/internal/integrity"
	"tpmdps/internal/inventory"
	"tpmdps/internal/labels"
	"tpmdps/internal/manifest"
	"tpmdps/internal/network"
	"tpmdps/internal/operator"
	"tpmdps/internal/provision"
	"tpmdps/internal/secretfile"
	"tpmdps/internal/softtpm"
	"tpmdps/internal/stick"
	"tpmdps/internal/sums"
	"tpmdps/internal/tpm"
)

// Verdict is one line of the interface with scripts: docs/exit-codes.md.
type Verdict struct {
	Is   error // what the error wraps; nil where another rule found it
	Code int
	Hint string // what to do next; "" where the error says it
}

// Names says what a code stands for, in one or two words.
var Names = dictionary.ExitNames()

// exits is the one table from an error to its exit code and to what to do next.
// The first entry that matches counts, so causes stand before the layers that
// wrap them.
var exits = slices.Concat(diskExits(), []Verdict{
	{context.Canceled, 130, ""},
	{ErrOvertime, 20, hintOvertime},
	{environment.ErrVariable, 2, "correct the variable that is named, or unset it"},
	{commandline.ErrUsage, 2, ""},
	{operator.ErrOptions, 2, ""},
	{enroll.ErrNotTPM, 51, "copy those with az, or leave them out: az iot dps enrollment list -o json --query \"[?attestation.type=='tpm']\""},
	{network.ErrNoCertificate, 2, "give the certificate of the CA: PEM, DER or PKCS #7 (.p7b)"},
	{batch.ErrPartly, 51, "correct what failed and run the same command again: records already enrolled are left unchanged"},
	{removal.ErrPartly, 51, "correct what failed and run the same command again: what is done already is left unchanged"},
	{batch.ErrReason, 2, ""},
	{tpm.ErrAddress, 2, "for example --tpm /dev/tpmrm0"},
	{integrity.ErrChanged, 50, "do not use it: get the program again, from where the list is from; it was damaged, replaced, or mixed up with one for another system"},
	{integrity.ErrUnlisted, 2, "the list may be of another release: get both from the same one"},
	{integrity.ErrNoList, 2, "put the SHA256SUMS of the release beside the program; or name it with --sums"},
	{integrity.ErrUnknown, 1, "run it by its path, such as ./tpmdps"},
	{sums.ErrMalformed, 50, "get the list again, as it was released"},
	{manifest.ErrLabelMismatch, 15, "the label is another box's, or this is not the box that was scanned: compare both, scan again; nothing was added"},
	{manifest.ErrConflict, 15, "compare both boxes with their labels: a board that was swapped on purpose is read into a batch of its own; a label that stands on two boxes is replaced; two boxes with one key get one new chip"},
	{manifest.ErrExists, 15, "choose another name, or move the old file away"},
	{manifest.ErrPlain, 50, "a plain list does not show whether a line is missing; tpmdps batch merge --out NEW FILE makes a batch of it"},
	{manifest.ErrDamaged, 50, "keep the file as it is, and add no more boxes to it; tpmdps batch merge --skip-damaged --out NEW FILE saves its good lines"},
	{stick.ErrDownload, 50, "get the archive and SHA256SUMS again, from the same release; an archive without a list beside it is accepted with a warning"},
	{stick.ErrArchive, 2, "name the folder of a release with its archives, such as dist after make snapshot, or one of them"},
	{stick.ErrForeign, 15, ""}, // the error itself knows what to do
	{stick.ErrNoStick, 2, "name the folder of a stick; if its SHA256SUMS is lost or damaged, make the stick again from a release"},
	{stick.ErrAltered, 50, "trust nothing that is on it; tpmdps stick init --from RELEASE DIR brings back what is missing or changed, and leaves the batch alone; remove what does not belong there"},
	{stick.ErrSecret, 2, "anyone who finds the stick can read it: move the file off the stick, and renew the secret if the stick was out of your hands"},
	{stick.ErrRoom, 1, "remove from the stick what is not needed, or use a larger one"},
	{examine.ErrSource, 2, "give files as docs/ek-trust.md lists them: certificates as PEM, DER, a folder, a zip or TrustedTpm.cab"},
	{fetch.ErrKept, 50, "move the file away, or put back the one that enroll wrote: what is in it can be fetched again"},
	{fetch.ErrInUse, 15, "wait until the other run has ended"},
	{ektrust.ErrRefused, 14, "keep the machine apart; docs/ek-trust.md says what each verdict asks of you"},
	{identity.ErrSample, 14, "anybody can pose as a machine with that key; read the machine's own: tpmdps read-ek"},
	{labels.ErrSize, 2, ""}, // the error itself knows what to do
	{labels.ErrAlike, 15, "of each pair take one out of the file; if they are two machines, one was read twice: read it again"},
	{inventory.ErrNoTPM, 50, "only enrollments with TPM attestation can be copied: az iot dps enrollment list -o json --query \"[?attestation.type=='tpm']\" has those"},
	{inventory.ErrEnrollment, 50, "correct the enrollment at the line that is named, or export it again: az iot dps enrollment list -o json"},
	{inventory.ErrDamaged, 50, "correct the line that is named, or make the record again: tpmdps read-ek -o jsonl"},
	{audit.ErrLocked, 20, "wait until the other run is done, or end it; raise --timeout"},
	{audit.ErrKey, 2, "give the key the lines were signed with: --audit-key-file FILE; or begin another trail"},
	{audit.ErrEmpty, 50, "if something was recorded in it, its lines are gone: compare it with a copy, or with a noted head (--head)"},
	{audit.ErrTorn, 50, "all lines before it are good; the next run that writes to the trail takes away what is left of that line, and says so"},
	{audit.ErrDamaged, 50, "tpmdps audit verify FILE names the first bad line; keep the file as it is, and begin a new one"},
	{batch.ErrNoIntent, 1, "check that the trail's disk has space and that the file was not moved, then run the same command again"},
	{batch.ErrNoResults, 1, "check that the disk of the results file has space and that the file was not moved, then run the same command again"},
	{batch.ErrAtWork, 15, "wait until the other run is done, or end it; then run the same command again"},
	{batch.ErrResults, 50, "move that file away, or name another one for the results: what is enrolled already is found again"},
	{edge.ErrOtherProvisioning, 40, "to switch to TPM provisioning add --replace-provisioning, which comments out the old settings"},
	{checkup.ErrFindings, 40, "correct the file; tpmdps config --config - prints a valid one"},
	{edge.ErrUnusable, 40, "tpmdps config --check --config FILE shows what to fix; tpmdps config --config - prints a valid file"},
	{identity.ErrRegistrationID, 2, "leave --registration-id out to use the ID that is derived from the chip"},
	{identity.ErrIDScope, 2, "the ID scope is on the overview page of the DPS, or: az iot dps show -n NAME --query properties.idScope"},
	{dps.ErrEndpoint, 2, ""},

	{provision.ErrForeignID, 31, ""},      // the error itself knows what to do
	{provision.ErrConfiguredAuth, 41, ""}, // as well
	{provision.ErrHubKey, 31, "leave the enrollment as it is: it has this chip's key, which opened DPS's challenge just now; run it again, and if it persists, something between here and DPS changes its answers: keep the output of -v"},
	{tpm.ErrOtherChip, 31, "the enrollment was made with another chip's key: compare with tpmdps read-ek; only if this machine replaces the enrolled one, which can then no longer provision: tpmdps enroll --replace-ek --reason TEXT"},
	{softtpm.ErrNotInstalled, 10, hintSwtpm},
	{tpm.ErrGone, 10, "it was there when this run began: was swtpm, the resource manager or the machine's TPM service stopped or restarted? Run it again; if it goes away each time, look at its log (of /dev/tpm0: dmesg)"},
	{tpm.ErrWrongAddress, 10, "is swtpm, or another TPM, running there? Compare the address with --tpm, TPMDPS_TPM and TPM2TOOLS_TCTI (without them it is this machine's own TPM)"},
	{tpm.ErrAnswer, 12, hintAnswer},
	{tpm.ErrNoDevice, 10, "is the TPM switched on in the firmware setup (Security, TPM or PTT or fTPM)? Another one is named with --tpm"},
	{tpm.ErrPermission, 11, hintPermission},
	{tpm.ErrLockout, 12, "the chip counts wrong passwords; wait, do not try again in a loop"},
	{tpm.ErrAuth, 12, "give the hierarchy's password: --endorsement-auth-file FILE, --owner-auth-file FILE"},
	{tpm.ErrResources, 12, hintResources},
	{tpm.ErrNVFull, 12, "list what is there: tpm2_getcap handles-persistent; remove what is not needed: tpm2_evictcontrol -c HANDLE"},
	{tpm.ErrFailure, 12, "switch the machine off and on again; if it persists, the chip or its firmware is broken"},
	{tpm.ErrNoEncryption, 13, "--plain-bus works without encryption; a probe on the bus can then read the keys"},
	{tpm.ErrHierarchy, 13, "restart the machine; if it persists, the firmware setup switches the hierarchy off"},
	{tpm.ErrLost, 12, "run it again; if it persists, another program uses the chip: use /dev/tpmrm0"},
	{tpm.ErrBusy, 12, hintBusy},
	{tpm.ErrOccupied, 13, "look at what is there: tpm2_getcap handles-persistent"}, // occupiedHint knows more where the error names the handle
	{tpm.ErrUnsupported, 13, "this machine needs another TPM, other TPM firmware, or another kind of attestation"},

	{enroll.ErrForeignID, 15, "was the record or the ID copied from another machine? Use the key's own ID (omit --registration-id); tpmdps read-ek --compare lists those of all keys of this chip. If this key must have the other one's ID: --foreign-id"},
	{enroll.ErrOtherAttestation, 15, "if that machine is to prove itself by this TPM from now on: tpmdps enroll --replace-ek --reason TEXT, which removes what it has now; if it is another machine, enroll this one under another registration ID"},
	{enroll.ErrSecond, 15, ""},
	{enroll.ErrCertificate, 15, "read the machine again; if its key is right anyway, enroll that one by itself, not in a batch"},
	{enroll.ErrOtherEK, 15, "if this machine replaces the other one: tpmdps enroll --replace-ek --reason TEXT"},
	{enroll.ErrConflict, 15, "to change the enrollment: tpmdps enroll --update"},
	{enroll.ErrOtherMachine, 15, "was the file or the ID of another machine? Compare with tpmdps read-ek --compare; if the enrollment is the one to remove, whatever its key: name it alone with --registration-id"},
	{enroll.ErrNotOurs, 15, "disable or delete such an enrollment with az: az iot dps enrollment update, az iot dps enrollment delete"},
	{enroll.ErrChanged, 15, "run the same command again: it looks at what is there now"},
	{enroll.ErrOtherForm, 15, "if that is the one to remove: name it with --registration-id, or add --id-format hex, or base32"},
	{enroll.ErrHub, 2, "az iot dps linked-hub list --dps-name NAME lists the hubs of that DPS: link this one to it (az iot dps linked-hub create), or choose one of those; one hub for all is named with --iot-hubs"},
	{host.ErrNotRoot, 11, "run it again with sudo"},
	{enroll.ErrDuplicate, 15, "nothing was enrolled: of each pair take one out of the file; if they are two machines, one was read twice: read it again"},
	{aziot.ErrNotInstalled, 2, aziot.HintInstall},
	{aziot.ErrNoRule, 2, "with tcti = \"device:/dev/tpmrm0\" the daemon opens the kernel's own resource manager"},
	{aziot.ErrConfig, 40, "tpmdps config --check shows where and why"},
	{aziot.ErrApply, 1, "correct what it says, then run the same command again: the file is written already"},
	{aziot.ErrAccess, 11, "sudo tpmdps config --udev gives it the chip; if that did not help: udevadm test /sys/class/tpmrm/tpmrm0 names the rules that count"},
	{aziot.ErrDaemons, 1, "the logs say why: sudo iotedge system logs"},
	{aziot.ErrOldDaemon, 1, "sudo systemctl restart aziot-tpmd"},
	{aziot.ErrAtWork, 15, "--until challenge registers nothing; if a registration is what you want: --even-if-provisioned, then restart IoT Edge: sudo iotedge system restart"},
	{ErrOverwrite, 15, "choose another file with --out, print it with --out -, or move the old one away"},
	{fs.ErrExist, 15, "choose another file with --config, print it with --config -, or move the old one away"},

	{network.ErrBroken, 20, hintBroken},
	{network.ErrName, 20, "check the name servers of this machine (resolvectl status), and the name"},
	{network.ErrConnect, 20, "check cable, address and firewall: port 443 out to DPS, 8883 or 443 out to the hub; and HTTPS_PROXY"},
	{network.ErrProxyLogin, 21, hintProxyLogin},
	{network.ErrProxy, 21, "check HTTPS_PROXY and NO_PROXY, and whether the proxy allows this host"},
	{network.ErrValidity, 22, hintClock},
	{network.ErrCertificate, 21, "if a proxy inspects TLS here, give its CA with --ca-file and to IoT Edge; otherwise check the host name"},
	{network.ErrTLS, 21, "something other than the service answered: a proxy, a captive portal, or a wrong port"},
	{hub.ErrOptions, 33, "DPS assigned something that is not a hub; keep the output of -v"},
	{hub.ErrUnauthorized, 34, "the hub does not accept this device: is it disabled or deleted there, or was its key rotated? az iot hub device-identity show; then register again"},
	{hub.ErrUnavailable, 34, "try again in some minutes; the hub's quota may be used up"},
	{hub.ErrDropped, 34, "the hub closes the connection: is another machine connected under this device ID, or a program on this one?"},
	{hub.ErrBadUserName, 34, "keep the output of -v; the hub rejected what its documentation prescribes"},
	{hub.ErrIdentifier, 34, "keep the output of -v; the hub does not accept this device ID"},
	{hub.ErrRefused, 34, "look at the device on the hub: az iot hub device-identity show"},
	{hub.ErrNotMQTT, 21, "something other than a hub answered: a proxy, a captive portal, or a wrong port; compare the hub's name with the portal"},
	{hub.ErrMalformed, 34, "what answers breaks the rules of MQTT, which a hub keeps: look for a proxy or a broker between here and the hub; keep the output of -v"},
	{provision.ErrClock, 22, hintClock},
	{provision.ErrNotEnrolled, 31, dictionary.Advice(404201)},
	{provision.ErrScope, 31, dictionary.Advice(404000)},
	{provision.ErrHubAnswered, 21, hintHubAnswered},
	{provision.ErrDisabled, 31, "enable it: tpmdps enroll --provisioning-status enabled --update"},
	{provision.ErrOtherEK, 31, "the enrollment was made with another chip's key, or another tool's: compare with tpmdps read-ek --compare; only if this machine replaces the enrolled one, which can then no longer provision: tpmdps enroll --replace-ek --reason TEXT"},
	{provision.ErrRefused, 31, hintTracking},
	{provision.ErrUnavailable, 32, dictionary.ExitAdvice(32)},
	{provision.ErrAllocation, 33, dictionary.Advice(400207)},
	{provision.ErrNoHub, 33, dictionary.Advice(400208)},
	{provision.ErrHubUnauthorized, 33, dictionary.Advice(400209)},
	{provision.ErrStillAssigning, 20, "raise --timeout; if it persists, look at the DPS's linked hubs"},
	{provision.ErrNotAssigned, 33, "look at the linked hubs and the allocation policy of the DPS; keep error code and time for support"},
	{tpm.ErrBlob, 33, "something between here and DPS changes its answers, or the service has changed; keep the output of -v"},

	{secretfile.ErrRemovable, 2, "anyone who finds the medium can read the secret: copy it to this machine's disk; if it must stay there: --secret-on-removable-media"},
	{operator.ErrNoDPS, 2, "name it with --dps NAME, or in TPMDPS_DPS"},
	{operator.ErrNoCredential, 30, "set PROVISIONING_CONNECTION_STRING, or give --connection-string-file, --sas-token-file or --auth-type login"},
}, operatorReasons(), []Verdict{
	{dps.ErrConnectionString, 30, ""},
	{dps.ErrCredential, 30, ""},

	{dps.ErrMalformed, 21, hintForeign},
	{dps.ErrTooLarge, 21, hintForeign},
	{configfile.ErrOtherID, 41, "--id-format base32 uses the chip's ID; --registration-id ID keeps the one of the file"},
	{atomicfile.ErrChanged, 15, "run the same command again: it starts from what the file is now"},
	{input.ErrTimeOver, 20, "the program that writes to it has to end; raise --timeout"},
	{filelock.ErrHeld, 20, "wait until the other program is done, or end it; raise --timeout"},
	{atomicfile.ErrInUse, 15, "end the other one, or name another file"},
	{checkup.ErrDisagree, 41, "the hint at the failed line says what to do"},
	{edge.ErrInvalid, 2, ""},
	{emulator.ErrOptions, 2, ""},
	{fs.ErrPermission, 2, hintOtherUser},
	{input.ErrUnreadable, 2, ""},
})

// diskExits are those of files and disks. They count no matter what was being done, and
// who interrupts it then. The error itself knows of which file system it is.
func diskExits() []Verdict {
	all := []Verdict{{batch.ErrOffRecord, 1, "record it by hand; check that the trail's disk has space and that the file was not moved"}}
	for _, cause := range disk.Causes {
		code := 2
		if errors.Is(cause, disk.ErrMachine) {
			code = 1
		}
		hint := cause.Hint("")
		if cause == disk.Denied {
			hint = hintOtherUser
		}
		all = append(all, Verdict{cause, code, hint})
	}
	return all
}

// operatorReasons are why nobody could sign in, or the service refused who did.
func operatorReasons() []Verdict {
	var all []Verdict
	for _, reason := range operator.Reasons() {
		all = append(all, Verdict{reason, 30, reason.Hint()})
	}
	return all
}

// ErrOverwrite is for what would be written over something else.
var ErrOverwrite = errors.New("nothing is overwritten")

// Table is the whole table, in the order in which it is searched.
func Table() []Verdict { return slices.Clone(exits) }

// Hints are the hints of all tables here: those that are put together are not among them.
func Hints() []string {
	var all []string
	for _, e := range exits {
		all = append(all, e.Hint)
	}
	for _, e := range operatorExits {
		all = append(all, e.Hint)
	}
	return all
}
