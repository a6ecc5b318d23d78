package lint

import (
	"strings"

	"tpmdps/internal/edge/schema"
)

// blank reports a value that nobody filled in. It reports whether that is all there
// is to say of the value.
func (c *checker) blank(n *node, k schema.Key) bool {
	text := n.entry.Text
	if c.isFilledIn(text) {
		return true
	}
	if k.Check == nil && len(k.Values) == 0 && k.Stub == "" {
		return false // of a container, or of the agent: they have blanks of their own
	}
	blank, sure := schema.IsBlank(text)
	if !blank || k.Secret && !sure {
		return false
	}
	refused := len(k.Values) > 0 || k.Check != nil && k.Check(text) != nil
	f := Finding{Rule: "placeholder", own: schema.IsName(n.name), Message: n.name + " is a placeholder of the template or of the documentation; nobody has filled it in"}
	if !refused && (!sure || k.Secret) {
		f.Severity, f.Message = Warning, n.name+" looks like a placeholder of the documentation that nobody has filled in"
	}
	fixes := []string{ownValue}
	switch {
	case k.Name == "global_endpoint":
		f.Fix = k.Name + " = " + sample(k)
	case !k.Required && strings.HasPrefix(text, "@"):
		f.Fix = c.remove(n)
	default:
		f.Fix = ownValue
	}
	c.at(n, f, fixes...)
	return true
}
