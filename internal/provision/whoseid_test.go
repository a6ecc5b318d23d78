package provision

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"tpmdps/internal/identity"
	"tpmdps/internal/tpm"
)

// What a registration ID that is not enrolled is to the chip, and a hint that leads
// to an enrollment which is there, or makes the one that is missing.
func TestNotEnrolledUnder(t *testing.T) {
	b := setUp(t, "persisted")
	own, hex := b.ids(t).Base32, b.ids(t).Hex
	other := strings.Repeat("a", 51) + "q"
	use := "tpmdps config --registration-id " + own + " --config c.toml"
	for _, test := range []struct {
		id, from, is string
		foreign      bool
		hint         string
		enroll       bool
	}{
		{hex, "c.toml", "the hex form of this chip's own ID, " + own, false, use, true},
		{hex, "--registration-id", "the hex form of this chip's own ID", false, "Leave --registration-id out to use this chip's own, " + own, true},
		{"line7-0815", "c.toml", "a name, and not this chip's own ID, " + own, false, use, true},
		{"Line7-0815", "c.toml", "a name, and not this chip's own ID", false, use, true},
		{"line7-0815", "PROVISIONING_REGISTRATION_ID", "a name", false, "Unset PROVISIONING_REGISTRATION_ID", true},
		{own[:50], "c.toml", "almost this chip's own ID, " + own + ": the last 2 characters are missing", false, use, false},
		{own[2:], "c.toml", "almost this chip's own ID, " + own + ": the first 2 characters are missing", false, use, false},
		{hex[:62], "c.toml", "almost this chip's own ID, " + hex, false, use, false},
		{own[:10] + swapped(own[10]) + own[11:], "c.toml", "almost this chip's own ID, " + own + ": 1 character is wrong", false, use, false},
		{own[:20] + "-" + own[20:], "c.toml", "almost this chip's own ID", false, use, false},
		{other, "c.toml", "made of another chip's key", true, "was c.toml copied from another machine? " + use, false},
		{other, "", "made of another chip's key", true, "was it copied from another machine? This chip's own is " + own, false},
	} {
		req := b.request(t, nil)
		req.RegistrationID, req.IDFrom = test.id, test.from
		req.Configured = &Configured{File: "c.toml"}
		_, err := Run(context.Background(), req)
		var whose *idError
		var failed *StepError
		if !errors.As(err, &whose) || !errors.As(err, &failed) || !errors.Is(err, ErrNotEnrolled) {
			t.Errorf("%s: %v", test.id, err)
			continue
		}
		if failed.Names.RegistrationID != strings.ToLower(test.id) || failed.Names.File != "c.toml" {
			t.Errorf("%s: the names are %+v", test.id, failed.Names)
		}
		hint := failed.Names.Carry(whose.Hint())
		enroll := strings.Contains(hint, "tpmdps enroll --registration-id "+strings.ToLower(test.id))
		if !strings.Contains(err.Error(), test.is) || errors.Is(err, ErrForeignID) != test.foreign || !strings.Contains(hint, test.hint) || enroll != test.enroll {
			t.Errorf("%s from %q: %v\n%s", test.id, test.from, err, hint)
		}
	}
}

// swapped is another character of base32.
func swapped(c byte) string {
	if c == 'a' {
		return "b"
	}
	return "a"
}

// The chip's own ID that a trip derives by itself is carried by no hint.
func TestNamesOfADerivedID(t *testing.T) {
	b := setUp(t, "persisted")
	own := b.ids(t).Base32
	for _, id := range []string{"", own, strings.ToUpper(own)} {
		tr := &trip{req: Request{RegistrationID: id}, result: Result{RegistrationID: cmp.Or(id, own)}, ek: &tpm.Key{Public: b.ek(t)}}
		if n := tr.names(); n != (Names{}) {
			t.Errorf("%q: %+v", id, n)
		}
		if identity.MadeOf(tr.result.RegistrationID, tr.ek.Public) == "" {
			t.Error("the test is about another key")
		}
	}
}

// ek is the chip's key, ids are the registration IDs that are made of it.
func (b *bench) ek(t *testing.T) []byte {
	t.Helper()
	ek, err := base64.StdEncoding.DecodeString(b.record.EndorsementKey)
	if err != nil {
		t.Fatal(err)
	}
	return ek
}

func (b *bench) ids(t *testing.T) identity.IDs { return identity.RegistrationIDs(b.ek(t)) }
