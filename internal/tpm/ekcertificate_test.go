package tpm

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/identity"
	"tpmdps/internal/softtpm/softtpmtest"
)

// certify makes a certificate for a key: modulus is the last 256 bytes of an EK.
func certify(tb testing.TB, ek []byte, serial int64) []byte {
	tb.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(ek[len(ek)-256:]), E: 65537}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Unix(1.5e9, 0), NotAfter: time.Unix(2.5e9, 0)}
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "Works CA"}}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, public, signer)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

// withPersistentEK puts the chip's EK at its handle and returns it.
func withPersistentEK(tb testing.TB, chip *recorder) []byte {
	tb.Helper()
	d := open(tb, chip, Options{})
	ek, err := d.EK()
	if err != nil {
		tb.Fatal(err)
	}
	if err := errors.Join(d.Persist(ek, HandleEK), ek.Close()); err != nil {
		tb.Fatal(err)
	}
	return ek.Public
}

func record(tb testing.TB, chip *recorder) identity.Record {
	tb.Helper()
	r, err := open(tb, chip, Options{}).Record()
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestRecordWithoutCertificate(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		withPersistentEK(t, chip)
		chip.sent = nil
		r := record(t, chip)
		if r.EKCertificate != nil || r.EKCertificateFacts != nil || r.EKTemplate != "unknown" {
			t.Errorf("certificate %v, template %q of an EK that nothing vouches for", r.EKCertificate, r.EKTemplate)
		}
		if r.EKCertificateChain == nil || r.EKCertificateIndices == nil || r.EKCertificateNotes == nil {
			t.Errorf("a list is nil in %+v", r)
		}
		if len(chip.sent) > 5 {
			t.Errorf("%d commands without a certificate: %v", len(chip.sent), chip.sent)
		}
	})
}

// A certificate of the same key says what a persistent EK was made from. It
// takes ten commands at most, the blocks of the certificate not counted.
func TestRecordWithCertificate(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		ek := withPersistentEK(t, chip)
		der := certify(t, ek, 0x7b)
		raw := append([]byte{0x10, 0x01, 0x00, byte(len(der) >> 8), byte(len(der))}, der...)
		raw = append(raw, bytes.Repeat([]byte{0xff}, 1500-len(raw))...) // two blocks
		store(t, chip, indexCertificate, asMaker, raw)
		define(t, chip, 0x01c00016, asMaker, 32, "")
		chip.sent = nil
		r := record(t, chip)
		if r.EKCertificate == nil || *r.EKCertificate != base64.StdEncoding.EncodeToString(der) {
			t.Fatalf("certificate %v, notes %q", r.EKCertificate, r.EKCertificateNotes)
		}
		if f := r.EKCertificateFacts; !f.KeyMatches || f.Serial != "7b" || f.Issuer != "CN=Works CA" {
			t.Errorf("facts %+v", f)
		}
		if r.EKTemplate != "tcg-l1" || r.EKHandle != "0x81010001" {
			t.Errorf("template %q at %s", r.EKTemplate, r.EKHandle)
		}
		want := []identity.EKCertificateIndex{{Index: IndexEKCertificate, Key: "RSA 2048"}, {Index: "0x01c00016", Key: "ECC P-384"}}
		if !slices.Equal(r.EKCertificateIndices, want) || len(r.EKCertificateNotes) != 0 {
			t.Errorf("indices %v, notes %q", r.EKCertificateIndices, r.EKCertificateNotes)
		}
		blocks := chip.count(tpm2.TPMCCNVRead)
		if blocks < 2 {
			t.Errorf("the certificate was read in %d block, so this shows little", blocks)
		}
		if rest := len(chip.sent) - blocks; rest > 10 {
			t.Errorf("%d commands besides the certificate's blocks, want 10 at most: %v", rest, chip.sent)
		}
		for _, cc := range []tpm2.TPMCC{tpm2.TPMCCEvictControl, tpm2.TPMCCNVWrite, tpm2.TPMCCCreatePrimary} {
			if slices.Contains(chip.sent, cc) {
				t.Errorf("%v was sent", cc)
			}
		}
	})
}

func TestRecordWithCertificateOfAnotherKey(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		ek := withPersistentEK(t, chip)
		other := bytes.Clone(ek)
		other[200] ^= 1
		store(t, chip, indexCertificate, asMaker, certify(t, other, 1))
		r := record(t, chip)
		if r.EKCertificateFacts == nil || r.EKCertificateFacts.KeyMatches || r.EKTemplate != "unknown" {
			t.Errorf("facts %+v, template %q", r.EKCertificateFacts, r.EKTemplate)
		}
	})
}

// Where the chip names a template or nonce of its own, the certificate's key is
// not the one of L-1.
func TestRecordWithTheChipsOwnTemplate(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		ek := withPersistentEK(t, chip)
		store(t, chip, indexCertificate, asMaker, certify(t, ek, 1))
		store(t, chip, indexNonce, asMaker, pattern(64))
		if r := record(t, chip); r.EKTemplate != "unknown" || !r.EKCertificateFacts.KeyMatches {
			t.Errorf("template %q, facts %+v", r.EKTemplate, r.EKCertificateFacts)
		}
	})
}

