package tpm

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/identity"
)

// Candidate is one of the keys that tools take for a chip's endorsement key.
// Which one a tool takes follows from the template it uses, and from what it
// finds at [HandleEK]. (The Java SDK makes its EK in the owner hierarchy, where
// clearing the chip's owner loses it; that one is shown only when persistent.)
type Candidate struct {
	// Template names how the key came to be: "persistent" for what is at
	// HandleEK and none of the others, "tcg-l1", "empty-unique", "nv-nonce",
	// "nv-template".
	Template string `json:"template"`
	// Tools are those that derive this key when HandleEK is empty.
	Tools string `json:"tools"`
	// RegistrationIDs are the two IDs of this key; the hex one is also its
	// fingerprint, the SHA-256 of the TPM2B_PUBLIC.
	RegistrationIDs identity.IDs `json:"registration_ids"`
	// EndorsementKey is the marshalled TPM2B_PUBLIC.
	EndorsementKey []byte `json:"endorsement_key"`
	// Persistent: it sits at HandleEK.
	Persistent bool `json:"persistent"`
	// IoTEdge: aziot-tpmd takes this one.
	IoTEdge bool `json:"iot_edge"`
	// Certified: the RSA EK certificate in NV is for this one.
	Certified bool `json:"certified"`
}

// derivation is a template that some tools use.
type derivation struct {
	name, tools string
	template    tpm2.TPMTPublic
	own         bool // the chip's own, so the chip may be to blame for it
}

// Candidates derives every key that a tool may take for this chip's EK, one at
// a time, and compares them with what is persistent and with the certificate.
// On some chips each derivation takes a minute. Nothing is left on the chip.
// The notes are for people: what in the chip's memory could not be used.
func (d *Device) Candidates() (_ []Candidate, notes []string, err error) {
	unsalt, err := d.ensureSalt(d.opts.OwnerAuth, d.opts.EndorsementAuth)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, unsalt()) }()
	certified, err := d.certifiedKey()
	if err != nil {
		return nil, nil, err
	}
	derivations, notes, err := d.derivations()
	if err != nil {
		return nil, nil, err
	}
	persistent, err := d.find(HandleEK)
	if err != nil {
		return nil, nil, err
	}
	var found []Candidate
	for _, v := range derivations {
		public, err := d.derivePublic(v.template)
		if v.own && d.goesOn(err) {
			notes = append(notes, fmt.Sprintf("%s: %v", v.name, err))
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", v.name, err)
		}
		found = append(found, Candidate{Template: v.name, Tools: v.tools, EndorsementKey: public})
	}
	return mark(found, persistent, certified), notes, nil
}

// mark fills in what follows from the keys, and adds the persistent one when it
// is none of the derived.
func mark(found []Candidate, persistent *Key, certified func(ek []byte) bool) []Candidate {
	there := false
	for i := range found {
		found[i].Persistent = persistent != nil && bytes.Equal(found[i].EndorsementKey, persistent.Public)
		there = there || found[i].Persistent
	}
	if persistent != nil && !there {
		found = append([]Candidate{{Template: "persistent", Tools: "whoever made it persistent", EndorsementKey: persistent.Public, Persistent: true}}, found...)
	}
	for i := range found {
		c := &found[i]
		c.RegistrationIDs = identity.RegistrationIDs(c.EndorsementKey)
		c.IoTEdge = c.Persistent || persistent == nil && c.Template == "tcg-l1"
		c.Certified = certified(c.EndorsementKey)
	}
	return found
}

// derivations are the templates in use: the TCG's, the one with an empty unique
// field, and those that the chip's NV memory asks for.
func (d *Device) derivations() (list []derivation, notes []string, _ error) {
	const profile = "tools that follow the TCG's profile to the letter"
	list = []derivation{
		{"tcg-l1", "IoT Edge, the C# SDK, tpm2-tools, Windows", tpm2.RSAEKTemplate, false},
		{"empty-unique", "the C and Node SDKs", withUnique(nil), false},
	}
	nonce, err := d.optionalNV(indexNonce)
	switch {
	case err != nil:
		return nil, nil, err
	case len(nonce) > modulusSize:
		notes = append(notes, fmt.Sprintf("nv-nonce: the nonce in NV index %#x has %d bytes, %d at most fit", indexNonce, len(nonce), modulusSize))
	case len(nonce) > 0:
		list = append(list, derivation{"nv-nonce", profile, withUnique(append(bytes.Clone(nonce), make([]byte, modulusSize-len(nonce))...)), true})
	}
	template, err := d.optionalNV(indexTemplate)
	if err != nil || len(template) == 0 {
		return list, notes, err
	}
	public, err := tpm2.Unmarshal[tpm2.TPMTPublic](template)
	if err != nil {
		return list, append(notes, fmt.Sprintf("nv-template: what is in NV index %#x is no template", indexTemplate)), nil
	}
	return append(list, derivation{"nv-template", profile, *public, true}), notes, nil
}

const modulusSize = 256

// withUnique is the L-1 template with another unique field. go-tpm's template
// is a package variable with shared parts, so a new one is made.
func withUnique(unique []byte) tpm2.TPMTPublic {
	t := tpm2.RSAEKTemplate
	t.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: unique})
	return t
}

// optionalNV reads an index that most chips do not have.
func (d *Device) optionalNV(index uint32) ([]byte, error) {
	content, err := d.readNV(index, maxNVIndex)
	if d.goesOn(err) {
		return nil, nil
	}
	return content, err
}

// certifiedKey returns how a key is compared with the RSA certificate in NV. A
// certificate that is missing or damaged is no key's.
func (d *Device) certifiedKey() (func(ek []byte) bool, error) {
	none := func([]byte) bool { return false }
	raw, err := d.optionalNV(indexCertificate)
	if err != nil || raw == nil {
		return none, err
	}
	cert, err := identity.ParseEKCertificate(raw)
	if err != nil {
		return none, nil
	}
	return func(ek []byte) bool { return cert.Facts(ek).KeyMatches }, nil
}

// derivePublic derives a key in the endorsement hierarchy and lets go of it.
func (d *Device) derivePublic(template tpm2.TPMTPublic) ([]byte, error) {
	k, err := d.derive(tpm2.TPMRHEndorsement, d.opts.EndorsementAuth, template)
	if err != nil {
		return nil, err
	}
	return k.Public, k.Close()
}
