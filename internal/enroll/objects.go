package enroll

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tpmdps/internal/text"
)

// collectionMembers are what the service adds to a twin's collections (service.json,
// TwinCollection).
var collectionMembers = []string{"metadata", "version", "count", "$metadata", "$version"}

// compareObjects returns one change for each value in which two JSON objects
// differ, whatever their spelling and order. An absent object is an empty one.
// The service's own members count only where they are wanted: a tag named
// version is as good as any.
func compareObjects(field string, have, want json.RawMessage) []Change {
	haveObject, wantObject := readObject(have), readObject(want)
	for _, name := range collectionMembers {
		if _, wanted := wantObject[name]; !wanted {
			delete(haveObject, name)
		}
	}
	return compare(field, haveObject, wantObject)
}

// readObject decodes an object and keeps numbers as they are spelt. Anything
// else is an empty one.
func readObject(raw json.RawMessage) map[string]any {
	object := map[string]any{}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if dec.Decode(&object) != nil || object == nil {
		return map[string]any{}
	}
	return object
}

// compare goes down into objects, so that a change names the value that differs
// and not the whole tree.
func compare(path string, have, want any) []Change {
	haveObject, ok1 := have.(map[string]any)
	wantObject, ok2 := want.(map[string]any)
	if !ok1 || !ok2 {
		if sameJSON(have, want) {
			return nil
		}
		return []Change{{path, jsonText(have), jsonText(want)}}
	}
	names := map[string]bool{}
	for name := range haveObject {
		names[name] = true
	}
	for name := range wantObject {
		names[name] = true
	}
	var changes []Change
	for _, name := range slices.Sorted(maps.Keys(names)) {
		h, inHave := haveObject[name]
		w, inWant := wantObject[name]
		below := path + "." + text.Printable(name, 60)
		switch {
		case !inHave:
			changes = append(changes, Change{below, "", jsonText(w)})
		case !inWant:
			changes = append(changes, Change{below, jsonText(h), ""})
		default:
			changes = append(changes, compare(below, h, w)...)
		}
	}
	return changes
}

// sameJSON compares decoded JSON values.
func sameJSON(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, sameJSON)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameJSON)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && sameNumber(a.String(), b.String())
	}
	return a == b
}

// sameNumber takes 1.50 and 1.5 for the same, but not two large integers that
// only a float cannot tell apart.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	if !strings.ContainsAny(a, ".eE") && !strings.ContainsAny(b, ".eE") {
		return false
	}
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err1 == nil && err2 == nil && x == y
}

// jsonText shows a value as JSON on one line; a string that is empty stays visible
// by its quotes.
func jsonText(v any) string {
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "unreadable"
	}
	return text.Printable(strings.TrimSpace(line.String()), 140)
}
