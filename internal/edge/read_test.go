package edge

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"tpmdps/internal/edge/schema"
)

// What Render writes, Parse reads back.
func TestParseReadsWhatRenderWrites(t *testing.T) {
	index := uint32(0x101)
	want := Config{
		IDScope: "0ne0012AB34", RegistrationID: "box-7", GlobalEndpoint: "https://localhost:8443/",
		Hostname: "box7", AutoReprovisioningMode: "OnErrorOnly", PayloadURI: "file:///var/payload.json",
		TCTI: "device:/dev/tpmrm0", AuthKeyIndex: &index, EndorsementAuth: `can"ary\`, OwnerAuth: "canary",
	}
	data, err := Render(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Parse(Render()) = %+v, want %+v", got, want)
	}
}

func TestParseRefuses(t *testing.T) {
	const dps = "[provisioning]\nsource = \"dps\"\n"
	for text, want := range map[string]string{
		"auto_reprovisioning_mode = Dynamic\n":                  "line 1",
		"[provisioning]\nsource = \"manual\"\n":                 `source is "manual"`,
		dps + "[provisioning.attestation]\nmethod = \"x509\"\n": `method is "x509"`,
		dps + "[tpm]\nauth_key_index = \"0x00_01_00\"\n":        "line",
		dps + "[provisioning.attestation]\nMethod = \"tpm\"\n":  `method is ""`,
		"[Provisioning]\nsource = \"dps\"\n":                    `source is ""`,
		"provisioning = \"dps\"\n":                              "line 1, column 1: provisioning has the type string, not table",
		dps + "id_scope = 1\n":                                  "line 3, column 1: provisioning.id_scope has the type integer, not string",
		dps + "[provisioning.id_scope]\n":                       "line 3, column 1: provisioning.id_scope has the type table, not string",
		dps + "payload = \"file:///p.json\"\n":                  "line 3, column 1: provisioning.payload has the type string, not table",
		dps + "[tpm]\nauth_key_index = -1\n":                    "auth_key_index is out of range",
		"":                                                      `source is ""`,
		strings.Repeat("#", schema.MaxFile+1):                   "at most",
	} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.40q) = %v, want %q in it", text, err, want)
		}
	}
}

func TestSays(t *testing.T) {
	const key = "provisioning.id_scope"
	for text, want := range map[string]string{
		"[provisioning]\nid_scope = \"0ne0012AB34\"\n": "0ne0012AB34",
		"provisioning = { id_scope = '0ne0012AB34' }":  "0ne0012AB34",
		"[provisioning]\nid_scope = \"0ab1234C5D6\"\n": "",
		"[provisioning]\nid_scope = 1\n":               "",
		"[provisioning]\nID_SCOPE = \"0ne0012AB34\"\n": "",
		"id_scope = \"0ne0012AB34\"\n":                 "",
		"[provisioning":                                "",
		"":                                             "",
	} {
		if got, ok := Lookup([]byte(text), key); ok != (want != "") || ok && got != want {
			t.Errorf("Lookup(%q) = %q, %t, want %q", text, got, ok, want)
		}
	}
}

// IoT Edge tells capitals from small letters, and passes over what is written
// with others than it knows.
func TestParseTellsCapitals(t *testing.T) {
	const text = "Hostname = \"a\"\n[provisioning]\nsource = \"dps\"\nID_SCOPE = \"0ne0012AB34\"\n[provisioning.attestation]\nmethod = \"tpm\"\nregistration_id = \"b\"\n[TPM]\ntcti = \"c\"\n"
	c, err := Parse([]byte(text))
	if want := (Config{RegistrationID: "b"}); err != nil || c != want {
		t.Errorf("Parse() = %+v, %v, want %+v", c, err, want)
	}
}
