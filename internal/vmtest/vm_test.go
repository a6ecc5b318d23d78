//go:build vm

package vmtest

import (
	"fmt"
	"slices"
	"testing"

	"tpmdps/internal/identity"
)

// fixtureID is the registration ID of the chip "persisted".
const fixtureID = "u3eu2rjyh73csohm3lbh2gceoaichoum7lchakoxfhh5nk6sjxyq"

// tss is a group that is given the chip, as Debian's tpm-udev does.
const tss = 59

const passed = `^PASS  this chip can provision itself \(no network was used\)\n      ` + fixtureID + `$`

// One machine has its firmware strings filled in, the other as the maker of the
// board left them.
const (
	labelled    = "manufacturer=Example Works,product=Gateway 7,serial=GW7-000123,uuid=4c4c4544-0042-3510-8052-b4c04f4e4d31"
	notLabelled = "manufacturer=To be filled by O.E.M.,product=System Product Name,serial=Default string,uuid=03000200-0400-0500-0006-000700080009"
)

var label = identity.Host{Manufacturer: "Example Works", Product: "Gateway 7", Serial: "GW7-000123",
	UUID: "4c4c4544-0042-3510-8052-b4c04f4e4d31"}

// The two interfaces that PCs have, and as many processors as have shown
// different orders of events.
func TestTIS(t *testing.T) {
	play(t, machine{chip: "tpm-tis", cpus: 1, smbios: labelled, fixture: "persisted"},
		slices.Concat(flow(label), rights(label), sharing(), signals(), kills()))
}

func TestCRB(t *testing.T) {
	play(t, machine{chip: "tpm-crb", cpus: 2, smbios: notLabelled, fixture: "persisted"},
		slices.Concat(flow(identity.Host{}), rights(identity.Host{}), sharing(), signals(), kills()))
}

func TestNoTPM(t *testing.T) {
	const none = `^tpmdps: no TPM: neither /dev/tpmrm0 nor /dev/tpm0 exists$`
	readEK := step("read-ek", "tpmdps", "read-ek")
	readEK.code, readEK.quiet, readEK.stderr = 10, true, []string{none, `hint: is the TPM switched on in the firmware setup`}
	verify := step("verify", "tpmdps", "verify", "--offline", "-o", "json")
	verify.code, verify.check = 10, failure(10, "no-tpm", "tpm.open")
	config := step("config", "tpmdps", "config", "--id-scope", "0ne00000E11", "--file", "-")
	config.code, config.quiet, config.stderr = 10, true, []string{none}
	play(t, machine{cpus: 1, smbios: labelled}, []scenario{readEK, verify, config})
}

// The kernel gives a TPM 1.2 no resource manager, so it is found at the second
// name that is tried.
func TestTPM12(t *testing.T) {
	readEK := step("read-ek", "tpmdps", "read-ek")
	readEK.code, readEK.quiet, readEK.stderr = 13, true, []string{`^tpmdps: device:/dev/tpm0: .*this TPM cannot do DPS attestation: it is a TPM 1\.2$`}
	verify := step("verify", "tpmdps", "verify", "--offline", "-o", "json")
	verify.code, verify.check = 13, failure(13, "tpm-unsuitable", "tpm.open")
	play(t, machine{chip: "tpm-tis", tpm12: true, cpus: 1, smbios: labelled}, []scenario{readEK, verify})
}

// flow is what a machine's owner does with it, over each device.
func flow(host identity.Host) (list []scenario) {
	for _, device := range []string{"/dev/tpmrm0", "/dev/tpm0"} {
		readEK := step("read-ek on "+device, "tpmdps", "read-ek", "-o", "jsonl", "--tpm", device)
		readEK.check, readEK.stderr = record(host), []string{`\Awarning: the verdict on this chip is untrusted: it is a software TPM[^\n]*\n\z`}
		verify := step("verify on "+device, "tpmdps", "verify", "--offline", "--tpm", device)
		verify.stdout = []string{passed}
		verify.stderr = []string{`^ok +tpm\.open .* device:` + device + `: IBM `, `^ok +tpm\.activate `, `^ok +tpm\.hubkey `}
		config := step("config on "+device, "tpmdps", "config", "--id-scope", "0ne00000E11", "--file", "-", "--tpm", device)
		config.stdout = []string{`^registration_id = "` + fixtureID + `"$`, `^id_scope = "0ne00000E11"$`}
		list = append(list, readEK, verify, config, clean("the flow on "+device))
	}
	found := step("verify finds the device", "tpmdps", "verify", "--offline")
	found.stdout, found.stderr = []string{passed}, []string{`^ok +tpm\.open .* device:/dev/tpmrm0: `}
	return append(list, found)
}

