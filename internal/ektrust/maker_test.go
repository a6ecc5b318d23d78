package ektrust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	encoding "encoding/asn1"
	"encoding/hex"
	"math/big"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"tpmdps/internal/ektrust/chain"
)

// now is the time of the tests.
var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// ekKey is the key of the chip in the tests.
var ekKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// publicOf is the TPM2B_PUBLIC of an EK of template L-1: TCG EK Credential Profile
// 2.5, B.3.3.
func publicOf(modulus []byte) []byte {
	head, err := hex.DecodeString("013a0001000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa00060080004300100800000000000100")
	if err != nil || len(modulus) != 256 {
		panic("not an RSA 2048 key")
	}
	return append(head, modulus...)
}

func ek() []byte { return publicOf(ekKey().N.Bytes()) }

// wish is what a certificate is to be; everything unsaid is as it should be.
type wish struct {
	subject, issuer string // common names; issuer is the signer's if empty
	by              *made  // nil: it signs itself
	key             *ecdsa.PrivateKey
	spki            []byte // of the chip's key; the certificate is a CA's without
	nameTag         asn1.Tag
	isCA, notCA     bool
	pathLength      *int
	usage           []byte // the content of keyUsage
	purposes        []encoding.ObjectIdentifier
	maker           string // "id:49465800"
	noName          bool
	serial          []byte
	hash            crypto.Hash
	from, until     time.Time
	extra           []extension
	url, crlURL     string
	version         int64
}

type extension struct {
	id       encoding.ObjectIdentifier
	critical bool
	value    []byte
}

// made is a certificate and the key that it certifies, nil for a chip's.
type made struct {
	der  []byte
	key  *ecdsa.PrivateKey
	name string
}

func (m *made) parsed(t testing.TB) *chain.Certificate {
	t.Helper()
	c, err := chain.Parse(m.der)
	if err != nil {
		t.Fatalf("%s: %v", m.name, err)
	}
	return c
}

func build(f func(*cryptobyte.Builder)) []byte {
	b := cryptobyte.NewBuilder(nil)
	f(b)
	return b.BytesOrPanic()
}

func sequence(parts ...[]byte) []byte {
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, p := range parts {
				b.AddBytes(p)
			}
		})
	})
}

func element(tag asn1.Tag, content []byte) []byte {
	return build(func(b *cryptobyte.Builder) { b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(content) }) })
}

func oid(id ...int) []byte {
	return build(func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(id) })
}

// commonName is a Name of one attribute, or of none.
func commonName(cn string, tag asn1.Tag) []byte {
	if cn == "" {
		return sequence()
	}
	return sequence(element(asn1.SET, sequence(oid(2, 5, 4, 3), element(tag, []byte(cn)))))
}

// issue makes a certificate.
func issue(t testing.TB, w wish) *made {
	t.Helper()
	m := &made{key: w.key, name: w.subject}
	if w.spki == nil {
		if m.key == nil {
			m.key = newKey(t)
		}
		w.key = m.key
		point, err := m.key.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		w.spki = sequence(sequence(oid(1, 2, 840, 10045, 2, 1), oid(1, 2, 840, 10045, 3, 1, 7)), element(asn1.BIT_STRING, append([]byte{0}, point...)))
		w.isCA = !w.notCA
	} else {
		w.notCA = true
	}
	signer := w.by
	if signer == nil {
		signer = &made{key: m.key, name: w.subject}
	}
	m.der = w.sign(t, signer)
	return m
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (w wish) sign(t testing.TB, signer *made) []byte {
	t.Helper()
	w.defaults(signer)
	algorithm := sequence(oid(1, 2, 840, 10045, 4, 3, 2))
	if w.hash == crypto.SHA1 {
		algorithm = sequence(oid(1, 2, 840, 10045, 4, 1))
	}
	when := func(at time.Time) []byte {
		return build(func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(at) })
	}
	tbs := sequence(
		element(asn1.Tag(0).Constructed().ContextSpecific(), build(func(b *cryptobyte.Builder) { b.AddASN1Int64(w.version - 1) })),
		element(asn1.INTEGER, w.serial), algorithm,
		commonName(w.issuer, asn1.UTF8String),
		sequence(when(w.from), when(w.until)),
		commonName(w.subject, w.nameTag), w.spki,
		element(asn1.Tag(3).Constructed().ContextSpecific(), sequence(w.extensions(signer)...)))
	h := w.hash.New()
	h.Write(tbs)
	signature, err := signer.key.Sign(rand.Reader, h.Sum(nil), w.hash)
	if err != nil {
		t.Fatal(err)
	}
	return sequence(tbs, algorithm, element(asn1.BIT_STRING, append([]byte{0}, signature...)))
}

