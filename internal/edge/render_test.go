package edge_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/edgetest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	scope = "0ab1234C5D6"
	regID = "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrst"
)

func index(n uint32) *uint32 { return &n }

func TestRenderGolden(t *testing.T) {
	tests := []struct {
		golden string
		config edge.Config
	}{
		{"minimal.toml", edge.Config{IDScope: scope, RegistrationID: regID}},
		{"full.toml", edge.Config{
			IDScope:                scope,
			RegistrationID:         "line7-0042",
			GlobalEndpoint:         "https://localhost:8443",
			Hostname:               "box42.plant.example",
			AutoReprovisioningMode: "OnErrorOnly",
			PayloadURI:             "file:///var/secrets/aziot/identityd/payload.json",
			TCTI:                   "device:/dev/tpmrm0",
			AuthKeyIndex:           index(0x010203),
			EndorsementAuth:        `e"n\d`,
			OwnerAuth:              "own\ner",
		}},
		{"owner-password.toml", edge.Config{IDScope: scope, RegistrationID: regID, OwnerAuth: "secret"}},
	}
	for _, test := range tests {
		t.Run(test.golden, func(t *testing.T) {
			got, err := edge.Render(test.config)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", test.golden)
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("Render() = \n%s\nwant (go test -update rewrites it)\n%s", got, want)
			}
			parse(t, got)
		})
	}
}

// The file says what IoT Edge's own fixture for DPS and TPM says.
func TestRenderMatchesIoTEdge(t *testing.T) {
	fixture, err := os.ReadFile(filepath.Join("testdata", "iotedge-dps-tpm.toml"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := edge.Render(edge.Config{IDScope: scope, RegistrationID: regID, Hostname: "my-device"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := parse(t, got), parse(t, fixture); !reflect.DeepEqual(got, want) {
		t.Errorf("Render() reads as %+v, want %+v", got, want)
	}
}

// IoT Edge's defaults make no [tpm] table, except where they differ.
func TestRenderTPMTable(t *testing.T) {
	tests := []struct {
		name      string
		config    edge.Config
		wantTable bool
		wantTCTI  string
		wantIndex *uint32
	}{
		{"nothing said", edge.Config{}, false, "", nil},
		{"defaults said", edge.Config{TCTI: "device", AuthKeyIndex: index(0x000100)}, false, "", nil},
		{"tcti", edge.Config{TCTI: "tabrmd"}, true, "tabrmd", nil},
		{"index", edge.Config{AuthKeyIndex: index(0x000200)}, true, "", index(0x000200)},
		{"index zero", edge.Config{AuthKeyIndex: index(0)}, true, "", index(0)},
		{"highest index", edge.Config{AuthKeyIndex: index(0x7fffff)}, true, "", index(0x7fffff)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.config.IDScope, test.config.RegistrationID = scope, regID
			file, err := edge.Render(test.config)
			if err != nil {
				t.Fatal(err)
			}
			tpm := parse(t, file).TPM
			if (tpm != nil) != test.wantTable {
				t.Fatalf("[tpm] table present: %v, want %v\n%s", tpm != nil, test.wantTable, file)
			}
			if tpm == nil {
				return
			}
			if tpm.TCTI != test.wantTCTI {
				t.Errorf("tcti = %q, want %q", tpm.TCTI, test.wantTCTI)
			}
			if !reflect.DeepEqual(tpm.AuthKeyIndex, test.wantIndex) {
				t.Errorf("auth_key_index = %v, want %v", tpm.AuthKeyIndex, test.wantIndex)
			}
		})
	}
}

func TestRenderRefusesInvalid(t *testing.T) {
	if file, err := edge.Render(edge.Config{}); !errors.Is(err, edge.ErrInvalid) || file != nil {
		t.Errorf("Render() = %q, %v, want nothing and ErrInvalid", file, err)
	}
}

// Whatever a password or TCTI string contains, IoT Edge reads it back as it was
// and reads nothing else out of it.
func FuzzRenderQuotes(f *testing.F) {
	for _, s := range []string{
		"plain", `"`, `\`, "\"\n[provisioning]\nsource = \"manual\"\n#", "\r\n\t\b\f\x1f\x7f",
		"日本語 \U0001F512", "{{.OwnerAuth}}", "'''", `\u0041`, "\u2028\ufeff", strings.Repeat("x", 64),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tcti := "device:/" + s + "/tpm" // what can have any text in it
		file, err := edge.Render(edge.Config{IDScope: scope, RegistrationID: regID, TCTI: tcti, OwnerAuth: s})
		if refused := !utf8.ValidString(s) || strings.Contains(s, "\x00") || len(s) > 64; refused {
			if !errors.Is(err, edge.ErrInvalid) {
				t.Errorf("Render(%q) = %v, want ErrInvalid", s, err)
			}
			return
		}
		if err != nil {
			t.Fatalf("Render(%q) = %v", s, err)
		}
		c := parse(t, file)
		if c.Provisioning.Source != "dps" || c.Provisioning.Attestation.RegistrationID != regID {
			t.Errorf("Render(%q) changed other keys:\n%s", s, file)
		}
		if s == "" {
			return
		}
		if c.TPM == nil || c.TPM.TCTI != tcti || c.TPM.HierarchyAuthorization.Owner != s {
			t.Errorf("Render(%q) reads back as %+v", s, c.TPM)
		}
	})
}

// parse reads a file as IoT Edge does, and strictly.
func parse(t *testing.T, file []byte) edgetest.SuperConfig {
	t.Helper()
	var c edgetest.SuperConfig
	d := toml.NewDecoder(bytes.NewReader(file))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		t.Fatalf("IoT Edge cannot read this: %v\n%s", err, file)
	}
	return c
}