// What exists and is of no use is told, and the rest is read all the same.
func TestRecordNotesWhatCannotBeRead(t *testing.T) {
	noReader := asMaker
	noReader.AuthRead, noReader.OwnerRead = false, false
	for want, prepare := range map[string]func(*testing.T, *recorder){
		"nothing was written to it": func(t *testing.T, chip *recorder) { define(t, chip, indexCertificate, asMaker, 900, "") },
		"only the firmware":         func(t *testing.T, chip *recorder) { store(t, chip, indexCertificate, noReader, pattern(900)) },
		"not a certificate":         func(t *testing.T, chip *recorder) { store(t, chip, indexCertificate, asMaker, []byte("hello")) },
		"nothing but padding":       func(t *testing.T, chip *recorder) { store(t, chip, indexCertificate, asMaker, make([]byte, 900)) },
		"refuses the password": func(t *testing.T, chip *recorder) {
			ownOnly := asMaker
			ownOnly.OwnerRead = false
			storeWith(t, chip, indexCertificate, ownOnly, pattern(900), "a password")
		},
		"NV_AUTHORIZATION": func(t *testing.T, chip *recorder) {
			store(t, chip, indexCertificate, asMaker, pattern(900))
			chip.fault = func(_ int, cc tpm2.TPMCC) (tpm2.TPMRC, bool) {
				return tpm2.TPMRCNVAuthorization, cc == tpm2.TPMCCNVRead
			}
		},
	} {
		t.Run(want, func(t *testing.T) {
			onEach(t, func(t *testing.T, chip *recorder) {
				prepare(t, chip)
				r := record(t, chip)
				if r.EKCertificate != nil || r.EKCertificateFacts != nil || len(r.EndorsementKey) != 424 {
					t.Errorf("record %+v", r)
				}
				if len(r.EKCertificateNotes) != 1 || !strings.Contains(r.EKCertificateNotes[0], want) || !strings.Contains(r.EKCertificateNotes[0], "0x01c00002") {
					t.Errorf("notes %q, want one with %q", r.EKCertificateNotes, want)
				}
				if len(r.EKCertificateIndices) != 1 {
					t.Errorf("indices %v, want the one of the certificate", r.EKCertificateIndices)
				}
			})
		})
	}
}

// A chip that breaks down is no chip without a certificate.
func TestRecordFailsWhenTheChipDoes(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		store(t, chip, indexCertificate, asMaker, pattern(900))
		for _, cc := range []tpm2.TPMCC{tpm2.TPMCCNVReadPublic, tpm2.TPMCCNVRead} {
			broken := false
			chip.fault = func(_ int, c tpm2.TPMCC) (tpm2.TPMRC, bool) {
				broken = broken || c == cc
				return tpm2.TPMRCFailure, broken && c != tpm2.TPMCCFlushContext
			}
			if r, err := open(t, chip, Options{}).Record(); !errors.Is(err, ErrFailure) {
				t.Errorf("Record() = %+v, %v, want ErrFailure", r, err)
			}
		}
	})
}

// Whatever goes wrong with the certificate alone, the EK is there.
func TestCertificateNeverCostsTheEK(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		ek := withPersistentEK(t, chip)
		store(t, chip, indexCertificate, asMaker, certify(t, ek, 1))
		want := base64.StdEncoding.EncodeToString(ek)
		faults := map[string]softtpmtest.Quirk{}
		for _, cc := range []tpm2.TPMCC{tpm2.TPMCCNVReadPublic, tpm2.TPMCCNVRead} {
			for _, rc := range []tpm2.TPMRC{0x101, 0x120, 0x128, 0x143, 0x14a, 0x921, 0x98e, 0x9a2, 0x803, 0x902, 0x146, 0xb0143, 0x80280400} {
				faults[fmt.Sprintf("%#x to %s", uint32(rc), commandName(cc))] = softtpmtest.Refuses(cc, rc)
			}
			faults["nonsense to "+commandName(cc)] = func(command []byte, _ func([]byte) []byte) []byte {
				if softtpmtest.CommandCode(command) != cc {
					return nil
				}
				return []byte{0x80, 0x01, 0, 0, 0, 12, 0, 0, 0, 0, 0xff, 0xff}
			}
		}
		faults["the list of NV indices"] = func(command []byte, _ func([]byte) []byte) []byte {
			if softtpmtest.CommandCode(command) != tpm2.TPMCCGetCapability || !bytes.HasPrefix(command[14:], []byte{0x01, 0xc0}) {
				return nil
			}
			return softtpmtest.Refusal(tpm2.TPMRCNVSpace)
		}
		// A chip that stays busy with its memory, without waiting for it here.
		var found nvCertificates
		busy := fmt.Errorf("read NV index 0x01c00002: %w", ErrBusy)
		if err := open(t, chip, Options{}).note(&found, busy); err != nil || !slices.Equal(found.notes, []string{busy.Error()}) {
			t.Errorf("busy: %v, notes %q", err, found.notes)
		}
		for name, quirk := range faults {
			r, err := open(t, softtpmtest.Quirky(chip, quirk), Options{}).Record()
			if err != nil || r.EndorsementKey != want || r.EKCertificate != nil || len(r.EKCertificateNotes) != 1 {
				t.Errorf("%s: %v, notes %q", name, err, r.EKCertificateNotes)
			}
		}
	})
}

