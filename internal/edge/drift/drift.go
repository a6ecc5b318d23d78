// Package drift compares the four that have to belong together for a machine to
// be provisioned: its chip, its config.toml, its enrollment and the device that IoT
// Edge has. It is handed what is known of each, and asks nobody.
package drift

import (
	"cmp"
	"crypto/sha256"
	"fmt"

	"tpmdps/internal/check"
	"tpmdps/internal/edge"
	"tpmdps/internal/identity"
)

// Tick is one comparison between chip, file, enrollment and device.
type Tick struct {
	Name   string       `json:"name"`   // chip, file, enrollment or device
	Status check.Status `json:"status"` // check.Fail: two of them disagree; check.Skipped: they could not be compared
	Detail string       `json:"detail"`
	// Hint is what to do, "" where nothing is.
	Hint string `json:"hint"`
}

// Facts are what is known of one machine. What could not be asked is nil, and
// says why.
type Facts struct {
	// Chip is the endorsement key, a TPM2B_PUBLIC; nil: NoChip says why. ChipHint is
	// what to do about that, "" to name the chip.
	Chip             []byte
	NoChip, ChipHint string
	// ChipGone: the file itself names a chip, and this machine, whose file it is, does
	// not have it. The chip is then a disagreement.
	ChipGone bool
	// RegistrationID is the file's, "" if it has none.
	RegistrationID string
	// File is its path, "-" for standard input: hints name it.
	File string
	// IDScope and Endpoint are the file's, "" if it has none; DPS is the host of the
	// service API that was asked, or was to be, "" if none.
	IDScope, Endpoint, DPS string
	// Service is what DPS says; nil: NoService says why it was not asked or did not
	// answer. NoServiceHint is what to do about that, "" to give a credential.
	Service                  *ServiceFacts
	NoService, NoServiceHint string
	// Device is what IoT Edge on this machine was given; nil: NoDevice says why
	// that is not known.
	Device   *DeviceInfo
	NoDevice string
}

// ServiceFacts are what DPS says of a registration ID.
type ServiceFacts struct {
	Enrolled bool // the fields below but State mean nothing without it
	Disabled bool
	// Attestation is tpm, x509 or symmetricKey.
	Attestation string
	// EndorsementKey is the base64 text of the enrollment.
	EndorsementKey string
	// State is the last registration's, nil if there was none, or if NoState
	// says why it is not known.
	State   *RegistrationFacts
	NoState string
	// Others are enrollments of the same key under other registration IDs. LookedAt
	// says in words where they were looked for if that was not everywhere, else "".
	Others   []OtherEnrollment
	LookedAt string
}

// OtherEnrollment is one of the same key under another registration ID.
type OtherEnrollment struct {
	RegistrationID string
	Disabled       bool
}

// RegistrationFacts are what became of a registration.
type RegistrationFacts struct {
	Status        string // assigned, assigning, unassigned, failed, disabled
	Hub, DeviceID string
	Code          int // the service's error code, 0 if none
	Message       string
}

// Compare compares chip, file, enrollment and device in four ticks, in this order.
// The service API does not return the ID scope: see [Facts.NotCompared].
func Compare(f Facts) []Tick {
	return []Tick{f.chip(), f.file(), f.enrollment(), f.device()}
}

// Disagree reports whether a comparison failed.
func Disagree(ticks []Tick) bool {
	for _, t := range ticks {
		if t.Status == check.Fail {
			return true
		}
	}
	return false
}

// OnlyChip tells whether the chip alone failed: it is not there.
func OnlyChip(ticks []Tick) bool {
	for _, t := range ticks {
		if (t.Status == check.Fail) != (t.Name == "chip") {
			return false
		}
	}
	return true
}

// Count returns how many comparisons failed, and how many came out with a warning.
func Count(ticks []Tick) (failed, doubts int) {
	for _, t := range ticks {
		switch t.Status {
		case check.Fail:
			failed++
		case check.Warn:
			doubts++
		}
	}
	return failed, doubts
}

// NotCompared names the comparisons that were skipped; add is what to give so that
// the first of them can be made, "" where no hint says.
func NotCompared(ticks []Tick) (names []string, add string) {
	names = []string{}
	for _, t := range ticks {
		if t.Status != check.Skipped {
			continue
		}
		names = append(names, t.Name)
		add = cmp.Or(add, t.Hint)
	}
	return names, add
}

func (f Facts) chip() Tick {
	t := Tick{Name: "chip", Status: check.OK}
	if f.Chip == nil {
		t.Status, t.Detail, t.Hint = check.Skipped, f.NoChip, cmp.Or(f.ChipHint, "name the chip with --tpm, or run this on the machine itself")
		if f.ChipGone {
			t.Status = check.Fail
		}
		return t
	}
	t.Detail = fmt.Sprintf("EK %s, registration ID %s", fingerprint(f.Chip), identity.RegistrationIDs(f.Chip).Base32)
	return t
}

// fingerprint is the beginning of the hex registration ID: the SHA-256 of the
// key.
func fingerprint(ek []byte) string { return fmt.Sprintf("%.8x…", sha256.Sum256(ek)) }

func (f Facts) file() Tick {
	t := Tick{Name: "file", Status: check.OK}
	if f.RegistrationID == "" {
		t.Status, t.Detail = check.Skipped, "it has no registration ID"
		return t
	}
	if f.Chip == nil {
		t.Status, t.Detail = check.Skipped, f.RegistrationID+", with no chip to compare with"
		return t
	}
	form := identity.MadeOf(f.RegistrationID, f.Chip)
	own, slip := identity.NearMiss(f.RegistrationID, f.Chip)
	switch {
	case form != "":
		t.Detail = fmt.Sprintf("%s is this chip's (%s)", f.RegistrationID, form)
	case slip != "" && f.enrolledHere():
		t.Status, t.Detail = check.Warn, fmt.Sprintf("%s is almost this chip's own ID: %s; it is enrolled with this chip's EK", f.RegistrationID, slip)
	case slip != "":
		t.Status, t.Detail = check.Fail, fmt.Sprintf("%s is almost this chip's own ID, %s: %s", f.RegistrationID, own, slip)
		t.Hint = f.ownHint()
	case identity.IsForeign(f.RegistrationID, f.Chip) && f.enrolledHere():
		t.Status, t.Detail = check.Warn, f.RegistrationID+" is made of another chip's key, and enrolled with this chip's"
	case identity.IsForeign(f.RegistrationID, f.Chip):
		t.Status, t.Detail = check.Fail, f.RegistrationID+" is made of another chip's key; was the file copied from another machine?"
		t.Hint = f.ownHint()
	case f.Service == nil:
		t.Status, t.Detail = check.Skipped, f.RegistrationID+" is a name; only the enrollment says whose it is"
		t.Hint = f.serviceHint()
	case !f.Service.Enrolled || f.Service.EndorsementKey == "":
		t.Status, t.Detail = check.Skipped, f.RegistrationID+" is a name, and no enrollment says whose it is"
	default:
		t.Detail = f.RegistrationID + " is a name; the enrollment says whose it is"
	}
	return t
}

// command is a command of config's that a hint shows, for the file that was checked.
func (f Facts) command(flags string) string { return "tpmdps config" + flags + edge.FileFlag(f.File) }

// HintCredential is what to do where DPS was not asked for want of a credential.
const HintCredential = "name the DPS and give a credential: --dps NAME, --connection-string-file FILE"

// serviceHint is what to do where DPS was not asked, or did not answer.
func (f Facts) serviceHint() string { return cmp.Or(f.NoServiceHint, HintCredential) }
