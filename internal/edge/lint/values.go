package lint

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"tpmdps/internal/edge/mask"
	"tpmdps/internal/edge/rawline"
	"tpmdps/internal/edge/schema"
	"tpmdps/internal/spelling"
	"tpmdps/internal/text"
	"tpmdps/internal/tomledit"
)

// value checks what a key has against what it accepts.
func (c *checker) value(n *node, k schema.Key) {
	if k.Only != "" {
		c.at(n, Finding{Rule: "version", Severity: Warning, Message: fmt.Sprintf("only IoT Edge %s reads %s; others ignore it", k.Only, n.name), Fix: c.remove(n)})
	}
	if n.kind()&k.Kind == 0 {
		if c.isFilledIn(n.entry.Text) {
			return
		}
		c.wrongType(n, k)
		return
	}
	c.secret(n, k)
	switch n.kind() {
	case schema.Table:
		if k.Open || len(k.Keys) > 0 || k.Each != nil {
			c.table(n, k)
		}
	case schema.Text:
		c.text(n, k)
	case schema.Number:
		c.number(n, k)
	case schema.List:
		c.list(n, k)
	}
}

// holds reports whether there is a secret in the value of a secret key: neither an
// empty text, nor the place of a key without its PIN.
func holds(n *node) bool {
	text := n.entry.Text
	if n.entry.Kind == tomledit.String && (strings.HasPrefix(text, "file:") || strings.HasPrefix(text, "pkcs11:")) {
		return mask.PIN(text) != ""
	}
	return text != ""
}

func (c *checker) text(n *node, k schema.Key) {
	text := n.entry.Text
	if c.blank(n, k) {
		return
	}
	if len(k.Values) > 0 && !slices.Contains(k.Values, text) {
		c.wrongChoice(n, k)
		return
	}
	if k.Check != nil {
		if err := k.Check(text); err != nil {
			c.wrongText(n, k, dropped(k, err))
			return
		}
	}
	if k.Stub != "" && text == k.Stub || isStub(text) {
		c.at(n, Finding{Rule: "placeholder", Severity: Warning, Message: fmt.Sprintf("%s is still the example of the template", n.name), Fix: "write your own value instead"})
	}
	c.doubts(n, k)
	if schema.IsCleartext(text) && strings.HasPrefix(sampleURL(k), "https") {
		c.at(n, Finding{Rule: "cleartext", Severity: Warning, Message: fmt.Sprintf("%s goes over the network unencrypted", n.name), Fix: "use https:// if the server supports it"})
	}
}

// isStub finds the examples of IoT Edge's template that stand in several places.
func isStub(text string) bool {
	return strings.HasPrefix(text, "https://example.org/") || strings.HasPrefix(text, "HostName=example.azure-devices.net;")
}

func sampleURL(k schema.Key) string {
	if k.Check != nil && k.Check("https://a") == nil && k.Check("http://a") == nil && k.Check("unix:///a") != nil {
		return "https"
	}
	return ""
}

func (c *checker) wrongChoice(n *node, k schema.Key) {
	quoted := make([]string, len(k.Values))
	for i, v := range k.Values {
		quoted[i] = tomledit.Quote(v)
	}
	f := Finding{Rule: "wrong-value", Message: fmt.Sprintf("%s is one of %s, not %s", n.name, strings.Join(quoted, ", "), tomledit.Quote(text.Printable(n.entry.Text, 40))),
		Fix: "write one of these"}
	if len(quoted) == 1 {
		f.Fix = fmt.Sprintf("%s = %s", n.name, quoted[0])
	}
	near := spelling.Slip(n.entry.Text, k.Values)
	if own := map[string]string{"provisioning.source": "dps", "provisioning.attestation.method": "tpm"}[tomledit.Key(n.path...)]; near == "" {
		near = own
	}
	if near != "" {
		f.Fix = fmt.Sprintf("%s = %s", n.name, tomledit.Quote(near))
	}
	c.at(n, f, "write one of these")
}

func (c *checker) wrongText(n *node, k schema.Key, err error) {
	f := Finding{Rule: "wrong-value", Message: fmt.Sprintf("%s: %s", n.name, err), Fix: "correct the value"}
	if k.Rule != "" {
		f.Rule = k.Rule
	}
	switch {
	case k.Name == "tcti":
		f.Fix = fixTCTI(n.entry.Text)
	case k.Rule == "endpoint":
		f.Fix = "global_endpoint = " + tomledit.Quote(schema.DefaultGlobalEndpoint)
	case strings.HasPrefix(n.entry.Text, "/") && k.Check("file://"+n.entry.Text) == nil && k.Secret:
		f.Fix = "write file:// before the path"
	case strings.HasPrefix(n.entry.Text, "/") && k.Check("file://"+n.entry.Text) == nil:
		f.Fix = n.name + " = " + tomledit.Quote("file://"+n.entry.Text)
	}
	c.at(n, f)
}

