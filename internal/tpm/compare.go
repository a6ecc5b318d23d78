package tpm

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/identity"
)

// Candidate is one of the keys that tools use as a chip's endorsement key.
// Which one a tool uses follows from the template it uses, and from what it
// finds at [HandleEK]. (The Java SDK makes its EK in the owner hierarchy, where
// clearing the chip's owner loses it; that one is shown only when persistent.)
type Candidate struct {
	// Template names how the key came to be: "persistent" for what is at
	// HandleEK and none of the others, "tcg-l1", "empty-unique", "nv-nonce",
	// "nv-template", "nv-template-nonce".
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
	// IoTEdge: aziot-tpmd uses this one.
	IoTEdge bool `json:"iot_edge"`
	// Certified: the RSA EK certificate in NV is for this one.
	Certified bool `json:"certified"`
	// Usable: DPS can use this key, by the one judgement that there is,
	// [identity.CheckEndorsementKey].
	Usable bool `json:"usable"`
	// Refusal says why it is not usable; empty when it is.
	Refusal string `json:"refusal"`
}

// Recommendation is which of a chip's candidates to enroll.
type Recommendation string

// What there is to recommend.
const (
	EnrollNone     Recommendation = "none"     // DPS can use none of them
	EnrollIoTEdges Recommendation = "iot-edge" // the one that IoT Edge uses; or the one that the device's SDK makes
	// ReplacePersistent: IoT Edge uses the key at HandleEK, which DPS cannot use, and
	// would use another if that one were not there.
	ReplacePersistent Recommendation = "replace"
)

// Recommend says which of the candidates to enroll. It is never one that is not usable.
func Recommend(candidates []Candidate) Recommendation {
	r := EnrollNone
	for _, c := range candidates {
		switch {
		case c.Usable && c.IoTEdge:
			return EnrollIoTEdges
		case c.Usable:
			r = ReplacePersistent
		}
	}
	return r
}

// derivation is a template that some tools use.
type derivation struct {
	name, tools string
	template    tpm2.TPMTPublic
	own         bool // the chip's own, so the chip may be to blame for it
}

// Candidates derives every key that a tool may use as this chip's EK, one at
// a time, and compares them with what is persistent and with the certificate.
// On some chips each derivation takes a minute. Nothing is left on the chip.
// The notes are for people: what in the chip's memory could not be used.
func (d *Device) Candidates() (_ []Candidate, notes []string, err error) {
	unsalt, err := d.ensureSalt(d.opts.OwnerAuth, d.opts.EndorsementAuth)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, unsalt()) }()
	var read nvCertificates // for its certificate and notes
	if err := d.readCertificate(&read); err != nil {
		return nil, nil, err
	}
	derivations, err := d.derivations(&read)
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
		if v.own && d.continues(err) {
			read.notes = append(read.notes, fmt.Sprintf("%s: %v", v.name, err))
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", v.name, err)
		}
		found = append(found, Candidate{Template: v.name, Tools: v.tools, EndorsementKey: public})
	}
	certified := func(key []byte) bool { return read.certificate != nil && read.certificate.Facts(key).KeyMatches }
	return mark(found, persistent, certified), read.notes, nil
}

// mark fills in what follows from the keys, and adds the persistent one when it
// is not derived.
func mark(found []Candidate, persistent *Key, certified func(key []byte) bool) []Candidate {
	there := false
	for i := range found {
		found[i].Persistent = persistent != nil && bytes.Equal(found[i].EndorsementKey, persistent.Public)
		there = there || found[i].Persistent
	}
	if persistent != nil && !there {
		found = append([]Candidate{{Template: "persistent", Tools: "the program that stored it", EndorsementKey: persistent.Public, Persistent: true}}, found...)
	}
	for i := range found {
		c := &found[i]
		c.RegistrationIDs = identity.RegistrationIDs(c.EndorsementKey)
		c.IoTEdge = c.Persistent || persistent == nil && c.Template == "tcg-l1"
		c.Certified = certified(c.EndorsementKey)
		c.Usable = true
		if err := identity.CheckEndorsementKey(c.EndorsementKey); err != nil {
			c.Usable, c.Refusal = false, err.Error()
		}
	}
	return found
}

