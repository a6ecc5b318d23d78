package drift

import (
	"encoding/base64"
	"fmt"

	"tpmdps/internal/check"
	"tpmdps/internal/identity"
)

// enrolledHere reports whether the enrollment is with the chip's own key.
func (f Facts) enrolledHere() bool { return f.Service != nil && f.Service.IsOf(f.Chip) }

// IsOf reports whether the enrollment is with a key, a TPM2B_PUBLIC.
func (s *ServiceFacts) IsOf(key []byte) bool {
	ek, err := base64.StdEncoding.DecodeString(s.EndorsementKey)
	return err == nil && len(ek) > 0 && string(ek) == string(key)
}

// keyMatches reports whether the enrollment is with the chip's key, or without a chip
// with the one that the registration ID is made of.
func (f Facts) keyMatches() bool {
	if f.Chip != nil || f.Service == nil {
		return f.enrolledHere()
	}
	ek, err := base64.StdEncoding.DecodeString(f.Service.EndorsementKey)
	return err == nil && identity.MadeOf(f.RegistrationID, ek) != ""
}

// named is the flag that a command needs for a registration ID that is not the one
// it derives.
func (f Facts) named() string {
	if f.Chip != nil && identity.MadeOf(f.RegistrationID, f.Chip) == "base32" {
		return ""
	}
	return " --registration-id " + f.RegistrationID
}

// enableHint is the command that enables the enrollment.
func (f Facts) enableHint() string {
	return "tpmdps enroll --provisioning-status enabled --update" + f.named()
}

// ownHint is what to do about a registration ID that is made of another chip's key,
// or that is a slip of this one's: no hint leads to an enrollment under it. Where
// the chip is enrolled already, that enrollment's ID is the right one.
func (f Facts) ownHint() string {
	if f.Service != nil && len(f.Service.Others) > 0 {
		return f.command(" --registration-id " + f.Service.Others[0].RegistrationID)
	}
	return f.command(" --registration-id " + identity.RegistrationIDs(f.Chip).Base32)
}

// isForeignID reports whether the file's ID is one that this chip cannot mean.
func (f Facts) isForeignID() bool {
	if f.Chip == nil {
		return false
	}
	_, slip := identity.NearMiss(f.RegistrationID, f.Chip)
	return slip != "" || identity.IsForeign(f.RegistrationID, f.Chip)
}

func (f Facts) enrollment() Tick {
	t := f.enrolled()
	switch s := f.Service; {
	case t.Hint == "" || s == nil || f.enrolledHere():
	case f.isForeignID():
		t.Hint = f.ownHint()
	case s.Enrolled && !f.keyMatches() && len(s.Others) > 0:
		t.Hint = fmt.Sprintf("%s: the same key is enrolled as %s", f.command(" --registration-id "+s.Others[0].RegistrationID), s.Others[0])
	}
	return f.atEndpoint(t)
}

func (f Facts) enrolled() Tick {
	t := Tick{Name: "enrollment", Status: check.Fail}
	s := f.Service
	switch {
	case s == nil:
		t.Status, t.Detail, t.Hint = check.Skipped, f.NoService, f.serviceHint()
	case !s.Enrolled && len(s.Others) > 0:
		return f.enrolledUnderOther(t)
	case !s.Enrolled && s.LookedAt != "":
		t.Detail, t.Hint = fmt.Sprintf("DPS has no enrollment %s; for one of the same key under another ID, %s", f.RegistrationID, s.LookedAt), "tpmdps enroll --registration-id "+f.RegistrationID
	case !s.Enrolled:
		t.Detail, t.Hint = "DPS has no enrollment "+f.RegistrationID, "tpmdps enroll --registration-id "+f.RegistrationID
	case s.Attestation != "tpm":
		t.Detail, t.Hint = fmt.Sprintf("%s is enrolled with %s, not with a TPM", f.RegistrationID, s.Attestation), "delete that enrollment, then: tpmdps enroll --registration-id "+f.RegistrationID
	case s.Disabled:
		t.Detail, t.Hint = "the enrollment "+f.RegistrationID+" is disabled", "enable it: "+f.enableHint()
	default:
		return f.enrolledKey(t)
	}
	return t
}

// enrolledUnderOther is for a key that is enrolled under another ID than the file's.
func (f Facts) enrolledUnderOther(t Tick) Tick {
	other := f.Service.Others[0]
	key := "this chip's EK"
	if f.Chip == nil {
		key = "the key that the ID is made of"
	}
	t.Detail = fmt.Sprintf("DPS has no enrollment %s; %s is enrolled as %s", f.RegistrationID, key, other)
	t.Hint = f.command(" --registration-id "+other.RegistrationID) + "; enrolling " + f.RegistrationID + " would give the same key a second enrollment"
	return t
}

// String names it, and says what is wrong with it.
func (o OtherEnrollment) String() string {
	if o.Disabled {
		return o.RegistrationID + " (disabled)"
	}
	return o.RegistrationID
}

// enrolledKey compares the enrollment's key with the chip's, or at least with
// the registration ID.
func (f Facts) enrolledKey(t Tick) Tick {
	ek, err := base64.StdEncoding.DecodeString(f.Service.EndorsementKey)
	switch {
	case err != nil || len(ek) == 0:
		t.Detail, t.Hint = "the enrollment's EK is not base64", "on the machine that it is for: tpmdps enroll --replace-ek --reason TEXT --registration-id "+f.RegistrationID
	case f.keyMatches() && len(f.Service.Others) > 0:
		t.Status, t.Detail = check.Warn, fmt.Sprintf("enabled, with the right EK, which is enrolled as %s, too", f.Service.Others[0])
		t.Hint = "delete the enrollment that is not used; with two, one chip can become two devices"
	case f.Chip != nil && string(ek) == string(f.Chip):
		t.Status, t.Detail = check.OK, "enabled, with this chip's EK"
	case f.Chip != nil:
		t.Detail = fmt.Sprintf("it has another EK: %s there, %s here", fingerprint(ek), fingerprint(f.Chip))
		t.Hint = "if this machine replaces the other one, which can then no longer provision: tpmdps enroll --replace-ek --reason TEXT --registration-id " + f.RegistrationID
	case identity.MadeOf(f.RegistrationID, ek) != "":
		t.Status, t.Detail = check.OK, "enabled, with the EK that the registration ID is made of"
	case identity.IsDerived(f.RegistrationID):
		t.Detail, t.Hint = "the registration ID is made of another EK than the enrollment's, "+fingerprint(ek), "read the chip again: tpmdps read-ek"
	default:
		t.Status, t.Detail = check.Warn, "enabled, with EK "+fingerprint(ek)+" and no chip to compare with"
	}
	return t
}
