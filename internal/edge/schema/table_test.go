package schema_test

import (
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/edge/schema"
	"tpmdps/internal/tomledit"
)

// eachKey calls a function for each key of the schema with its path; the name of a key
// in a table of any names, or in a list, is *.
func eachKey(do func(path []string, k schema.Key)) {
	var walk func(path []string, k schema.Key)
	walk = func(path []string, k schema.Key) {
		do(path, k)
		for _, m := range k.Keys {
			walk(append(slices.Clone(path), m.Name), m)
		}
		if k.Each != nil {
			walk(append(slices.Clone(path), "*"), *k.Each)
		}
	}
	walk(nil, schema.Root)
}

// What the table says of each key fits together.
func TestTableFitsTogether(t *testing.T) {
	n := 0
	eachKey(func(path []string, k schema.Key) {
		n++
		at := strings.Join(path, ".")
		texts := k.Kind&schema.Text != 0
		switch {
		case k.Kind == 0 || k.Kind.String() == "":
			t.Errorf("%s has no kind", at)
		case len(path) > 0 && k.Name == "" && path[len(path)-1] != "*":
			t.Errorf("%s: a key of it has no name", at)
		case !texts && (len(k.Values) > 0 || k.Doubt != nil || k.Stub != ""):
			t.Errorf("%s is judged as a string, and is %s", at, k.Kind)
		case k.Check != nil && !texts:
			t.Errorf("%s is checked as a string, and is %s", at, k.Kind)
		case (len(k.Keys) > 0 || k.By != nil) && k.Kind&(schema.Table|schema.List) == 0:
			t.Errorf("%s has keys below it, and is %s", at, k.Kind)
		case k.Min > k.Max:
			t.Errorf("%s is a number from %d to %d", at, k.Min, k.Max)
		case k.Kind&schema.Number == 0 && (k.Min != 0 || k.Max != 0):
			t.Errorf("%s has limits of a number, and is %s", at, k.Kind)
		case k.Kind&schema.Number != 0 && k.Max == 0:
			t.Errorf("%s is a number that may only be 0", at)
		}
		for _, of := range []struct{ what, name string }{{"Unless", k.Unless}, {"With", k.With}, {"UnlessTable", k.UnlessTable}} {
			if of.name == "" {
				continue
			}
			table, ok := schema.Lookup(path[:len(path)-1])
			if _, has := table.Named(of.name); !ok || !has {
				t.Errorf("%s: %s names %s, which is not beside it", at, of.what, of.name)
			}
		}
		variants := map[string]bool{}
		for _, by := range k.By {
			one, ok := k.Named(by)
			if !ok {
				t.Errorf("%s is chosen by %s, which it has not", at, by)
			}
			for _, v := range one.Values {
				variants[v] = true
			}
			variants[by] = true
		}
		for _, m := range k.Keys {
			for _, v := range m.Of {
				if !variants[v] {
					t.Errorf("%s.%s is of the variant %s, which nothing chooses", at, m.Name, v)
				}
			}
		}
	})
	if n < 150 {
		t.Errorf("only %d keys", n)
	}
}

// No error and no doubt about a string contains the text: it may be a secret.
func TestMessagesDoNotContainTheValue(t *testing.T) {
	const canary = "cAnArY4711"
	texts := []string{canary, " " + canary, canary + "\x00", "\xff" + canary, "https://" + canary + ":x", "file://" + canary + "/a", "pkcs11:token=" + canary + ";slot=0",
		"pkcs11:token=t;pin-value=" + canary, "pkcs11:slot-id=" + canary, "swtpm:path=" + canary, "swtpm:port=" + canary, "device:" + canary, canary + ":x", "HostName=h;DeviceId=d;SharedAccessKey=" + canary + "!",
		"unix://" + canary + "/x", "fd:" + canary, canary + "%", "1" + canary, "http://u:" + canary + "@h:x", "{" + canary + "}", "8883/" + canary, strings.Repeat(canary, 30)}
	eachKey(func(path []string, k schema.Key) {
		if !k.Secret {
			return
		}
		for _, text := range texts {
			said := ""
			if k.Check != nil {
				if err := k.Check(text); err != nil {
					said = err.Error()
				}
			}
			if k.Doubt != nil {
				said += k.Doubt(text)
			}
			if strings.Contains(strings.ToLower(said), strings.ToLower(canary)) {
				t.Errorf("%v: %q: %s", path, text, said)
			}
		}
	})
}

// What the schema gives for an example is right itself, but for a blank.
func TestValuesOfTheTablePass(t *testing.T) {
	eachKey(func(path []string, k schema.Key) {
		if k.Check != nil && k.Stub != "" && k.Check(k.Stub) != nil {
			t.Errorf("%v: the template's %q: %v", path, k.Stub, k.Check(k.Stub))
		}
	})
	for path, value := range map[string]string{"provisioning.global_endpoint": schema.DefaultGlobalEndpoint, "auto_reprovisioning_mode": schema.Modes[0]} {
		k, ok := schema.Lookup(strings.Split(path, "."))
		if !ok || k.Check != nil && k.Check(value) != nil || k.Values != nil && !slices.Contains(k.Values, value) {
			t.Errorf("%s does not accept %q", path, value)
		}
	}
}

