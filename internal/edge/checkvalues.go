package edge

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"tpmdps/internal/text"
	"tpmdps/internal/tomledit"
)

// value checks what a key has against what it takes.
func (c *checker) value(n *node, k key) {
	if k.only != "" {
		c.at(n, Finding{Rule: "version", Severity: Warning, Message: fmt.Sprintf("only IoT Edge %s reads %s; others pass over it", k.only, n.name), Fix: c.remove(n)})
	}
	if n.kind()&k.is == 0 {
		if c.isFilledIn(n.entry.Text) {
			return
		}
		c.wrongType(n, k)
		return
	}
	c.secret(n, k)
	switch n.kind() {
	case isTable:
		if k.open || len(k.keys) > 0 || k.each != nil {
			c.table(n, k)
		}
	case isText:
		c.text(n, k)
	case isNumber:
		c.number(n, k)
	case isList:
		c.list(n, k)
	}
}

// holds tells whether there is a secret in the value of a secret key: neither an
// empty text, nor the place of a key without its PIN.
func holds(n *node) bool {
	text := n.entry.Text
	if n.entry.Kind == tomledit.String && (strings.HasPrefix(text, "file:") || strings.HasPrefix(text, "pkcs11:")) {
		return pinValue(text) != ""
	}
	return text != ""
}

func (c *checker) text(n *node, k key) {
	text := n.entry.Text
	if c.blank(n, k) {
		return
	}
	if len(k.values) > 0 && !slices.Contains(k.values, text) {
		c.wrongChoice(n, k)
		return
	}
	if k.text != nil {
		if err := k.text(text); err != nil {
			c.wrongText(n, k, dropped(k, err))
			return
		}
	}
	if k.stub != "" && text == k.stub || isStub(text) {
		c.at(n, Finding{Rule: "placeholder", Severity: Warning, Message: fmt.Sprintf("%s is still the example of the template", n.name), Fix: "put your own value in its place"})
	}
	c.doubts(n, k)
	if isCleartext(text) && strings.HasPrefix(k.sampleURL(), "https") {
		c.at(n, Finding{Rule: "cleartext", Severity: Warning, Message: fmt.Sprintf("%s goes over the network unencrypted", n.name), Fix: "let it begin with https:// if the server can"})
	}
}

// isStub finds the examples of IoT Edge's template that stand in several places.
func isStub(text string) bool {
	return strings.HasPrefix(text, "https://example.org/") || strings.HasPrefix(text, "HostName=example.azure-devices.net;")
}

func (k key) sampleURL() string {
	if k.text != nil && k.text("https://a") == nil && k.text("http://a") == nil && k.text("unix:///a") != nil {
		return "https"
	}
	return ""
}

func (c *checker) wrongChoice(n *node, k key) {
	quoted := make([]string, len(k.values))
	for i, v := range k.values {
		quoted[i] = tomledit.Quote(v)
	}
	f := Finding{Rule: "wrong-value", Message: fmt.Sprintf("%s is one of %s, not %s", n.name, strings.Join(quoted, ", "), tomledit.Quote(text.Printable(n.entry.Text, 40))),
		Fix: "write one of these"}
	if len(quoted) == 1 {
		f.Fix = fmt.Sprintf("%s = %s", n.name, quoted[0])
	}
	near, ok := nearest(n.entry.Text, k.values)
	if own := map[string]string{"provisioning.source": "dps", "provisioning.attestation.method": "tpm"}[tomledit.Key(n.path...)]; !ok && own != "" {
		near, ok = own, true
	}
	if ok {
		f.Fix = fmt.Sprintf("%s = %s", n.name, tomledit.Quote(near))
	}
	c.at(n, f, "write one of these")
}

func (c *checker) wrongText(n *node, k key, err error) {
	f := Finding{Rule: "wrong-value", Message: fmt.Sprintf("%s: %s", n.name, err), Fix: "correct the value"}
	if k.rule != "" {
		f.Rule = k.rule
	}
	switch {
	case k.name == "tcti":
		f.Fix = fixTCTI(n.entry.Text)
	case k.rule == "endpoint":
		f.Fix = "global_endpoint = " + tomledit.Quote(DefaultGlobalEndpoint)
	case strings.HasPrefix(n.entry.Text, "/") && k.text("file://"+n.entry.Text) == nil && k.secret:
		f.Fix = "write file:// before the path"
	case strings.HasPrefix(n.entry.Text, "/") && k.text("file://"+n.entry.Text) == nil:
		f.Fix = n.name + " = " + tomledit.Quote("file://"+n.entry.Text)
	}
	c.at(n, f)
}

