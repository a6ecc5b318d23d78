package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	encoding "encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"tpmdps/internal/text"
)

// certify makes an EK certificate for any public key, as the TCG's profile has
// it: no subject, a critical alternative name with maker, model and version.
func certify(tb testing.TB, public any) []byte {
	tb.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	attribute := func(id encoding.ObjectIdentifier, text string) pkix.RelativeDistinguishedNameSET {
		return pkix.RelativeDistinguishedNameSET{{Type: id, Value: text}}
	}
	directory, err := encoding.Marshal(pkix.RDNSequence{
		attribute(oidTPMManufacturer, "id:49465800"), attribute(oidTPMModel, "SLB9670"), attribute(oidTPMVersion, "id:0755"),
	})
	if err != nil {
		tb.Fatal(err)
	}
	var san cryptobyte.Builder
	san.AddASN1(asn1.SEQUENCE, func(names *cryptobyte.Builder) {
		names.AddASN1(contextTag(4), func(b *cryptobyte.Builder) { b.AddBytes(directory) })
	})
	template := &x509.Certificate{
		SerialNumber:    big.NewInt(0x1a2b3c),
		NotBefore:       time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC),
		NotAfter:        time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage:        x509.KeyUsageKeyEncipherment,
		ExtraExtensions: []pkix.Extension{{Id: oidSAN, Critical: true, Value: san.BytesOrPanic()}},
	}
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "Works CA 7", Organization: []string{"Maker, Inc."}, Country: []string{"DE"}}}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, public, signer)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

// ekPublic is the RSA key of an endorsement key.
func ekPublic(ek []byte) *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).SetBytes(ek[len(ekPrefix):]), E: 65537}
}

// withSerial is the certificate with other octets for its serial number. Its
// signature is not valid any more, which nobody looks at.
func withSerial(tb testing.TB, der []byte, serial ...byte) []byte {
	tb.Helper()
	input := cryptobyte.String(der)
	var certificate, tbs, version, old cryptobyte.String
	if !input.ReadASN1(&certificate, asn1.SEQUENCE) || !certificate.ReadASN1(&tbs, asn1.SEQUENCE) ||
		!tbs.ReadASN1Element(&version, contextTag(0)) || !tbs.ReadASN1(&old, asn1.INTEGER) {
		tb.Fatal("cannot take the certificate apart")
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(version)
			b.AddASN1(asn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(serial) })
			b.AddBytes(tbs)
		})
		b.AddBytes(certificate)
	})
	return b.BytesOrPanic()
}

func TestEKCertificateFacts(t *testing.T) {
	ek := testEK()
	c, err := ParseEKCertificate(certify(t, ekPublic(ek)))
	if err != nil {
		t.Fatal(err)
	}
	want := EKCertificateFacts{
		Issuer: `CN=Works CA 7,O=Maker\, Inc.,C=DE`, Serial: "1a2b3c",
		NotBefore: time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		TPMManufacturer: "IFX", TPMModel: "SLB9670", TPMVersion: "id:0755",
		KeyAlgorithm: "RSA 2048", KeyMatches: true,
	}
	if got := c.Facts(ek); got != want {
		t.Errorf("Facts() = %+v, want %+v", got, want)
	}
	other := testEK()
	other[100] ^= 1
	for name, ek := range map[string][]byte{"another modulus": other, "no EK": nil, "another template": append([]byte{2}, ek[1:]...)} {
		if c.Facts(ek).KeyMatches {
			t.Errorf("the key matches %s", name)
		}
	}
}

func TestEKCertificateOfAnotherKeyNeverMatches(t *testing.T) {
	ek := testEK()
	exponent := ekPublic(ek)
	exponent.E = 3
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	big3072 := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 3071, 1), E: 65537}
	for _, tt := range []struct {
		key       any
		algorithm string
	}{{exponent, "RSA 2048"}, {big3072, "RSA 3072"}, {&p384.PublicKey, "ECC P-384"}} {
		c, err := ParseEKCertificate(certify(t, tt.key))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Facts(ek); got.KeyAlgorithm != tt.algorithm || got.KeyMatches {
			t.Errorf("Facts() = %q, matches %t; want %q, false", got.KeyAlgorithm, got.KeyMatches, tt.algorithm)
		}
	}
}

