package removal

import (
	"fmt"
	"strings"

	"tpmdps/internal/enroll"
	"tpmdps/internal/text"
)

// Source says how the machines of a run were named, so that they can be named again.
type Source struct {
	File string // "" where they were not read from one; - for standard input
	Chip bool   // this machine's
	// IDFormat is the form of its ID where one was asked for, "" otherwise.
	IDFormat string
	DPS      string // the host of the service
}

// Describe says what became of an enrollment in words, or in a dry run what would.
func Describe(r enroll.Removal, dryRun bool) string {
	did := "was "
	if dryRun {
		did = "would be "
	}
	var parts []string
	switch r.Action {
	case enroll.Disable:
		parts = append(parts, "the enrollment "+did+"disabled: the machine can no longer provision")
	case enroll.Delete:
		parts = append(parts, "the enrollment "+did+"deleted, with all its settings")
	case enroll.Unchanged:
		if r.Found == "" {
			parts = append(parts, "there is no enrollment under this ID")
		} else {
			parts = append(parts, "the enrollment is disabled already")
		}
	}
	switch r.RegistrationAction {
	case enroll.Delete:
		parts = append(parts, "the registration record "+did+"deleted")
	case enroll.Unchanged:
		parts = append(parts, "there is no registration record")
	}
	for _, other := range r.Others {
		parts = append(parts, "the same key is enrolled as "+other.RegistrationID)
	}
	return strings.Join(parts, "; ")
}

// Next is what is left to do by hand after a removal, or what undoes it: one sentence
// each, with a command at its end. Never nil.
func Next(r enroll.Removal, s Source) []string {
	next := []string{}
	if r.Err() != nil {
		return next
	}
	switch {
	case r.Action == enroll.Disable, r.Action == enroll.Unchanged && r.Found == "disabled":
		next = append(next, "to enable it again: "+s.enable(r.RegistrationID))
	case r.Action == enroll.Delete:
		next = append(next, "to have it again: "+s.enroll())
	case r.Found == "" && len(r.Others) == 0 && (s.File != "" || s.Chip): // the key is known, and may have been given any ID
		next = append(next, "if the machine is enrolled under another ID: "+s.enroll()+" --dry-run names it; to remove it: tpmdps unenroll --registration-id ID")
	}
	if r.AssignedHub == "" {
		return next
	}
	names := enroll.HubDevice(r.AssignedHub, r.DeviceID)
	if r.Action == enroll.Disable || r.Found == "disabled" && r.Action == enroll.Unchanged {
		return append(next, fmt.Sprintf("DPS does not change the device %s on %s, which stays connected; to disable it there: az iot hub device-identity update %s --status disabled",
			r.DeviceID, r.AssignedHub, names))
	}
	return append(next, fmt.Sprintf("DPS does not remove the device %s on %s, which stays connected; to remove it there: az iot hub device-identity delete %s",
		r.DeviceID, r.AssignedHub, names))
}

// enable is the command that takes the disabling of an enrollment back.
func (s Source) enable(id string) string {
	if s.File != "" || s.Chip {
		return s.enroll() + " --provisioning-status enabled --update"
	}
	return fmt.Sprintf("az iot dps enrollment update --dps-name %s --enrollment-id %s --provisioning-status enabled", s.name(), text.ShellWord(id))
}

// enroll is the command that enrolls the machines of the run.
func (s Source) enroll() string {
	switch {
	case s.File != "":
		return "tpmdps enroll --from " + text.ShellWord(s.File)
	case s.Chip && s.IDFormat != "":
		return "tpmdps enroll --id-format " + text.ShellWord(s.IDFormat)
	case s.Chip:
		return "tpmdps enroll"
	}
	return "tpmdps enroll on the machine, or with --from and its record"
}

// name is what the az command calls the DPS.
func (s Source) name() string {
	name, _, isDPS := strings.Cut(s.DPS, ".azure-devices-provisioning.")
	if !isDPS {
		return "NAME"
	}
	return text.ShellWord(name)
}