func (c *checker) number(n *node, k key) {
	v, err := parseInteger(n.entry.Text)
	if err == nil && v >= k.min && v <= k.max {
		return
	}
	limits := fmt.Sprintf("at least %d", k.min)
	switch {
	case k.max == maxAuthKeyIndex:
		limits = fmt.Sprintf("%s to %s", index(0), index(maxAuthKeyIndex))
	case k.max < math.MaxInt64:
		limits = fmt.Sprintf("%d to %d", k.min, k.max)
	}
	fix := fmt.Sprintf("%s = %d", n.name, k.min)
	if k.max == maxAuthKeyIndex {
		fix = n.name + " = " + index(defaultAuthKeyIndex)
	}
	c.at(n, Finding{Rule: "out-of-range", Message: fmt.Sprintf("%s is %s; IoT Edge takes %s", n.name, text.Printable(n.entry.Text, 40), limits), Fix: fix})
}

// parseInteger reads an integer of TOML.
func parseInteger(text string) (int64, error) {
	digits := strings.ReplaceAll(strings.TrimLeft(text, "+"), "_", "")
	return strconv.ParseInt(digits, 0, 64)
}

// list checks the elements of an array. Tables among them are members of the
// node.
func (c *checker) list(n *node, k key) {
	if len(k.keys) > 0 {
		c.table(n, key{keys: k.keys, open: k.open})
	}
	if k.each == nil || n.entry.Kind != tomledit.Array {
		return
	}
	if !onlyStrings(c.raw(n.entry.Value)) {
		c.at(n, Finding{Rule: "wrong-type", Message: fmt.Sprintf("%s is a list of texts, each in quotes", n.name), Fix: `put every element in quotes: ["…", "…"]`})
		return
	}
	if k.each.text == nil {
		return
	}
	for _, text := range n.entry.Items {
		if err := k.each.text(text); err != nil {
			c.at(n, Finding{Rule: "wrong-value", Message: fmt.Sprintf("an element of %s: %s", n.name, err), Fix: "correct the element"})
			return
		}
	}
}

func onlyStrings(array string) bool {
	var v struct{ V []string }
	return toml.Unmarshal([]byte("V = "+array), &v) == nil
}

func (c *checker) raw(s tomledit.Span) string { return string(c.doc.Bytes()[s.Start:s.End]) }

func (c *checker) wrongType(n *node, k key) {
	f := Finding{Rule: "wrong-type", Message: fmt.Sprintf("%s is %s; IoT Edge wants %s", n.name, found(n), k.is), Fix: "write " + k.is.String()}
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

// written is the node's value as the key takes it, if that can be said without
// telling a secret.
func (c *checker) written(n *node, k key) (string, bool) {
	text := n.entry.Text
	if n.table || n.kind() == isList {
		return "", false
	}
	switch {
	case k.name == "createOptions":
		return "{ HostConfig = { … } }", true
	case k.name == "payload" && n.kind() == isText && strings.HasPrefix(text, "/"):
		return "{ uri = " + tomledit.Quote("file://"+text) + " }", true
	case k.name == "payload" && n.kind() == isText:
		return "{ uri = " + tomledit.Quote(text) + " }", true
	case (k.name == "symmetric_key" || k.name == "device_id_pk") && n.kind() == isText:
		return `{ value = "…" }`, true
	case k.secret || !plain(text):
		return `"…"`, k.is&isText != 0
	case n.kind()&k.is != 0:
		return c.raw(n.entry.Value), true
	case k.is&isNumber != 0 && n.kind() == isText:
		v, err := parseInteger(text)
		if err != nil || v < k.min || v > k.max {
			return "", false
		}
		return strings.TrimSpace(text), true
	case k.is&isBool != 0 && (strings.EqualFold(text, "true") || strings.EqualFold(text, "false")):
		return strings.ToLower(text), true
	case k.is&isBool != 0 && (text == "0" || text == "1"):
		return strconv.FormatBool(text == "1"), true
	case k.is&isText != 0:
		return tomledit.Quote(text), true
	case k.is&isList != 0 && n.kind() == isText:
		return "[" + tomledit.Quote(text) + "]", true
	}
	return "", false
}

func index(n uint32) string { return index24(&n) }
