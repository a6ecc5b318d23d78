// Package identity holds what the factory knows of a machine after it has read
// its chip: the [Record], and the names that the Device Provisioning Service
// (DPS) knows the machine by.
//
// It is the value between the stages: read-ek makes a Record, a batch file
// stores it as one line of JSON, enroll and verify accept it. The package is
// pure: it opens nothing, prints nothing, and treats every text it is given as
// hostile until it was checked.
package identity

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"tpmdps/internal/text"
)

// Schema names the layout of a [Record], so that a file written by one version
// of the tool is understood or refused by another, never misread.
const Schema = "tpmdps/record/1"

// maxRecord bounds one line of a batch: a record with a certificate and labels
// takes about 4 KiB, one with the longest chain that is read 40 KiB.
const maxRecord = 64 << 10

// ErrRecord is returned, wrapped, for a text that is not a usable [Record].
var ErrRecord = errors.New("not a valid record")

// Record is what was read from one machine. All fields are plain values; as
// JSON it is one line of a batch. Times are UTC, hex is lower case.
type Record struct {
	// Schema is [Schema].
	Schema string `json:"schema"`
	// RegistrationID is the name to enroll the machine under: one of
	// RegistrationIDs, or a name of the operator's own.
	RegistrationID string `json:"registration_id"`
	// RegistrationIDs are both names that tools derive from this EK.
	RegistrationIDs IDs `json:"registration_ids"`
	// EndorsementKey is the base64 of the marshalled TPM2B_PUBLIC, 316 bytes
	// with its two-byte size: the form that DPS accepts.
	EndorsementKey string `json:"endorsement_key"`
	// EKTemplate is what the EK was made from: "tcg-l1", "empty-unique" or
	// "other"; "unknown" for a persistent EK that nothing vouches for. The
	// certificate of the same key is evidence for "tcg-l1".
	EKTemplate string `json:"ek_template"`
	// EKHandle is the persistent handle the EK was found at, such as
	// "0x81010001", or "" when it was derived for this reading only.
	EKHandle string `json:"ek_handle"`
	// EKCertificate is the base64 of the EK's X.509 certificate (DER) in the
	// chip's NV memory, without the header and padding around it there. It is
	// nil when there is none, or none that can be read.
	EKCertificate *string `json:"ek_certificate"`
	// EKCertificateFacts are what the certificate says, nil without one. They
	// always follow from EKCertificate and EndorsementKey: [ParseRecord] does
	// not believe the ones in a file.
	EKCertificateFacts *EKCertificateFacts `json:"ek_certificate_facts"`
	// EKCertificateChain are the signers' certificates that the chip stores,
	// each as base64 of DER, in no order that could be relied on. Nobody has
	// verified them, and the root is never among them.
	EKCertificateChain []string `json:"ek_certificate_chain"`
	// EKCertificateIndices are the NV indices of certificates for any kind of
	// EK that exist on the chip. Only the one for "RSA 2048" at 0x01c00002 is
	// read; a kind that is not in the list has no certificate there.
	EKCertificateIndices []EKCertificateIndex `json:"ek_certificate_indices"`
	// EKCertificateNotes say, a sentence each, what of all this exists and
	// could not be read, and why.
	EKCertificateNotes []string `json:"ek_certificate_notes"`
	// EKVerdict is whether the chip's maker vouches for the EK, as it was found when the
	// record was made; nil where nobody asked. It is for people: a file can be altered,
	// so the one who enrolls judges again.
	EKVerdict *EKVerdict `json:"ek_verdict"`
	// TPM says which chip it is.
	TPM Chip `json:"tpm"`
	// Host says which machine the chip sits in.
	Host Host `json:"host"`
	// HostAccount says of each of Host's facts, by its name there, why it is missing;
	// it is known only to the run that read them, and nil for a record of a file.
	HostAccount map[string]string `json:"-"`
	// Labels are the operator's own notes, such as line or order number.
	Labels map[string]string `json:"labels"`
	// Operator is who ran the tool, if that was given.
	Operator string `json:"operator"`
	// ReadAt is when the chip was read.
	ReadAt time.Time `json:"read_at"`
	// Tool is the program and version that wrote the record.
	Tool string `json:"tool"`
}

