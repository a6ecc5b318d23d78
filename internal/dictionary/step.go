package dictionary

import (
	"strings"
)

// docsSteps is the source of the steps.
const docsSteps = "docs/tpmdps.1.md, tpmdps verify"

// verifySteps are the steps of tpmdps verify, in order: what each of them does, why
// it fails, and what to do then.
var verifySteps = []Entry{
	step("tpm.open", "opens the chip", "the chip is off, this user has no right to it, or another program holds it", "switch it on in the firmware setup, or give the right: sudo usermod -aG tss $USER; name another one with --tpm ADDR"),
	step("tpm.capabilities", "asks the chip for the commands and algorithms that DPS needs", "a TPM 1.2, a chip that is locked out, or a command that it does not have", "tpmdps verify --offline names what is missing"),
	step("tpm.ek", "finds the endorsement key, or derives it", "the endorsement hierarchy has a password or is switched off, or another key is stored at the EK's place", "see what is there: tpmdps read-ek --compare; a password: --endorsement-auth-file FILE"),
	step("tpm.srk", "finds the storage root key, or derives it", "the owner hierarchy has a password or is switched off", "a password: --owner-auth-file FILE; see what is there: tpm2_getcap handles-persistent"),
	step("net.dns", "resolves the name of DPS, or of the proxy", "no name server, or a name that is mistyped", "check the name servers: resolvectl status; and HTTPS_PROXY"),
	step("net.tcp", "connects to DPS, or through the proxy", "a firewall on port 443, or a proxy that wants a login", "check cable, address and firewall, and HTTPS_PROXY"),
	step("net.tls", "begins TLS with DPS and checks its certificate", "a proxy that inspects TLS, a captive portal, or a wrong clock", "give the proxy's CA: --ca-file FILE; look at the clock: timedatectl"),
	step("clock", "compares this machine's clock with that of DPS", "an empty battery, or no network for the time service", "set the clock: sudo timedatectl set-ntp true"),
	step("dps.challenge", "sends the chip's keys to DPS and gets its challenge", "the machine is not enrolled, enrolled with another key, or the ID scope is another DPS's", "compare tpmdps read-ek with the enrollment; enroll it: tpmdps enroll"),
	step("tpm.activate", "has the chip solve the challenge", "the enrollment was made with another chip's key, or with one that another tool derived", doOtherKey),
	step("dps.register", "registers with a token that the chip signed", "the clock is wrong, or the enrollment changed meanwhile", "set the clock: sudo timedatectl set-ntp true; run it again"),
	step("dps.assigned", "waits until DPS names a hub", "the enrollment is disabled, no hub is linked, or the custom allocation fails", "explain the code in the message; a disabled enrollment: tpmdps enroll --provisioning-status enabled --update"),
	step("tpm.hubkey", "brings the key for the hub into the chip", "the key is for another chip, or the chip has no room", "explain the code in the message; compare the keys: tpmdps read-ek --compare"),
	step("hub.tls", "connects to the hub and begins TLS", "a firewall on port 8883, a proxy, or a name that does not resolve", "open 8883 or 443 out to the hub; a proxy: HTTPS_PROXY and --hub-transport mqtt-ws"),
	step("hub.connect", "logs in to the hub with a token that the chip signed", "the device is disabled or deleted on the hub, or its key was rotated there", "look at the device: az iot hub device-identity show; run it again, which registers again"),
	step("hub.twin", "reads the device's twin", "the hub closes the connection, as with a second machine under the same device ID, or throttles", "look for another program or machine with this identity; run it again"),
}

func step(name, does, why, do string) Entry {
	return Entry{kindStep, name, "", "a step of tpmdps verify: it " + does, "where it fails: " + why, do, []string{docsSteps}}
}

// verifyStep finds a step by its name.
func verifyStep(name string) []Entry {
	for _, e := range verifySteps {
		if strings.EqualFold(e.Code, name) {
			return []Entry{e}
		}
	}
	return nil
}

// Message is what this program says in an error: its fixed words, the exit code, and
// the hint that it gives.
type Message struct {
	Text string
	Code int
	Do   string
}

// ownLine finds a line of this program: an error, of a step or not, also in JSON.
var ownLine = newPattern(`(?im)(?:\btpmdps(?:\[[0-9]+\])?: |\berror":\s*")((?:[^\n"\\]|\\.)*)`)

// ownMessages explains the program's own errors in a text.
func ownMessages(s scan, own []Message) []hit {
	text := s.text
	var found []hit
	for _, m := range s.matches(ownLine, []string{"tpmdps", `error":`}) {
		line := text[m[2]:m[3]]
		if strings.HasPrefix(line, "hint: ") {
			continue
		}
		var best Message
		for _, o := range own {
			if len(o.Text) > len(best.Text) && says(line, o.Text) {
				best = o
			}
		}
		for _, e := range exitCodes {
			if best.Text != "" && e.code == best.Code {
				found = append(found, hit{Entry: best.entry(), at: m[2], depth: atProgram})
			}
		}
	}
	return found
}

// entry explains a message by its exit code and its own hint.
func (m Message) entry() Entry {
	var e Entry
	for _, e = range exitCode(ExitNames()[m.Code]) {
		e.Means = m.Text
		if m.Do != "" {
			e.Do = m.Do
		}
	}
	return e
}

// says tells whether words stand in an error as one of the parts that colons
// separate.
func says(line, words string) bool {
	words = strings.TrimRight(words, ".)") // an end that a question does not have
	for from := 0; ; {
		i := strings.Index(line[from:], words)
		if i < 0 {
			return false
		}
		i += from
		before, after := line[:i], line[i+len(words):]
		if (before == "" || strings.HasSuffix(before, ": ") || strings.HasSuffix(before, "; ")) &&
			(after == "" || strings.ContainsAny(after[:1], ":;,.() ")) {
			return true
		}
		from = i + 1
	}
}