func TestLookup(t *testing.T) {
	for path, kind := range map[string]schema.Kind{
		"hostname": schema.Text, "local_gateway_hostname": schema.Text, "provisioning.attestation.registration_id": schema.Text, "tpm.auth_key_index": schema.Number,
		"preloaded_keys.any": schema.Text, "cert_issuance.est.trusted_certs": schema.List, "watchdog.max_retries": schema.Text | schema.Number, "edge_ca.subject.CN": schema.Text,
		"agent.config.createOptions.HostConfig.PortBindings.8883/tcp": schema.List, "allow_elevated_docker_permissions": schema.Bool,
		"no_such_key": 0, "provisioning.no_such_key": 0, "hostname.below": 0, "agent.config.createOptions.NotKnown": 0, "Hostname": 0, "provisioning.": 0,
	} {
		k, ok := schema.Lookup(strings.Split(path, "."))
		if ok != (kind != 0) || k.Kind != kind {
			t.Errorf("Lookup(%s) = %s, %v, want %s", path, k.Kind, ok, kind)
		}
	}
	if k, ok := schema.Lookup(nil); !ok || k.Kind != schema.Table || len(k.Keys) == 0 {
		t.Errorf("Lookup of no path is not the whole file: %+v", k.Kind)
	}
}

// Of keys with one name, the variant chooses.
func TestMemberOfAVariant(t *testing.T) {
	attestation, _ := schema.Lookup([]string{"provisioning", "attestation"})
	for _, row := range []struct {
		name, variant string
		found         bool
		required      bool
	}{
		{"registration_id", "tpm", true, true}, {"registration_id", "symmetric_key", true, true}, {"registration_id", "x509", true, false}, {"registration_id", "", true, true},
		{"identity_cert", "tpm", false, false}, {"identity_cert", "x509", true, true}, {"identity_cert", "", true, true}, {"method", "tpm", true, true}, {"", "tpm", false, false}, {"nothing", "", false, false},
	} {
		k, ok := attestation.Member(row.name, row.variant)
		if ok != row.found || k.Required != row.required {
			t.Errorf("Member(%q, %q) = %+v, %v", row.name, row.variant, k.Name, ok)
		}
		if ok && !k.In(row.variant) {
			t.Errorf("%s of %q is not in it", row.name, row.variant)
		}
	}
	env, _ := schema.Lookup([]string{"agent", "env"})
	if k, ok := env.Member("UpstreamProtocol", "anything"); !ok || k.Name != "UpstreamProtocol" {
		t.Errorf("a table of any names has %+v, %v", k, ok)
	}
}