// What chips store around a certificate is cut off.
func TestParseEKCertificateCutsWhatIsAround(t *testing.T) {
	der := certify(t, ekPublic(testEK()))
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	size := func(n int) []byte { return []byte{byte(n >> 8), byte(n)} }
	header := join([]byte{0x10, 0x01, 0x00}, size(len(der)))
	for name, raw := range map[string][]byte{
		"bare":                     der,
		"padded with zeros":        join(der, make([]byte, 500)),
		"padded with ff":           join(der, bytes.Repeat([]byte{0xff}, 500)),
		"header":                   join(header, der),
		"header and padding":       join(header, der, bytes.Repeat([]byte{0xff}, 99)),
		"header with padding's":    join([]byte{0x10, 0x01, 0x00}, size(len(der)+40), der, make([]byte, 40)),
		"header, size too large":   join([]byte{0x10, 0x01, 0x00, 0xff, 0xff}, der),
		"header and tag 0x1002":    join([]byte{0x10, 0x01, 0x00}, size(len(der)+2), []byte{0x10, 0x02}, der),
		"followed by another text": join(der, der[:70]),
	} {
		c, err := ParseEKCertificate(raw)
		if err != nil || !bytes.Equal(c.DER, der) {
			t.Errorf("%s: ParseEKCertificate() = %x, %v", name, c.DER, err)
		}
	}
}

// Serial numbers that makers issued. Go's parser refuses all but the over-long
// one, and that one it refuses to issue.
func TestParseEKCertificateTakesOddSerials(t *testing.T) {
	ek := testEK()
	der := certify(t, ekPublic(ek))
	long := bytes.Repeat([]byte{0x5a}, 31)
	for name, tt := range map[string]struct {
		serial  []byte
		want    string
		refused bool
	}{
		"negative":      {[]byte{0xee, 0x2b, 0x3d}, "ee2b3d", true},
		"negative, ff":  {[]byte{0xff, 0x01}, "ff01", true},
		"leading zeros": {[]byte{0, 0, 0, 0x12, 0x34}, "1234", true},
		"empty":         {nil, "", true},
		"long":          {long, hex.EncodeToString(long), false},
		"zero":          {[]byte{0}, "00", false},
		"small":         {[]byte{7}, "07", false},
		"high bit":      {[]byte{0, 0xff}, "ff", false},
	} {
		odd := withSerial(t, der, tt.serial...)
		if _, err := x509.ParseCertificate(odd); (err != nil) != tt.refused {
			t.Errorf("%s: Go's parser says %v, refused should be %t", name, err, tt.refused)
		}
		c, err := ParseEKCertificate(odd)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := c.Facts(ek); got.Serial != tt.want || !got.KeyMatches || got.TPMManufacturer != "IFX" {
			t.Errorf("%s: Facts() = %+v, want serial %q", name, got, tt.want)
		}
	}
}

// A key certified for RSAES-OAEP only is an RSA key too.
func TestParseEKCertificateKnowsOAEPKeys(t *testing.T) {
	ek := testEK()
	der := certify(t, ekPublic(ek))
	rsaID := []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01}
	if bytes.Count(der, rsaID) != 1 {
		t.Fatal("the identifier of RSA keys is not there once")
	}
	oaep := bytes.Replace(der, rsaID, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07}, 1)
	c, err := ParseEKCertificate(oaep)
	if err != nil || !c.Facts(ek).KeyMatches {
		t.Errorf("ParseEKCertificate() = %+v, %v", c.Facts(ek), err)
	}
}

func TestParseEKCertificateRefuses(t *testing.T) {
	der := certify(t, ekPublic(testEK()))
	replaced := func(old, new string) []byte {
		if bytes.Count(der, []byte(old)) != 1 {
			t.Fatalf("%q is not there once", old)
		}
		return bytes.Replace(der, []byte(old), []byte(new), 1)
	}
	spki, err := x509.MarshalPKIXPublicKey(ekPublic(testEK()))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		raw  []byte
		want string
	}{
		"nothing":       {nil, "nothing but padding"},
		"zeros":         {make([]byte, 1600), "nothing but padding"},
		"ff":            {bytes.Repeat([]byte{0xff}, 1600), "nothing but padding"},
		"cut short":     {der[:len(der)-1], "cut short"},
		"header only":   {[]byte{0x10, 0x01, 0x00, 0x04, 0x00}, "cut short"},
		"too large":     {make([]byte, maxCertificate+1), "at most"},
		"a string":      {[]byte("-----BEGIN CERTIFICATE-----"), "no certificate"},
		"a public key":  {spki, "not a certificate"},
		"a time of day": {replaced("200102030405Z", "200102039905Z"), "validity"},
	} {
		_, err := ParseEKCertificate(tt.raw)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: ParseEKCertificate() = %v, want %q in it", name, err, tt.want)
		}
	}
}

