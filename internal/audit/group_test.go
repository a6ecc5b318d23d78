package audit

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Lines that are written together are lines like all others: they verify, their intents
// are held while their process is at work, and outcomes close them.
func TestAppendAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail")
	a, err := Open(t.Context(), path, []byte("a-key-of-32-characters-for-audit."), Notices{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	one, err := a.Append(t.Context(), Entry{Stage: Intent, Action: "create", RegistrationID: "box-0"})
	if err != nil {
		t.Fatal(err)
	}
	intents := []Entry{}
	for _, id := range []string{"box-1", "box-2", "box-3"} {
		intents = append(intents, Entry{Stage: Intent, Action: "create", RegistrationID: id})
	}
	numbers, err := a.AppendAll(t.Context(), intents)
	if err != nil || !slices.Equal(numbers, []int{one + 1, one + 2, one + 3}) {
		t.Fatalf("AppendAll() = %v, %v", numbers, err)
	}
	for _, n := range numbers {
		if free, err := a.isHeld(n); err != nil || free {
			t.Errorf("intent %d of this very trail: held by another, %v", n, err)
		}
	}
	outcomes := []Entry{}
	for i, n := range numbers[:2] {
		outcomes = append(outcomes, Entry{Stage: Outcome, Intent: n, Action: "create", RegistrationID: intents[i].RegistrationID, Result: "done"})
	}
	if _, err := a.AppendAll(t.Context(), outcomes); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	report, err := Verify(strings.NewReader(string(data)), Options{Key: []byte("a-key-of-32-characters-for-audit.")})
	if err != nil || report.Lines != 6 || report.Keyed != 6 || len(report.Open) != 2 {
		t.Errorf("Verify() = %+v, %v", report, err)
	}
	if none, err := a.AppendAll(t.Context(), nil); err != nil || len(none) != 0 {
		t.Errorf("of no entries: %v, %v", none, err)
	}
	// What cannot be written leaves nothing of the whole group.
	long := Entry{Stage: Intent, Action: "create", RegistrationID: strings.Repeat("x", maxLine)}
	if _, err := a.AppendAll(t.Context(), []Entry{intents[0], long}); err == nil {
		t.Error("a line that is too long was written")
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != string(data) {
		t.Errorf("after a group that failed the trail has %d bytes instead of %d, %v", len(now), len(data), err)
	}
	if _, err := a.Append(t.Context(), intents[0]); err != nil {
		t.Errorf("after it: %v", err)
	}
}
