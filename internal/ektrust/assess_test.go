package ektrust

import (
	"crypto"
	encoding "encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte/asn1"

	"tpmdps/internal/ektrust/chain"
	"tpmdps/internal/identity"
)

func number(n int) *int { return &n }

// world is a maker's certificates and the chip's own.
type world struct {
	given, extra []*made // what stands in the user's files
	stored       []*made // in the chip
	chip         *made
	manufacturer string
	crls         []*chain.CRL
}

func (w world) assess(t testing.TB) Verdict {
	t.Helper()
	parse := func(list []*made) (parsed []*chain.Certificate) {
		for _, m := range list {
			parsed = append(parsed, m.parsed(t))
		}
		return parsed
	}
	s := NewStore(parse(w.given), parse(w.extra))
	if w.crls != nil {
		s = s.WithCRLs(w.crls)
	}
	e := Evidence{EK: ek(), Certificate: w.chip.der, Manufacturer: w.manufacturer}
	for _, m := range w.stored {
		e.Chain = append(e.Chain, m.der)
	}
	return s.Assess(e, now)
}

// plain is a maker with a root, a CA, and a chip; alter changes the wishes before
// anything is issued.
func plain(t testing.TB, alter func(root, ca, chip *wish)) world {
	t.Helper()
	root, ca, chip := wish{subject: "Root"}, wish{subject: "CA 1"}, wish{spki: chipKey(false)}
	if alter != nil {
		alter(&root, &ca, &chip)
	}
	r := issue(t, root)
	ca.by = r
	c := issue(t, ca)
	chip.by = c
	return world{extra: []*made{r}, given: []*made{c}, chip: issue(t, chip), manufacturer: "IFX"}
}

// deep is a path of as many CAs as are asked for between the root and the chip.
func deep(t testing.TB, cas int) world {
	t.Helper()
	w := world{extra: []*made{issue(t, wish{subject: "Root"})}}
	last := w.extra[0]
	for i := range cas {
		last = issue(t, wish{subject: fmt.Sprintf("CA %d", i), by: last})
		w.given = append(w.given, last)
	}
	w.chip = issue(t, wish{spki: chipKey(false), by: last})
	return w
}

// circle is two CAs that certified each other.
func circle(t testing.TB) world {
	t.Helper()
	a, b := newKey(t), newKey(t)
	byA, byB := &made{key: a, name: "A"}, &made{key: b, name: "B"}
	return world{extra: []*made{issue(t, wish{subject: "Root"})},
		given: []*made{issue(t, wish{subject: "A", key: a, by: byB}), issue(t, wish{subject: "B", key: b, by: byA})},
		chip:  issue(t, wish{spki: chipKey(false), by: byA})}
}

// twoOfOneName has a second root of the same name before the right one.
func twoOfOneName(t testing.TB) world {
	t.Helper()
	w := plain(t, nil)
	w.extra = []*made{issue(t, wish{subject: "Root"}), w.extra[0]}
	return w
}

// software is a software TPM, with its CA or without.
func software(maker string, alone bool) func(testing.TB) world {
	return func(t testing.TB) world {
		t.Helper()
		w := plain(t, func(root, ca, chip *wish) { chip.maker = maker })
		w.manufacturer = "IBM"
		if alone {
			w.given = nil
		}
		return w
	}
}

