package ektrust

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"tpmdps/internal/ektrust/chain"
)

// attacked is a PKI of one root and one CA, and what is judged with it.
type attacked struct {
	root, ca, chip *made
	stored         [][]byte // in the chip
	given          [][]byte // beside the root
	evidence       func(*Evidence)
}

// What somebody may put into a certificate, a record or a file of CAs, so that a key
// counts as a chip's: none of it does, and each is said to be what it is.
func TestAttacks(t *testing.T) {
	chipWish := func(w wish, by *made) wish {
		w.by, w.spki = by, cmpBytes(w.spki, chipKey(false))
		return w
	}
	tests := map[string]struct {
		ca, chip wish
		change   func(*attacked)
		want     Word
		code     string
	}{
		"nothing":                   {want: Trusted, code: "path"},
		"the root twice":            {change: func(a *attacked) { a.given = [][]byte{a.root.der, a.root.der, a.ca.der} }, want: Trusted, code: "path"},
		"the root in the chip, too": {change: func(a *attacked) { a.stored = [][]byte{a.root.der, a.ca.der} }, want: Trusted, code: "path"},
		"zeros behind it":           {change: func(a *attacked) { a.chip.der = append(slices.Clone(a.chip.der), make([]byte, 300)...) }, want: Trusted, code: "path"},
		"another certificate behind it": {change: func(a *attacked) {
			a.chip.der = append(slices.Clone(a.chip.der), a.ca.der...)
		}, want: Trusted, code: "path"},
		"an extension twice": {chip: wish{extra: []extension{{[]int{2, 5, 29, 15}, true, element(asn1.BIT_STRING, []byte{5, 0x20})}}}, want: Untrusted, code: CodeUnreadable},
		"an extension twice, in the CA": {ca: wish{extra: []extension{{[]int{2, 5, 29, 19}, true, sequence(element(asn1.BOOLEAN, []byte{0xff}))}}},
			want: Unknown, code: chain.CodeIssuer},
		"BER of no stated length":       {change: func(a *attacked) { a.chip.der = indefinite(a.chip.der) }, want: Untrusted, code: CodeUnreadable},
		"a serial number of 5 KiB":      {chip: wish{serial: append([]byte{1}, make([]byte, 5<<10)...)}, want: Trusted, code: "path"},
		"a serial number of 17 KiB":     {chip: wish{serial: append([]byte{1}, make([]byte, 17<<10)...)}, want: Untrusted, code: CodeUnreadable},
		"an exponent of 9 KiB":          {chip: wish{spki: chain.MarshalRSA(ekKey().N.Bytes(), append([]byte{1}, make([]byte, 9<<10)...))}, want: Untrusted, code: CodeUnreadable},
		"a modulus of 9 KiB":            {chip: wish{spki: chain.MarshalRSA(append([]byte{1}, make([]byte, 9<<10)...), []byte{1, 0, 1})}, want: Untrusted, code: CodeUnreadable},
		"the same modulus, exponent 1":  {chip: wish{spki: chain.MarshalRSA(ekKey().N.Bytes(), []byte{1})}, want: Mismatch, code: CodeOtherKey},
		"the same modulus, exponent 3":  {chip: wish{spki: chain.MarshalRSA(ekKey().N.Bytes(), []byte{3})}, want: Mismatch, code: CodeOtherKey},
		"a chip of the year 9999":       {chip: wish{from: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), until: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}, want: Untrusted, code: chain.CodeExpiredCA},
		"a CA's name with a NUL":        {chip: wish{issuer: "CA\x00"}, want: Unknown, code: chain.CodeIssuer},
		"a CA's name, cut by a NUL":     {ca: wish{subject: "CA\x00evil"}, chip: wish{issuer: "CA"}, want: Unknown, code: chain.CodeIssuer},
		"a CA's name in another string": {ca: wish{nameTag: asn1.PrintableString}, want: Trusted, code: "path"},
		"a CA's name in capitals":       {ca: wish{subject: "Ca "}, chip: wish{issuer: "cA"}, want: Trusted, code: "path"},
		"no maker":                      {chip: wish{noName: true}, want: Untrusted, code: CodeProfile},
		"the CA itself as a chip": {change: func(a *attacked) {
			a.evidence = func(e *Evidence) { e.Certificate = a.ca.der }
		}, want: Mismatch, code: CodeOtherKey},
		"the root itself as a chip": {change: func(a *attacked) {
			a.evidence = func(e *Evidence) { e.Certificate = a.root.der }
		}, want: Mismatch, code: CodeOtherKey},
		"a chip with a root's name and key identifier": {change: func(a *attacked) {
			forged := issue(t, wish{subject: a.root.name, key: newKey(t)})
			ca := issue(t, wish{subject: "CA", by: forged})
			a.chip = issue(t, chipWish(wish{}, ca))
			a.stored = [][]byte{forged.der, ca.der}
		}, want: Untrusted, code: chain.CodeUnpinned},
		"a CA that certifies itself as its own child": {change: func(a *attacked) {
			loop := issue(t, wish{subject: "loop", key: a.ca.key, by: &made{key: a.ca.key, name: "loop"}})
			a.chip = issue(t, chipWish(wish{}, loop))
			a.stored = [][]byte{loop.der}
		}, want: Untrusted, code: chain.CodeUnpinned},
		"a chip that is a CA": {change: func(a *attacked) {
			first := issue(t, chipWish(wish{subject: "chip", usage: []byte{2, 0x04}}, a.ca))
			a.chip = first
		}, want: Untrusted, code: CodeProfile},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := &attacked{root: issue(t, wish{subject: "root"})}
			if test.ca.subject == "" {
				test.ca.subject = "CA"
			}
			test.ca.by = a.root
			a.ca = issue(t, test.ca)
			a.chip = issue(t, chipWish(test.chip, a.ca))
			a.given = [][]byte{a.ca.der}
			if test.change != nil {
				test.change(a)
			}
			e := Evidence{EK: ek(), Certificate: a.chip.der, Chain: a.stored, Manufacturer: "IFX"}
			if a.evidence != nil {
				a.evidence(&e)
			}
			v := NewStore(parseAll(a.given), parseAll([][]byte{a.root.der, a.root.der})).Assess(e, now)
			if v.Verdict != test.want || v.Reasons[0].Code != test.code {
				t.Errorf("%s: %+v", v.Summary(), v.Reasons)
			}
		})
	}
}

