package twin_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"tpmdps/internal/twin"
	"tpmdps/internal/twin/twintest"
)

func TestCheck(t *testing.T) {
	for _, c := range twintest.Cases() {
		faults := twin.Check(c.Part, []byte(c.JSON))
		judge(t, c.Name, faults, c)
		stored := twin.CheckStored(c.Part, []byte(c.JSON))
		if c.Service {
			c.Reason = ""
		}
		judge(t, c.Name+", stored", stored, c)
		initial := twin.CheckInitial([]byte(c.Initial()))
		if c.Path == c.Part.String() {
			c.Path = "" // where JSON has two meanings, it is the whole that is named
		}
		judge(t, c.Name+", initial", initial, c)
	}
}

func judge(t *testing.T, name string, faults []twin.Fault, c twintest.Case) {
	t.Helper()
	switch {
	case c.Accepted() && len(faults) > 0:
		t.Errorf("%s is refused: %s", name, faults[0])
	case !c.Accepted() && len(faults) == 0:
		t.Errorf("%s is accepted", name)
	case !c.Accepted() && (!strings.HasPrefix(faults[0].Path, c.Path) || !strings.Contains(faults[0].Reason, c.Reason)):
		t.Errorf("%s: %s, want %q of %s", name, faults[0], c.Reason, c.Path)
	}
	for _, f := range faults {
		if strings.ContainsAny(f.String(), "\n\t\x00\u0085") || len(f.String()) > 400 {
			t.Errorf("%s: not fit to be shown: %q", name, f)
		}
	}
}

// The table has both sides of everything, and enough of it.
func TestCases(t *testing.T) {
	cases, accepted, seen := twintest.Cases(), 0, map[string]bool{}
	for _, c := range cases {
		if c.Accepted() {
			accepted++
		}
		if seen[c.Name] {
			t.Errorf("%s appears twice", c.Name)
		}
		seen[c.Name] = true
	}
	if len(cases) < 80 || accepted < 40 || len(cases)-accepted < 40 {
		t.Errorf("%d cases, %d of them accepted", len(cases), accepted)
	}
}

func TestEveryFaultIsNamed(t *testing.T) {
	faults := twin.Check(twin.Tags, []byte(`{"a b":"`+strings.Repeat("v", 4097)+`","c":[null,9007199254740993],"d":{"$e":"`+strings.Repeat("v", 4090)+`"}}`))
	var got []string
	for _, f := range faults {
		got = append(got, f.Path)
	}
	if want := []string{"tags.a b", "tags.a b", "tags.c[0]", "tags.c[1]", "tags.d.$e", "tags"}; !reflect.DeepEqual(got, want) {
		t.Errorf("paths %q, want %q", got, want)
	}
}

// What is not there breaks no rule, and what is no object is one fault.
func TestNoObject(t *testing.T) {
	for _, raw := range []string{"", " \n", "null", " null "} {
		if faults := twin.Check(twin.Desired, []byte(raw)); faults != nil {
			t.Errorf("Check(%q) = %v", raw, faults)
		}
		if faults := twin.CheckInitial([]byte(raw)); faults != nil {
			t.Errorf("CheckInitial(%q) = %v", raw, faults)
		}
	}
	for raw, reason := range map[string]string{
		`[]`: "line 1: it is a list, not an object", `"a"`: "a string", `7`: "a number", "{\n": "ends too early", "{}\n{}": "line 2: there is more after its end",
		"\xff": "UTF-8", `{"a":1,}`: "comma",
	} {
		faults := twin.Check(twin.Desired, []byte(raw))
		if len(faults) != 1 || faults[0].Path != "properties.desired" || !strings.Contains(faults[0].Reason, reason) {
			t.Errorf("Check(%q) = %v, want %q", raw, faults, reason)
		}
	}
	if faults := twin.CheckInitial([]byte(`{"tags":{},"tags":{}}`)); len(faults) != 1 || faults[0].Reason != "line 1: tags appears twice" {
		t.Errorf("tags that stand twice: %v", faults)
	}
}

func TestSize(t *testing.T) {
	for raw, want := range map[string]int{
		`{}`: 0, `{"ab":"cde"}`: 5, `{"a":1}`: 9, `{"a":12345.678e1}`: 9, `{"a":true,"b":false}`: 10, `{"a":null}`: 1,
		`{"a":{"b":{"c":"d"}}}`: 4, `{"a":[1,"b",[true]]}`: 14, `{"ü":"\u00fc\u0001\u0085\t"}`: 4, ` { "a" : "\"" } `: 2, `[`: 0,
	} {
		if got := twin.Size([]byte(raw)); got != want {
			t.Errorf("Size(%s) = %d, want %d", raw, got, want)
		}
	}
}

// Check never panics; what it accepts says the same after it was read and
// written, and is accepted then, with the same size.
func FuzzCheck(f *testing.F) {
	for _, c := range twintest.Cases() {
		f.Add(c.JSON)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		twin.CheckStored(twin.Tags, []byte(raw))
		twin.CheckInitial([]byte(raw))
		if faults := twin.Check(twin.Desired, []byte(raw)); faults != nil {
			for _, fault := range faults {
				if fault.Path == "" || fault.Reason == "" || strings.ContainsAny(fault.String(), "\n\x1b\x00") {
					t.Errorf("%q: fault %q", raw, fault)
				}
			}
			return
		}
		var first, again any
		read(t, []byte(raw), &first)
		written, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		read(t, written, &again)
		if !reflect.DeepEqual(first, again) {
			t.Errorf("%q became %q", raw, written)
		}
		if faults := twin.Check(twin.Desired, written); faults != nil {
			t.Errorf("%q was accepted, and written again refused: %v", raw, faults)
		}
		if was, is := twin.Size([]byte(raw)), twin.Size(written); was != is {
			t.Errorf("%q has the size %d, written again %d", raw, was, is)
		}
	})
}

func read(t *testing.T, raw []byte, v *any) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		t.Fatalf("%q was accepted, and cannot be read: %v", raw, err)
	}
}
