package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tpmdps/internal/verdict"
)

// ends runs a command line and returns how it ended.
func ends(t *testing.T, stdin string, args ...string) failure {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), append([]string{"tpmdps"}, append(args, "-o", "json", "-q")...), streams{strings.NewReader(stdin), &out, &errs})
	var f failure
	if err := json.Unmarshal(errs.Bytes(), &f); err != nil || f.Code != code {
		t.Fatalf("%q: exit code %d, %v: %s", args, code, err, errs.String())
	}
	return f
}

// What is wrong with a credential has one code, in whatever it is handed in.
func TestCredentialFaultsHaveOneCode(t *testing.T) {
	key := strings.Repeat("A", 43) + "="
	cs := "HostName=plant.azure-devices-provisioning.net;SharedAccessKeyName=enroller;SharedAccessKey=" + key
	sas := "SharedAccessSignature sr=plant.azure-devices-provisioning.net&sig=" + strings.Repeat("A", 43) + "%3D&se=4102444800&skn=enroller"
	for _, v := range []struct{ variable, flag, right string }{
		{"PROVISIONING_CONNECTION_STRING", "--connection-string-file", cs}, {"TPMDPS_SAS_TOKEN", "--sas-token-file", sas},
	} {
		for what, text := range map[string]string{"empty": "", "blank": " ", "line end": "\r\n", "junk": "junk", "quotes": `""`, "of another DPS": v.right} {
			t.Run(v.variable+" "+what, func(t *testing.T) {
				t.Setenv("PROVISIONING_CONNECTION_STRING", "")
				t.Setenv("TPMDPS_SAS_TOKEN", "")
				t.Setenv("TPMDPS_DPS", "other.azure-devices-provisioning.net")
				args := []string{"enroll", "--ek", otherEK(), "--registration-id", "box"}
				file := filepath.Join(t.TempDir(), "secret")
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				if f := ends(t, "", append(args, v.flag, file)...); f.Code != 30 {
					t.Errorf("as a file: %d %s", f.Code, f.Error)
				}
				t.Setenv(v.variable, text)
				if f := ends(t, "", args...); f.Code != 30 {
					t.Errorf("as a variable: %d %s", f.Code, f.Error)
				}
			})
		}
	}
}

// A variable with something around its value is refused, not believed, and the hint
// names the variable.
func TestVariablesInDress(t *testing.T) {
	for variable, line := range map[string]string{
		"TPMDPS_TPM": "read-ek", "TPM2TOOLS_TCTI": "verify --offline", "TPMDPS_DPS": "enroll --from none",
		"IOTHUB_DEVICE_DPS_ENDPOINT": "verify --id-scope 0ne00000E11", "PROVISIONING_HOST": "config --config -",
		"IOTHUB_DEVICE_DPS_ID_SCOPE": "verify", "PROVISIONING_IDSCOPE": "config --config -", "PROVISIONING_REGISTRATION_ID": "verify --id-scope 0ne00000E11",
	} {
		t.Run(variable, func(t *testing.T) {
			for _, dress := range []string{"%s\r", " %s", "%s ", "\t%s", "%s\n", `"%s"`, "'%s'", "\ufeff%s", " "} {
				value := dress
				if strings.Contains(dress, "%s") {
					value = fmt.Sprintf(dress, "localhost")
				}
				t.Setenv(variable, value)
				f := ends(t, "", strings.Fields(line)...)
				if f.Code != 2 || !strings.HasPrefix(f.Error, variable+" is not usable: ") {
					t.Errorf("%q: %d %s", value, f.Code, f.Error)
				}
			}
		})
	}
	for variable, line := range map[string]string{"TPMDPS_TPM": "read-ek", "PROVISIONING_REGISTRATION_ID": "verify --offline"} {
		t.Run(variable+" hint", func(t *testing.T) {
			t.Setenv(variable, "foo:b r")
			f := ends(t, "", strings.Fields(line)...)
			if f.Code != 2 || strings.Contains(f.Hint, "--tpm") || strings.Contains(f.Hint, "--registration-id") || f.Hint == "" {
				t.Errorf("%d %s, hint %q", f.Code, f.Error, f.Hint)
			}
		})
	}
}

