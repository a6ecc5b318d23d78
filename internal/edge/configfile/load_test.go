package configfile_test

import (
	"errors"
	"strings"
	"testing"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/configfile"
)

// A file gives its settings, and says which of its lines IoT Edge ignores; what is
// missing because of such a line is an error that names it.
func TestLoad(t *testing.T) {
	whole := file("0ne0012AB34", "box-7")
	misplaced := strings.Replace(whole, "id_scope =", "scope_id =", 1)
	both := configfile.Needed{IDScope: true, RegistrationID: true}
	for name, row := range map[string]struct {
		text    string
		needed  configfile.Needed
		scope   string
		warning string // words of the one warning; "" is none
		refusal string // words of the error; "" is none
	}{
		"whole":                        {whole, both, "0ne0012AB34", "", ""},
		"empty":                        {"", both, "", "", "it is empty"},
		"blank":                        {" \n\t\r\n", both, "", "", "it is empty"},
		"only a byte order mark":       {"\xef\xbb\xbf\n", both, "", "", "it is empty"},
		"no TOML":                      {"[provisioning\n", both, "", "", "line 1"},
		"a scope that is misspelt":     {misplaced, both, "", "", "it has no id_scope; line 4: "},
		"which is given elsewhere":     {misplaced, configfile.Needed{RegistrationID: true}, "", "line 4: ", ""},
		"an ID that is misspelt":       {strings.Replace(whole, "registration_id", "registrationid", 1), both, "", "", "it has no registration_id; line 7: "},
		"an ID that is given":          {strings.Replace(whole, "registration_id", "registrationid", 1), configfile.Needed{}, "0ne0012AB34", "line 7: ", ""},
		"wrong, with an ignored line":  {strings.Replace(misplaced, "\"tpm\"", "\"x\"", 1), both, "", "", `not "tpm"; line 4: scope_id`},
		"no scope, and no such line":   {strings.Replace(whole, "id_scope = \"0ne0012AB34\"\n", "", 1), both, "", "", ""},
		"line ends of another machine": {strings.ReplaceAll(whole, "\n", "\r\n"), both, "0ne0012AB34", "", ""},
	} {
		c, warnings, err := configfile.Load("/x/config.toml", []byte(row.text), row.needed)
		if row.refusal != "" {
			var of *edge.FileError
			if !errors.As(err, &of) || of.Path != "/x/config.toml" || !strings.Contains(err.Error(), row.refusal) || warnings != nil {
				t.Errorf("%s: %v, %q, want %q", name, err, warnings, row.refusal)
			}
			continue
		}
		if err != nil || c.IDScope != row.scope {
			t.Errorf("%s: scope %q, %v", name, c.IDScope, err)
		}
		if n := len(warnings); (n > 0) != (row.warning != "") || n > 1 || n == 1 && !strings.HasPrefix(warnings[0], "/x/config.toml, "+row.warning) {
			t.Errorf("%s: warnings %q, want %q", name, warnings, row.warning)
		}
	}
}

// How a file has the chip opened is known before the chip is asked; of one that cannot
// be read nothing is.
func TestTargetTCTI(t *testing.T) {
	for text, want := range map[string]string{
		"": "", file("0ne0012AB34", "box-7"): "", file("0ne0012AB34", "box-7") + "[tpm]\ntcti = \"swtpm:port=1\"\n": "swtpm:port=1", "[tpm\n": "",
	} {
		r, _ := request(t, text)
		target, err := configfile.Find(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := target.TCTI(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// What is wrong with settings whatever the file says; what the chip or the file may
// give is not missed.
func TestValidateRequest(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*configfile.Request)
		ok     bool
	}{
		"nothing given":         {func(*configfile.Request) {}, true},
		"a scope":               {func(r *configfile.Request) { r.IDScope.Text = "0ne0012AB34" }, true},
		"a host for a scope":    {func(r *configfile.Request) { r.IDScope.Text = "h.azure-devices.net" }, false},
		"an ID":                 {func(r *configfile.Request) { r.RegistrationID.Text = "box-7" }, true},
		"a template":            {func(r *configfile.Request) { r.RegistrationID.Text = "{serial}" }, true},
		"an ID with a blank":    {func(r *configfile.Request) { r.RegistrationID.Text = "box 7" }, false},
		"an endpoint":           {func(r *configfile.Request) { r.GlobalEndpoint.Text = "https://h" }, true},
		"one without TLS":       {func(r *configfile.Request) { r.GlobalEndpoint.Text = "http://h" }, false},
		"a TCTI that is not":    {func(r *configfile.Request) { r.Other.TCTI = "banana" }, false},
		"a scope not filled in": {func(r *configfile.Request) { r.IDScope.Text = "<scope>" }, false},
	} {
		r, _ := request(t, "")
		row.change(&r)
		if err := r.Validate(); (err == nil) != row.ok || err != nil && !errors.Is(err, edge.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
