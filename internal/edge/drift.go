package edge

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"tpmdps/internal/identity"
)

// Status is how a tick came out.
type Status string

// The ways a comparison comes out.
const (
	OK      Status = "ok"
	Warn    Status = "warn"
	Fail    Status = "fail"    // two of them disagree
	Skipped Status = "skipped" // it could not be compared
)

// Tick is one comparison between chip, file, enrollment and device.
type Tick struct {
	Name   string `json:"name"` // chip, file, enrollment or device
	Status Status `json:"status"`
	Detail string `json:"detail"`
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
	// RegistrationID is the file's, "" if it has none.
	RegistrationID string
	// Service is what DPS says; nil: NoService says why it was not asked.
	Service   *ServiceFacts
	NoService string
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
}

// RegistrationFacts are what became of a registration.
type RegistrationFacts struct {
	Status        string // assigned, assigning, unassigned, failed, disabled
	Hub, DeviceID string
	Code          int // the service's error code, 0 if none
	Message       string
}

// Drift compares chip, file, enrollment and device in four ticks, in this order.
// The service API does not tell the ID scope, so that is not compared: only a
// registration shows whether it is right.
func Drift(f Facts) []Tick {
	return []Tick{f.chip(), f.file(), f.enrollment(), f.device()}
}

// Disagree tells whether a comparison failed.
func Disagree(ticks []Tick) bool {
	for _, t := range ticks {
		if t.Status == Fail {
			return true
		}
	}
	return false
}

func (f Facts) chip() Tick {
	t := Tick{Name: "chip", Status: OK}
	if f.Chip == nil {
		t.Status, t.Detail, t.Hint = Skipped, f.NoChip, cmp.Or(f.ChipHint, "name the chip with --tpm, or run this on the machine itself")
		return t
	}
	t.Detail = fmt.Sprintf("EK %s, registration ID %s", fingerprint(f.Chip), identity.RegistrationIDs(f.Chip).Base32)
	return t
}

// fingerprint is the beginning of the hex registration ID: the SHA-256 of the
// key.
func fingerprint(ek []byte) string { return fmt.Sprintf("%.8x…", sha256.Sum256(ek)) }

func (f Facts) file() Tick {
	t := Tick{Name: "file", Status: OK}
	if f.RegistrationID == "" {
		t.Status, t.Detail = Skipped, "it has no registration ID"
		return t
	}
	if f.Chip == nil {
		t.Status, t.Detail = Skipped, f.RegistrationID+", with no chip to compare with"
		return t
	}
	form := identity.MadeOf(f.RegistrationID, f.Chip)
	switch {
	case form != "":
		t.Detail = fmt.Sprintf("%s is this chip's (%s)", f.RegistrationID, form)
	case identity.IsForeign(f.RegistrationID, f.Chip) && f.enrolledHere():
		t.Status, t.Detail = Warn, f.RegistrationID+" is made of another chip's key, and enrolled with this chip's"
	case identity.IsForeign(f.RegistrationID, f.Chip):
		t.Status, t.Detail = Fail, f.RegistrationID+" is made of another chip's key; was the file copied from another machine?"
		t.Hint = f.foreignHint()
	case f.Service == nil:
		t.Status, t.Detail = Skipped, f.RegistrationID+" is a name; only the enrollment says whose it is"
		t.Hint = "name the DPS and give a credential: --dps NAME, --connection-string-file FILE"
	default:
		t.Detail = f.RegistrationID + " is a name; the enrollment says whose it is"
	}
	return t
}

// enrolledHere tells whether the enrollment has this chip's key.
func (f Facts) enrolledHere() bool {
	if f.Service == nil || f.Chip == nil {
		return false
	}
	ek, err := base64.StdEncoding.DecodeString(f.Service.EndorsementKey)
	return err == nil && string(ek) == string(f.Chip)
}

// named is the flag that a command needs for a registration ID that is not the one
// it derives.
func (f Facts) named() string {
	if f.Chip != nil && identity.MadeOf(f.RegistrationID, f.Chip) == "base32" {
		return ""
	}
	return " --registration-id " + f.RegistrationID
}

// foreignHint is what to do about a registration ID that is made of another chip's
// key. The enrollment of that ID is the other machine's, and no hint leads to it.
func (f Facts) foreignHint() string {
	return "tpmdps config --registration-id " + identity.RegistrationIDs(f.Chip).Base32
}

func (f Facts) enrollment() Tick {
	t := f.enrolled()
	if t.Hint != "" && f.Service != nil && f.Chip != nil && identity.IsForeign(f.RegistrationID, f.Chip) {
		t.Hint = f.foreignHint()
	}
	return t
}

func (f Facts) enrolled() Tick {
	t := Tick{Name: "enrollment", Status: Fail}
	s := f.Service
	switch {
	case s == nil:
		t.Status, t.Detail = Skipped, f.NoService
		t.Hint = "name the DPS and give a credential: --dps NAME, --connection-string-file FILE"
	case !s.Enrolled:
		t.Detail, t.Hint = "DPS has no enrollment "+f.RegistrationID, "tpmdps enroll --registration-id "+f.RegistrationID
	case s.Attestation != "tpm":
		t.Detail, t.Hint = fmt.Sprintf("%s is enrolled with %s, not with a TPM", f.RegistrationID, s.Attestation), "delete that enrollment, then: tpmdps enroll --registration-id "+f.RegistrationID
	case s.Disabled:
		t.Detail, t.Hint = f.RegistrationID+" is disabled", "tpmdps enroll --provisioning-status enabled --update"+f.named()
	default:
		return f.enrolledKey(t)
	}
	return t
}

// enrolledKey compares the enrollment's key with the chip's, or at least with
// the registration ID.
func (f Facts) enrolledKey(t Tick) Tick {
	ek, err := base64.StdEncoding.DecodeString(f.Service.EndorsementKey)
	switch {
	case err != nil || len(ek) == 0:
		t.Detail, t.Hint = "the enrollment's EK is no base64", "on the machine that it is for: tpmdps enroll --replace-ek --registration-id "+f.RegistrationID
	case f.Chip != nil && string(ek) == string(f.Chip):
		t.Status, t.Detail = OK, "enabled, with this chip's EK"
	case f.Chip != nil:
		t.Detail = fmt.Sprintf("it has another EK: %s there, %s here", fingerprint(ek), fingerprint(f.Chip))
		t.Hint = "if this machine replaces the other one, which can then no longer provision: tpmdps enroll --replace-ek --registration-id " + f.RegistrationID
	case identity.MadeOf(f.RegistrationID, ek) != "":
		t.Status, t.Detail = OK, "enabled, with the EK that the registration ID is made of"
	case identity.IsDerived(f.RegistrationID):
		t.Detail, t.Hint = "the registration ID is made of another EK than the enrollment's, "+fingerprint(ek), "read the chip again: tpmdps read-ek"
	default:
		t.Status, t.Detail = Warn, "enabled, with EK "+fingerprint(ek)+" and no chip to compare with"
	}
	return t
}