// A certificate in another form than DER is read, and the note says which; what
// cannot be read is named.
func TestRecordWithCertificateInAnotherForm(t *testing.T) {
	chip := &recorder{t: implementations["swtpm"](t)}
	ek := withPersistentEK(t, chip)
	der := certify(t, ek, 1)
	armoured := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for note, content := range map[string][]byte{
		"as PEM":    armoured,
		"as base64": []byte(base64.StdEncoding.EncodeToString(der) + "\n"),
		"as Intel's JSON answer": []byte(`{"pubhash":"x","certificate":"` +
			strings.ReplaceAll(base64.URLEncoding.EncodeToString(der), "=", "%3D") + `"}`),
		"as gzip": compressed(t, der),
	} {
		store(t, chip, indexCertificate, asMaker, append(content, make([]byte, 40)...))
		r := record(t, chip)
		if r.EKCertificateFacts == nil || !r.EKCertificateFacts.KeyMatches || *r.EKCertificate != base64.StdEncoding.EncodeToString(der) ||
			len(r.EKCertificateNotes) != 1 || !strings.Contains(r.EKCertificateNotes[0], note) {
			t.Errorf("%s: %+v, notes %q", note, r.EKCertificateFacts, r.EKCertificateNotes)
		}
		undefine(t, chip, indexCertificate)
	}
	for note, content := range map[string][]byte{
		"gzip, and damaged":            compressed(t, der)[:200],
		"PEM of another kind: PUBLIC":  pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		"JSON, as Intel's service":     []byte(`{"error": "not found"}`),
		"base64 that is damaged":       []byte(base64.StdEncoding.EncodeToString(der)[:400] + "*"),
		"PEM that is damaged":          armoured[:300],
		"JSON, as Intel's service ":    []byte(`{"certificate": "MIIE`),
		"the certificate in it is dam": []byte(`{"certificate": "!!"}`),
	} {
		store(t, chip, indexCertificate, asMaker, content)
		if r := record(t, chip); r.EKCertificate != nil || len(r.EKCertificateNotes) != 1 || !strings.Contains(r.EKCertificateNotes[0], note) {
			t.Errorf("%s: notes %q", note, r.EKCertificateNotes)
		}
		undefine(t, chip, indexCertificate)
	}
}

func compressed(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// The chain runs on from one index to the next, in the middle of a certificate.
func TestRecordWithChain(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		ek, err := d.EK()
		if err != nil {
			t.Fatal(err)
		}
		closeAll(t, ek)
		a, b, c := certify(t, ek.Public, 1), certify(t, ek.Public, 2), certify(t, ek.Public, 3)
		all := bytes.Join([][]byte{a, b, make([]byte, 20), c, bytes.Repeat([]byte{0xff}, 40)}, nil)
		middle := len(a) + len(b)/2
		store(t, chip, indexChain, asMaker, all[:middle])
		store(t, chip, indexChain+1, asMaker, all[middle:])
		store(t, chip, indexChainEnd+1, asMaker, c) // does not belong to it
		r := record(t, chip)
		var got [][]byte
		for _, text := range r.EKCertificateChain {
			der, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, der)
		}
		if !slices.EqualFunc(got, [][]byte{a, b, c}, bytes.Equal) || len(r.EKCertificateNotes) != 0 {
			t.Errorf("%d certificates, notes %q; want the three", len(got), r.EKCertificateNotes)
		}
		// One that cannot be read ends it, with what was whole until there.
		undefine(t, chip, indexChain+1)
		define(t, chip, indexChain+1, asMaker, 100, "")
		r = record(t, chip)
		if len(r.EKCertificateChain) != 1 || len(r.EKCertificateNotes) != 2 {
			t.Errorf("%d certificates, notes %q; want one, and two notes", len(r.EKCertificateChain), r.EKCertificateNotes)
		}
	})
}

// Whatever a chip says is there, it is not asked without end.
func TestChainIsBounded(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		small := []byte{0xff}
		indices := make([]uint32, 0, maxChainIndices+2)
		for i := range uint32(maxChainIndices + 2) {
			store(t, chip, indexChain+i, asMaker, small)
			indices = append(indices, indexChain+i)
		}
		chip.sent = nil
		var found nvCertificates
		if err := open(t, chip, Options{}).readChain(&found, indices); err != nil {
			t.Fatal(err)
		}
		if n := chip.count(tpm2.TPMCCNVReadPublic); n != maxChainIndices || len(found.notes) != 1 {
			t.Errorf("%d indices read, notes %q", n, found.notes)
		}
	})
}
