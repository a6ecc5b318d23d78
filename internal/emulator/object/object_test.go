package object

import (
	"encoding/json"
	"testing"
)

// What is known comes first, in the service's order; the rest stays as it came.
func TestOrdered(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{`{"z":1,"b":2,"a":3,"y":4}`, `{"a":3,"b":2,"y":4,"z":1}`},
		{`{"b":null,"n":0.10,"x":{"b":1,"a":2}}`, `{"n":0.10,"x":{"b":1,"a":2}}`},
		{`{"a":"<&>"}`, `{"a":"\u003c\u0026\u003e"}`},
		{`{"\"":1}`, `{"\"":1}`},
		{`{}`, `{}`},
		{`null`, `null`},
		{`[1]`, `[1]`},
		{`{`, `{`},
	} {
		if got := Ordered(json.RawMessage(tt.in), "a", "missing", "b"); string(got) != tt.want {
			t.Errorf("Ordered(%s) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestGiven(t *testing.T) {
	for text, want := range map[string]bool{"": false, "null": false, "0": true, `""`: true, "{}": true, "false": true} {
		if got := Given(json.RawMessage(text)); got != want {
			t.Errorf("Given(%s) = %v, want %v", text, got, want)
		}
	}
}

func TestString(t *testing.T) {
	for text, want := range map[string]string{"": `""`, `a"b`: `"a\"b"`, "\n": `"\n"`} {
		if got := String(text); string(got) != want {
			t.Errorf("String(%q) = %s, want %s", text, got, want)
		}
	}
}
