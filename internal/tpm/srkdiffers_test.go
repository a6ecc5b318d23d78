package tpm

import (
	"testing"

	"github.com/google/go-tpm/tpm2"
)

// The warning on a storage key that DPS cannot use names the field by which it is
// another, and nothing for one that it can.
func TestSRKNamesWhatDiffers(t *testing.T) {
	changed := func(change func(p *tpm2.TPMTPublic, parms *tpm2.TPMSRSAParms)) tpm2.TPMTPublic {
		p := tpm2.RSASRKTemplate
		parms, err := p.Parameters.RSADetail()
		if err != nil {
			t.Fatal(err)
		}
		copied := *parms
		p.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: append([]byte{0x80}, make([]byte, 255)...)})
		change(&p, &copied)
		p.Parameters = tpm2.NewTPMUPublicParms(tpm2.TPMAlgRSA, &copied)
		return p
	}
	for want, public := range map[string]tpm2.TPMTPublic{
		"": changed(func(p *tpm2.TPMTPublic, _ *tpm2.TPMSRSAParms) { p.ObjectAttributes.NoDA = false }),
		" (its cipher is AES-256 instead of AES-128)": changed(func(_ *tpm2.TPMTPublic, parms *tpm2.TPMSRSAParms) {
			bits := tpm2.TPMKeyBits(256)
			parms.Symmetric.KeyBits = tpm2.NewTPMUSymKeyBits(tpm2.TPMAlgAES, bits)
		}),
		" (its name algorithm is SHA-384 instead of SHA-256)": changed(func(p *tpm2.TPMTPublic, _ *tpm2.TPMSRSAParms) { p.NameAlg = tpm2.TPMAlgSHA384 }),
		" (its exponent is 3 instead of 0 (which means 65537))": changed(func(_ *tpm2.TPMTPublic, parms *tpm2.TPMSRSAParms) {
			parms.Exponent = 3
		}),
		" (its size is 3072 bits instead of 2048 bits)": changed(func(_ *tpm2.TPMTPublic, parms *tpm2.TPMSRSAParms) { parms.KeyBits = 3072 }),
		" (its attribute userWithAuth is clear instead of set; its attribute adminWithPolicy is set instead of clear)": changed(func(p *tpm2.TPMTPublic, _ *tpm2.TPMSRSAParms) {
			p.ObjectAttributes.UserWithAuth, p.ObjectAttributes.AdminWithPolicy = false, true
		}),
		" (its type is ECC instead of RSA)": tpm2.ECCSRKTemplate,
	} {
		key := &Key{Public: tpm2.Marshal(tpm2.New2B(public)), public: public}
		if got := srkDiffers(key); got != want {
			t.Errorf("srkDiffers() = %q, want %q", got, want)
		}
		if usable := usableSRK(key); usable != (want == "") {
			t.Errorf("usableSRK() = %v, and it differs in %q", usable, want)
		}
	}
}
