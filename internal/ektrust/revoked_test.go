package ektrust

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/ektrust/chain"
	"tpmdps/internal/ektrust/rootfile"
)

// crlOf makes the list of a CA in which the serial numbers are revoked.
func crlOf(t testing.TB, ca *made, key *ecdsa.PrivateKey, next time.Time, extra []pkix.Extension, serials ...int64) []byte {
	t.Helper()
	name, err := asn1.Marshal(pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: ca.name}}})
	if err != nil {
		t.Fatal(err)
	}
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.AddDate(0, -2, 0), NextUpdate: next, ExtraExtensions: extra}
	for _, s := range serials {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: big.NewInt(s), RevocationTime: now.AddDate(0, -3, 0), ReasonCode: 1})
	}
	issuer := &x509.Certificate{RawSubject: name, SubjectKeyId: keyID(ca.key), KeyUsage: x509.KeyUsageCRLSign}
	der, err := x509.CreateRevocationList(rand.Reader, list, issuer, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestAssessRevoked(t *testing.T) {
	both := []byte{1, 0x06} // keyCertSign, cRLSign
	w := plain(t, func(root, ca, chip *wish) {
		root.usage, ca.usage = both, both
		ca.serial, chip.serial = []byte{0x11}, []byte{0, 0x12} // a needless zero
		chip.crlURL = "http://example.com/ca1.crl"
	})
	root, ca := w.extra[0], w.given[0]
	later := now.AddDate(0, 1, 0)
	scope := func(b ...byte) []pkix.Extension {
		return []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: b}}
	}
	tests := []struct {
		name       string
		list       []byte
		want       Word
		text, note string
	}{
		{"the chip's", crlOf(t, ca, ca.key, later, nil, 9, 0x12), Untrusted, "the EK certificate was revoked on 2026-03-01, says test.crl", ""},
		{"the CA's", crlOf(t, root, root.key, later, nil, 0x11), Untrusted, "the CA CN=CA 1 was revoked", "no list of revoked certificates of CN=CA 1 is there; it is to be had at http://example.com/ca1.crl"},
		{"neither", crlOf(t, ca, ca.key, later, nil, 9), Trusted, "", ""},
		{"old, and revoked", crlOf(t, ca, ca.key, now.AddDate(0, 0, -1), nil, 0x12), Untrusted, "revoked", "is old: a new one was due on 2026-05-31"},
		{"old, and not revoked", crlOf(t, ca, ca.key, now.AddDate(0, 0, -1), nil), Trusted, "", "is old"},
		{"forged", crlOf(t, ca, newKey(t), later, nil, 0x12), Trusted, "", "test.crl was not used: the signature is wrong"},
		{"another CA's", crlOf(t, &made{key: ca.key, name: "CA 2"}, ca.key, later, nil, 0x12), Trusted, "", "no list of revoked certificates of CN=CA 1"},
		{"for CAs only", crlOf(t, ca, ca.key, later, scope(0x30, 3, 0x82, 1, 0xff), 0x12), Trusted, "", "no list of revoked"},
		{"for all others only", crlOf(t, ca, ca.key, later, scope(0x30, 3, 0x81, 1, 0xff), 0x12), Untrusted, "revoked", ""},
	}
	for _, test := range tests {
		list, err := rootfile.ParseCRL(test.list)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		list.Name = "test.crl"
		with := w
		with.crls = []*chain.CRL{list}
		v := with.assess(t)
		noted := test.note == "" && len(v.Notes) == 0 || test.note != "" && slices.ContainsFunc(v.Notes, func(n string) bool { return strings.Contains(n, test.note) })
		if v.Verdict != test.want || !strings.Contains(v.Summary(), test.text) || !noted {
			t.Errorf("%s: %s, notes %q; want %s with %q, note %q", test.name, v.Summary(), v.Notes, test.want, test.text, test.note)
		}
	}
	for name, list := range map[string][]byte{
		"of several CAs":       crlOf(t, ca, ca.key, later, scope(0x30, 3, 0x84, 1, 0xff), 0x12),
		"for some reasons":     crlOf(t, ca, ca.key, later, scope(0x30, 4, 0x83, 2, 4, 0x10), 0x12),
		"a difference":         crlOf(t, ca, ca.key, later, []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}),
		"unknown and critical": crlOf(t, ca, ca.key, later, []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}),
		"a certificate":        ca.der,
		"empty":                nil,
	} {
		if _, err := rootfile.ParseCRL(list); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A CA that may not sign lists has none.
func TestAssessListByCertificateKey(t *testing.T) {
	w := plain(t, func(root, ca, chip *wish) { chip.serial = []byte{0x12} })
	list, err := chain.ParseCRL(crlOf(t, w.given[0], w.given[0].key, now.AddDate(0, 1, 0), nil, 0x12))
	if err != nil {
		t.Fatal(err)
	}
	w.crls = []*chain.CRL{list}
	if v := w.assess(t); v.Verdict != Trusted || len(v.Notes) != 1 || !strings.Contains(v.Notes[0], "not for signing such lists") {
		t.Errorf("%s, %q", v.Summary(), v.Notes)
	}
}

func FuzzCRL(f *testing.F) {
	ca := issue(f, wish{subject: "CA"})
	f.Add(crlOf(f, ca, ca.key, now, nil, 1, 2, 3))
	f.Add(crlOf(f, ca, ca.key, now, []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: []byte{0x30, 3, 0x82, 1, 0xff}}}))
	c := ca.parsed(f)
	f.Fuzz(func(t *testing.T, der []byte) {
		list, err := chain.ParseCRL(der)
		if err != nil {
			return
		}
		list.Covers(c)
		list.Revoked(c)
		list.Expired(now)
		_ = list.CheckSignature(c, true)
	})
}

// Whatever is a chip's certificate and its chain, there is a verdict with a reason, and
// never trust without the one trusted signature.
func FuzzAssess(f *testing.F) {
	w := plain(f, nil)
	d := deep(f, 3)
	stranger := NewStore(nil, []*chain.Certificate{issue(f, wish{subject: "Root"}).parsed(f)})
	f.Add(w.chip.der, w.given[0].der, w.extra[0].der)
	f.Add(d.chip.der, d.given[2].der, d.given[1].der)
	for _, l := range realLeaves {
		f.Add(l.evidence(f).Certificate, w.given[0].der, []byte{})
	}
	f.Fuzz(func(t *testing.T, certificate, first, second []byte) {
		v := stranger.Assess(Evidence{EK: ek(), Certificate: certificate, Chain: [][]byte{first, second}}, now)
		if v.Verdict == Trusted || len(v.Reasons) == 0 || len(v.Path) > chain.MaxLinks+1 || v.Verdict.Meaning() == "" {
			t.Errorf("%+v", v)
		}
	})
}
