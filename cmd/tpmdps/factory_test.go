package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/rogpeppe/go-internal/testscript"

	"tpmdps/internal/identity"
)

// maker certifies endorsement keys with a root of its own.
type maker struct {
	ts   *testscript.TestScript
	key  *ecdsa.PrivateKey
	root *x509.Certificate
}

func newMaker(ts *testscript.TestScript, name string) maker {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(1e5 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	ts.Check(err)
	root, err := x509.ParseCertificate(der)
	ts.Check(err)
	return maker{ts, key, root}
}

// certify is the EK certificate of a key, for a chip of a vendor: TCG EK Credential
// Profile 2.5.
func (m maker) certify(ek, vendor string) string {
	public, err := base64.StdEncoding.DecodeString(ek)
	m.ts.Check(err)
	modulus, _, ok := identity.RSANumbers(public)
	if !ok {
		m.ts.Fatalf("not an RSA key")
	}
	name, err := asn1.Marshal(pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{2, 23, 133, 2, 1}, Value: vendor}}})
	m.ts.Check(err)
	san, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: name}})
	m.ts.Check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(1e5 * time.Hour),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageKeyEncipherment, UnknownExtKeyUsage: []asn1.ObjectIdentifier{{2, 23, 133, 8, 1}},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: true, Value: san}}}
	der, err := x509.CreateCertificate(rand.Reader, template, m.root, &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}, m.key)
	m.ts.Check(err)
	return base64.StdEncoding.EncodeToString(der)
}

// weakKey is an endorsement key as the library of CVE-2017-15361 made them: modulo the
// product of the first 126 primes, its modulus is a power of 65537.
func weakKey() string {
	m, primes := big.NewInt(1), 0
	for p := int64(2); primes < 126; p++ {
		if big.NewInt(p).ProbablyPrime(0) {
			m.Mul(m, big.NewInt(p))
			primes++
		}
	}
	n := new(big.Int).Exp(big.NewInt(65537), big.NewInt(4711), m)
	k := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(1), 2048), m) // so that it has 2048 bits
	n.Add(n, k.Sub(k, big.NewInt(1)).Mul(k, m))
	public := tpm2.RSAEKTemplate
	public.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: n.Bytes()})
	return base64.StdEncoding.EncodeToString(tpm2.Marshal(tpm2.New2B(public)))
}

// makeFactory: factory N NAME. Writes a batch NAME.jsonl of N genuine machines, and of one
// each that is cloned, has a software TPM, is vulnerable, or was not ordered; the root that
// vouches for the genuine ones (NAME.pem) and the list of the keys that were ordered
// (NAME.allow). The cloned one says of itself that it is trusted.
func makeFactory(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: factory N NAME")
	}
	genuine, err := strconv.Atoi(args[0])
	ts.Check(err)
	real, software := newMaker(ts, "Factory EK Root"), newMaker(ts, "swtpm-localca")
	var batch, allow strings.Builder
	add := func(id, ek, certificate, vendor string, ordered bool) {
		r := map[string]any{"schema": identity.Schema, "registration_id": id, "endorsement_key": ek, "ek_certificate": certificate, "tpm": map[string]any{"manufacturer": vendor}}
		if id == "cloned" {
			r["ek_verdict"] = map[string]any{"verdict": "trusted", "reasons": []any{}, "vendor": "Infineon", "missing_url": "", "weaknesses": []any{}}
		}
		line, err := json.Marshal(r)
		ts.Check(err)
		batch.Write(append(line, '\n'))
		if public, err := base64.StdEncoding.DecodeString(ek); err == nil && ordered {
			fmt.Fprintf(&allow, "%x %s\n", sha256.Sum256(public), id)
		}
	}
	const infineon = "id:49465800"
	for i := range genuine {
		add(fmt.Sprint("genuine-", i), ekNumber(i), real.certify(ekNumber(i), infineon), "IFX", true)
	}
	add("cloned", ekNumber(-1), real.certify(ekNumber(0), infineon), "IFX", true)
	add("software", ekNumber(-2), software.certify(ekNumber(-2), "id:00001014"), "IBM", true)
	add("vulnerable", weakKey(), real.certify(weakKey(), infineon), "IFX", true)
	add("stranger", ekNumber(-3), real.certify(ekNumber(-3), infineon), "IFX", false)
	for suffix, data := range map[string][]byte{
		".jsonl": []byte(batch.String()), ".allow": []byte(allow.String()),
		".pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: real.root.Raw}),
	} {
		ts.Check(os.WriteFile(ts.MkAbs(args[1]+suffix), data, 0o600))
	}
}
