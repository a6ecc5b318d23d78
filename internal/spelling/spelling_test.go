package spelling

import (
	"slices"
	"strings"
	"testing"
	"unicode"
)

var flags = []string{
	"id-scope", "registration-id", "id-format", "global-endpoint", "hostname", "auto-reprovisioning-mode", "payload-uri", "tcti",
	"auth-key-index", "for", "replace-provisioning", "dry-run", "backups", "config", "file", "ek", "out", "tpm", "ttl", "dps",
	"endorsement-auth-file", "owner-auth-file", "sas-token-file", "sas-token-fd", "iot-hubs", "ca-file", "o", "v", "endorsement-key",
}

// Every slip of the finger, at every place of every name, finds the name.
func TestNearestFindsSlips(t *testing.T) {
	tried := 0
	for _, name := range flags {
		for kind, slips := range slipsOf(name) {
			for _, typed := range slips {
				tried++
				if got := Nearest(typed, flags); got != name && !slices.Contains(flags, typed) && !slices.Contains(slipsOf(got)[kind], typed) {
					t.Errorf("%s: %q for %q is taken for %q", kind, typed, name, got)
				}
			}
		}
	}
	if tried < 800 {
		t.Errorf("only %d were tried", tried)
	}
}

// slipsOf are the ways to misspell a name, by their kind.
func slipsOf(name string) map[string][]string {
	all := map[string][]string{}
	add := func(kind, typed string) {
		if typed != name && len(name) > 2 {
			all[kind] = append(all[kind], typed)
		}
	}
	for i := range name {
		if i > 0 {
			add("transposed", name[:i-1]+name[i:i+1]+name[i-1:i]+name[i+1:])
		}
		add("dropped", name[:i]+name[i+1:])
		add("doubled", name[:i]+name[i:i+1]+name[i:])
	}
	add("underscore", strings.ReplaceAll(name, "-", "_"))
	add("case", strings.ToUpper(name))
	camel, up := "", false
	for _, r := range name {
		if up {
			r = unicode.ToUpper(r)
		}
		if up = r == '-'; !up {
			camel += string(r)
		}
	}
	add("camel", camel)
	add("together", strings.ReplaceAll(name, "-", ""))
	return all
}

func TestNearest(t *testing.T) {
	for typed, want := range map[string]string{
		"scope": "id-scope", "IdScope": "id-scope", "registration": "registration-id", "reg": "registration-id", "endpoint": "global-endpoint",
		"uri": "payload-uri", "hubs": "iot-hubs", "ke": "ek", "ekk": "ek", "tmp": "tpm", "hsotname": "hostname", "bakups": "backups",
		"auth": "auth-key-index", "global-enpdoint": "global-endpoint", "hostnames": "hostname",
		// Nothing is near, or more than one.
		"": "", "x": "", "-": "", "frobnicate": "", "recursive": "", "color": "", "port": "", "force": "", "key": "",
		"no-dry-run": "", "without-backups": "", "\x00": "", "ключ": "", "xk": "",
	} {
		if got := Nearest(typed, flags); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", typed, got, want)
		}
	}
}

// Each option of another tool has one row, and something to say.
func TestOtherTools(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range otherTools {
		if (len(row.Ours) == 0) == (row.Instead == "") {
			t.Errorf("%s: either a flag of ours or what to do instead", row.names)
		}
		for name := range strings.FieldsSeq(row.names) {
			if seen[name] {
				t.Errorf("%s stands there twice", name)
			}
			seen[name] = true
			if o, ok := OtherTool(name); !ok || o.Tool != row.Tool {
				t.Errorf("OtherTool(%q) = %v, %v", name, o, ok)
			}
		}
	}
	for typed, want := range map[string]string{"dps_name": "dps", "DpsName": "dps", "n": "dps", "T": "tpm", "EE": "edge-enabled"} {
		if o, ok := OtherTool(typed); !ok || !slices.Contains(o.Ours, want) {
			t.Errorf("OtherTool(%q) = %v, %v, want %s", typed, o, ok, want)
		}
	}
	for _, typed := range []string{"", "t", "N", "frobnicate"} {
		if o, ok := OtherTool(typed); ok {
			t.Errorf("OtherTool(%q) = %v", typed, o)
		}
	}
}

// A slip is nearer than the nearest word: it decides what is shown.
func TestSlip(t *testing.T) {
	known := []string{"id_scope", "registration_id", "method", "tpm", "device", "uri", "auto_reprovisioning_mode", "Always"}
	for _, test := range []struct{ typed, slip, nearest string }{
		{"id_scope", "id_scope", "id_scope"},
		{"ID-Scope", "id_scope", "id_scope"},
		{"idscope", "id_scope", "id_scope"},
		{"id_scoep", "id_scope", "id_scope"},
		{"ALWAYS", "Always", "Always"},
		{"registratoin_idd", "registration_id", "registration_id"},
		{"auto_reprovisionign_mod", "auto_reprovisioning_mode", "auto_reprovisioning_mode"},
		{"tpn", "", "tpm"}, // one letter of three
		{"url", "", "uri"},
		{"scope", "", "id_scope"},                              // one of two words
		{"registration", "registration_id", "registration_id"}, // two letters of twelve
		{"devcie", "device", "device"},
		{"devciex", "", "device"},
		{"password", "", ""},
		{"no_id_scope", "", ""},
		{"", "", ""},
		{"___", "", ""},
		{strings.Repeat("id_scope", 9), "", ""},
	} {
		if got := Slip(test.typed, known); got != test.slip {
			t.Errorf("Slip(%q) = %q, want %q", test.typed, got, test.slip)
		}
		if got := Nearest(test.typed, known); got != test.nearest {
			t.Errorf("Nearest(%q) = %q, want %q", test.typed, got, test.nearest)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"id_scope", "ID-scope", 0}, {"idScope", "id scope", 0}, {"id_scope", "id_scoep", 1}, {"scope", "id_scope", 2}, {"", "ab", 2}, {"größe", "große", 1}} {
		if got, back := Distance(test.a, test.b), Distance(test.b, test.a); got != test.want || back != test.want {
			t.Errorf("Distance(%q, %q) = %d and back %d, want %d", test.a, test.b, got, back, test.want)
		}
	}
}
