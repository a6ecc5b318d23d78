package manifest

import (
	"maps"
	"slices"
	"strings"

	"tpmdps/internal/text"
)

// Row is a box as it is shown to people: every text can be printed.
type Row struct {
	Line           int
	RegistrationID string
	DeviceID       string // "" where the batch names none
	Hostname       string
	Serial         string
	Labels         string // such as "line=7, order=4711", by their names
}

// Row returns what is shown of a box.
func (l Line) Row() Row {
	var labels []string
	for _, name := range slices.Sorted(maps.Keys(l.Record.Labels)) {
		labels = append(labels, shown(name)+"="+shown(l.Record.Labels[name]))
	}
	return Row{
		Line: l.Number, RegistrationID: shown(l.Record.RegistrationID), DeviceID: shown(l.DeviceID),
		Hostname: shown(l.Record.Host.Hostname), Serial: shown(l.Record.Host.Serial), Labels: strings.Join(labels, ", "),
	}
}

const maxShown = 256 // characters: more than any name has

func shown(value string) string { return text.Printable(value, maxShown) }
