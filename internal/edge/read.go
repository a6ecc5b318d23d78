package edge

import (
	"fmt"
	"math"
	"strings"

	"tpmdps/internal/edge/schema"
	"tpmdps/internal/tomledit"
)

// MaxFile bounds a config.toml, in bytes.
const MaxFile = schema.MaxFile

// values reads single keys, by the very names that IoT Edge reads: it tells ID_SCOPE
// from id_scope. What it does not know it ignores, as IoT Edge does.
type values struct {
	doc *tomledit.Document
	// lines is where a line is looked up: the file that the user has.
	lines *tomledit.Document
	err   error // the first value of a wrong type
}

func (v *values) find(key string, kind tomledit.Kind) string {
	path := strings.Split(key, ".")
	e, ok := v.doc.Lookup(path...)
	if !ok {
		return ""
	}
	if e.Kind != kind {
		v.typeError(e, kind)
	}
	return e.Text
}

func (v *values) typeError(e tomledit.Entry, want tomledit.Kind) {
	if there, ok := v.lines.Lookup(e.Path...); ok {
		e.Line, e.Column = there.Line, there.Column
	}
	if v.err == nil {
		v.err = fmt.Errorf("%w: line %d, column %d: %s has the type %s, not %s", ErrInvalid, e.Line, e.Column, tomledit.Key(e.Path...), e.Kind, want)
	}
}

// tables makes sure that none of these is there as something else.
func (v *values) tables(keys ...string) {
	for _, key := range keys {
		if e, ok := v.doc.Lookup(strings.Split(key, ".")...); ok && e.Kind != tomledit.Table && e.Kind != tomledit.InlineTable {
			v.typeError(e, tomledit.Table)
		}
	}
}

func (v *values) text(key string) string { return v.find(key, tomledit.String) }

// index is nil where the file does not have the key.
func (v *values) index(key string) *uint32 {
	text := v.find(key, tomledit.Integer)
	if text == "" || v.err != nil {
		return nil
	}
	n, err := schema.ParseInteger(text)
	if err != nil || n < 0 || n > math.MaxUint32 {
		v.err = fmt.Errorf("%w: %s is out of range", ErrInvalid, key)
		return nil
	}
	index := uint32(n)
	return &index
}

// Parse reads what a config.toml says of DPS and the TPM. It fails, with
// [ErrInvalid], for what is not TOML, and for a device that IoT Edge would not
// provision through DPS with its TPM. The values themselves are not checked:
// see [Config.Validate].
func Parse(data []byte) (Config, error) {
	if len(data) > schema.MaxFile {
		return Config{}, fmt.Errorf("%w: %d bytes, %d at most", ErrInvalid, len(data), schema.MaxFile)
	}
	doc, err := tomledit.Parse(data)
	if err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrInvalid, syntaxError(data, err))
	}
	c, err := read(doc, doc)
	if err != nil {
		return Config{}, err
	}
	return c, nil
}

// Read is [Parse] for a document that was parsed already. With an error it returns
// what could be read.
func Read(doc *tomledit.Document) (Config, error) { return read(doc, doc) }

// read is Read for a document that may have been made of another one, in which the
// lines are looked up.
func read(doc, old *tomledit.Document) (Config, error) {
	v := values{doc: doc, lines: old}
	v.tables("provisioning", "provisioning.payload", "provisioning.attestation", "tpm", "tpm.hierarchy_authorization")
	source, method := v.text("provisioning.source"), v.text("provisioning.attestation.method")
	c := Config{
		IDScope:                v.text("provisioning.id_scope"),
		RegistrationID:         v.text("provisioning.attestation.registration_id"),
		GlobalEndpoint:         v.text("provisioning.global_endpoint"),
		Hostname:               v.text("hostname"),
		AutoReprovisioningMode: v.text("auto_reprovisioning_mode"),
		PayloadURI:             v.text("provisioning.payload.uri"),
		TCTI:                   v.text("tpm.tcti"),
		AuthKeyIndex:           v.index("tpm.auth_key_index"),
		EndorsementAuth:        v.text("tpm.hierarchy_authorization.endorsement"),
		OwnerAuth:              v.text("tpm.hierarchy_authorization.owner"),
	}
	switch {
	case v.err != nil:
		return c, v.err
	case source != "dps":
		return c, fmt.Errorf("%w: provisioning.source is %q, not \"dps\"", ErrInvalid, source)
	case method != "tpm":
		return c, fmt.Errorf("%w: provisioning.attestation.method is %q, not \"tpm\"", ErrInvalid, method)
	}
	return c, nil
}

// Lookup reports whether a config.toml has a text of its own for a key, which is not
// the example of IoT Edge's template.
func Lookup(file []byte, key string) (text string, ok bool) {
	doc, err := tomledit.Parse(file)
	if err != nil {
		return "", false
	}
	v := values{doc: doc, lines: doc}
	text = v.text(key)
	known, _ := schema.Lookup(strings.Split(key, "."))
	return text, text != "" && v.err == nil && text != known.Stub
}

// IsPlaceholder reports whether a registration ID is the example of IoT Edge's own
// template, which nobody has replaced yet.
func IsPlaceholder(registrationID string) bool {
	id, ok := schema.Lookup([]string{"provisioning", "attestation", "registration_id"})
	return ok && registrationID == id.Stub
}