func TestAssess(t *testing.T) {
	alter := func(f func(root, ca, chip *wish)) func(testing.TB) world {
		return func(t testing.TB) world { t.Helper(); return plain(t, f) }
	}
	change := func(f func(*world)) func(testing.TB) world {
		return func(t testing.TB) world { t.Helper(); w := plain(t, nil); f(&w); return w }
	}
	critical := extension{encoding.ObjectIdentifier{1, 2, 3, 4}, true, []byte{5, 0}}
	names := extension{encoding.ObjectIdentifier{2, 5, 29, 30}, true, sequence()}
	tests := []struct {
		name  string
		world func(testing.TB) world
		want  Word
		code  string
		text  string // part of the first reason
	}{
		{"all right", alter(nil), Trusted, "path", "2 links by the root CN=Root"},
		{"chain in the chip", change(func(w *world) { w.stored, w.given = w.given, nil }), Trusted, "path", ""},
		{"four CAs", func(t testing.TB) world { return deep(t, 4) }, Trusted, "path", "5 links"},
		{"five CAs", func(t testing.TB) world { return deep(t, 5) }, Untrusted, chain.CodeTooLong, "more than 5 links"},
		{"200 links", func(t testing.TB) world { return deep(t, 199) }, Untrusted, chain.CodeTooLong, "more than 5 links"},
		{"a circle", circle, Untrusted, chain.CodeCircle, "in a circle"},
		{"two roots of one name", twoOfOneName, Trusted, "path", ""},
		{"names in another kind of string", alter(func(root, ca, chip *wish) { root.nameTag, ca.issuer = asn1.PrintableString, "  rOOT " }), Trusted, "path", ""},
		{"a CA's name in capitals", alter(func(root, ca, chip *wish) { chip.issuer = "ca  1" }), Trusted, "path", ""},
		{"a CA that is none", alter(func(root, ca, chip *wish) { ca.notCA = true }), Untrusted, chain.CodeCA, "CN=CA 1 is not a CA"},
		{"a CA that may not sign", alter(func(root, ca, chip *wish) { ca.usage = []byte{1, 2} }), Untrusted, chain.CodeUsage, "not for signing certificates"},
		{"no CA below the root", alter(func(root, ca, chip *wish) { root.pathLength = number(0) }), Untrusted, chain.CodeLength, "allows 0 CAs below it, and there are 1"},
		{"one CA below the root", alter(func(root, ca, chip *wish) { root.pathLength = number(1) }), Trusted, "path", ""},
		{"name constraints", alter(func(root, ca, chip *wish) { ca.extra = []extension{names} }), Untrusted, chain.CodeNames, "name constraints"},
		{"critical in the CA", alter(func(root, ca, chip *wish) { ca.extra = []extension{critical} }), Untrusted, chain.CodeCritical, "1.2.3.4"},
		{"critical in the chip's", alter(func(root, ca, chip *wish) { chip.extra = []extension{critical} }), Untrusted, chain.CodeCritical, "1.2.3.4"},
		{"unknown and not critical", alter(func(root, ca, chip *wish) { chip.extra = []extension{{critical.id, false, nil}} }), Trusted, "path", ""},
		{"an extension twice", alter(func(root, ca, chip *wish) {
			chip.extra = []extension{{critical.id, false, nil}, {critical.id, false, nil}}
		}), Untrusted, CodeUnreadable, "twice"},
		{"SHA-1 by a CA that is not pinned", alter(func(root, ca, chip *wish) { chip.hash = crypto.SHA1 }), Untrusted, chain.CodeSHA1, "SHA-1"},
		{"SHA-1 by a CA that is pinned", func(t testing.TB) world {
			w := plain(t, func(root, ca, chip *wish) { chip.hash = crypto.SHA1 })
			w.extra = append(w.extra, w.given...)
			return w
		}, Trusted, "path", "1 link "},
		{"a CA certified with SHA-1", alter(func(root, ca, chip *wish) { ca.hash = crypto.SHA1 }), Untrusted, chain.CodeSHA1, "the CA CN=CA 1 is signed with SHA-1"},
		{"a key for OAEP", alter(func(root, ca, chip *wish) { chip.spki = chipKey(true) }), Trusted, "path", ""},
		{"a negative serial number", alter(func(root, ca, chip *wish) { chip.serial = []byte{0x80, 1} }), Trusted, "path", ""},
		{"a serial number with zeros", alter(func(root, ca, chip *wish) { chip.serial = []byte{0, 0, 0, 1} }), Trusted, "path", ""},
		{"serial number 0", alter(func(root, ca, chip *wish) { chip.serial = []byte{0} }), Trusted, "path", ""},
		{"a long serial number", alter(func(root, ca, chip *wish) { chip.serial = slices.Repeat([]byte{7}, 24) }), Trusted, "path", ""},
		{"the CA ran out before", alter(func(root, ca, chip *wish) {
			ca.from, ca.until = now.AddDate(-9, 0, 0), now.AddDate(-3, 0, 0)
		}), Untrusted, chain.CodeExpiredCA, "had run out on 2023-06-01"},
		{"run out since", alter(func(root, ca, chip *wish) { ca.until = now.AddDate(-1, 0, 0) }), Trusted, "path", ""},
		{"the CA is younger", alter(func(root, ca, chip *wish) { ca.from = now.AddDate(-1, 0, 0) }), Trusted, "path", ""},
		{"of purpose EK", alter(func(root, ca, chip *wish) { chip.purposes = []encoding.ObjectIdentifier{chain.PurposeEK} }), Trusted, "path", ""},
		{"of another purpose", alter(func(root, ca, chip *wish) { chip.purposes = []encoding.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 1}} }), Untrusted, CodeProfile, "2.23.133.8.1"},
		{"a CA for attestation keys", alter(func(root, ca, chip *wish) { ca.purposes = []encoding.ObjectIdentifier{chain.PurposeAIK} }), Untrusted, CodePurpose, "for attestation keys"},
		{"of a key that signs", alter(func(root, ca, chip *wish) { chip.usage = []byte{7, 0x80} }), Untrusted, CodeProfile, "key usage"},
		{"a CA's certificate in the chip", alter(func(root, ca, chip *wish) { chip.isCA = true }), Untrusted, CodeProfile, "a CA's"},
		{"no maker in it", alter(func(root, ca, chip *wish) { chip.noName = true }), Untrusted, CodeProfile, "who made the chip"},
		{"another maker in it", alter(func(root, ca, chip *wish) { chip.maker = "id:53544D20" }), Untrusted, CodeVendor, "the chip says that IFX made it, and the certificate is for a chip of STM"},
		{"of version 1", alter(func(root, ca, chip *wish) { chip.version = 1 }), Untrusted, CodeProfile, "version 1"},
		{"root missing", change(func(w *world) { w.extra = nil }), Unknown, chain.CodeIssuer, "CN=Root"},
		{"root not trusted", change(func(w *world) { w.given, w.extra = append(w.given, w.extra...), nil }), Untrusted, chain.CodeUnpinned, "not one of the roots that are trusted"},
		{"root in the chip", change(func(w *world) { w.stored, w.extra = w.extra, nil }), Untrusted, chain.CodeUnpinned, "not one of the roots"},
		{"CA missing", change(func(w *world) { w.given = nil }), Unknown, chain.CodeIssuer, "the certificate of its issuer is missing: CN=CA 1"},
		{"a CA of the same name", change(func(w *world) {
			w.given = []*made{issue(t, wish{subject: "CA 1", by: w.extra[0]})}
		}), Unknown, chain.CodeIssuer, "one of the same name has another key"},
		{"forged", func(t testing.TB) world {
			w := plain(t, nil)
			real := w.given[0]
			forger := &made{key: newKey(t), name: "CA 1"}
			w.chip = issue(t, wish{spki: chipKey(false), by: forger})
			w.chip.der = withKeyID(w.chip.der, keyID(forger.key), keyID(real.key))
			return w
		}, Untrusted, chain.CodeSignature, "was not signed by CN=CA 1"},
		{"for a key of another kind", func(t testing.TB) world {
			w := plain(t, nil)
			w.chip = &made{der: issue(t, wish{subject: "me", notCA: true}).der}
			return w
		}, Mismatch, CodeOtherKey, "another key (ECC P-256)"},
		{"of a simulator", software("id:49424D00", true), Untrusted, CodeSoftwareTPM, "software TPM"},
		{"of swtpm", software("id:00001014", true), Untrusted, CodeSoftwareTPM, "software TPM"},
		{"of swtpm, with its CA", software("id:00001014", false), Trusted, "path", "given as an extra root"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := test.world(t).assess(t)
			if v.Verdict != test.want || len(v.Reasons) == 0 || v.Reasons[0].Code != test.code || !strings.Contains(v.Reasons[0].Text, test.text) {
				t.Errorf("verdict %s, reasons %q; want %s, %s with %q", v.Verdict, v.Reasons, test.want, test.code, test.text)
			}
			if (v.Missing != nil) != (v.Verdict == Unknown) {
				t.Errorf("%s with missing %+v", v.Verdict, v.Missing)
			}
		})
	}
}