// derivations are the templates in use: the TCG's, the one with an empty unique
// field, and those that the chip's NV memory asks for. Who uses which was looked
// up in the tools: tpm2_createek (set_ek_template), which reads both indices with
// -t and needs the template; createek of IBM's TSS (processPrimary), which looks
// for the nonce first and needs the template with it; go-tpm-tools
// (client.EndorsementKeyFromNvIndex), which reads the template alone. Before 5.6,
// tpm2_createek -t failed without a nonce, and with one it made a key of the
// bytes of a pointer, which nobody can make again.
func (d *Device) derivations(read *nvCertificates) ([]derivation, error) {
	nonce, err := d.ownNV(indexNonce, read)
	if err != nil {
		return nil, err
	}
	template, err := d.ownNV(indexTemplate, read)
	if err != nil {
		return nil, err
	}
	if len(nonce) > modulusSize {
		read.notes = append(read.notes, fmt.Sprintf("nv-nonce: the nonce in NV index %#x has %d bytes, %d at most fit", indexNonce, len(nonce), modulusSize))
		nonce = nil
	}
	var own *tpm2.TPMTPublic
	if len(template) > 0 {
		if own, err = parseTemplate(template); err != nil {
			read.notes = append(read.notes, fmt.Sprintf("nv-template: what is in NV index %#x is not a template", indexTemplate))
		}
	}
	const empty = "the C and Node SDKs"
	if own == nil && len(nonce) == 0 {
		return []derivation{
			{"tcg-l1", "IoT Edge, the C# SDK, tpm2-tools, Windows", tpm2.RSAEKTemplate, false},
			{"empty-unique", empty, withUnique(tpm2.RSAEKTemplate, nil), false},
		}, nil
	}
	list := []derivation{
		{"tcg-l1", "IoT Edge, the C# SDK, tpm2_createek without -t", tpm2.RSAEKTemplate, false},
		{"empty-unique", empty, withUnique(tpm2.RSAEKTemplate, nil), false},
	}
	if len(nonce) > 0 {
		list = append(list, derivation{"nv-nonce", "no known tool; the TCG's profile has it for a nonce without a template", withNonce(tpm2.RSAEKTemplate, nonce), true})
	}
	if own == nil {
		return list, nil
	}
	if len(nonce) == 0 {
		return append(list, derivation{"nv-template", "tpm2_createek -t (5.6 and later), go-tpm-tools where it is given the index", *own, true}), nil
	}
	list = append(list, derivation{"nv-template", "go-tpm-tools where it is given the index", *own, true})
	if own.Type == tpm2.TPMAlgRSA {
		list = append(list, derivation{"nv-template-nonce", "tpm2_createek -t (5.6 and later), createek of IBM's TSS", withNonce(*own, nonce), true})
	}
	return list, nil
}

// parseTemplate reads a TPMT_PUBLIC. What the chip stores is input like any
// other, and padding may follow.
func parseTemplate(raw []byte) (_ *tpm2.TPMTPublic, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it cannot be parsed (%v)", r)
		}
	}()
	return tpm2.Unmarshal[tpm2.TPMTPublic](raw)
}

const modulusSize = 256

// withUnique is an RSA template with another unique field. go-tpm's templates
// are package variables with shared parts, so a new one is made.
func withUnique(t tpm2.TPMTPublic, unique []byte) tpm2.TPMTPublic {
	t.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: unique})
	return t
}

// withNonce is an RSA template whose unique field begins with a nonce. What
// follows is the template's own, which is zeros; as many as fill the field (TCG
// EK Credential Profile 2.5, 2.2.1.5.1).
func withNonce(t tpm2.TPMTPublic, nonce []byte) tpm2.TPMTPublic {
	unique := make([]byte, modulusSize)
	if own, err := t.Unique.RSA(); err == nil {
		copy(unique, own.Buffer)
	}
	copy(unique, nonce)
	return withUnique(t, unique)
}

// ownNV reads an index that most chips do not have. What cannot be read of it
// is a note.
func (d *Device) ownNV(index uint32, read *nvCertificates) ([]byte, error) {
	content, err := d.readNV(index, maxNVIndex)
	return content, d.note(read, err)
}

// derivePublic derives a key in the endorsement hierarchy and lets go of it.
func (d *Device) derivePublic(template tpm2.TPMTPublic) ([]byte, error) {
	k, err := d.derive(tpm2.TPMRHEndorsement, d.opts.EndorsementAuth, template)
	if err != nil {
		return nil, err
	}
	return k.Public, k.Close()
}
