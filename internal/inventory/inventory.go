// Package inventory reads what a person hands in as the machines to enroll, and
// says of each what it is and where it stands: records of read-ek, short ones that
// were written by hand, and enrollments as DPS, the az command and the service SDKs
// write them, which is how they are copied from one DPS to another.
//
// It turns a file's bytes into values and opens nothing. Each form of file has a reader
// of its own that makes the same [Entry].
package inventory

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tpmdps/internal/enroll"
	"tpmdps/internal/identity"
)

// Inventory is what a file says.
type Inventory struct {
	// Entries are the machines, in the order of the file.
	Entries []Entry
	// Copied and NotCopied are members of the enrollments that have a value
	// somewhere in the file, as the service API names them: those that became
	// settings of an entry, and those that did not. Both are empty for records.
	Copied, NotCopied []string
	// Overridden are members that [Inventory.Override] has put other values over; they
	// are no longer among Copied.
	Overridden []string
	// Notes are sentences on what was read otherwise than it stands there.
	Notes []string
	// Skipped are lines and records that were left out, or of a batch that were written
	// in another place and used anyway, see [Options]; the first of Damaged.
	Skipped []error
	Damaged int
	// MoreOthers is how many entries that cannot be enrolled there are beside those
	// among Entries, where that are not all.
	MoreOthers int
	// Secrets are keys that the file holds: of other attestations, and in the
	// queries of web hooks. They must not be shown.
	Secrets []string
}

// Entry is one machine of an inventory.
type Entry struct {
	// Line is where it begins, counted from 1.
	Line int
	// Record is whose key it is, under which registration ID. Of an entry with
	// another attestation only the ID is there, printable and not checked.
	Record identity.Record
	// Settings are what the file says of the enrollment besides; none for records.
	Settings enroll.Settings
	// Other is the attestation of a machine that cannot be enrolled here, such as
	// x509; "" of one with a TPM.
	Other string
}

// Records are the entries that can be enrolled.
func (i Inventory) Records() []identity.Record {
	var records []identity.Record
	for _, e := range i.Entries {
		if e.Other == "" {
			records = append(records, e.Record)
		}
	}
	return records
}

// Override puts settings that are given for all over those that the file has for each,
// see [enroll.Settings.Over], and returns what does not go together.
func (i *Inventory) Override(settings enroll.Settings) error {
	for n := range i.Entries {
		if err := i.Entries[n].Override(settings); err != nil {
			return err
		}
	}
	hubs := len(settings.IoTHubs) > 0
	for name, is := range map[string]bool{
		"deviceId": settings.DeviceID != "", "capabilities.iotEdge": settings.EdgeEnabled != nil, "iotHubs": hubs, "iotHubHostName": hubs,
		"allocationPolicy": settings.AllocationPolicy != "", "reprovisionPolicy": settings.ReprovisionPolicy != "", "provisioningStatus": settings.ProvisioningStatus != "",
		"customAllocationDefinition": settings.WebhookURL != "" || settings.AllocationPolicy != "" && !strings.EqualFold(settings.AllocationPolicy, "custom"),
		"initialTwin.tags":           len(settings.InitialTwinTags) > 0, "initialTwin.properties.desired": len(settings.InitialTwinProperties) > 0,
		"optionalDeviceInformation": len(settings.DeviceInformation) > 0,
	} {
		if at := slices.Index(i.Copied, name); is && at >= 0 {
			i.Copied = slices.Delete(i.Copied, at, at+1)
			i.Overridden = append(i.Overridden, name)
		}
	}
	slices.Sort(i.Overridden)
	return nil
}

// Override is [Inventory.Override] for one entry.
func (e *Entry) Override(settings enroll.Settings) error {
	if e.Other != "" {
		return nil
	}
	e.Settings = settings.WithDefaults(e.Settings)
	if err := e.Settings.Validate(); err != nil {
		return fmt.Errorf("line %d: %s: %w", e.Line, e.Record.RegistrationID, err)
	}
	return nil
}

// CheckDuplicates is [enroll.CheckBatch], which counts records, with the lines of the
// file at which they begin.
func (i Inventory) CheckDuplicates() error {
	err := enroll.CheckBatch(i.Records())
	if err == nil || len(i.Entries) == 0 || i.Entries[0].Line == 0 {
		return err
	}
	var lines []int
	for _, e := range i.Entries {
		if e.Other == "" {
			lines = append(lines, e.Line)
		}
	}
	message := recordNumbers.ReplaceAllStringFunc(err.Error(), func(s string) string {
		m := recordNumbers.FindStringSubmatch(s)
		first, _ := strconv.Atoi(m[1])
		second, _ := strconv.Atoi(m[2])
		if second > len(lines) {
			return s
		}
		return fmt.Sprintf("%s (lines %d and %d)", s, lines[first-1], lines[second-1])
	})
	return reworded{message, err}
}

// recordNumbers are those of CheckBatch.
var recordNumbers = regexp.MustCompile(`records ([0-9]+) and ([0-9]+)`)

// reworded is an error in other words.
type reworded struct {
	message string
	err     error
}

func (e reworded) Error() string { return e.message }
func (e reworded) Unwrap() error { return e.err }

// maxNamed bounds how many entries a sentence names.
const maxNamed = 5

// Others says which entries cannot be enrolled, as a list for people; "" if all
// can.
func (i Inventory) Others() string {
	var named []string
	for _, e := range i.Entries {
		if e.Other != "" {
			named = append(named, fmt.Sprintf("%s (%s)", e.Record.RegistrationID, e.Other))
		}
	}
	if n := len(named) + i.MoreOthers - maxNamed; n > 0 {
		named = append(named[:min(maxNamed, len(named))], fmt.Sprintf("and %d more", n))
	}
	return strings.Join(named, ", ")
}

// Summary says what becomes of the enrollments of another DPS, in lines for people;
// none for records.
func (i Inventory) Summary() []string {
	if len(i.Copied) == 0 {
		return i.Notes
	}
	lines := []string{"enrollments of a DPS; copied: " + strings.Join(i.Copied, ", ")}
	for _, list := range []struct {
		are   string
		names []string
	}{{"not copied", i.NotCopied}, {"given by flags instead", i.Overridden}} {
		if len(list.names) > 0 {
			lines = append(lines, list.are+": "+strings.Join(list.names, ", "))
		}
	}
	if others := i.Others(); others != "" {
		lines = append(lines, "skipped because they have no TPM: "+others)
	}
	lines = append(lines, i.Notes...)
	if slices.Contains(i.Copied, "iotHubs") || slices.Contains(i.Copied, "iotHubHostName") {
		lines = append(lines, "note: the target DPS refuses hubs that are not linked to it: link them, or name others with --iot-hubs")
	}
	if slices.Contains(i.Copied, "customAllocationDefinition") {
		lines = append(lines, "warning: the web hook of custom allocation is copied with the key in its URL, and the target DPS will call the same function; to use another one: --allocation-policy custom --webhook-url")
	}
	return lines
}

// note adds a sentence that is not there yet.
func (i *Inventory) note(sentence string) {
	sentence = "note: " + sentence
	if !slices.Contains(i.Notes, sentence) {
		i.Notes = append(i.Notes, sentence)
	}
}

// tally adds a member's name to one of the two lists.
func tally(list *[]string, name string) {
	if !slices.Contains(*list, name) {
		*list = append(*list, name)
	}
}
