package edge

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"tpmdps/internal/edge/schema"
	"tpmdps/internal/tomledit"
)

// ErrOtherProvisioning is returned, wrapped, for a file whose device gets its
// identity in another way than from DPS with its TPM.
var ErrOtherProvisioning = errors.New("the file provisions this device in another way")

// Change is one value that an edit sets.
type Change struct {
	Key string `json:"key"` // dotted, from the top of the file
	// Old is "" for a key that the file did not have. A secret's Old and New are
	// "(secret)".
	Old string `json:"old"`
	New string `json:"new"`
}

// Edit is a file as it will be.
type Edit struct {
	Data    []byte
	Changes []Change // none: Data is the file as it is
	Config  Config   // what the file says then
}

// EditOptions are what an edit may do beyond its Config.
type EditOptions struct {
	// ReplaceProvisioning disables another way of provisioning: its keys become
	// comments.
	ReplaceProvisioning bool
}

// ApplyTo changes in a config.toml what c says, and nothing else: a field that is
// zero leaves its key as it is. What a device needs to provision through DPS
// with its TPM, and the file does not have, is added: source, method and the
// global endpoint.
//
// The error is a *tomledit.SyntaxError for a file that is not TOML; wraps
// ErrOtherProvisioning; or wraps ErrInvalid when the file would not work even
// then.
func (c Config) ApplyTo(file []byte, o EditOptions) (Edit, error) {
	if len(file) > schema.MaxFile {
		return Edit{}, fmt.Errorf("%w: %d bytes, %d at most", ErrInvalid, len(file), schema.MaxFile)
	}
	doc, err := tomledit.Parse(file)
	if err != nil {
		return Edit{}, syntaxError(file, err)
	}
	e := editor{old: doc, doc: doc, want: doc.Values()}
	e.comparable = reflect.DeepEqual(e.want, doc.Values())
	if err := e.ownProvisioning(o); err != nil {
		return Edit{}, err
	}
	for _, s := range c.settings() {
		if err := e.set(s); err != nil {
			return Edit{}, fmt.Errorf("set %s: %w", s.key(), err)
		}
	}
	return e.finish()
}

// setting is one key of the file and the value that it is to have.
type setting struct {
	path   []string
	value  any    // string or int64
	text   string // the value in TOML
	secret bool
	// missing: only where the file does not have it.
	missing bool
}

func (s setting) key() string { return tomledit.Key(s.path...) }

// settings are what c says, in the order in which a new file has it.
func (c Config) settings() []setting {
	var list []setting
	add := func(value, path string, s setting) {
		if value != "" {
			s.path, s.value, s.text = strings.Split(path, "."), value, tomledit.Quote(value)
			list = append(list, s)
		}
	}
	add(c.Hostname, "hostname", setting{})
	add(c.AutoReprovisioningMode, "auto_reprovisioning_mode", setting{})
	add("dps", "provisioning.source", setting{})
	add(c.GlobalEndpoint, "provisioning.global_endpoint", setting{})
	add(schema.DefaultGlobalEndpoint, "provisioning.global_endpoint", setting{missing: true})
	add(c.IDScope, "provisioning.id_scope", setting{})
	add(c.PayloadURI, "provisioning.payload.uri", setting{})
	add("tpm", "provisioning.attestation.method", setting{})
	add(c.RegistrationID, "provisioning.attestation.registration_id", setting{})
	add(c.TCTI, "tpm.tcti", setting{})
	if c.AuthKeyIndex != nil {
		list = append(list, setting{path: []string{"tpm", "auth_key_index"}, value: int64(*c.AuthKeyIndex), text: schema.FormatIndex(*c.AuthKeyIndex)})
	}
	add(c.EndorsementAuth, "tpm.hierarchy_authorization.endorsement", setting{secret: true})
	add(c.OwnerAuth, "tpm.hierarchy_authorization.owner", setting{secret: true})
	return list
}

// editor makes the edits one after the other, in the text and, apart from it, in
// the values that the text has to have in the end.
type editor struct {
	old     *tomledit.Document // the file as it is
	doc     *tomledit.Document
	want    map[string]any
	changes []Change
	// comparable: the file has no NaN, which equals nothing.
	comparable bool
}

