// Package dictionary explains the codes and log lines that a machine with a TPM
// shows on its way to an IoT Hub: of the chip, of the software around it, of
// the Device Provisioning Service, of the hub, of IoT Edge, and the exit codes
// of this program.
//
// It needs no chip and no network. What it says is in tables, one file for each
// kind of code; docs/errors.md is printed from the same tables. The one rule:
// what nobody documents is said to be a guess, and every entry names where it
// comes from.
//
// It is the last thing on the way of an error: everything else reports codes,
// this says what they mean.
package dictionary

import (
	"slices"
	"strings"
)

// Entry explains one code or log line.
type Entry struct {
	// Kind says whose code it is: one of [Kinds].
	Kind string `json:"kind"`
	// Code is the code as its maker writes it, or a log line's fixed part.
	Code string `json:"code"`
	// Name is its name, or empty.
	Name string `json:"name"`
	// Means is what happened.
	Means string `json:"means"`
	// Why is how machines with a TPM come to it.
	Why string `json:"why"`
	// Do is what to do next.
	Do string `json:"do"`
	// Sources are where this is from.
	Sources []string `json:"sources"`
}

// The kinds of entries.
const (
	kindExit    = "exit code"
	kindDPS     = "DPS"
	kindHub     = "IoT Hub"
	kindTPM     = "TPM"
	kindTSS     = "TPM software stack"
	kindWindows = "Windows"
	kindLog     = "log line"
	kindStep    = "verify step"

	kindEKVerdict = "EK verdict"
	kindEKReason  = "EK verdict reason"
)

// Kinds says what can be explained, one phrase each, with an example.
func Kinds() []string {
	return []string{
		"exit codes, steps and messages of tpmdps (31, hub.connect)",
		"verdicts on an endorsement key and their reasons (untrusted, missing-issuer)",
		"HTTP status and error codes of DPS (404, 400004)",
		"codes of IoT Hub (401003, CONNACK 5)",
		"response codes of TPMs, as numbers or names (0x9a2, 2466, TPM_RC_LOCKOUT, {Binding})",
		"codes of the TPM software stack (0x000a000a)",
		"the texts of tpm2_rc_decode and tpm2-tools (tcti:IO failure)",
		"codes of Windows (0x80280400, -2144861184)",
		"lines from the logs of IoT Edge, the SDKs and the Linux kernel (DPS client error)",
	}
}

// MaxText is how many bytes of a text count.
const MaxText = 1 << 20

// Bounds of one question and its answer.
const (
	maxFinds      = 1000          // of one kind of code in a text
	maxCandidates = 20 * maxFinds // that look like one: logs are full of numbers
	maxEntries    = 12
)

// Explain finds what is in a text: a code alone, a line of a log, or several
// lines. The likeliest reading comes first, in a log what is nearest to the cause;
// nothing means that nothing is known. Of a longer text the last MiB counts, since a
// log's end is what happened last. own are the messages of this program.
func Explain(text string, own ...Message) []Entry {
	if len(text) > MaxText {
		text = text[len(text)-MaxText:]
	}
	text = strings.TrimSpace(clean(unwrapped(text)))
	bare := strings.Trim(text, " \t\n\"'`.,;:()[]{}<>*|")
	found := number(bare)
	if len(found) == 0 {
		found = ranked(text, narrow(search(text, own), text))
	}
	if len(found) == 0 {
		found = alone(bare)
	}
	return distinct(found)
}

// distinct drops what was found twice.
func distinct(found []Entry) []Entry {
	var out []Entry
	for _, e := range found {
		same := func(other Entry) bool { return other.Kind == e.Kind && other.Code == e.Code }
		if !slices.ContainsFunc(out, same) && len(out) < maxEntries {
			out = append(out, e)
		}
	}
	return out
}
