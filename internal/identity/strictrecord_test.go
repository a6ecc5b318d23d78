package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Every field of a record that says something is refused when it appears twice,
// in another case, or with another value than its own.
func TestRecordFieldsAreReadStrictly(t *testing.T) {
	whole := recordLine(t, "box-1")
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(whole), &fields); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{"7": "a number", "true": "true or false", `[]`: "a list", `{}`: "an object", `"x"`: "a string", "null": "null"}
	tried := 0
	refused := func(line, want string) {
		t.Helper()
		tried++
		_, err := ParseRecord([]byte(line))
		if err == nil || !errors.Is(err, ErrRecord) || !strings.Contains(err.Error(), want) || badWords(err.Error()) != "" {
			t.Errorf("%.60s…: %v, want %q", line, err, want)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value := string(fields[name])
		upper := strings.ToUpper(name)
		refused(strings.TrimSuffix(whole, "}")+fmt.Sprintf(",%q:%s}", name, value), name+" appears twice")
		refused(fmt.Sprintf("{%q:%s,", upper, value)+whole[1:], upper+" must be spelled "+name)
		refused(strings.TrimSuffix(whole, "}")+fmt.Sprintf(",%q:%s}", upper, value), upper+" appears twice, once as "+name)
		for other, is := range kinds {
			if other[0] == value[0] || other == "null" && !strings.ContainsAny(value[:1], `"`) || value == "null" {
				continue
			}
			changed := maps.Clone(fields)
			changed[name] = json.RawMessage(other)
			line, err := json.Marshal(changed)
			if err != nil {
				t.Fatal(err)
			}
			refused(string(line), name+" has "+is+" where ")
		}
	}
	if _, err := ParseRecord([]byte(whole + " {}")); !errors.Is(err, ErrRecord) || !strings.Contains(err.Error(), "there is more after its end") {
		t.Errorf("two records as one: %v", err)
	}
	refused(strings.Replace(whole, `"line"`, `"line":"x","line"`, 1), "labels.line appears twice")
	refused(strings.Replace(whole, `"registration_id"`, `"x":"\ud800","registration_id"`, 1), "half a character")
	refused(`{"endorsement_key":`+string(fields["endorsement_key"])+`,"registration_id":null}`, "registration_id has null where a string belongs")
	refused(strings.Replace(whole, `"labels"`, `"future":`+strings.Repeat("[", 70)+strings.Repeat("]", 70)+`,"labels"`, 1), "nested too deep")
	t.Logf("%d lines", tried)
}

// The same for a key that is given in JSON: which of two it is, nobody guesses.
func TestKeyInUnclearJSON(t *testing.T) {
	a, b := b64(testEK()), b64(append(testEK()[:len(testEK())-1:len(testEK())-1], testEK()[len(testEK())-1]^2))
	for _, given := range []string{
		`{"endorsement_key":"` + a + `","endorsement_key":"` + b + `"}`,
		`{"registrationId":"x","attestation":{"tpm":{"endorsementKey":"` + a + `","endorsementKey":"` + a + `"}}}`,
		`{"registrationId":"x","attestation":{"tpm":{"endorsementKey":"` + a + `"}},"attestation":{}}`,
		`[{"ek":"` + a + `","ek":"` + b + `"}]`,
		`{"ek":"` + a + `","note":"\ud800"}`,
		`{"ek":"` + a + `","EK":"` + b + `"}`,
		`{"endorsement_key":"` + a + `","Endorsement_Key":"` + b + `"}`,
	} {
		if ek, err := ParseEndorsementKey(given); err == nil {
			t.Errorf("%.40s… was read as %x", given, ek[len(ek)-4:])
		} else if fault := badWords(err.Error()); fault != "" {
			t.Errorf("%v has %q", err, fault)
		}
	}
}
