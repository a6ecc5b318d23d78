package edge

import (
	"fmt"
	"slices"
	"strings"

	"tpmdps/internal/tomledit"
)

// ownProvisioning makes sure that the file provisions through DPS with the TPM,
// or says nothing of it. Another way stops the edit, unless it may be replaced.
func (e *editor) ownProvisioning(o EditOptions) error {
	way := e.otherProvisioning()
	if way == "" {
		return nil
	}
	if !o.ReplaceProvisioning {
		return fmt.Errorf("%w: %s", ErrOtherProvisioning, way)
	}
	for {
		i := slices.IndexFunc(e.doc.Entries(), foreign)
		if i < 0 {
			return nil
		}
		if err := e.disable(e.doc.Entries()[i]); err != nil {
			return err
		}
	}
}

// otherProvisioning describes how the file provisions, "" if through DPS with the TPM.
func (e *editor) otherProvisioning() string {
	for _, at := range []struct{ key, own string }{{"source", "dps"}, {"attestation.method", "tpm"}} {
		path := append([]string{"provisioning"}, strings.Split(at.key, ".")...)
		if found, ok := e.doc.Lookup(path...); ok && found.Kind == tomledit.String && found.Text != at.own {
			return fmt.Sprintf("line %d: %s is %q", found.Line, tomledit.Key(path...), found.Text)
		}
	}
	return ""
}

// foreign tells what of [provisioning] has no meaning for DPS with a TPM.
func foreign(e tomledit.Entry) bool {
	if e.Path[0] != "provisioning" || e.InArray || len(e.Path) == 1 {
		return false
	}
	switch tomledit.Key(e.Path[1:]...) {
	case "source", "global_endpoint", "id_scope", "payload", "payload.uri", "attestation", "attestation.method", "attestation.registration_id":
		return false
	}
	return true
}

// disable disables a key or a table.
func (e *editor) disable(entry tomledit.Entry) error {
	doc, err := e.doc.Disable(entry.Path...)
	if err != nil {
		return fmt.Errorf("comment out %s: %w", tomledit.Key(entry.Path...), err)
	}
	e.doc, e.want = doc, doc.Values()
	change := Change{Key: tomledit.Key(entry.Path...)}
	if entry.Kind == tomledit.Table {
		change.Old = "[" + change.Key + "]"
	} else {
		change.Old = "(not shown)" // a key or a connection string, often
	}
	e.changes = append(e.changes, change)
	return nil
}