// withKeyID replaces a key identifier by another of the same length.
func withKeyID(der, old, other []byte) []byte {
	return []byte(strings.ReplaceAll(string(der), string(old), string(other)))
}

// What is missing is named with its key and the address in the certificate.
func TestAssessMissing(t *testing.T) {
	w := plain(t, func(root, ca, chip *wish) { chip.url = "http://example.com/ca1.cer" })
	key := fmt.Sprintf("%x", keyID(w.given[0].key))
	w.given = nil
	v := w.assess(t)
	want := Missing{Issuer: "CN=CA 1", KeyID: key, URL: "http://example.com/ca1.cer"}
	if v.Missing == nil || *v.Missing != want || !strings.Contains(v.Summary(), want.URL) {
		t.Errorf("missing %+v, want %+v; %s", v.Missing, want, v.Summary())
	}
}

// What has run out by today is said, and changes nothing.
func TestAssessExpired(t *testing.T) {
	w := plain(t, func(root, ca, chip *wish) { chip.until, ca.until = now.Add(-time.Hour), now.Add(-time.Minute) })
	v := w.assess(t)
	if v.Verdict != Trusted || !v.Expired || len(v.Notes) != 2 || !strings.Contains(v.Notes[1], "the CA CN=CA 1 ran out on 2026-06-01") {
		t.Errorf("%s, expired %v, notes %q", v.Verdict, v.Expired, v.Notes)
	}
	if v = plain(t, nil).assess(t); v.Expired || len(v.Notes) != 0 {
		t.Errorf("expired %v, notes %q", v.Expired, v.Notes)
	}
}