func (w *wish) defaults(signer *made) {
	if w.issuer == "" {
		w.issuer = signer.name
	}
	if w.nameTag == 0 {
		w.nameTag = asn1.UTF8String
	}
	if w.serial == nil {
		w.serial = []byte{1, 2, 3}
	}
	if w.hash == 0 {
		w.hash = crypto.SHA256
	}
	if w.from.IsZero() {
		w.from = now.AddDate(-2, 0, 0)
	}
	if w.until.IsZero() {
		w.until = now.AddDate(20, 0, 0)
	}
	if w.version == 0 {
		w.version = 3
	}
	if w.usage == nil {
		w.usage = []byte{2, 0x04} // keyCertSign
		if w.notCA {
			w.usage = []byte{5, 0x20} // keyEncipherment
		}
	}
	if w.maker == "" {
		w.maker = "id:49465800"
	}
}

func (w wish) extensions(signer *made) [][]byte {
	var list [][]byte
	add := func(id encoding.ObjectIdentifier, critical bool, value []byte) {
		parts := [][]byte{oid(id...)}
		if critical {
			parts = append(parts, element(asn1.BOOLEAN, []byte{0xff}))
		}
		list = append(list, sequence(append(parts, element(asn1.OCTET_STRING, value))...))
	}
	var constraints [][]byte
	if w.isCA {
		constraints = append(constraints, element(asn1.BOOLEAN, []byte{0xff}))
	}
	if w.pathLength != nil {
		constraints = append(constraints, element(asn1.INTEGER, []byte{byte(*w.pathLength)}))
	}
	add(encoding.ObjectIdentifier{2, 5, 29, 19}, true, sequence(constraints...))
	add(encoding.ObjectIdentifier{2, 5, 29, 15}, true, element(asn1.BIT_STRING, w.usage))
	if w.notCA && !w.noName {
		name := sequence(element(asn1.SET, sequence(oid(2, 23, 133, 2, 1), element(asn1.UTF8String, []byte(w.maker)))))
		add(encoding.ObjectIdentifier{2, 5, 29, 17}, true, sequence(element(asn1.Tag(4).Constructed().ContextSpecific(), name)))
	}
	if len(w.purposes) > 0 {
		var ids [][]byte
		for _, id := range w.purposes {
			ids = append(ids, oid(id...))
		}
		add(encoding.ObjectIdentifier{2, 5, 29, 37}, false, sequence(ids...))
	}
	uri := func(address string) []byte { return element(asn1.Tag(6).ContextSpecific(), []byte(address)) }
	if w.url != "" {
		add(encoding.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}, false, sequence(sequence(oid(1, 3, 6, 1, 5, 5, 7, 48, 2), uri(w.url))))
	}
	if w.crlURL != "" {
		tag := asn1.Tag(0).Constructed().ContextSpecific()
		add(encoding.ObjectIdentifier{2, 5, 29, 31}, false, sequence(sequence(element(tag, element(tag, uri(w.crlURL))))))
	}
	if signer.key != nil {
		add(encoding.ObjectIdentifier{2, 5, 29, 35}, false, sequence(element(asn1.Tag(0).ContextSpecific(), keyID(signer.key))))
	}
	for _, e := range w.extra {
		add(e.id, e.critical, e.value)
	}
	if w.key != nil {
		add(encoding.ObjectIdentifier{2, 5, 29, 14}, false, element(asn1.OCTET_STRING, keyID(w.key)))
	}
	return list
}

func keyID(key *ecdsa.PrivateKey) []byte {
	point, err := key.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	sum := sha1.Sum(point)
	return sum[:]
}

// chipKey is the SubjectPublicKeyInfo of the chip's key, declared for any use or for
// OAEP.
func chipKey(oaep bool) []byte {
	plain := chain.MarshalRSA(ekKey().N.Bytes(), big.NewInt(int64(ekKey().E)).Bytes())
	if !oaep {
		return plain
	}
	var content, algorithm, bits cryptobyte.String
	s := cryptobyte.String(plain)
	if !s.ReadASN1(&content, asn1.SEQUENCE) || !content.ReadASN1(&algorithm, asn1.SEQUENCE) || !content.ReadASN1Element(&bits, asn1.BIT_STRING) {
		panic("not a key")
	}
	return sequence(sequence(oid(1, 2, 840, 113549, 1, 1, 7), element(asn1.NULL, nil)), bits)
}
