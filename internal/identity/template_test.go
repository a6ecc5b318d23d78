package identity

import (
	"errors"
	"strings"
	"testing"

	"tpmdps/internal/text"
)

// boxRecord is a record with everything that a template can ask for.
func boxRecord() Record {
	return Record{
		RegistrationIDs: RegistrationIDs(testEK()),
		Host:            Host{Hostname: "Box-7.Example", Serial: "KSA1234567", UUID: "33221100-5544-7766-8899-aabbccddeeff"},
		Labels: map[string]string{"line": "7", "asset": "SN 4711/B", "name": "Tür", "kelvin": "3\u212a", "edge": "-7-", "dot": "7.",
			"long": strings.Repeat("x", 130), "escape": "\x1b[31m"},
	}
}

func TestExpandRegistrationID(t *testing.T) {
	ids := RegistrationIDs(testEK())
	tests := map[string]string{
		"line7-0001":                    "line7-0001",
		"{ek32}":                        ids.Base32,
		"{ekhex}":                       ids.Hex,
		"{serial}":                      "ksa1234567",
		"{uuid}":                        "33221100-5544-7766-8899-aabbccddeeff",
		"{hostname}":                    "box-7.example",
		"line{label:line}-{ek32}":       "line7-" + ids.Base32,
		"{label:line}{label:line}":      "77",
		"a.b_c:{serial}:{label:line}-":  "a.b_c:ksa1234567:7-",
		"x{label:edge}":                 "x-7-",
		"{ek32}-{label:line}.{serial}z": ids.Base32 + "-7.ksa1234567z",
	}
	for template, want := range tests {
		if got, err := ExpandRegistrationID(template, boxRecord()); got != want || err != nil {
			t.Errorf("ExpandRegistrationID(%q) = %q, %v, want %q", template, got, err, want)
		}
		if err := CheckTemplate(template); err != nil {
			t.Errorf("CheckTemplate(%q) = %v", template, err)
		}
	}
}

// What is wrong with a template itself is found without a record.
func TestTemplatesThatAreNone(t *testing.T) {
	tests := map[string]string{
		"":                                    "it is empty",
		"Line7":                               `it has capital letters; write "line7"`,
		"{mac}":                               "{mac} is not known; there are {ek32}, {ekhex}, {serial}, {uuid}, {hostname}, {label:KEY}",
		"{SERIAL}":                            "{SERIAL} is not known",
		"{}":                                  "{} is not known",
		"{label:}":                            "{label:} is not known",
		"{label:Line 7}":                      "{label:Line 7} is not known",
		"{\x1b[31m}":                          "{?[31m} is not known",
		"{serial":                             "there is a { without its }",
		"box-{":                               "there is a { without its }",
		"{ser{ial}":                           "there is a { without its }",
		"serial}":                             "there is a } without its {",
		"{serial}}":                           "there is a } without its {",
		"Line{serial}":                        `the text "Line" has capital letters; write "line"`,
		"line 7-{serial}":                     `in the text "line 7-" " " is not a letter`,
		"{serial}/ü":                          `in the text "/ü" "/" is not a letter`,
		"-{serial}":                           "it must start with a letter or a digit",
		"{serial}.":                           "it must end with a letter, a digit or -",
		"{serial}" + strings.Repeat("9", 128): "it has 129 characters, DPS accepts 128 at most",
		strings.Repeat("{label:line}", 50):    "it has 600 characters, a template has 512 at most",
	}
	for template, want := range tests {
		_, expanded := ExpandRegistrationID(template, boxRecord())
		for what, err := range map[string]error{"CheckTemplate": CheckTemplate(template), "ExpandRegistrationID": expanded} {
			if !errors.Is(err, ErrRegistrationID) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s(%q) = %v, want %q in it", what, template, err, want)
			}
		}
	}
}

// A value that cannot be part of an ID is refused, not replaced, and named.
func TestExpandRegistrationIDNamesThePart(t *testing.T) {
	tests := map[string]string{
		"b-{label:asset}":            `{label:asset} is "SN 4711/B", and " " is not a letter`,
		"b-{label:name}":             `{label:name} is "Tür", and "ü" is not a letter`,
		"b-{label:kelvin}":           "is not a letter",
		"b-{label:escape}":           `{label:escape} is "?[31m", and "?" is not a letter`,
		"b-{label:order}":            "{label:order} is empty: the record has no such label; give it with --label order=VALUE",
		"{label:edge}-{serial}":      `makes "-7--ksa1234567": it must start with a letter or a digit; it starts with {label:edge}`,
		"{serial}-{label:dot}":       `it must end with a letter, a digit or -; it ends with {label:dot}`,
		"{serial}-{label:long}":      "it has 141 characters, DPS accepts 128 at most; {label:long} alone has 130",
		"{ekhex}-{ekhex}-{hostname}": "DPS accepts 128 at most; {ekhex} alone has 64",
	}
	for template, want := range tests {
		if _, err := ExpandRegistrationID(template, boxRecord()); !errors.Is(err, ErrRegistrationID) || !strings.Contains(err.Error(), want) {
			t.Errorf("ExpandRegistrationID(%q) = %v, want %q in it", template, err, want)
		}
		if err := CheckTemplate(template); err != nil {
			t.Errorf("CheckTemplate(%q) = %v, the fault is the record's", template, err)
		}
	}
}

