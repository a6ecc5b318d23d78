// Package host reads what the firmware says of the machine that a chip sits in:
// the maker, the product and the serial number that stand on its label, so that
// a record of the chip can be matched with the box in the warehouse.
//
// The rule for its users: none of it is proof of anything. Many makers leave
// the fields as they found them; such a placeholder is not an identity and is
// never returned as one, it becomes an empty value and a note that says so.
//
// Read-ek asks it once per machine. For a support bundle it also reads what the
// operating system says: which release it is, which packages, nodes and programs
// have to do with the chip, and the kernel's log.
package host

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// Facts returns what is known of a machine; its host name is this machine's. The
// notes are for people: one line for each value that is missing and whose absence
// has a reason worth knowing. Outside Linux and Windows only the host name is known.
func (m Machine) Facts() (facts identity.Host, notes []string) {
	facts, notes = firmware(m)
	name, err := os.Hostname()
	if err != nil {
		notes = append(notes, fmt.Sprintf("hostname: %v", err))
	}
	facts.Hostname = clean(name)
	return facts, notes
}

// Known says of each fact, by its name in a record, that it was read, or why it is
// missing; notes are those that came with the facts. One that the system does not
// tell of at all has no note.
func Known(f identity.Host, notes []string) map[string]string {
	all := map[string]string{}
	for name, value := range map[string]string{
		"hostname": f.Hostname, "manufacturer": f.Manufacturer, "product": f.Product, "serial": f.Serial, "uuid": f.UUID,
	} {
		all[name] = "read"
		if value == "" {
			all[name] = reasonFor(name, notes)
		}
	}
	return all
}

// reasonFor is the reason for a fact that is missing. The last note counts: it is of the
// last place that was looked at.
func reasonFor(name string, notes []string) string {
	for _, note := range slices.Backward(notes) {
		if reason, ok := strings.CutPrefix(note, name+": "); ok {
			return reason
		}
	}
	for _, note := range notes {
		if field, _, ok := strings.Cut(note, ": "); !ok || !slices.Contains([]string{"hostname", "manufacturer", "product", "serial", "uuid"}, field) {
			return note // it is of all of them
		}
	}
	return "this system does not report it (as in a container, or on a board without SMBIOS)"
}

// maxValue bounds what is read of one value. SMBIOS strings have 64 bytes at
// most in practice, device-tree ones not many more.
const maxValue = 256

// meaningful returns the text of a firmware, or an empty one and the reason
// where it says nothing about this machine.
func meaningful(text string) (value, note string) {
	value = clean(text)
	switch {
	case value == "":
		return "", "the firmware leaves it empty"
	case Placeholder(value):
		return "", fmt.Sprintf("%q is a placeholder that the maker left in the firmware", value)
	}
	return value, ""
}

// clean makes one printable line of firmware text: device-tree strings end in a
// zero byte, and nothing that comes from outside may act on a terminal.
func clean(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	s = strings.Map(func(r rune) rune {
		if !text.Visible(r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