// Chip is what the TPM says of itself (TPM 2.0 Part 2, TPM_PT_MANUFACTURER and
// following; TPMA_PERMANENT for the two flags).
type Chip struct {
	Manufacturer       string `json:"manufacturer"`
	Vendor             string `json:"vendor"`
	Firmware           string `json:"firmware"`
	Spec               string `json:"spec"`
	OwnerAuthSet       bool   `json:"owner_auth_set"`
	EndorsementAuthSet bool   `json:"endorsement_auth_set"`
}

// Host is what the firmware says of the machine (SMBIOS type 1), and its name.
// A value that is not known is empty.
type Host struct {
	Hostname     string `json:"hostname"`
	Manufacturer string `json:"manufacturer"`
	Product      string `json:"product"`
	Serial       string `json:"serial"`
	UUID         string `json:"uuid"`
}

// ParseRecord reads one record from JSON and checks everything that a later
// stage relies on: the schema, the EK, the registration ID, and that the two
// derived IDs belong to this EK. It returns an error that wraps [ErrRecord],
// and [*FormatError] or [ErrRegistrationID] where those are the cause.
//
// Two shorter spellings are accepted too, because people write them by hand: only
// endorsement_key, or endorsement_key and registration_id; and what IoT Edge's TPM
// daemon answers, endorsement_key and storage_root_key. Other fields are refused
// when no schema is given, since then nothing else tells a misspelt field from a
// newer one. A field that appears twice, has null or a value of another kind is
// refused: see [text.DecodeJSON].
func ParseRecord(line []byte) (Record, error) {
	if len(line) > maxRecord {
		return Record{}, fmt.Errorf("%w: %d bytes, more than the %d that a record may have", ErrRecord, len(line), maxRecord)
	}
	var r struct {
		Record
		StorageRootKey *string `json:"storage_root_key"`
	}
	decode := text.DecodeJSON
	if !bytes.Contains(line, []byte(`"schema"`)) {
		decode = text.DecodeKnownJSON
	}
	if err := decode(line, &r); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if err := r.complete(); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return r.Record, nil
}

// complete checks the record and fills in what follows from its EK.
func (r *Record) complete() error {
	if r.Schema != "" && r.Schema != Schema {
		return fmt.Errorf("schema %q, this version reads %q", text.Printable(r.Schema, 40), Schema)
	}
	r.Schema = Schema
	ek, err := ParseEndorsementKey(r.EndorsementKey)
	if err != nil {
		return err
	}
	r.EndorsementKey = base64.StdEncoding.EncodeToString(ek)
	ids := RegistrationIDs(ek)
	if r.RegistrationIDs != (IDs{}) && r.RegistrationIDs != ids {
		return errors.New("registration_ids do not belong to endorsement_key: the line was altered or mixed from two")
	}
	r.RegistrationIDs = ids
	if r.RegistrationID == "" {
		r.RegistrationID = ids.Base32
	}
	if r.Labels == nil {
		r.Labels = map[string]string{}
	}
	if err := r.completeCertificate(ek); err != nil {
		return err
	}
	if err := r.EKVerdict.check(); err != nil {
		return err
	}
	for key, value := range r.Labels {
		if err := CheckLabel(key, value); err != nil {
			return err
		}
	}
	return CheckRegistrationID(r.RegistrationID)
}

// EK returns the bytes of the EndorsementKey field, checked. A Record that came
// from [ParseRecord] never fails here.
func (r Record) EK() ([]byte, error) { return ParseEndorsementKey(r.EndorsementKey) }
