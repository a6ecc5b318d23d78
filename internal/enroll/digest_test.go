package enroll

import (
	"encoding/json"
	"testing"
)

// The digest tells apart what is wanted, and nothing else.
func TestWanted(t *testing.T) {
	yes := true
	base := func() Item {
		return Item{Action: Create, wish: wish{registrationID: "box-1", ek: []byte("\x01\x3akey"), settings: Settings{DeviceID: "d"}}}
	}
	same := base()
	same.Action, same.ETag, same.RequestID = Unchanged, "e", "r"
	if a, b := base().Wanted(), same.Wanted(); a != b || len(a) != 64 {
		t.Errorf("two plans of the same wish: %q and %q", a, b)
	}
	seen := map[string]string{base().Wanted(): "the first"}
	for name, change := range map[string]func(*Item){
		"another key":    func(i *Item) { i.wish.ek = []byte("\x01\x3akez") },
		"another device": func(i *Item) { i.wish.settings.DeviceID = "e" },
		"edge":           func(i *Item) { i.wish.settings.EdgeEnabled = &yes },
		"hubs":           func(i *Item) { i.wish.settings.IoTHubs = []string{"h"} },
		"tags":           func(i *Item) { i.wish.settings.InitialTwinTags = json.RawMessage(`{"a":1}`) },
		"properties":     func(i *Item) { i.wish.settings.InitialTwinProperties = json.RawMessage(`{"a":1}`) },
	} {
		i := base()
		change(&i)
		if other, ok := seen[i.Wanted()]; ok {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[i.Wanted()] = name
	}
	if got := (Item{Action: Create}).Wanted(); got != "" {
		t.Errorf("a plan that was read back has the digest %q", got)
	}
}
