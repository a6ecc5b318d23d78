package enroll

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"tpmdps/internal/dps"
)

// What is given for the run holds for each field that it says, and the file for the
// others, whatever field is added.
func TestWithDefaults(t *testing.T) {
	all := reflect.ValueOf(everything())
	for i := range all.NumField() {
		name := all.Type().Field(i).Name
		var said, other Settings
		reflect.ValueOf(&said).Elem().Field(i).Set(all.Field(i))
		said.AllocationPolicy, other.AllocationPolicy = "custom", "custom" // where a web hook counts
		if got := said.WithDefaults(other); !reflect.DeepEqual(got, said) {
			t.Errorf("%s of the run: %+v", name, got)
		}
		if got := other.WithDefaults(said); !reflect.DeepEqual(got, said) {
			t.Errorf("%s of the file: %+v", name, got)
		}
	}
	hook := Settings{AllocationPolicy: "custom", WebhookURL: "https://hook.example/a", WebhookAPIVersion: "2021-10-01"}
	if got := (Settings{AllocationPolicy: "hashed"}).WithDefaults(hook); got.WebhookURL != "" || got.WebhookAPIVersion != "" {
		t.Errorf("a web hook of another allocation stays: %+v", got)
	}
}

// Every plan says whether it writes, how in a bulk request, and whether it may be applied.
func TestPlans(t *testing.T) {
	for action, want := range map[Action]struct {
		writes bool
		bulk   string
		err    error
	}{
		Create: {true, dps.BulkCreate, nil}, Update: {true, dps.BulkUpdateIfMatchETag, nil}, ReplaceEK: {true, dps.BulkUpdateIfMatchETag, nil},
		Unchanged: {false, "", nil}, Conflict: {false, "", ErrConflict}, EKConflict: {false, "", ErrOtherEK}, Skipped: {false, "", ErrNotTPM},
	} {
		item := NewItem("box-1", action)
		if action == Skipped {
			item = Skip("box-1", "x509")
		}
		err := item.Err()
		if item.Writes() != want.writes || item.BulkMode() != want.bulk || !errors.Is(err, want.err) || err != nil && !strings.Contains(err.Error(), "box-1") {
			t.Errorf("%s: writes %v, bulk %q, %v", action, item.Writes(), item.BulkMode(), err)
		}
		if item.Changes == nil || item.Unconfirmed == nil || item.Warnings == nil || item.Others == nil {
			t.Errorf("%s: a list is nil, which JSON shows as null: %+v", action, item)
		}
	}
	item := NewItem("box-1", EKConflict)
	item.LocksOut = &Holder{Attestation: "x509"}
	if err := item.Err(); !errors.Is(err, ErrOtherAttestation) || !errors.Is(err, ErrOtherEK) {
		t.Errorf("of no TPM: %v", err)
	}
}

// A second enrollment of a key is named with the first, and what to do about it.
func TestSecondError(t *testing.T) {
	base32, hex := strings.Repeat("a", 52), strings.Repeat("0", 64)
	for _, tt := range []struct {
		e    SecondError
		text string
		hint string
	}{
		{SecondError{ID: base32, Other: Other{RegistrationID: hex}}, "as " + hex + "; " + base32, "add --id-format hex; if there must be two: add --id-format base32 and"},
		{SecondError{ID: hex, Other: Other{base32, true}}, "as " + base32 + ", disabled; " + hex, "add --id-format base32; if there must be two: add --id-format hex and"},
		{SecondError{ID: "box-2", Other: Other{"box-1", false}, Searched: true}, "as box-1; box-2", "if it is a cloned or copied key"},
	} {
		if !errors.Is(&tt.e, ErrSecond) || !strings.Contains(tt.e.Error(), tt.text) || !strings.Contains(tt.e.Hint(), tt.hint) {
			t.Errorf("%v\nhint: %s", &tt.e, tt.e.Hint())
		}
	}
}

func TestHubDevice(t *testing.T) {
	for hub, want := range map[string]string{
		"plant.azure-devices.net": "--hub-name plant --device-id box-1", "localhost:8883": "--hub-name localhost --device-id box-1",
	} {
		if got := HubDevice(hub, "box-1"); got != want {
			t.Errorf("%s: %q, want %q", hub, got, want)
		}
	}
}