func (e *editor) set(s setting) error {
	old, there := e.doc.Lookup(s.path...)
	if there && (s.missing || sameValue(old, s)) {
		return nil
	}
	if old.Kind == tomledit.Array || old.Kind == tomledit.InlineTable {
		// Comments may stand between its members, and would go with it. The line
		// has to be one of the file as it is.
		if first, ok := e.old.Lookup(s.path...); ok {
			old = first
		}
		return fmt.Errorf("%w: line %d: it is an %s; put one value there", tomledit.ErrStructure, old.Line, old.Kind)
	}
	doc, err := e.doc.Set(s.text, s.path...)
	if parent := s.path[:len(s.path)-1]; !there && slices.Equal(parent, payload) && !e.has(parent) {
		// One line, as IoT Edge's own template has it, instead of a table.
		doc, err = e.doc.Set("{ uri = "+s.text+" }", parent...)
	}
	if err != nil {
		// An error names a line, which has to be one of the file as it is.
		if _, first := e.old.Set(s.text, s.path...); first != nil {
			err = first
		}
		return err
	}
	put(e.want, s.value, s.path)
	change := Change{Key: s.key(), New: strings.Trim(s.text, `"`)}
	if there {
		change.Old = old.Text
	}
	if s.secret {
		change.New = "(secret)"
		if there {
			change.Old = "(secret)"
		}
	}
	e.doc, e.changes = doc, append(e.changes, change)
	return nil
}

var payload = []string{"provisioning", "payload"}

// has reports whether the file has something at a path, or below it.
func (e *editor) has(path []string) bool {
	return slices.ContainsFunc(e.doc.Entries(), func(entry tomledit.Entry) bool {
		return len(entry.Path) >= len(path) && slices.Equal(entry.Path[:len(path)], path)
	})
}

// sameValue compares a value of the file with a wanted one by what they mean.
func sameValue(old tomledit.Entry, s setting) bool {
	switch want := s.value.(type) {
	case int64:
		n, err := strconv.ParseInt(old.Text, 0, 64)
		return err == nil && old.Kind == tomledit.Integer && n == want
	case string:
		return old.Kind == tomledit.String && (old.Text == want || s.path[len(s.path)-1] == "global_endpoint" && sameOrigin(old.Text, want))
	}
	return false
}

// sameOrigin compares two endpoints: the slash at the end and the case of the
// host mean nothing.
func sameOrigin(a, b string) bool {
	ua, err1 := url.Parse(a)
	ub, err2 := url.Parse(b)
	return err1 == nil && err2 == nil && ua.Scheme == ub.Scheme && strings.EqualFold(ua.Host, ub.Host) &&
		strings.Trim(ua.Path, "/") == strings.Trim(ub.Path, "/") && ua.RawQuery == ub.RawQuery && ua.User == nil && ub.User == nil
}

// put does to the values what Set does to the text.
func put(values map[string]any, value any, path []string) {
	last := len(path) - 1
	for _, p := range path[:last] {
		next, ok := values[p].(map[string]any)
		if !ok {
			next = map[string]any{}
			values[p] = next
		}
		values = next
	}
	values[path[last]] = value
}

// finish makes sure that the text says what was wanted and nothing else, and
// that IoT Edge can work with it.
func (e *editor) finish() (Edit, error) {
	if e.comparable && !reflect.DeepEqual(e.doc.Values(), e.want) {
		return Edit{}, errors.New("the edit would change more of the file than intended; nothing was written")
	}
	data := e.doc.Bytes()
	if len(data) > schema.MaxFile {
		return Edit{}, fmt.Errorf("%w: %d bytes, %d at most", ErrInvalid, len(data), schema.MaxFile)
	}
	config, err := read(e.doc, e.old)
	if err != nil {
		return Edit{}, err
	}
	if err := config.Validate(); err != nil {
		return Edit{}, err
	}
	return Edit{Data: data, Changes: e.changes, Config: config}, nil
}
