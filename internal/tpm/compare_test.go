package tpm

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/identity"
	"tpmdps/internal/softtpm/softtpmtest"
)

func names(candidates []Candidate) map[string]Candidate {
	m := map[string]Candidate{}
	for _, c := range candidates {
		m[c.Template] = c
	}
	return m
}

// The key that the C SDK made persistent is recognised, and is the one that
// IoT Edge goes on with.
func TestCandidatesRecogniseEmptyUnique(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		k, err := d.derive(tpm2.TPMRHEndorsement, nil, withUnique(tpm2.RSAEKTemplate, nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Persist(k, HandleEK); err != nil {
			t.Fatal(err)
		}
		closeAll(t, k)
		d = open(t, chip, Options{})
		candidates, _, err := d.Candidates()
		if err != nil {
			t.Fatal(err)
		}
		c := names(candidates)
		if len(candidates) != 2 || !c["empty-unique"].Persistent || !c["empty-unique"].IoTEdge || c["tcg-l1"].Persistent || c["tcg-l1"].IoTEdge {
			t.Errorf("Candidates() = %+v", candidates)
		}
		if bytes.Equal(c["empty-unique"].EndorsementKey, c["tcg-l1"].EndorsementKey) {
			t.Error("both templates give one key")
		}
	})
}

// What is persistent and none of the known derivations is shown as such.
func TestCandidatesWithForeignKey(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		persistAs(t, d, withUnique(tpm2.RSAEKTemplate, bytes.Repeat([]byte{7}, modulusSize)), HandleEK)
		candidates, notes, err := open(t, chip, Options{}).Candidates()
		if err != nil {
			t.Fatal(err)
		}
		if c := names(candidates); len(candidates) != 3 || len(notes) != 0 || !c["persistent"].Persistent || !c["persistent"].IoTEdge || c["tcg-l1"].IoTEdge {
			t.Errorf("Candidates() = %+v", candidates)
		}
	})
}

// A nonce and a template in NV memory change the maker's EK: TCG EK Credential
// Profile 2.5, 2.2.1.5.1.
func TestCandidatesWithNonceAndTemplate(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		nonce := bytes.Repeat([]byte{9}, 64)
		store(t, chip, indexNonce, asMaker, nonce)
		store(t, chip, indexTemplate, asMaker, tpm2.Marshal(withUnique(tpm2.RSAEKTemplate, append(bytes.Clone(nonce), make([]byte, modulusSize-64)...))))
		candidates, notes, err := open(t, chip, Options{}).Candidates()
		if err != nil {
			t.Fatal(err)
		}
		c := names(candidates)
		if len(candidates) != 5 || len(notes) != 0 || !bytes.Equal(c["nv-nonce"].EndorsementKey, c["nv-template"].EndorsementKey) ||
			!bytes.Equal(c["nv-template-nonce"].EndorsementKey, c["nv-template"].EndorsementKey) || bytes.Equal(c["nv-nonce"].EndorsementKey, c["tcg-l1"].EndorsementKey) {
			t.Errorf("Candidates() = %+v", candidates)
		}
	})
}

// Damage in NV is no candidate and no failure, and a hostile template no panic.
func TestCandidatesWithDamagedTemplate(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		store(t, chip, indexNonce, asMaker, make([]byte, modulusSize+1))
		store(t, chip, indexTemplate, asMaker, []byte{0, 1, 0, 0xb, 1, 2, 3})
		candidates, notes, err := open(t, chip, Options{}).Candidates()
		if err != nil || len(candidates) != 2 || len(notes) != 2 {
			t.Errorf("Candidates() = %+v, %q, %v, want the two usual ones and two notes", candidates, notes, err)
		}
	})
}

// A maker's template and nonce make a key each and one together, and the
// certificate may be for any of them.
func TestCandidatesOfTemplateAndNonceTogether(t *testing.T) {
	template := tpm2.RSAEKTemplate
	template.ObjectAttributes.NoDA = true
	nonce := bytes.Repeat([]byte{9}, 32)
	of := map[string]tpm2.TPMTPublic{
		"tcg-l1": tpm2.RSAEKTemplate, "nv-nonce": withUnique(tpm2.RSAEKTemplate, append(bytes.Clone(nonce), make([]byte, 224)...)),
		"nv-template": template, "nv-template-nonce": withUnique(template, append(bytes.Clone(nonce), make([]byte, 224)...)),
	}
	onEach(t, func(t *testing.T, chip *recorder) {
		store(t, chip, indexNonce, asMaker, nonce)
		store(t, chip, indexTemplate, asMaker, tpm2.Marshal(template))
		for certified, from := range of {
			k, err := open(t, chip, Options{}).derive(tpm2.TPMRHEndorsement, nil, from)
			if err != nil {
				t.Fatal(err)
			}
			closeAll(t, k)
			store(t, chip, indexCertificate, asMaker, certify(t, k.Public, 1))
			candidates, notes, err := open(t, chip, Options{}).Candidates()
			if err != nil || len(notes) != 0 || len(candidates) != 5 {
				t.Fatalf("Candidates() = %d, %q, %v", len(candidates), notes, err)
			}
			for _, c := range candidates {
				if c.Certified != (c.Template == certified) {
					t.Errorf("the certificate is for %s; Certified of %s = %t", certified, c.Template, c.Certified)
				}
				if usable := !strings.HasPrefix(c.Template, "nv-template"); c.Usable != usable {
					t.Errorf("%s: usable %t, want %t: %s", c.Template, c.Usable, usable, c.Refusal)
				}
			}
			undefine(t, chip, indexCertificate)
		}
	})
}