// JSON has no year beyond 9999, and a time zone leads there.
func TestReadTimeKeepsToYearsThatCanBeWritten(t *testing.T) {
	for _, tt := range []struct {
		tag  asn1.Tag
		text string
		want string
	}{
		{asn1.UTCTime, "491231235959Z", "2049-12-31T23:59:59Z"},
		{asn1.UTCTime, "500101000000Z", "1950-01-01T00:00:00Z"},
		{asn1.GeneralizedTime, "99991231235959Z", "9999-12-31T23:59:59Z"},
		{asn1.GeneralizedTime, "20200101020000+0200", "2020-01-01T00:00:00Z"},
		{asn1.GeneralizedTime, "99991231235959-0800", ""},
		{asn1.GeneralizedTime, "00000101000000Z", ""},
		{asn1.PrintableString, "20200101000000Z", ""},
	} {
		var b cryptobyte.Builder
		b.AddASN1(tt.tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(tt.text)) })
		s := cryptobyte.String(b.BytesOrPanic())
		got, err := readTime(&s)
		if tt.want == "" && err == nil || tt.want != "" && (err != nil || got.Format(time.RFC3339) != tt.want) {
			t.Errorf("readTime(%q) = %v, %v, want %q", tt.text, got, err, tt.want)
		}
	}
}

func TestVendorID(t *testing.T) {
	for text, want := range map[string]string{
		"id:49424D00": "IBM", "id:49465800": "IFX", "id:4e544300": "NTC", "id:53544D20": "STM", "id:57454300": "WEC",
		"id:1B5B324A": "id:1B5B324A", "id:00000000": "id:00000000", "id:4942": "id:4942", "IBM": "IBM", "": "", "id:zz424D00": "id:zz424D00",
	} {
		if got := VendorID(text); got != want {
			t.Errorf("VendorID(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestReadNameIsSafeOnATerminal(t *testing.T) {
	name := func(tag asn1.Tag, text string) cryptobyte.String {
		var b cryptobyte.Builder
		b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(encoding.ObjectIdentifier{2, 5, 4, 3})
				b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(text)) })
			})
		})
		return b.BytesOrPanic()
	}
	for _, tt := range []struct {
		tag        asn1.Tag
		text, want string
	}{
		{asn1.PrintableString, "a_b@c*", "CN=a_b@c*"}, // characters that the kind does not have
		{asn1.UTF8String, "B\u00e4r", "CN=B\u00e4r"},
		{asn1.UTF8String, "x\x1b[31m\xff", "CN=x?[31m?"},
		{asn1.Tag(30), "\x00C\x00A\x20", "CN=CA"},
	} {
		rdns, err := readName(name(tt.tag, tt.text))
		if got := text.Printable(rdns.String(), maxIssuer); err != nil || got != tt.want {
			t.Errorf("readName(%q) = %q, %v, want %q", tt.text, got, err, tt.want)
		}
	}
}

func TestSplitCertificates(t *testing.T) {
	ek := testEK()
	a, b := certify(t, ekPublic(ek)), withSerial(t, certify(t, ekPublic(ek)), 0xff, 0x01)
	pad := bytes.Repeat([]byte{0xff}, 30)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, tt := range map[string]struct {
		raw  []byte
		want [][]byte
		err  string
	}{
		"none":       {nil, nil, ""},
		"padding":    {pad, nil, ""},
		"two":        {join(a, b), [][]byte{a, b}, ""},
		"padded":     {join(a, pad, make([]byte, 9), b, pad), [][]byte{a, b}, ""},
		"cut short":  {join(a, b[:99]), [][]byte{a}, "follows number 1"},
		"a string":   {[]byte("hello"), nil, "follows number 0"},
		"no key":     {join(a, []byte{0x30, 0x03, 0x02, 0x01, 0x01}), [][]byte{a}, "number 2: it is not a certificate"},
		"with tag":   {join([]byte{0x10, 0x01, 0x00, byte(len(a) >> 8), byte(len(a))}, a), [][]byte{a}, ""},
		"two tagged": {join([]byte{0x10, 0x01, 0x00, byte(len(a) >> 8), byte(len(a))}, a, []byte{0x10, 0x01, 0x00, byte(len(b) >> 8), byte(len(b))}, b), [][]byte{a, b}, ""},
	} {
		got, err := SplitCertificates(tt.raw)
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: SplitCertificates() error = %v, want %q in it", name, err, tt.err)
		}
		if !bytes.Equal(join(got...), join(tt.want...)) || len(got) != len(tt.want) {
			t.Errorf("%s: SplitCertificates() = %d certificates, want %d", name, len(got), len(tt.want))
		}
	}
}