// rights is about users: who may not open the device, and what helps.
func rights(host identity.Host) []scenario {
	refused := step("nobody may open it", "tpmdps", "read-ek")
	refused.User, refused.Group = Nobody, Nobody
	refused.code, refused.quiet = 11, true
	refused.stderr = []string{`^tpmdps: no permission on the TPM: open /dev/tpmrm0: permission denied$`,
		`^tpmdps: hint: .*sudo usermod -aG tss`}
	asJSON := step("nobody may verify", "tpmdps", "verify", "--offline", "-o", "json", "--tpm", "/dev/tpm0")
	asJSON.User, asJSON.Group = Nobody, Nobody
	asJSON.code, asJSON.check = 11, failure(11, "no-permission", "tpm.open")

	share := step("the udev rules give it to a group", "share", fmt.Sprint(tss))
	share.stdout = []string{`\A/dev/tpm0\n/dev/tpmrm0\n\z`}
	host.Serial, host.UUID = "", "" // only root may read them
	member := step("a member of the group may read-ek", "tpmdps", "read-ek", "-o", "jsonl")
	member.User, member.Group, member.check = Nobody, tss, record(host)
	verify := step("a member of the group may verify", "tpmdps", "verify", "--offline")
	verify.User, verify.Group, verify.stdout = Nobody, tss, []string{passed}
	return []scenario{refused, asJSON, share, member, verify}
}

// sharing is about other programs on the same chip.
func sharing() []scenario {
	// Three keys fill a client's place in the resource manager, and the chip.
	const inUse = 3
	managed := step("with another client of the resource manager", "tpmdps", "verify", "--offline")
	managed.Beside, managed.beside = []string{"hold", "/dev/tpmrm0", fmt.Sprint(inUse)}, `^held 3$`
	managed.stdout = []string{passed}

	busy := step("with the device held", "tpmdps", "read-ek", "--tpm", "/dev/tpm0")
	busy.Beside, busy.beside = []string{"hold", "/dev/tpm0", "0"}, `^held 0$`
	busy.code, busy.quiet = 12, true
	busy.stderr = []string{`^tpmdps: the TPM is busy: open /dev/tpm0: device or resource busy$`, `^tpmdps: hint: .*fuser`}

	past := step("past the one who holds the device", "tpmdps", "verify", "--offline")
	past.Beside, past.beside, past.stdout = busy.Beside, busy.beside, []string{passed}

	full := step("with the chip filled up", "tpmdps", "verify", "--offline", "-o", "json")
	full.Beside, full.beside = []string{"hold", "/dev/tpm0", fmt.Sprint(inUse)}, `^held 3$`
	full.code, full.check = 12, failure(12, "tpm-refuses", "tpm.ek")
	flushed := step("what the holder left there", "flush", "/dev/tpm0")
	flushed.stdout = []string{`\A(0x800000..\n){3}\z`}

	return []scenario{managed, clean("another client"), busy, past, full, flushed, clean("a full chip")}
}

// Commands of an activation as -v names them, in their order.
var activation = []string{"CreatePrimary", "StartAuthSession", "PolicySecret", "ActivateCredential", "Import", "Load", "HMAC", "FlushContext"}

// signals is about those that a program can take. On the bare device nobody
// else cleans up.
func signals() (list []scenario) {
	for _, command := range activation {
		name := "interrupted after " + command
		s := step(name, "tpmdps", "verify", "--offline", "-v", "--tpm", "/dev/tpm0")
		s.Strike = &Strike{Signal: SIGINT, After: line(command)}
		s.code, s.stdout, s.stderr = 130, []string{`\AFAIL  .*\n\z`}, []string{`^tpmdps: .*interrupted`}
		list = append(list, s, clean(name))
	}
	// Every resize of a terminal's window is a signal too, and must not break
	// into waiting for the chip.
	storm := step("with a window being resized", "tpmdps", "verify", "--offline", "--tpm", "/dev/tpm0")
	storm.Strike = &Strike{Signal: SIGWINCH, EveryMS: 1}
	storm.stdout = []string{passed}
	storm.check = func(t *testing.T, o Outcome) {
		if o.Struck < 10 {
			t.Errorf("%d signals were sent, want 10 at least", o.Struck)
		}
	}
	return append(list, storm, clean("a storm of signals"))
}

// kills is about kill -9, which no program takes: the resource manager cleans
// up after it. Right after a command's answer the next one is on its way; the
// instants meet the slow commands in their middle.
func kills() (list []scenario) {
	const killed = 128 + SIGKILL
	kill := func(name string, strike Strike) scenario {
		s := step(name, "tpmdps", "verify", "--offline", "-v")
		strike.Signal = SIGKILL
		s.Strike = &strike
		return s
	}
	for _, command := range activation {
		s := kill("killed after "+command, Strike{After: line(command)})
		s.code, s.quiet = killed, true
		list = append(list, s, clean(s.Name))
	}
	for ms := 40; ms <= 320; ms += 40 {
		s := kill(fmt.Sprintf("killed after %d ms", ms), Strike{DelayMS: ms})
		s.code = anyCode
		s.check = func(t *testing.T, o Outcome) {
			if o.Code != killed && o.Code != 0 { // done before, on a fast machine
				t.Errorf("exit code %d, want %d", o.Code, killed)
			}
		}
		list = append(list, s, clean(s.Name))
	}
	after := step("verify after all kills", "tpmdps", "verify", "--offline")
	after.stdout = []string{passed}
	return append(list, after)
}