// What follows a nonce is the template's own unique field.
func TestWithNonce(t *testing.T) {
	for _, tt := range []struct{ unique, nonce, want string }{
		{"", "0102", "0102"}, {"aabbccdd", "0102", "0102ccdd"}, {"aa", "010203", "010203"}, {"", "", ""},
	} {
		unhex := func(s string) []byte {
			b, err := hex.DecodeString(s)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		made := withNonce(withUnique(tpm2.RSAEKTemplate, unhex(tt.unique)), unhex(tt.nonce))
		got, err := made.Unique.RSA()
		if want := append(unhex(tt.want), make([]byte, modulusSize-len(tt.want)/2)...); err != nil || !bytes.Equal(got.Buffer, want) {
			t.Errorf("withNonce(%s, %s) = %x, %v", tt.unique, tt.nonce, got.Buffer, err)
		}
	}
}

// A nonce without a template and the other way round, with the tools that make
// that key then.
func TestCandidatesOfOneOfTemplateAndNonce(t *testing.T) {
	template := withUnique(tpm2.RSAEKTemplate, bytes.Repeat([]byte{3}, modulusSize))
	for _, tt := range []struct {
		index          uint32
		content        []byte
		wanted, absent string
		tools          string
	}{
		{indexNonce, []byte{1}, "nv-nonce", "nv-template", "no known tool"},
		{indexNonce, bytes.Repeat([]byte{1}, modulusSize), "nv-nonce", "nv-template-nonce", "no known tool"},
		{indexTemplate, tpm2.Marshal(template), "nv-template", "nv-template-nonce", "tpm2_createek -t"},
		{indexTemplate, append(tpm2.Marshal(template), make([]byte, 30)...), "nv-template", "nv-nonce", "tpm2_createek -t"},
		{indexTemplate, tpm2.Marshal(tpm2.ECCEKTemplate), "nv-template", "nv-nonce", "tpm2_createek -t"},
	} {
		chip := &recorder{t: implementations["swtpm"](t)}
		store(t, chip, tt.index, asMaker, tt.content)
		candidates, notes, err := open(t, chip, Options{}).Candidates()
		c := names(candidates)
		if err != nil || len(notes) != 0 || len(candidates) != 3 || !strings.Contains(c[tt.wanted].Tools, tt.tools) {
			t.Errorf("%#x: %+v, %q, %v", tt.index, c[tt.wanted], notes, err)
		}
		if _, there := c[tt.absent]; there {
			t.Errorf("%#x: there is %s", tt.index, tt.absent)
		}
		if !strings.Contains(c["tcg-l1"].Tools, "tpm2_createek without -t") {
			t.Errorf("%#x: tcg-l1 is made by %s", tt.index, c["tcg-l1"].Tools)
		}
	}
}

// foreignEKs are keys at the EK's handle that DPS cannot use.
func foreignEKs() map[string]tpm2.TPMTPublic {
	change := func(f func(t *tpm2.TPMTPublic, rsa *tpm2.TPMSRSAParms)) tpm2.TPMTPublic {
		t := tpm2.RSAEKTemplate
		detail, err := t.Parameters.RSADetail()
		if err != nil {
			panic(err)
		}
		rsa := *detail
		f(&t, &rsa)
		t.Parameters = tpm2.NewTPMUPublicParms(tpm2.TPMAlgRSA, &rsa)
		return t
	}
	aes := func(bits tpm2.TPMKeyBits) tpm2.TPMTSymDefObject {
		return tpm2.TPMTSymDefObject{
			Algorithm: tpm2.TPMAlgAES, KeyBits: tpm2.NewTPMUSymKeyBits(tpm2.TPMAlgAES, bits), Mode: tpm2.NewTPMUSymMode(tpm2.TPMAlgAES, tpm2.TPMAlgCFB),
		}
	}
	policyB, err := hex.DecodeString("ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0")
	if err != nil {
		panic(err)
	}
	signs := tpm2.TPMTSymDefObject{Algorithm: tpm2.TPMAlgNull}
	return map[string]tpm2.TPMTPublic{
		"ECC P-256": tpm2.ECCEKTemplate,
		"high range": change(func(t *tpm2.TPMTPublic, _ *tpm2.TPMSRSAParms) {
			t.AuthPolicy.Buffer, t.ObjectAttributes.UserWithAuth, t.Unique = policyB, true, tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{})
		}),
		"AES-256": change(func(_ *tpm2.TPMTPublic, rsa *tpm2.TPMSRSAParms) { rsa.Symmetric = aes(256) }),
		"no policy": change(func(t *tpm2.TPMTPublic, _ *tpm2.TPMSRSAParms) {
			t.AuthPolicy.Buffer = nil
			t.ObjectAttributes.UserWithAuth = true
		}),
		"noDA":        change(func(t *tpm2.TPMTPublic, _ *tpm2.TPMSRSAParms) { t.ObjectAttributes.NoDA = true }),
		"storage key": tpm2.RSASRKTemplate,
		"attestation key": change(func(t *tpm2.TPMTPublic, rsa *tpm2.TPMSRSAParms) {
			t.ObjectAttributes.Decrypt, t.ObjectAttributes.SignEncrypt = false, true
			rsa.Symmetric = signs
			rsa.Scheme = tpm2.TPMTRSAScheme{Scheme: tpm2.TPMAlgRSASSA, Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgRSASSA, &tpm2.TPMSSigSchemeRSASSA{HashAlg: tpm2.TPMAlgSHA256})}
		}),
		"signs, too": change(func(t *tpm2.TPMTPublic, rsa *tpm2.TPMSRSAParms) { // as swtpm_setup --allow-signing makes it
			t.ObjectAttributes.Restricted, t.ObjectAttributes.SignEncrypt = false, true
			rsa.Symmetric = signs
		}),
	}
}