// Facts in a file are not believed: they follow from the certificate.
func TestParseRecordDerivesCertificateFacts(t *testing.T) {
	ek := testEK()
	other := testEK()
	other[100] ^= 1
	line := func(ek, certificate, chain string) []byte {
		return []byte(`{"schema":"` + Schema + `","endorsement_key":"` + ek + `","ek_certificate":"` + certificate +
			`","ek_certificate_facts":{"issuer":"Nobody","key_matches":true},"ek_certificate_chain":["` + chain + `"]}`)
	}
	der := b64(certify(t, ekPublic(ek)))
	for name, tt := range map[string]struct {
		ek      []byte
		matches bool
	}{"own": {ek, true}, "other": {other, false}} {
		r, err := ParseRecord(line(b64(tt.ek), der, der))
		if err != nil {
			t.Fatal(err)
		}
		if f := r.EKCertificateFacts; f == nil || f.TPMManufacturer != "IFX" || f.KeyMatches != tt.matches || *r.EKCertificate != der {
			t.Errorf("%s: facts %+v, want key_matches %t", name, f, tt.matches)
		}
	}
	for name, bad := range map[string][]byte{
		"certificate": line(b64(ek), "AAAA", der), "chain": line(b64(ek), der, "AAAA"), "base64": line(b64(ek), "=", der),
	} {
		if _, err := ParseRecord(bad); err == nil || !strings.Contains(err.Error(), "ek_certificate") {
			t.Errorf("%s: ParseRecord() = %v", name, err)
		}
	}
	r, err := ParseRecord([]byte(`{"endorsement_key":"` + b64(ek) + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"ek_certificate":null`, `"ek_certificate_facts":null`, `"ek_certificate_chain":[]`, `"ek_certificate_indices":[]`, `"ek_certificate_notes":[]`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
}

func FuzzParseEKCertificate(f *testing.F) {
	ek := testEK()
	der := certify(f, ekPublic(ek))
	f.Add(der)
	f.Add(withSerial(f, der, 0xff, 0x00))
	f.Add(append([]byte{0x10, 0x01, 0x00, byte(len(der) >> 8), byte(len(der))}, der...))
	f.Add([]byte{0x30, 0x80, 0x00, 0x00})
	f.Fuzz(func(t *testing.T, raw []byte) {
		chain, _ := SplitCertificates(raw)
		for _, der := range chain {
			armoured := bytes.Contains(raw, pemMark) || bytes.Contains(raw, []byte{0x1f, 0x8b}) || bytes.Contains(raw, []byte("MI")) || bytes.Contains(raw, []byte("H4sI")) || bytes.Contains(raw, []byte("{"))
			if !armoured && !bytes.Contains(raw, der) {
				t.Errorf("%x is not in what was given", der)
			}
			if _, err := ParseEKCertificate(der); err != nil {
				t.Errorf("%x alone is not a certificate: %v", der, err)
			}
		}
		c, err := ParseEKCertificate(raw)
		if err != nil {
			return
		}
		facts := c.Facts(ek)
		if _, err := json.Marshal(facts); err != nil {
			t.Errorf("facts cannot be written: %v", err)
		}
		for _, shown := range []string{facts.Issuer, facts.TPMManufacturer, facts.TPMModel, facts.TPMVersion, facts.KeyAlgorithm} {
			if text.Printable(shown, 2*maxIssuer) != shown || !utf8.ValidString(shown) {
				t.Errorf("%q is not fit for a terminal", shown)
			}
		}
		again, err := ParseEKCertificate(c.DER)
		if err != nil || again.Facts(ek) != facts {
			t.Errorf("read again: %+v, %v, want %+v", again.Facts(ek), err, facts)
		}
		// Where Go's parser takes it, the two agree.
		if strict, err := x509.ParseCertificate(c.DER); err == nil {
			serial := hex.EncodeToString(strict.SerialNumber.Bytes())
			if serial != facts.Serial && facts.Serial != "00" || !strict.NotAfter.Equal(facts.NotAfter) {
				t.Errorf("%+v, Go's parser has serial %s, valid to %s", facts, serial, strict.NotAfter)
			}
		}
	})
}
