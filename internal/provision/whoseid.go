package provision

import (
	"errors"
	"fmt"
	"strings"

	"tpmdps/internal/identity"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// idError is a refusal that follows from the registration ID, by what that is to the
// chip's own. It wraps the refusal.
type idError struct {
	// id is the one that was used, own the one that is made of this chip's key.
	id, own string
	// from is the file that the ID is from, or the flag or the variable; "" where
	// that is not known.
	from string
	// relation says what the ID is to the chip: "made of another chip's key".
	relation string
	err      error

	kind idKind
}

type idKind int

// What an ID may be.
const (
	foreignID idKind = iota // made of another chip's key
	nearID                  // almost one of this chip's
	otherForm               // this chip's, in one of its two forms
	nameID                  // a name of somebody's choice
)

// Error says whose it is first.
func (e *idError) Error() string { return fmt.Sprintf("%s is %s: %v", e.id, e.relation, e.err) }

// Unwrap returns both where the ID is another chip's: what it is and what was
// refused.
func (e *idError) Unwrap() []error {
	if e.kind == foreignID {
		return []error{ErrForeignID, e.err}
	}
	return []error{e.err}
}

// Hint leads to this chip's own ID. The enrollment of another chip is its machine's,
// and stays; one under a slip of the pen is nobody's. A name, and the chip's ID in
// its other form, may be meant as they are: then they are enrolled.
func (e *idError) Hint() string {
	const enroll = "; to use that one: tpmdps enroll --registration-id "
	switch e.kind {
	case foreignID:
		return e.advise("is it another machine's", "was it copied from another machine")
	case nearID:
		return e.advise("is it misspelt", "is it misspelt")
	}
	return e.advise("is the chip enrolled under its own ID", "is the chip enrolled under its own ID") + enroll + text.ShellWord(strings.ToLower(e.id))
}

// advise asks, and says how the chip's own ID is used instead.
func (e *idError) advise(asked, copied string) string {
	switch {
	case strings.HasPrefix(e.from, "--"):
		return fmt.Sprintf("%s? Leave %s out to use this chip's own, %s", asked, e.from, e.own)
	case e.from == strings.ToUpper(e.from) && e.from != "":
		return fmt.Sprintf("%s? Unset %s to use this chip's own, %s", asked, e.from, e.own)
	case e.from == "":
		return copied + "? This chip's own is " + e.own
	case e.kind == foreignID:
		copied = strings.Replace(copied, "it", text.ShellWord(e.from), 1)
	}
	return fmt.Sprintf("%s? tpmdps config --registration-id %s --config %s", copied, e.own, text.ShellWord(e.from))
}

// chipIDs are the IDs that are made of the chip's key.
func (t *trip) chipIDs() identity.IDs { return identity.RegistrationIDs(t.ek.Public) }

// idRefusal says what the registration ID is to the chip; nil where it was derived from
// it for this run, or the chip's key is not known yet.
func (t *trip) idRefusal() *idError {
	id := t.req.RegistrationID
	if t.ek == nil || id == "" {
		return nil
	}
	e := &idError{id: id, own: t.chipIDs().Base32, from: t.req.IDFrom}
	slipOf, slip := identity.NearMiss(id, t.ek.Public)
	switch form := identity.MadeOf(id, t.ek.Public); {
	case form == "hex":
		e.kind, e.relation = otherForm, "the hex form of this chip's own ID, "+e.own
	case form != "":
		e.kind, e.relation = otherForm, "this chip's own ID, whose hex form is "+t.chipIDs().Hex
		e.own = t.chipIDs().Hex
	case slip != "":
		e.kind, e.relation = nearID, fmt.Sprintf("almost this chip's own ID, %s: %s", slipOf, slip)
	case identity.IsForeign(id, t.ek.Public):
		e.kind, e.relation = foreignID, "made of another chip's key"
	default:
		e.kind, e.relation = nameID, "a name, and not this chip's own ID, "+e.own
	}
	return e
}

// doubtful is a warning where the registration ID is hardly this machine's; the
// zero value where it may be.
func (t *trip) doubtful() outcome {
	e := t.idRefusal()
	if e == nil || e.kind != foreignID && e.kind != nearID {
		return outcome{}
	}
	return outcome{warn: true, detail: fmt.Sprintf("the registration ID %s is %s", e.id, e.relation), hint: e.Hint()}
}

// byID names the reason for a refusal that follows from the ID. The refusal's own
// advice would be to give the other machine's enrollment this chip's key, or to
// enroll what is enrolled already.
func (t *trip) byID(err error) error {
	notEnrolled := errors.Is(err, ErrNotEnrolled)
	e := t.idRefusal()
	switch {
	case e == nil, errors.Is(err, ErrHubKey), !notEnrolled && !errors.Is(err, ErrOtherEK) && !errors.Is(err, tpm.ErrOtherChip):
		return err
	case !notEnrolled && e.kind != foreignID && e.kind != nearID:
		return err
	}
	e.err = err
	return e
}
