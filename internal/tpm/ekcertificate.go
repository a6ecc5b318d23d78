package tpm

import (
	"encoding/base64"
	"fmt"
	"slices"

	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// IndexEKCertificate is the NV index of the EK's certificate as records spell it.
const IndexEKCertificate = "0x01c00002"

// NV indices of the EKs' certificates and of the signers' certificates: TCG EK
// Credential Profile 2.5, 2.2.1.4 and 2.2.1.5.
const (
	indexCertificate = 0x01c00002 // of the RSA 2048 EK of template L-1
	indexNonce       = 0x01c00003 // that EK's unique, where it is not zeros
	indexTemplate    = 0x01c00004 // that EK's template, where it is not L-1
	indexChain       = 0x01c00100
	indexChainEnd    = 0x01c001ff

	// maxChain and maxChainIndices bound the chain, all certificates together.
	// On-die authorities of Intel have three certificates of 1 KiB.
	maxChain        = 16 << 10
	maxChainIndices = 16

	// maxNote bounds what is shown of an error.
	maxNote = 300
)

// certificateIndices are the places for a certificate of one kind of EK each.
// Azure accepts the first kind only.
var certificateIndices = []struct {
	index uint32
	key   string
}{
	{indexCertificate, "RSA 2048"},
	{0x01c0000a, "ECC P-256"},
	{0x01c00012, "RSA 2048 (high range)"},
	{0x01c00014, "ECC P-256 (high range)"},
	{0x01c00016, "ECC P-384"},
	{0x01c00018, "ECC P-521"},
	{0x01c0001a, "ECC SM2"},
	{0x01c0001c, "RSA 3072"},
	{0x01c0001e, "RSA 4096"},
}

// nvCertificates is what a chip's NV memory says of its EKs.
type nvCertificates struct {
	certificate *identity.EKCertificate
	chain       [][]byte
	indices     []identity.EKCertificateIndex
	notes       []string
	ownTemplate bool // the maker's EK is made from another template than L-1
}

// certificates reads the certificate of the RSA 2048 EK and the signers'
// certificates, and lists what else there is. What exists and cannot be read
// becomes a note, since the EK is of use without. One command, and two or more
// for each index that is read.
func (d *Device) certificates() (nvCertificates, error) {
	var found nvCertificates
	indices, err := d.tcgIndices()
	if err != nil {
		return found, d.note(&found, fmt.Errorf("EK certificate: %w", err))
	}
	for _, c := range certificateIndices {
		if slices.Contains(indices, c.index) {
			found.indices = append(found.indices, identity.EKCertificateIndex{Index: spelt(c.index), Key: c.key})
		}
	}
	found.ownTemplate = slices.Contains(indices, indexNonce) || slices.Contains(indices, indexTemplate)
	if slices.Contains(indices, indexCertificate) {
		if err := d.readCertificate(&found); err != nil {
			return found, err
		}
	}
	from, _ := slices.BinarySearch(indices, indexChain)
	to, _ := slices.BinarySearch(indices, indexChainEnd+1)
	return found, d.readChain(&found, indices[from:to])
}

func (d *Device) readCertificate(found *nvCertificates) error {
	raw, err := d.readNV(indexCertificate, maxNVIndex)
	if err != nil || raw == nil {
		return d.note(found, err)
	}
	c, err := identity.ParseEKCertificate(raw)
	if err != nil {
		return d.note(found, fmt.Errorf("read NV index %s: %w: %w", spelt(indexCertificate), errUnreadable, err))
	}
	found.certificate = &c
	if c.Form != "" {
		found.notes = append(found.notes, fmt.Sprintf("NV index %s holds the certificate as %s; the TCG's profile has DER there", spelt(indexCertificate), c.Form))
	}
	return nil
}

// readChain reads the chain, which runs on from one index to the next, even in
// the middle of a certificate.
func (d *Device) readChain(found *nvCertificates, indices []uint32) error {
	var raw []byte
	for i, index := range indices {
		if i == maxChainIndices {
			found.notes = append(found.notes, fmt.Sprintf("EK certificate chain: it has %d NV indices, the first %d were read", len(indices), i))
			break
		}
		part, err := d.readNV(index, min(maxNVIndex, maxChain-len(raw)))
		if err != nil {
			if err := d.note(found, err); err != nil {
				return err
			}
			break // what follows may begin in the middle
		}
		raw = append(raw, part...)
	}
	var err error
	if found.chain, err = identity.SplitCertificates(raw); err != nil {
		found.notes = append(found.notes, "EK certificate chain: "+text.Printable(err.Error(), 200))
	}
	return nil
}

// note keeps an error after which the work goes on, and returns one that ends
// it: the EK is of use without its certificate.
func (d *Device) note(found *nvCertificates, err error) error {
	if !d.continues(err) {
		return err
	}
	found.notes = append(found.notes, text.Printable(err.Error(), maxNote))
	return nil
}

// record puts what was found into a record. A certificate of the very EK is
// evidence that a persistent one was made from the template that the TCG has
// for this certificate: L-1, unless the chip names its own.
func (c nvCertificates) record(r *identity.Record, ek []byte) {
	r.EKCertificateIndices = append([]identity.EKCertificateIndex{}, c.indices...)
	r.EKCertificateNotes = append([]string{}, c.notes...)
	r.EKCertificateChain = []string{}
	for _, der := range c.chain {
		r.EKCertificateChain = append(r.EKCertificateChain, base64.StdEncoding.EncodeToString(der))
	}
	if c.certificate == nil {
		return
	}
	r.SetEKCertificate(*c.certificate, ek)
	if r.EKTemplate == "unknown" && r.EKCertificateFacts.KeyMatches && !c.ownTemplate {
		r.EKTemplate = "tcg-l1"
	}
}