func cmpBytes(a, b []byte) []byte {
	if a == nil {
		return b
	}
	return a
}

// parseAll reads those that can be read, as a file of roots is.
func parseAll(ders [][]byte) (list []*chain.Certificate) {
	for _, der := range ders {
		if c, err := chain.Parse(der); err == nil {
			list = append(list, c)
		}
	}
	return list
}

// indefinite writes the outermost sequence without a length, as BER may.
func indefinite(der []byte) []byte {
	s, content := cryptobyte.String(der), cryptobyte.String(nil)
	if !s.ReadASN1(&content, asn1.SEQUENCE) {
		panic("not a sequence")
	}
	return slices.Concat([]byte{0x30, 0x80}, content, []byte{0, 0})
}

// Padding of PKCS #1 v1.5 without a digest, which a check of the padding alone accepts,
// and a key of exponent 1, under which every signature is its own text.
func TestForgedPadding(t *testing.T) {
	leaf := issue(t, wish{subject: "leaf", key: newKey(t)}).parsed(t)
	n := new(big.Int).Lsh(big.NewInt(1), 2047)
	n.Add(n, big.NewInt(9)) // odd, of 2048 bits
	for e, root := range map[int64]func(*big.Int) *big.Int{
		1: func(m *big.Int) *big.Int { return m },
		3: cubeRoot,
	} {
		info := chain.MarshalRSA(n.Bytes(), big.NewInt(e).Bytes())
		signer, err := chain.Parse(reissued(t, info))
		if err != nil {
			t.Fatal(err)
		}
		for _, filled := range []int{8, 20, 100} {
			// 00 01 ff… 00, and the rest free to be chosen.
			text := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, filled)...)
			text = append(text, 0)
			text = append(text, make([]byte, 256-len(text))...)
			s := root(new(big.Int).SetBytes(text)).FillBytes(make([]byte, 256))
			forged := slices.Clone(leaf.DER)
			c, err := chain.Parse(resigned(t, forged, s))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.CheckSignature(signer.Key); err == nil {
				t.Errorf("exponent %d, %d octets of padding: the signature counts", e, filled)
			}
		}
	}
}

