package edge

import (
	"cmp"
	"fmt"
	"strings"

	"tpmdps/internal/identity"
	"tpmdps/internal/text"
	"tpmdps/internal/tomledit"
)

// doubts warns of what is odd in a text that IoT Edge accepts.
func (c *checker) doubts(n *node, k key) {
	if k.doubt == nil {
		return
	}
	why := k.doubt(n.entry.Text)
	if why == "" {
		return
	}
	f := Finding{Rule: cmp.Or(k.rule, "wrong-value"), Severity: Warning, Message: fmt.Sprintf("%s: %s", n.name, why), Fix: "correct the value, or leave it if it is meant so"}
	switch {
	case k.name == "tcti":
		f.Fix = fixAbsolute
	case k.rule == "registration-id":
		f.Fix = n.name + " = " + tomledit.Quote(strings.ToLower(n.entry.Text))
	case k.rule == "id-scope":
		f.Fix = "compare it with the ID scope on the overview page of the DPS"
	}
	c.at(n, f)
}

// dropped says of a login what becomes of it when one of its two halves is wrong.
func dropped(k key, err error) error {
	if k.with == "" {
		return err
	}
	return fmt.Errorf("%w; IoT Edge then leaves out this login without a word", err)
}

// wrongName checks a name in a table of any names.
func (c *checker) wrongName(n *node, k key) {
	if k.names == nil {
		return
	}
	if err := k.names(n.name); err != nil {
		c.at(n, Finding{Rule: "wrong-value", Message: fmt.Sprintf("%s: %s", text.Printable(n.name, 40), err), Fix: "correct the name"})
	}
}

// onlyTexts is for a table of which IoT Edge reads every value as a text, whatever
// its name is.
func (c *checker) onlyTexts(table, n *node, k key) bool {
	if !k.texts || n.kind() == isText {
		return false
	}
	c.at(n, Finding{Rule: "wrong-type", Message: fmt.Sprintf("IoT Edge refuses the file: in [%s] each value is a text in quotes, and %s is %s", tomledit.Key(table.path...), tomledit.Key(n.name), found(n)),
		Fix: c.remove(n)})
	return true
}

func doubtScope(s string) string { return identity.UnusualIDScope(s) }

func doubtID(s string) string {
	if identity.CheckRegistrationID(s) == nil {
		return ""
	}
	return "it has capital letters; IoT Edge signs it in small ones, and DPS does not tell them apart"
}
