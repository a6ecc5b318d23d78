package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tpmdps/internal/enroll"
	"tpmdps/internal/identity"
)

// column is one of a table. set enters the text of a cell; it is nil for a column that
// is not used.
type column struct {
	id  string
	set func(*rowValues, string) error
}

// rowValues are the cells of a row, by what they mean.
type rowValues struct {
	id, key  string
	host     identity.Host
	operator string
	readAt   time.Time
	labels   map[string]string
	settings enroll.Settings
}

// columns are those that a table may have, beside labels. A name's case, blanks,
// hyphens and underscores do not matter.
var columns = map[string]func(*rowValues, string) error{
	"registration_id": textCell(func(r *rowValues) *string { return &r.id }),
	"endorsement_key": textCell(func(r *rowValues) *string { return &r.key }),
	"device_id":       textCell(func(r *rowValues) *string { return &r.settings.DeviceID }),
	"serial":          textCell(func(r *rowValues) *string { return &r.host.Serial }),
	"serial_number":   textCell(func(r *rowValues) *string { return &r.host.Serial }),
	"hostname":        textCell(func(r *rowValues) *string { return &r.host.Hostname }),
	"manufacturer":    textCell(func(r *rowValues) *string { return &r.host.Manufacturer }),
	"product":         textCell(func(r *rowValues) *string { return &r.host.Product }),
	"uuid":            textCell(func(r *rowValues) *string { return &r.host.UUID }),
	"operator":        textCell(func(r *rowValues) *string { return &r.operator }),
	"read_at": func(r *rowValues, cell string) (err error) {
		if r.readAt, err = time.Parse(time.RFC3339, cell); err != nil {
			return fmt.Errorf("%q is not a time such as 2006-01-02T15:04:05Z", cell)
		}
		return nil
	},
	"line":                    func(*rowValues, string) error { return nil }, // of the batch that was exported
	"allocation_policy":       textCell(func(r *rowValues) *string { return &r.settings.AllocationPolicy }),
	"reprovision_policy":      textCell(func(r *rowValues) *string { return &r.settings.ReprovisionPolicy }),
	"provisioning_status":     textCell(func(r *rowValues) *string { return &r.settings.ProvisioningStatus }),
	"initial_twin_tags":       jsonCell(func(r *rowValues) *json.RawMessage { return &r.settings.InitialTwinTags }),
	"initial_twin_properties": jsonCell(func(r *rowValues) *json.RawMessage { return &r.settings.InitialTwinProperties }),
	"iot_hubs": func(r *rowValues, cell string) error {
		r.settings.IoTHubs = strings.FieldsFunc(cell, func(c rune) bool { return c == ' ' || c == ',' || c == ';' })
		return nil
	},
	"edge_enabled": func(r *rowValues, cell string) error {
		value, known := truths[strings.ToLower(cell)]
		if !known {
			return fmt.Errorf("%q is neither true nor false", cell)
		}
		r.settings.EdgeEnabled = &value
		return nil
	},
}

// truths are how spreadsheets write them; Excel in its own language.
var truths = map[string]bool{
	"true": true, "yes": true, "1": true, "wahr": true, "vrai": true, "verdadero": true, "vero": true,
	"false": false, "no": false, "0": false, "falsch": false, "faux": false, "falso": false,
}

// columnNames are those of columns, for misspelt ones.
var columnNames = slices.Sorted(maps.Keys(columns))

func textCell(of func(*rowValues) *string) func(*rowValues, string) error {
	return func(r *rowValues, cell string) error {
		*of(r) = cell
		return nil
	}
}

func jsonCell(of func(*rowValues) *json.RawMessage) func(*rowValues, string) error {
	return func(r *rowValues, cell string) error {
		*of(r) = json.RawMessage(cell)
		return nil
	}
}

// columnOf is the column of a name.
func columnOf(name string) (column, bool) {
	for _, prefix := range []string{"label:", "label.", "labels."} {
		if key, is := strings.CutPrefix(strings.ToLower(name), prefix); is {
			return column{"label:" + key, func(r *rowValues, cell string) error {
				r.labels[key] = cell
				return identity.CheckLabel(key, cell)
			}}, true
		}
	}
	folded := fold(strings.Join(strings.Fields(name), ""))
	for id, set := range columns {
		if fold(id) == folded {
			if id == "serial_number" {
				id = "serial"
			}
			return column{id, set}, true
		}
	}
	return column{}, false
}

// entry makes a machine of a row, as of a record that was written by hand.
func (r rowValues) entry() (Entry, error) {
	if r.key == "" {
		return Entry{}, errors.New("it has no endorsement key")
	}
	short := map[string]string{"endorsement_key": r.key}
	if r.id != "" {
		short["registration_id"] = r.id
	}
	line, err := json.Marshal(short)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Settings: r.settings}
	if e.Record, err = identity.ParseRecord(line); err != nil {
		return Entry{}, err
	}
	e.Record.Host, e.Record.Operator, e.Record.ReadAt, e.Record.Labels = r.host, r.operator, r.readAt, r.labels
	return e, nil
}