func TestPlaces(t *testing.T) {
	called := func(name string) func(schema.Key) bool { return func(k schema.Key) bool { return k.Called(name) } }
	for name, want := range map[string][]string{
		"hostname": {"the top of the file"}, "local_gateway_hostname": {"the top of the file"}, "id_scope": {"[provisioning]"}, "auth_key_index": {"[tpm]"},
		"registration_id": {"[provisioning.attestation]"}, "endorsement": {"[tpm.hierarchy_authorization]"}, "workload_uri": {"[connect]", "[listen]"},
		"pk": {"[cert_issuance.local_ca]", "[edge_ca]"}, "nothing": nil, "": nil,
	} {
		var got []string
		for _, p := range schema.Places(called(name)) {
			got = append(got, p.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q stands at %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]bool{
		"id_scope": true, "registration_id": true, "tcti": true, "hostname": true, "payload": true, // for a TPM
		"device_id": false, "connection_string": false, "iothub_hostname": false, "symmetric_key": false, "device_id_pk": false,
	} {
		for _, p := range schema.Places(called(name)) {
			if p.ForTPM() != want {
				t.Errorf("%s of %s: ForTPM is %v", name, p, !want)
			}
		}
	}
}

func TestKinds(t *testing.T) {
	for kind, want := range map[schema.Kind]string{
		schema.Text: "a string in quotes", schema.Number: "a whole number", schema.Bool: "true or false", schema.List: "a list in brackets", schema.Table: "a table",
		schema.Text | schema.Table: "a string in quotes or a table", schema.Text | schema.Number: "a string in quotes or a whole number", 0: "",
	} {
		if got := kind.String(); got != want {
			t.Errorf("kind %d is %q, want %q", int(kind), got, want)
		}
	}
	for _, row := range []struct {
		value string
		want  schema.Kind
	}{
		{`"a"`, schema.Text}, {`'a'`, schema.Text}, {"7", schema.Number}, {"0x10", schema.Number}, {"true", schema.Bool}, {"[1]", schema.List}, {"{ a = 1 }", schema.Table},
		{"1.5", 0}, {"1979-05-27", 0}, {"07:32:00", 0}, {"1979-05-27T07:32:00Z", 0},
	} {
		d, err := tomledit.Parse([]byte("v = " + row.value + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		e := d.Entries()[0]
		if got := schema.KindOf(e.Kind); got != row.want {
			t.Errorf("%s is %s, want %s", row.value, got, row.want)
		}
	}
	for kind, want := range map[tomledit.Kind]schema.Kind{tomledit.Table: schema.Table, tomledit.ArrayTable: schema.List} {
		if got := schema.KindOf(kind); got != want {
			t.Errorf("a header of kind %v is %s", kind, got)
		}
	}
}

// A name holds a secret if one of its places does; that of a slip is the name that was
// meant.
func TestNamesOfKeys(t *testing.T) {
	for name, want := range map[string]bool{
		"hostname": true, "id_scope": true, "registration_id": true, `"hostname"`: true, " tcti ": true, "scope_id": true, "device_ca_cert": false, "hostnam": true, "registratoin_id": true,
		"password": false, "username": false, "value": false, "pin": false, "pk": false, "endorsement": false, "connection_string": false, "device_connection_string": false, "passwrod": false,
		"": false, "nothing_of_iot_edge": false, "tpm": false, // what is below it is a secret
	} {
		if got := schema.IsHarmless(name); got != want {
			t.Errorf("IsHarmless(%q) = %v", name, got)
		}
	}
	for name, want := range map[string]bool{"hostname": true, " hostname ": true, "local_gateway_hostname": true, "password": true, "scope_id": false, "": false, "x": false} {
		if got := schema.IsName(name); got != want {
			t.Errorf("IsName(%q) = %v", name, got)
		}
	}
	for name, want := range map[string]bool{"hostname": true, "tcti": true, "password": false, "pk": false, "x": false, "": false} {
		if k, ok := schema.OnlyPlace(name); ok != want || ok && !k.Called(name) {
			t.Errorf("OnlyPlace(%q) = %q, %v", name, k.Name, ok)
		}
	}
	for name, want := range map[string]bool{"username": true, "email": true, "password": false, "hostname": false} {
		if got := schema.IsPersonal(name); got != want {
			t.Errorf("IsPersonal(%q) = %v", name, got)
		}
	}
	for old := range schema.Formerly {
		if _, ok := schema.Lookup([]string{old}); ok {
			t.Errorf("%s is a name of today", old)
		}
	}
}

func TestIsBlank(t *testing.T) {
	for _, row := range []struct {
		want  string // no, perhaps or sure
		texts []string
	}{
		{"sure", []string{"<your scope>", "{{ id_scope }}", "{% scope %}", "${SCOPE}", "$(scope)", "#{scope}#", "<%= scope %>", "__SCOPE__", "_ID_SCOPE_", "%SCOPE%", "$SCOPE", "[ID Scope]", "{registration id}", "...", ".....", "…", "@scope@", " <a> ",
			"CHANGEME", "ID_SCOPE", "YOUR-SCOPE", "SCOPE_ID", "XXXX", "0NEXXXXXXXX", "TODO", "PASTE-HERE"}},
		{"perhaps", []string{"your-scope", "paste it", "change-me", "changeme", "fill in", "todo", "placeholder", "id-goes-here", "scope_here", "scope id", "registration_id", "Device-ID", "xxxx", "0nexxxxxxxx", "xxx-1"}},
		{"no", []string{"", "  ", "0ne0012AB34", "box-7", "press-3", "device-id-7", "your/path", "https://your.host", "/etc/xxxx", "xx", "input", "A", "7", "a<b", "yourself", "computer", "[1, 2]", "x@y"}},
	} {
		for _, text := range row.texts {
			got := "no"
			if blank, sure := schema.IsBlank(text); sure && !blank {
				t.Errorf("%q is surely a blank, and none", text)
			} else if sure {
				got = "sure"
			} else if blank {
				got = "perhaps"
			}
			if got != row.want {
				t.Errorf("IsBlank(%q): %s, want %s", text, got, row.want)
			}
		}
	}
}

func TestIntegers(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "7": 7, "+7": 7, "-7": -7, "1_000": 1000, "0x10": 16, "0x00_01_01": 0x101, "0o17": 15, "0b101": 5, "9223372036854775807": 1<<63 - 1,
	} {
		if got, err := schema.ParseInteger(text); err != nil || got != want {
			t.Errorf("ParseInteger(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "a", "1.5", "0x", "9223372036854775808", "1 0", "0b2"} {
		if got, err := schema.ParseInteger(text); err == nil {
			t.Errorf("ParseInteger(%q) = %d, want an error", text, got)
		}
	}
	for n, want := range map[uint32]string{0: "0x00_00_00", schema.DefaultAuthKeyIndex: "0x00_01_00", 0x101: "0x00_01_01", schema.MaxAuthKeyIndex: "0x7f_ff_ff", 0xabcdef: "0xab_cd_ef"} {
		got := schema.FormatIndex(n)
		if back, err := schema.ParseInteger(got); got != want || err != nil || back != int64(n) {
			t.Errorf("FormatIndex(%#x) = %s, which is %d, %v", n, got, back, err)
		}
	}
}