// A signature that anyone can make for a key of exponent 3, as Bleichenbacher showed in
// 2006: the right digest stands behind short padding, and not at the right end, so that
// the rest can be chosen until the number has a cube root. It counts where the padding
// is read from the left and what follows the digest is not looked at; here it does not.
func TestForgedDigest(t *testing.T) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 2046))
	if err != nil {
		t.Fatal(err)
	}
	n.SetBit(n, 2047, 1).SetBit(n, 0, 1) // the forgery does not depend on the modulus
	ca, err := chain.Parse(wish{subject: "rsa", isCA: true, spki: chain.MarshalRSA(n.Bytes(), []byte{3})}.sign(t, &made{key: newKey(t), name: "root"}))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		leaf := issue(t, wish{subject: fmt.Sprint("leaf ", i), by: &made{key: newKey(t), name: "rsa"}, spki: chipKey(false)})
		digest := sha256.Sum256(signedPart(t, resigned(t, leaf.der, nil)))
		for _, filled := range []int{1, 8, 20, 30} {
			s := forge(t, digest, filled)
			if !careless(n, s, digest) {
				t.Fatalf("%d octets of padding: no careless check would accept it, so it shows nothing", filled)
			}
			if other := sha256.Sum256(digest[:]); careless(n, s, other) {
				t.Fatal("the careless check accepts any text")
			}
			forged, err := chain.Parse(resigned(t, leaf.der, s))
			if err != nil {
				t.Fatal(err)
			}
			if err := forged.CheckSignature(ca.Key); !errors.Is(err, chain.ErrSignature) {
				t.Errorf("%d octets of padding: %v", filled, err)
			}
			v := NewStore(nil, []*chain.Certificate{ca}).Assess(Evidence{EK: ek(), Certificate: forged.DER, Manufacturer: "IFX"}, now)
			if v.Verdict != Untrusted || v.Reasons[0].Code != chain.CodeSignature {
				t.Errorf("%d octets of padding: %s, %+v", filled, v.Summary(), v.Reasons)
			}
		}
	}
}

// digestInfo is what stands before a digest of SHA-256 in a signature: RFC 8017, 9.2.
var digestInfo = []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}

// forge makes a signature without a private key: the cube root of 00 01 ff… 00, digest
// and whatever makes it one.
func forge(t *testing.T, digest [sha256.Size]byte, filled int) []byte {
	t.Helper()
	text := slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xff}, filled), []byte{0}, digestInfo, digest[:])
	free := 256 - len(text)
	low := new(big.Int).SetBytes(append(text, make([]byte, free)...))
	s := cubeRoot(low)
	cube := new(big.Int).Exp(s, big.NewInt(3), nil).FillBytes(make([]byte, 256))
	if !bytes.Equal(cube[:len(text)], text) {
		t.Fatalf("%d octets at the end are too few to choose from", free)
	}
	return s.FillBytes(make([]byte, 256))
}

// careless is a check with the fault of CVE-2006-4339: it does not ask that the digest
// ends the text.
func careless(n *big.Int, signature []byte, digest [sha256.Size]byte) bool {
	text := new(big.Int).Exp(new(big.Int).SetBytes(signature), big.NewInt(3), n).FillBytes(make([]byte, 256))
	rest, ok := bytes.CutPrefix(text, []byte{0, 1})
	if !ok {
		return false
	}
	rest, ok = bytes.CutPrefix(bytes.TrimLeft(rest, "\xff"), []byte{0})
	return ok && bytes.HasPrefix(rest, slices.Concat(digestInfo, digest[:]))
}

// signedPart is what the signature of a certificate is made over.
func signedPart(t testing.TB, der []byte) []byte {
	t.Helper()
	var outer, tbs cryptobyte.String
	s := cryptobyte.String(der)
	if !s.ReadASN1(&outer, asn1.SEQUENCE) || !outer.ReadASN1Element(&tbs, asn1.SEQUENCE) {
		t.Fatal("not a certificate")
	}
	return tbs
}

// cubeRoot is the least number whose cube is not less than m.
func cubeRoot(m *big.Int) *big.Int {
	low, high := big.NewInt(0), new(big.Int).Lsh(big.NewInt(1), uint(m.BitLen()/3+2))
	for low.Cmp(high) < 0 {
		middle := new(big.Int).Rsh(new(big.Int).Add(low, high), 1)
		if cube := new(big.Int).Exp(middle, big.NewInt(3), nil); cube.Cmp(m) < 0 {
			low = middle.Add(middle, big.NewInt(1))
		} else {
			high = middle
		}
	}
	return low
}

