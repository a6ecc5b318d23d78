package lint

import (
	"cmp"
	"fmt"
	"strings"

	"tpmdps/internal/edge/schema"
	"tpmdps/internal/text"
	"tpmdps/internal/tomledit"
)

// doubts warns of what is odd in a text that IoT Edge accepts.
func (c *checker) doubts(n *node, k schema.Key) {
	if k.Doubt == nil {
		return
	}
	why := k.Doubt(n.entry.Text)
	if why == "" {
		return
	}
	f := Finding{Rule: cmp.Or(k.Rule, "wrong-value"), Severity: Warning, Message: fmt.Sprintf("%s: %s", n.name, why), Fix: "correct the value, or keep it if it is intended"}
	switch {
	case k.Name == "tcti":
		f.Fix = fixAbsolute
	case k.Rule == "registration-id":
		f.Fix = n.name + " = " + tomledit.Quote(strings.ToLower(n.entry.Text))
	case k.Rule == "id-scope":
		f.Fix = "compare it with the ID scope on the overview page of the DPS"
	}
	c.at(n, f)
}

// dropped says of a login what becomes of it when one of its two halves is wrong.
func dropped(k schema.Key, err error) error {
	if k.With == "" {
		return err
	}
	return fmt.Errorf("%w; IoT Edge then skips this login silently", err)
}

// wrongName checks a name in a table of any names.
func (c *checker) wrongName(n *node, k schema.Key) {
	if k.Names == nil {
		return
	}
	if err := k.Names(n.name); err != nil {
		c.at(n, Finding{Rule: "wrong-value", Message: fmt.Sprintf("%s: %s", text.Printable(n.name, 40), err), Fix: "correct the name"})
	}
}

// onlyTexts is for a table of which IoT Edge reads every value as a text, whatever
// its name is.
func (c *checker) onlyTexts(table, n *node, k schema.Key) bool {
	if !k.OnlyTexts || n.kind() == schema.Text {
		return false
	}
	c.at(n, Finding{Rule: "wrong-type", Message: fmt.Sprintf("IoT Edge refuses the file: in [%s] each value is a string in quotes, and %s is %s", tomledit.Key(table.path...), tomledit.Key(n.name), found(n)),
		Fix: c.remove(n)})
	return true
}
