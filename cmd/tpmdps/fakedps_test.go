package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// fakeDPS answers what reports show and an emulator does not: its mode is put-CODE (no
// enrollment, the write is refused), race-CODE (an enrollment, the write is refused),
// get-CODE, sym, x509 (another attestation), or legacyhub (a hub named in the older
// way). What is written is sent to puts.
func fakeDPS(t *testing.T, mode, message, ek string, puts *[]string) (args []string) {
	kind, number, _ := strings.Cut(mode, "-")
	code, _ := strconv.Atoi(number)
	refusal := func(code int) (int, string) {
		return code / 1000, fmt.Sprintf(`{"errorCode":%d,"trackingId":"t","message":%q,"timestampUtc":"2026-11-25T00:00:00Z"}`, code, message)
	}
	tpm := `{"registrationId":"box-7","deviceId":"box-7","attestation":{"type":"tpm","tpm":{"endorsementKey":"` + ek + `"}},"etag":"\"1\""`
	get := map[string]string{
		"race": tpm + `,"provisioningStatus":"enabled"}`, "legacyhub": tpm + `,"iotHubHostName":"h1.azure-devices.net","iotHubs":null}`,
		"sym":  `{"registrationId":"box-7","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"cHJpbWFyeS1rZXk=","secondaryKey":"c2Vjb25kYXJ5LWtleQ=="}},"etag":"\"1\"","provisioningStatus":"enabled"}`,
		"x509": `{"registrationId":"box-7","attestation":{"type":"x509","x509":{"clientCertificates":{"primary":{"info":{}}}}},"etag":"\"1\"","provisioningStatus":"enabled"}`,
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		status, text := 200, string(body)
		switch {
		case r.Method == http.MethodGet && kind == "get":
			status, text = refusal(code)
		case r.Method == http.MethodGet && get[kind] != "":
			text = get[kind]
		case r.Method == http.MethodGet:
			status, text = 404, `{"errorCode":404201,"trackingId":"t","message":"Enrollment not found."}`
		case strings.HasSuffix(r.URL.Path, "/query"):
			text = "[]"
		default:
			*puts = append(*puts, r.Header.Get("If-Match")+" "+text)
			if code != 0 && kind != "get" {
				status, text = refusal(code)
			}
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	ca, cs := filepath.Join(t.TempDir(), "ca"), filepath.Join(t.TempDir(), "cs")
	for path, data := range map[string]string{
		ca: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
		cs: "HostName=" + strings.TrimPrefix(server.URL, "https://") + ";SharedAccessKeyName=enroll;SharedAccessKey=c2VjcmV0c2VjcmV0c2VjcmV0",
	} {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"tpmdps", "enroll", "--ek", ek, "--registration-id", "box-7", "--ca-file", ca, "--connection-string-file", cs, "-o", "json", "-q"}
}

// What enroll makes of the answers of the field.
func TestAnswersOfTheField(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "")
	ek := ekNumber(1)
	update := []string{"--update", "--device-id", "new"}
	for _, row := range []struct {
		mode, message string
		flags         []string
		code          int
		says          string // in the error
		hint          string
		puts          int
		wrote         string // in what was sent last
		not           string // not in it
	}{
		{mode: "put-400004", message: "IoT Hub h9.azure-devices.net is not linked.", flags: []string{"--iot-hubs", "h9.azure-devices.net"}, code: 2, says: "the DPS refuses a hub", hint: "az iot dps linked-hub list", puts: 1},
		{mode: "put-400004", message: "Invalid property name in initialTwin: a.b", flags: []string{"--iot-hubs", "h9.azure-devices.net"}, code: 2, says: "a.b", hint: "correct what the message names", puts: 1},
		{mode: "put-400001", message: "x", code: 2, says: "error 400001", puts: 1},
		{mode: "put-401002", message: "Unauthorized", code: 30, says: "the shared access policy does not allow it", hint: "EnrollmentWrite", puts: 1},
		{mode: "put-403002", message: "x", code: 30, hint: "EnrollmentWrite", puts: 1},
		{mode: "put-409201", message: "Enrollment already exists.", code: 15, says: "changed meanwhile, nothing was written", hint: "run the command again", puts: 1},
		{mode: "put-412001", message: "x", code: 15, says: "changed meanwhile, nothing was written", hint: "run the command again", puts: 1},
		{mode: "put-415000", message: "x", code: 21, hint: "something other than DPS answered", puts: 1},
		{mode: "race-412001", message: "x", flags: update, code: 15, says: "changed meanwhile, nothing was written", hint: "run the command again", puts: 1, wrote: `"1" `},
		{mode: "race-412002", message: "ETag is invalid", flags: update, code: 15, says: "changed meanwhile", hint: "run the command again", puts: 1, wrote: `"1" `},
		{mode: "race-409001", message: "ETag is invalid", flags: update, code: 15, says: "changed meanwhile", hint: "run the command again", puts: 1},
		{mode: "race-404201", message: "Enrollment not found.", flags: update, code: 15, says: "404201", hint: "run the same command again", puts: 1},
		{mode: "race-400209", message: "x", flags: update, code: 30, says: "400209", hint: "unlink the hub", puts: 1},
		{mode: "get-401002", message: "Unauthorized", code: 30, says: "look for the enrollment"},
		{mode: "get-403001", message: "no", code: 30, hint: "EnrollmentRead"},
		{mode: "get-404201", message: "no", code: 0, puts: 1},
		{mode: "get-404202", message: "no", code: 0, puts: 1},
		{mode: "get-404001", message: "x", code: 21, says: "not an answer of a DPS", hint: "something other than DPS answered"},
		{mode: "get-400001", message: "x", code: 2, says: "error 400001"},
		{mode: "sym", code: 15, says: "box-7: the enrollment exists with another attestation: attestation.tpm.endorsementKey is symmetricKey, not a TPM's", hint: "the same command with --replace-ek --reason TEXT, which removes what it has now; if it is another machine, enroll this one under another registration ID"},
		{mode: "sym", flags: []string{"--update"}, code: 15, says: "another attestation", hint: "--replace-ek"},
		{mode: "sym", flags: []string{"--replace-ek", "--reason", "board swapped"}, puts: 1, wrote: `"attestation":{"type":"tpm","tpm":{"endorsementKey":"` + ek + `"}}`, not: "symmetricKey"},
		{mode: "x509", code: 15, says: "is x509, not a TPM's", hint: "another registration ID"},
		{mode: "x509", flags: []string{"--replace-ek", "--reason", "board swapped"}, puts: 1, wrote: `"1" `, not: "x509"},
		{mode: "legacyhub"},
		{mode: "legacyhub", flags: []string{"--update", "--edge-enabled"}, puts: 1, wrote: `"iotHubHostName":"h1.azure-devices.net"`, not: "iotHubs"},
		{mode: "legacyhub", flags: []string{"--iot-hubs", "H1.azure-devices.net"}},
		{mode: "legacyhub", flags: []string{"--iot-hubs", "h2.azure-devices.net"}, code: 15, says: "iotHubs is h1.azure-devices.net, wanted h2.azure-devices.net", hint: "--update"},
		{mode: "legacyhub", flags: []string{"--update", "--iot-hubs", "h2.azure-devices.net"}, puts: 1, wrote: `"iotHubs":["h2.azure-devices.net"]`, not: "iotHubHostName"},
		{mode: "legacyhub", flags: []string{"--update", "--allocation-policy", "static"}, puts: 1, wrote: `"iotHubHostName":"h1.azure-devices.net"`},
	} {
		var puts []string
		var out, errs bytes.Buffer
		name := row.mode + " " + row.message + " " + strings.Join(row.flags, " ")
		code := run(t.Context(), append(fakeDPS(t, row.mode, row.message, ek, &puts), row.flags...), streams{strings.NewReader(""), &out, &errs})
		var failed struct{ Error, Hint string }
		if code != 0 {
			if err := json.Unmarshal(errs.Bytes(), &failed); err != nil {
				t.Errorf("%s: %v: %s", name, err, &errs)
			}
		}
		if code != row.code || !strings.Contains(failed.Error, row.says) || !strings.Contains(failed.Hint, row.hint) || len(puts) != row.puts {
			t.Errorf("%s: exit code %d, %q, hint %q, %d writes; want %d, %q, %q, %d", name, code, failed.Error, failed.Hint, len(puts), row.code, row.says, row.hint, row.puts)
			continue
		}
		if row.puts > 0 && (!strings.Contains(puts[0], row.wrote) || row.not != "" && strings.Contains(puts[0], row.not)) {
			t.Errorf("%s: wrote %s, want %q in it and not %q", name, puts[0], row.wrote, row.not)
		}
		if shown := out.String() + errs.String(); strings.Contains(shown, "cHJpbWFyeS1rZXk") {
			t.Errorf("%s: a key of the machine is shown: %s", name, shown)
		}
	}
}
