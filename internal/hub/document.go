package hub

import (
	"encoding/json"
	"fmt"

	"tpmdps/internal/text"
)

// parseTwin reads a twin strictly: what a member is called decides what the device
// is told to do, so one that appears twice says two things.
func parseTwin(body []byte) (Twin, error) {
	var halves struct {
		Desired  map[string]json.RawMessage `json:"desired"`
		Reported map[string]json.RawMessage `json:"reported"`
	}
	err := text.DecodeJSON(body, &halves)
	if err != nil {
		return Twin{}, fmt.Errorf("%w: the twin: %w", ErrMalformed, err)
	}
	t := Twin{Desired: halves.Desired, Reported: halves.Reported}
	if t.DesiredVersion, err = takeVersion(t.Desired, "desired"); err != nil {
		return Twin{}, err
	}
	if t.ReportedVersion, err = takeVersion(t.Reported, "reported"); err != nil {
		return Twin{}, err
	}
	return t, nil
}

// takeVersion returns the version of one of the two halves of a twin, and removes
// what the hub put in. It always has one, also when there is nothing else.
func takeVersion(values map[string]json.RawMessage, half string) (int64, error) {
	if values == nil {
		return 0, fmt.Errorf("%w: the twin has no %s properties", ErrMalformed, half)
	}
	var version int64
	written := values["$version"]
	if !number.Match(written) || json.Unmarshal(written, &version) != nil {
		return 0, fmt.Errorf("%w: the twin's %s properties have no version", ErrMalformed, half)
	}
	delete(values, "$version")
	delete(values, "$metadata")
	return version, nil
}
