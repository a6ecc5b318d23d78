package lint

import (
	"fmt"
	"strings"

	"tpmdps/internal/edge/schema"
	"tpmdps/internal/tomledit"
)

// rules are what a schema cannot say: what several keys mean together.
func (c *checker) rules() {
	c.notTPM()
	c.nested()
	c.ownHandles()
	c.toml11()
}

// notTPM is for a device that gets its identity in another way than this
// program is for.
func (c *checker) notTPM() {
	for _, at := range []struct {
		path []string
		own  string
	}{{[]string{"provisioning", "source"}, "dps"}, {[]string{"provisioning", "attestation", "method"}, "tpm"}} {
		n := c.root.at(at.path...)
		if n == nil || n.entry.Kind != tomledit.String || n.entry.Text == at.own {
			continue
		}
		if k, _ := schema.Lookup(at.path); strings.Contains(strings.Join(k.Values, " "), n.entry.Text) {
			c.at(n, Finding{Rule: "not-tpm", Message: fmt.Sprintf("this device is not provisioned by its TPM: %s is %q", tomledit.Key(at.path...), n.entry.Text),
				Fix: fmt.Sprintf("%s = %q", n.name, at.own)})
		}
	}
}

// nested is for a device below another one, which IoT Edge does not provision
// through DPS (aziotctl-common, apply.rs).
func (c *checker) nested() {
	if c.root.text("provisioning", "source") != "dps" {
		return
	}
	for _, name := range []string{"parent_hostname", "local_gateway_hostname"} {
		if n := c.root.child(name); n != nil {
			c.at(n, Finding{Rule: "nested", Message: fmt.Sprintf(`IoT Edge refuses %s together with source = "dps"`, name), Fix: c.remove(n)})
		}
	}
	if a, b := c.root.child("parent_hostname"), c.root.child("local_gateway_hostname"); a != nil && b != nil {
		c.at(b, Finding{Rule: "duplicate-key", Message: "parent_hostname and local_gateway_hostname are the same setting, and IoT Edge refuses a file with both", Fix: c.remove(b)})
	}
}

// ownHandles keeps the key of DPS from the place of the chip's own keys.
func (c *checker) ownHandles() {
	n := c.root.at("tpm", "auth_key_index")
	if n == nil || n.kind() != schema.Number {
		return
	}
	switch v, _ := schema.ParseInteger(n.entry.Text); v {
	case 0x00_00_01, 0x01_00_01:
		c.at(n, Finding{Rule: "out-of-range", Message: "that is the place of the chip's own key (EK or SRK)", Fix: n.name + " = " + schema.FormatIndex(schema.DefaultAuthKeyIndex)})
	}
}

// toml11 is for what IoT Edge 1.4 and 1.5, which have an older parser, refuse.
func (c *checker) toml11() {
	for _, e := range c.doc.Entries() {
		if e.TOML11 {
			c.add(Finding{Rule: "toml-1.1", Severity: Warning, Line: e.Line, Column: e.Column, Key: tomledit.Key(e.Path...),
				Message: "IoT Edge 1.4 and 1.5 refuse braces that span lines or end in a comma", Fix: "write all between { and } on one line, without a comma at the end"})
		}
	}
}
