package edge

import (
	"errors"
	"reflect"
	"strings"
	"testing"
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
		"":                             `source is ""`,
		strings.Repeat("#", MaxFile+1): "at most",
	} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.40q) = %v, want %q in it", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	data, err := Render(Config{IDScope: "0ne0012AB34", RegistrationID: "box-7"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("a = 1\n[b]\nc=[{x=1}]"))
	f.Fuzz(func(t *testing.T, data []byte) { Parse(data) })
}