// One judgement of a key: what --compare says of it is what reading it says,
// and what enrolling it would.
func TestOneJudgementOfAKey(t *testing.T) {
	for name, template := range foreignEKs() {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, chip *recorder) {
				persistAs(t, open(t, chip, Options{}), template, HandleEK)
				candidates, _, err := open(t, chip, Options{}).Candidates()
				if err != nil {
					t.Fatal(err)
				}
				at := slices.IndexFunc(candidates, func(c Candidate) bool { return c.Persistent })
				if at < 0 {
					t.Fatalf("Candidates() = %+v, without the persistent one", candidates)
				}
				c := candidates[at]
				judgement := identity.CheckEndorsementKey(c.EndorsementKey)
				if judgement == nil || c.Usable || c.Refusal != judgement.Error() || !c.IoTEdge {
					t.Errorf("usable %t, refused because %q; want %v", c.Usable, c.Refusal, judgement)
				}
				var occupied *OccupiedError
				_, err = open(t, chip, Options{}).EK()
				if !errors.As(err, &occupied) || !errors.Is(err, ErrOccupied) || occupied.Handle != HandleEK || occupied.Why != judgement.Error() {
					t.Errorf("EK() = %v, want that 0x81010001 is occupied because %v", err, judgement)
				}
				for _, c := range candidates[at+1:] {
					if !c.Usable || c.Refusal != "" {
						t.Errorf("%s: usable %t, %q", c.Template, c.Usable, c.Refusal)
					}
				}
				if p, err := open(t, chip, Options{}).properties(); err != nil || p.lockoutCounter != 0 {
					t.Errorf("%d failures counted, %v", p.lockoutCounter, err)
				}
			})
		})
	}
}

// The certificate is for a key, whatever the key's template.
func TestCertificateOfAKeyOfAnotherTemplate(t *testing.T) {
	for name, template := range foreignEKs() {
		if template.Type != tpm2.TPMAlgRSA {
			continue
		}
		chip := &recorder{t: implementations["swtpm"](t)}
		persistAs(t, open(t, chip, Options{}), template, HandleEK)
		k, err := open(t, chip, Options{}).find(HandleEK)
		if err != nil {
			t.Fatal(err)
		}
		store(t, chip, indexCertificate, asMaker, certify(t, k.Public, 1))
		candidates, notes, err := open(t, chip, Options{}).Candidates()
		if err != nil || len(notes) != 0 {
			t.Fatal(notes, err)
		}
		for _, c := range candidates {
			if c.Certified != c.Persistent {
				t.Errorf("%s, %s: certified %t, want %t", name, c.Template, c.Certified, c.Persistent)
			}
		}
	}
}

// A certificate that cannot be read is a note, and the keys are compared all the
// same.
func TestCandidatesWithoutCertificate(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		store(t, chip, indexCertificate, asMaker, pattern(400))
		for name, quirk := range map[string]softtpmtest.Quirk{
			"no certificate": nil, "refused": softtpmtest.Refuses(tpm2.TPMCCNVRead, tpm2.TPMRCNVLocked), "refused once": softtpmtest.RefusesOnce(tpm2.TPMCCNVReadPublic, tpm2.TPMRCNVLocked),
		} {
			candidates, notes, err := open(t, softtpmtest.Quirky(chip, quirk), Options{}).Candidates()
			if err != nil || len(candidates) != 2 || len(notes) != 1 || !strings.Contains(notes[0], "0x01c00002") {
				t.Errorf("%s: Candidates() = %+v, %q, %v", name, candidates, notes, err)
			}
		}
	})
}