// A certificate for another chip is a mismatch, wherever its path ends.
func TestAssessMismatch(t *testing.T) {
	w := plain(t, nil)
	other := ek()
	other[len(other)-1] ^= 2
	v := NewStore(nil, nil).Assess(Evidence{EK: other, Certificate: w.chip.der}, now)
	if v.Verdict != Mismatch || v.Reasons[0].Code != CodeOtherKey {
		t.Errorf("%+v", v)
	}
}

// Not a byte of a certificate can be changed without the trust being lost.
func TestAssessEveryByte(t *testing.T) {
	w := plain(t, nil)
	s := NewStore([]*chain.Certificate{w.given[0].parsed(t)}, []*chain.Certificate{w.extra[0].parsed(t)})
	for i := range w.chip.der {
		for _, bit := range []byte{1, 0x80} {
			der := slices.Clone(w.chip.der)
			der[i] ^= bit
			if v := s.Assess(Evidence{EK: ek(), Certificate: der}, now); v.Verdict == Trusted {
				t.Errorf("byte %d ^ %#x: %s", i, bit, v.Summary())
			}
		}
	}
}

// A record says all that a verdict needs, and a verdict is complete as JSON.
func TestFromRecord(t *testing.T) {
	w := plain(t, nil)
	certificate := base64.StdEncoding.EncodeToString(w.chip.der)
	record := identity.Record{EndorsementKey: base64.StdEncoding.EncodeToString(ek()), EKCertificate: &certificate,
		EKCertificateChain: []string{base64.StdEncoding.EncodeToString(w.given[0].der)}, TPM: identity.Chip{Manufacturer: "IFX", Firmware: "7.61.2785.0"}}
	e, err := FromRecord(record)
	if err != nil {
		t.Fatal(err)
	}
	s := NewStore(nil, []*chain.Certificate{w.extra[0].parsed(t)})
	if v := s.Assess(e, now); v.Verdict != Trusted || len(v.Weaknesses) != 2 {
		t.Errorf("%+v", v)
	}
	record.EKCertificate, record.EKCertificateChain = nil, nil
	if e, err = FromRecord(record); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(NewStore(nil, nil).Assess(e, now))
	if err != nil || strings.Contains(strings.ReplaceAll(string(text), `"missing":null`, ""), "null") || !strings.Contains(string(text), `"verdict":"absent"`) {
		t.Errorf("%s, %v", text, err)
	}
	bad := "%"
	for _, r := range []identity.Record{{}, {EndorsementKey: record.EndorsementKey, EKCertificate: &bad}, {EndorsementKey: record.EndorsementKey, EKCertificateChain: []string{bad}}} {
		if _, err := FromRecord(r); err == nil {
			t.Errorf("%+v: no error", r)
		}
	}
}