func (c *checker) number(n *node, k schema.Key) {
	v, err := schema.ParseInteger(n.entry.Text)
	if err == nil && v >= k.Min && v <= k.Max {
		return
	}
	limits := fmt.Sprintf("at least %d", k.Min)
	switch {
	case k.Max == schema.MaxAuthKeyIndex:
		limits = fmt.Sprintf("%s to %s", schema.FormatIndex(0), schema.FormatIndex(schema.MaxAuthKeyIndex))
	case k.Max < math.MaxInt64:
		limits = fmt.Sprintf("%d to %d", k.Min, k.Max)
	}
	fix := fmt.Sprintf("%s = %d", n.name, k.Min)
	if k.Max == schema.MaxAuthKeyIndex {
		fix = n.name + " = " + schema.FormatIndex(schema.DefaultAuthKeyIndex)
	}
	c.at(n, Finding{Rule: "out-of-range", Message: fmt.Sprintf("%s is %s; IoT Edge accepts %s", n.name, text.Printable(n.entry.Text, 40), limits), Fix: fix})
}

// list checks the elements of an array. Tables among them are members of the
// node.
func (c *checker) list(n *node, k schema.Key) {
	if len(k.Keys) > 0 {
		c.table(n, schema.Key{Keys: k.Keys, Open: k.Open})
	}
	if k.Each == nil || n.entry.Kind != tomledit.Array {
		return
	}
	if !rawline.OnlyStrings(c.raw(n.entry.Value)) {
		c.at(n, Finding{Rule: "wrong-type", Message: fmt.Sprintf("%s is a list of strings, each in quotes", n.name), Fix: `put every element in quotes: ["…", "…"]`})
		return
	}
	if k.Each.Check == nil {
		return
	}
	for _, text := range n.entry.Items {
		if err := k.Each.Check(text); err != nil {
			c.at(n, Finding{Rule: "wrong-value", Message: fmt.Sprintf("an element of %s: %s", n.name, err), Fix: "correct the element"})
			return
		}
	}
}

func (c *checker) raw(s tomledit.Span) string { return string(c.doc.Bytes()[s.Start:s.End]) }

func (c *checker) wrongType(n *node, k schema.Key) {
	f := Finding{Rule: "wrong-type", Message: fmt.Sprintf("%s is %s; IoT Edge wants %s", n.name, found(n), k.Kind), Fix: "write " + k.Kind.String()}
	if text, ok := c.written(n, k); ok {
		f.Fix = n.name + " = " + text
	}
	c.at(n, f)
}

// found says what kind of value a node has.
func found(n *node) string {
	if kind := n.kind(); kind != 0 {
		return kind.String()
	}
	return "a " + n.entry.Kind.String()
}

// written is the node's value as the key accepts it, if that can be said without
// showing a secret.
func (c *checker) written(n *node, k schema.Key) (string, bool) {
	text := n.entry.Text
	if n.table || n.kind() == schema.List {
		return "", false
	}
	switch {
	case k.Name == "createOptions":
		return "{ HostConfig = { … } }", true
	case k.Name == "payload" && n.kind() == schema.Text && strings.HasPrefix(text, "/"):
		return "{ uri = " + tomledit.Quote("file://"+text) + " }", true
	case k.Name == "payload" && n.kind() == schema.Text:
		return "{ uri = " + tomledit.Quote(text) + " }", true
	case (k.Name == "symmetric_key" || k.Name == "device_id_pk") && n.kind() == schema.Text:
		return `{ value = "…" }`, true
	case k.Secret || !mask.Plain(text):
		return `"…"`, k.Kind&schema.Text != 0
	case n.kind()&k.Kind != 0:
		return c.raw(n.entry.Value), true
	case k.Kind&schema.Number != 0 && n.kind() == schema.Text:
		v, err := schema.ParseInteger(text)
		if err != nil || v < k.Min || v > k.Max {
			return "", false
		}
		return strings.TrimSpace(text), true
	case k.Kind&schema.Bool != 0 && (strings.EqualFold(text, "true") || strings.EqualFold(text, "false")):
		return strings.ToLower(text), true
	case k.Kind&schema.Bool != 0 && (text == "0" || text == "1"):
		return strconv.FormatBool(text == "1"), true
	case k.Kind&schema.Text != 0:
		return tomledit.Quote(text), true
	case k.Kind&schema.List != 0 && n.kind() == schema.Text:
		return "[" + tomledit.Quote(text) + "]", true
	}
	return "", false
}