// Standard input is read by one.
func TestOneReaderOfStandardInput(t *testing.T) {
	cs := "HostName=plant.azure-devices-provisioning.net;SharedAccessKeyName=enroller;SharedAccessKey=" + strings.Repeat("A", 43) + "="
	for _, line := range []string{
		"enroll --from - --connection-string-fd 0", "enroll --from - --sas-token-fd 0", "enroll --from /dev/stdin --connection-string-fd 0",
		"enroll --from - --connection-string-file /dev/stdin", "enroll --from - --ca-file /dev/fd/0",
		"enroll --from - --endorsement-auth-file /proc/self/fd/0", "enroll --connection-string-fd 0 --owner-auth-file /dev/stdin",
		"config --check --config - --connection-string-fd 0", "verify --id-scope 0ne00000E11 --payload /dev/stdin --endorsement-auth-file /dev/stdin",
	} {
		for _, stdin := range []string{"", cs, "{}"} {
			if f := ends(t, stdin, strings.Fields(line)...); f.Code != 2 || !strings.Contains(f.Error, "standard input") {
				t.Errorf("%s: %d %s", line, f.Code, f.Error)
			}
		}
	}
}

// Nothing that the program says to do looks like a secret to its own redactor.
func TestHintsSurviveTheRedactor(t *testing.T) {
	hints := allHints(t)
	for _, value := range []string{"socks5://h:1", "http=h:1", "ftp://h", "http://", "http://a b@h:1", " http://h"} {
		t.Setenv("HTTPS_PROXY", value)
		_, _, err := variables().Proxies()
		if err == nil {
			t.Errorf("HTTPS_PROXY=%s is usable", value)
			continue
		}
		hints = append(hints, verdict.Of(err).Hint)
	}
	for _, hint := range hints {
		var b bytes.Buffer
		s, flush := streams{strings.NewReader(""), &b, &b}.redacted()
		fmt.Fprintln(s.err, hint)
		flush()
		if got := strings.TrimSuffix(b.String(), "\n"); got != hint {
			t.Errorf("%q is printed as %q", hint, got)
		}
	}
}

// An enrollment that a hub or the DPS would refuse is corrected in its file: there is no
// chip to read again.
func TestHintsOfEnrollmentsInFiles(t *testing.T) {
	for _, part := range []string{
		`"initialTwin":{"tags":{"a.b":1}}`, `"initialTwin":{"tags":{"$x":1}}`, `"provisioningStatus":"maybe"`,
		`"allocationPolicy":"maybe"`, `"deviceId":"a b"`, `"reprovisionPolicy":7`,
	} {
		line := `{"registrationId":"box-1","attestation":{"type":"tpm","tpm":{"endorsementKey":"` + otherEK() + `"}},` + part + `}`
		f := ends(t, line, "enroll", "--from", "-", "--connection-string-file", connectionStringFile(t))
		if f.Code != 50 || strings.Contains(f.Hint, "read-ek") || !strings.Contains(f.Hint, "correct the enrollment") {
			t.Errorf("%s: %d %s, hint %q", part, f.Code, f.Error, f.Hint)
		}
	}
}

func connectionStringFile(t *testing.T) string {
	file := filepath.Join(t.TempDir(), "cs")
	text := "HostName=plant.azure-devices-provisioning.net;SharedAccessKeyName=enroller;SharedAccessKey=" + strings.Repeat("A", 43) + "="
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A line that is pasted into explain is a text also where it begins with a flag: no flag
// has a blank in it.
func TestExplainLinesThatBeginWithDashes(t *testing.T) {
	for _, line := range []string{
		"--edge-enabled is on by being there: 0x9a2", "--timeout 10: TPM_RC_LOCKOUT", "-o: 0x921", "--dps (or TPMDPS_DPS) names x: 404201", "- 0x9a2",
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"tpmdps", "explain", line}, streams{strings.NewReader(""), &out, &errs}); code != 0 {
			t.Errorf("%q: exit code %d: %s", line, code, errs.String())
		}
	}
}

// Both IDs of a key that is there twice are named, with their lines, and a hint that fits
// a file.
func TestDuplicatesNameIDsAndLines(t *testing.T) {
	one := func(id string) string {
		return `{"registrationId":"` + id + `","attestation":{"type":"tpm","tpm":{"endorsementKey":"` + otherEK() + `"}}}`
	}
	for _, file := range []string{one("line7-01") + "\n\n" + one("line7-02"), "[" + one("line7-01") + ",\n\n" + one("line7-02") + "]"} {
		f := ends(t, file, "enroll", "--from", "-", "--connection-string-file", connectionStringFile(t))
		for _, part := range []string{"line7-01", "line7-02", "lines 1 and 3", "and different registration IDs"} {
			if f.Code != 15 || !strings.Contains(f.Error, part) {
				t.Errorf("%d %s; want %s", f.Code, f.Error, part)
			}
		}
		if !strings.Contains(f.Hint, "take one out of the file") {
			t.Errorf("hint %q", f.Hint)
		}
	}
}