func TestExpandRegistrationIDWithoutFacts(t *testing.T) {
	tests := map[string]string{
		"{serial}":   "{serial} is empty: the record has no serial number: the firmware has none or a placeholder, or only root may read it; tpmdps read-ek -v says which",
		"{uuid}":     "{uuid} is empty: the record has no UUID",
		"{hostname}": "{hostname} is empty",
		"{ek32}":     "{ek32} is empty",
		"{ekhex}":    "{ekhex} is empty",
	}
	for template, want := range tests {
		if _, err := ExpandRegistrationID(template, Record{}); !errors.Is(err, ErrRegistrationID) || !strings.Contains(err.Error(), want) {
			t.Errorf("ExpandRegistrationID(%q) = %v, want %q in it", template, err, want)
		}
	}
}

// Where an ID itself is needed, a template is named as what it is.
func TestCheckRegistrationIDRefusesTemplates(t *testing.T) {
	err := CheckRegistrationID("line7-{serial}")
	if want := "it is a template, and the ID itself is needed here"; !errors.Is(err, ErrRegistrationID) || !strings.Contains(err.Error(), want) {
		t.Errorf("CheckRegistrationID() = %v, want %q in it", err, want)
	}
}

func TestCheckLabel(t *testing.T) {
	for key, value := range map[string]string{"line": "7", "a_b.c-9": "Tür 7, links", strings.Repeat("k", 40): strings.Repeat("ü", 200)} {
		if err := CheckLabel(key, value); err != nil {
			t.Errorf("CheckLabel(%q, %q) = %v", key, value, err)
		}
	}
	for _, test := range []struct{ key, value, want string }{
		{"", "7", "a key has 1 to 40"},
		{"Line", "7", "a key has 1 to 40"},
		{"a b", "7", "a key has 1 to 40"},
		{strings.Repeat("k", 41), "7", "a key has 1 to 40"},
		{"line", "", "its value is empty"},
		{"line", strings.Repeat("ü", 201), "its value has 201 characters"},
		{"line", "a\tb", "cannot be printed"},
		{"line", "a\u202eb", "cannot be printed"},
		{"line", "a\xffb", "cannot be printed"},
	} {
		if err := CheckLabel(test.key, test.value); !errors.Is(err, ErrLabel) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("CheckLabel(%q, %q) = %v, want %q in it", test.key, test.value, err, test.want)
		}
	}
}

// Whatever the template and the values, an ID that comes out is one that DPS
// takes, and an error is one line that can be printed.
func FuzzExpandRegistrationID(f *testing.F) {
	f.Add("line7-{serial}", "KSA1234567", "box")
	f.Add("{label:k}{uuid", "\u212a", "")
	f.Add("}{", "", "")
	f.Add("{\uf7f9}", "\x1b", "\u202e")
	f.Add("{hostname}.{label:k}-{ek32}", "a b", "Box.")
	f.Fuzz(func(t *testing.T, template, value, hostname string) {
		r := boxRecord()
		r.Host = Host{Hostname: hostname, Serial: value, UUID: value}
		r.Labels = map[string]string{"k": value}
		id, err := ExpandRegistrationID(template, r)
		if err == nil && CheckRegistrationID(id) != nil {
			t.Errorf("ExpandRegistrationID(%q) = %q, which is no ID", template, id)
		}
		if err == nil && CheckTemplate(template) != nil {
			t.Errorf("CheckTemplate(%q) refuses what makes %q", template, id)
		}
		if err != nil && (!errors.Is(err, ErrRegistrationID) || id != "" || text.Printable(err.Error(), 1<<20) != err.Error()) {
			t.Errorf("ExpandRegistrationID(%q) = %q, %q", template, id, err)
		}
	})
}

// A run that read the machine itself says why a fact is missing, and no more.
func TestExpandRegistrationIDSaysWhyAFactIsMissing(t *testing.T) {
	r := Record{HostAccount: map[string]string{"serial": "the firmware leaves it empty", "uuid": "only root may read it"}}
	for template, want := range map[string]string{
		"{serial}": "{serial} is empty: the record has no serial number: the firmware leaves it empty",
		"{uuid}":   "{uuid} is empty: the record has no UUID: only root may read it",
	} {
		if _, err := ExpandRegistrationID(template, r); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("ExpandRegistrationID(%q) = %v, want %q", template, err, want)
		}
	}
}
