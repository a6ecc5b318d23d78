package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"tpmdps/internal/enroll"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// maxEnrollment bounds one enrollment: the tags and properties of a twin have 40 KB
// at most.
const maxEnrollment = 1 << 20

// enrollment reads an enrollment as an entry. Of one for a machine without a TPM,
// only its name and its kind are read.
func (b *reader) enrollment(raw []byte, line int) error {
	if len(raw) > maxEnrollment {
		return fmt.Errorf("%w: %d bytes, more than the %d that an enrollment may have", identity.ErrRecord, len(raw), maxEnrollment)
	}
	if err := strict(raw); err != nil {
		return err
	}
	o, err := newObject("", raw)
	if err != nil {
		return ofEnrollment{fmt.Errorf("%w: %w", identity.ErrRecord, err)}
	}
	e := enrollment{object: o, inv: b.inv, entry: Entry{Line: line}}
	e.sdk = o.nulls && !onlyStatusIsNull(raw) || o.names["registrationid"] != "registrationId"
	if err := e.read(); err != nil {
		if id := e.entry.Record.RegistrationID; id != "" {
			err = fmt.Errorf("%s: %w", id, err)
		}
		return ofEnrollment{fmt.Errorf("%w: %w", identity.ErrRecord, err)}
	}
	return b.emit(e.entry)
}

// ErrDamaged is for a file of which nothing is enrolled, since it cannot be read to its end.
var ErrDamaged = errors.New("damaged batch")

// ErrNoTPM is for enrollments of which none is for a TPM.
var ErrNoTPM = errors.New("there is no enrollment of a TPM")

// ErrEnrollment is wrapped by the errors of enrollments of a DPS, which no chip has to
// be read again for: something in the file is to be corrected.
var ErrEnrollment = errors.New("an enrollment cannot be used")

type ofEnrollment struct{ error }

// Unwrap returns the error and what it is of.
func (e ofEnrollment) Unwrap() []error { return []error{e.error, ErrEnrollment} }

// onlyStatusIsNull tells whether the service itself may have written the nulls of
// an enrollment: it leaves out every member that is null but this one.
func onlyStatusIsNull(raw []byte) bool {
	var all map[string]json.RawMessage
	_ = json.Unmarshal(raw, &all) // it was read before
	for name, value := range all {
		if isNull(value) && name != "provisioningStatus" {
			return false
		}
	}
	return true
}

// enrollment is one that is being read.
type enrollment struct {
	*object
	sdk   bool // an SDK wrote it, from its model
	inv   *Inventory
	entry Entry
}

func (e *enrollment) read() error {
	id, err := e.text("registrationId")
	if err != nil {
		return err
	}
	if group, err := e.text("enrollmentGroupId"); err != nil || group != "" {
		e.pass(group, "an enrollment group")
		return err
	}
	e.entry.Record.RegistrationID = text.Printable(id, 128)
	if e.members["attestation"] == nil {
		return errors.New("it has no attestation")
	}
	attestation, err := e.object.object("attestation")
	if err != nil {
		return err
	}
	other, err := e.attestation(attestation, id)
	if err != nil || other != "" {
		e.pass(id, other)
		return err
	}
	for _, read := range []func(*enroll.Settings) error{e.device, e.allocation, e.policies, e.documents} {
		if err := read(&e.entry.Settings); err != nil {
			return err
		}
	}
	if err := e.entry.Settings.Validate(); err != nil {
		return err
	}
	for _, path := range append(e.remaining(), attestation.remaining()...) {
		e.ignore(path)
	}
	return nil
}

// pass makes the entry one that cannot be enrolled.
func (e *enrollment) pass(id, other string) {
	e.entry = Entry{Line: e.entry.Line, Other: other}
	e.entry.Record.RegistrationID = text.Printable(id, 128)
}

func (e *enrollment) kept(name string) { tally(&e.inv.Copied, name) }

// ignore notes a member that does not become a setting, by the service's spelling
// where it is one of the service's own.
func (e *enrollment) ignore(path string) {
	for _, own := range []string{"etag", "createdDateTimeUtc", "lastUpdatedDateTimeUtc", "registrationState"} {
		if fold(path) == fold(own) {
			path = own
		}
	}
	tally(&e.inv.NotCopied, path)
}

// attestation reads whose enrollment it is. It returns what the machine proves
// itself by, if that is not a TPM. The keys of such a machine are secrets.
func (e *enrollment) attestation(a *object, id string) (other string, err error) {
	kind, err := a.text("type")
	if err != nil {
		return "", err
	}
	e.learn(a)
	tpm, err := a.object("tpm")
	if err != nil {
		return "", err
	}
	if tpm == nil && a.members["endorsementkey"] != nil { // .NET has no object of its own for it
		tpm = a
	}
	switch isTPM := strings.EqualFold(kind, "tpm"); {
	case kind != "" && !isTPM && tpm != nil:
		return "", fmt.Errorf("its attestation is of the type %q and has a TPM's key", text.Printable(kind, 40))
	case kind != "" && !isTPM:
		return text.Printable(kind, 40), nil
	case tpm == nil && !isTPM:
		return a.kind(), nil
	case tpm == nil:
		return "", errors.New("it is for a TPM, and has no endorsement key")
	}
	key, err := tpm.text("endorsementKey")
	if err != nil {
		return "", err
	}
	if key == "" {
		return "", errors.New("it is for a TPM, and has no endorsement key")
	}
	e.kept("registrationId")
	e.kept("attestation.tpm.endorsementKey")
	if tpm != a {
		for _, path := range tpm.remaining() {
			e.ignore(path)
		}
	}
	return "", e.record(id, key)
}

// kind is what an attestation without a type is, by its members.
func (o *object) kind() string {
	for _, kind := range []string{"x509", "symmetricKey"} {
		if _, is := o.members[fold(kind)]; is {
			return kind
		}
	}
	switch {
	case o.members["primarykey"] != nil:
		return "symmetricKey"
	case o.members["clientcertificates"] != nil, o.members["rootcertificates"] != nil, o.members["careferences"] != nil:
		return "x509"
	}
	return "no attestation"
}

// learn collects the symmetric keys of an attestation.
func (e *enrollment) learn(a *object) {
	inner, _ := topLevel(a.members["symmetrickey"])
	for _, m := range []members{a.members, inner} {
		for _, name := range []string{"primarykey", "secondarykey"} {
			var key string
			if json.Unmarshal(m[name], &key) == nil && key != "" {
				e.inv.Secrets = append(e.inv.Secrets, key)
			}
		}
	}
}

// record makes the record of the key. DPS compares registration IDs without case,
// and shows them as they were written.
func (e *enrollment) record(id, key string) error {
	folded, err := identity.FoldRegistrationID(id)
	if err != nil {
		return err
	}
	if folded != id {
		e.inv.note("registration IDs are written in lower case: DPS ignores case")
	}
	line, err := json.Marshal(map[string]string{"registration_id": folded, "endorsement_key": key})
	if err != nil {
		return err
	}
	e.entry.Record, err = identity.ParseRecord(line)
	return err
}
