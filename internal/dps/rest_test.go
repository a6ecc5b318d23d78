package dps

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// objectsOf calls visit with each object of an enrollment, the enrollment included.
func objectsOf(t *testing.T, object map[string]any, of reflect.Type, visit func(reflect.Type, map[string]any)) {
	t.Helper()
	visit(of, object)
	for i := range of.NumField() {
		kind := of.Field(i).Type
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		if _, keeps := reflect.New(kind).Interface().(keeper); !keeps || of.Field(i).Anonymous {
			continue
		}
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		below := map[string]any{}
		object[name] = below
		objectsOf(t, below, kind, visit)
	}
}

// Whichever object of an enrollment a newer service adds a member to, it comes back
// as it was, next to what was changed.
func TestEveryObjectKeepsUnknownMembers(t *testing.T) {
	const future = `{"rate":1.50,"big":9007199254740993,"none":null}`
	seen := map[reflect.Type]bool{}
	for turn := range 20 {
		at, name := 0, ""
		document := map[string]any{}
		objectsOf(t, document, reflect.TypeFor[Enrollment](), func(of reflect.Type, object map[string]any) {
			if at == turn {
				object["future"], object["-"], name = json.RawMessage(future), 1, of.Name()
				seen[of] = true
			}
			at++
		})
		if name == "" {
			break
		}
		data, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		var e Enrollment
		if err := json.Unmarshal(data, &e); err != nil {
			t.Fatal(err)
		}
		e.DeviceID = "press-8"
		out, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"future":` + future, `"-":1`, `"deviceId":"press-8"`} {
			if n := strings.Count(string(out), want); n != 1 {
				t.Errorf("%s: Marshal() of %s = %s, has %d times %s, want 1", name, data, out, n, want)
			}
		}
	}
	if len(seen) != 8 {
		t.Errorf("objects = %v, want 8", seen)
	}
}
