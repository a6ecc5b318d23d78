package edge_test

import (
	"errors"
	"strings"
	"testing"

	"tpmdps/internal/edge"
	"tpmdps/internal/identity"
)

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*edge.Config)
		want   string // in the message; "" means valid
	}{
		{"minimal", func(c *edge.Config) {}, ""},
		{"scope missing", func(c *edge.Config) { c.IDScope = "" }, "id_scope: "},
		{"scope with a typo", func(c *edge.Config) { c.IDScope = "One0012AB34" }, ""},
		{"scope with a blank", func(c *edge.Config) { c.IDScope = "0ne 012AB34" }, "id_scope: "},
		{"scope that is a host", func(c *edge.Config) { c.IDScope = "plant.azure-devices-provisioning.net" }, "id_scope: "},
		{"registration ID in capitals", func(c *edge.Config) { c.RegistrationID = "LINE7" }, ""},
		{"registration ID missing", func(c *edge.Config) { c.RegistrationID = "" }, "registration_id: "},
		{"registration ID with a line", func(c *edge.Config) { c.RegistrationID = "a\nb" }, "registration_id: "},

		{"endpoint with a port", func(c *edge.Config) { c.GlobalEndpoint = "https://localhost:8443/" }, ""},
		{"endpoint without the slash", func(c *edge.Config) { c.GlobalEndpoint = "https://global.azure-devices-provisioning.cn" }, ""},
		{"endpoint on IPv6", func(c *edge.Config) { c.GlobalEndpoint = "https://[::1]:8443/" }, ""},
		{"endpoint in the clear", func(c *edge.Config) { c.GlobalEndpoint = "http://localhost" }, "https://"},
		{"endpoint without scheme", func(c *edge.Config) { c.GlobalEndpoint = "global.azure-devices-provisioning.net" }, "https://"},
		{"endpoint without host", func(c *edge.Config) { c.GlobalEndpoint = "https://:443/" }, "no host"},
		{"endpoint with a path", func(c *edge.Config) { c.GlobalEndpoint = "https://h/0ne00000000" }, "end after the host"},
		{"endpoint with a query", func(c *edge.Config) { c.GlobalEndpoint = "https://h/?a=b" }, "end after the host"},
		{"endpoint with a bad host", func(c *edge.Config) { c.GlobalEndpoint = "https://a..b/" }, "host name"},
		{"endpoint with a bad port", func(c *edge.Config) { c.GlobalEndpoint = "https://h:port/" }, "port"},

		{"host name", func(c *edge.Config) { c.Hostname = "box-42.plant.example" }, ""},
		{"host name with underscore", func(c *edge.Config) { c.Hostname = "box_42" }, ""},
		{"host name as IP address", func(c *edge.Config) { c.Hostname = "192.0.2.7" }, ""},
		{"host name with a space", func(c *edge.Config) { c.Hostname = "box 42" }, "hostname: "},
		{"host name with a hyphen at the end", func(c *edge.Config) { c.Hostname = "box-" }, "hostname: "},
		{"host name label of 64", func(c *edge.Config) { c.Hostname = strings.Repeat("a", 64) }, "hostname: "},
		{"host name of 254", func(c *edge.Config) { c.Hostname = strings.Repeat("a.", 127) }, "too long"},

		{"mode", func(c *edge.Config) { c.AutoReprovisioningMode = "AlwaysOnStartup" }, ""},
		{"mode in small letters", func(c *edge.Config) { c.AutoReprovisioningMode = "dynamic" }, "not one of Dynamic, AlwaysOnStartup, OnErrorOnly"},

		{"payload", func(c *edge.Config) { c.PayloadURI = "file:///etc/a%20b.json" }, ""},
		{"payload as path", func(c *edge.Config) { c.PayloadURI = "/etc/a.json" }, "file:///"},
		{"payload on a host", func(c *edge.Config) { c.PayloadURI = "file://etc/a.json" }, "file:///"},
		{"payload on the web", func(c *edge.Config) { c.PayloadURI = "https://h/a.json" }, "file:///"},

		{"tcti with a zero byte", func(c *edge.Config) { c.TCTI = "device\x00" }, "zero byte"},
		{"index too high", func(c *edge.Config) { c.AuthKeyIndex = index(0x800000) }, "0x800000 is above 0x7fffff"},
		{"password of 65 bytes", func(c *edge.Config) { c.OwnerAuth = strings.Repeat("p", 65) }, "65 bytes"},
		{"password not UTF-8", func(c *edge.Config) { c.EndorsementAuth = "\xff" }, "not UTF-8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := edge.Config{IDScope: scope, RegistrationID: regID}
			test.change(&c)
			err := c.Validate()
			if test.want == "" {
				if err != nil {
					t.Errorf("Validate() = %v, want nil", err)
				}
				return
			}
			if !errors.Is(err, edge.ErrInvalid) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Validate() = %v, want ErrInvalid with %q", err, test.want)
			}
		})
	}
}

func TestValidateReportsEverything(t *testing.T) {
	err := edge.Config{AutoReprovisioningMode: "never"}.Validate()
	for _, want := range []error{edge.ErrInvalid, identity.ErrIDScope, identity.ErrRegistrationID} {
		if !errors.Is(err, want) {
			t.Errorf("Validate() = %v, want %v in it", err, want)
		}
	}
}

func TestValidateKeepsSecrets(t *testing.T) {
	password := strings.Repeat("hush", 17)
	err := edge.Config{
		IDScope: scope, RegistrationID: regID,
		EndorsementAuth: password, OwnerAuth: password + "\x00",
		GlobalEndpoint: "https://user:hush@host/%zz",
	}.Validate()
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("Validate() = %v, want an error without the password", err)
	}
}