// reissued is the certificate of a key of which nobody needs the private part.
func reissued(t testing.TB, info []byte) []byte {
	t.Helper()
	ca := issue(t, wish{subject: "CA", key: newKey(t)})
	return issue(t, wish{subject: "rsa", by: ca, spki: info}).der
}

// resigned puts a signature of RSA with SHA-256 on what was signed otherwise.
func resigned(t testing.TB, der, signature []byte) []byte {
	t.Helper()
	var outer, tbs cryptobyte.String
	s := cryptobyte.String(der)
	if !s.ReadASN1(&outer, asn1.SEQUENCE) || !outer.ReadASN1Element(&tbs, asn1.SEQUENCE) {
		t.Fatal("not a certificate")
	}
	ecc := sequence(oid(1, 2, 840, 10045, 4, 3, 2))
	rsa := sequence(oid(1, 2, 840, 113549, 1, 1, 11), element(asn1.NULL, nil))
	var content cryptobyte.String
	if !tbs.ReadASN1(&content, asn1.SEQUENCE) {
		t.Fatal("not a certificate")
	}
	return sequence(sequence(bytes.Replace(content, ecc, rsa, 1)), rsa, element(asn1.BIT_STRING, append([]byte{0}, signature...)))
}

// However many CAs bear one name, and sign one another, a search ends soon. It is
// counted, not timed: so many signatures, so many certificates.
func TestSearchIsBounded(t *testing.T) {
	t.Run("thousands of one name", func(t *testing.T) {
		chipCA := issue(t, wish{subject: "CA"})
		chip := issue(t, wish{by: chipCA, spki: chipKey(false)})
		var given [][]byte
		root := issue(t, wish{subject: "root"})
		for range 3000 {
			given = append(given, issue(t, wish{subject: "CA", by: root}).der)
		}
		v := NewStore(parseAll(given), parseAll([][]byte{root.der})).Assess(Evidence{EK: ek(), Certificate: chip.der}, now)
		if v.Verdict == Trusted {
			t.Error(v.Summary())
		}
		t.Log(v.Summary())
	})
	t.Run("all sign all", func(t *testing.T) {
		const many = 14
		var keys []*made
		for range many {
			keys = append(keys, &made{key: newKey(t), name: "CA"})
		}
		var stored [][]byte
		for _, child := range keys {
			for _, by := range keys {
				if by != child {
					stored = append(stored, issue(t, wish{subject: "CA", key: child.key, by: by}).der)
				}
			}
		}
		chip := issue(t, wish{by: keys[0], spki: chipKey(false)})
		v := NewStore(parseAll(stored), nil).Assess(Evidence{EK: ek(), Certificate: chip.der}, now)
		if v.Verdict != Untrusted || !slices.ContainsFunc([]string{chain.CodeTooMany, chain.CodeTooLong, chain.CodeCircle}, func(c string) bool { return v.Reasons[0].Code == c }) {
			t.Errorf("%+v", v.Reasons)
		}
		v = NewStore(nil, nil).Assess(Evidence{EK: ek(), Certificate: chip.der, Chain: stored}, now)
		if v.Verdict == Trusted || !slices.ContainsFunc(v.Notes, func(n string) bool {
			return strings.Contains(n, fmt.Sprintf("only %d certificates of %d", maxStored, len(stored)))
		}) {
			t.Errorf("%s, %q", v.Summary(), v.Notes)
		}
	})
}

// How many chips are judged in a second.
func BenchmarkAssess(b *testing.B) {
	root := issue(b, wish{subject: "root"})
	ca := issue(b, wish{subject: "CA", by: root})
	chip := issue(b, wish{by: ca, spki: chipKey(false)})
	s := NewStore(parseAll([][]byte{ca.der}), parseAll([][]byte{root.der}))
	e := Evidence{EK: ek(), Certificate: chip.der, Manufacturer: "IFX", Firmware: "7.85.4555.0"}
	b.ReportAllocs()
	for b.Loop() {
		if v := s.Assess(e, now); v.Verdict != Trusted {
			b.Fatal(v.Summary())
		}
	}
}
