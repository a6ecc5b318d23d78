package enroll

import (
	"encoding/json"
	"fmt"

	"tpmdps/internal/dps"
	"tpmdps/internal/twin"
)

// maxFaults bounds how many faults of a twin are listed.
const maxFaults = 6

// checkTwin refuses a part of the initial twin that a hub would refuse when the
// machine starts for the first time.
func checkTwin(flag string, part twin.Part, value json.RawMessage) error {
	faults := twin.Check(part, value)
	var errs []error
	for i, f := range faults {
		if i == maxFaults {
			errs = append(errs, fmt.Errorf("and %d more", len(faults)-i))
			break
		}
		errs = append(errs, fmt.Errorf("%s: %s", flag, f))
	}
	return oneLine(errs...)
}

// standingFaults says what a hub refuses of the initial twin that an enrollment
// has and that s does not name. It is written back as it was: a person who changes the
// status of a machine has not been asked for its twin, so this is a warning. Never
// nil.
func (s Settings) standingFaults(e dps.Enrollment) []string {
	warnings := []string{}
	have := e.InitialTwin
	if have == nil {
		return warnings
	}
	warn := func(part twin.Part, value json.RawMessage) {
		for _, f := range twin.CheckStored(part, value) {
			if len(warnings) < maxFaults {
				warnings = append(warnings, "a hub will refuse the initial twin of the enrollment, which was not changed: "+f.String())
			}
		}
	}
	if s.InitialTwinTags == nil {
		warn(twin.Tags, have.Tags)
	}
	if s.InitialTwinProperties == nil && have.Properties != nil {
		warn(twin.Desired, have.Properties.Desired)
	}
	return warnings
}
