package dictionary

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
)

// brief writes entries as "kind code name".
func brief(found []Entry) []string {
	var out []string
	for _, e := range found {
		out = append(out, strings.TrimSpace(e.Kind+" "+e.Code+" "+e.Name))
	}
	return out
}

func TestExplain(t *testing.T) {
	const (
		badAuth = "TPM 0x9a2 TPM_RC_BAD_AUTH (session 1)"
		locked  = "TPM 0x921 TPM_RC_LOCKOUT"
		ioError = "TPM software stack 0x000a000a TSS2_TCTI_RC_IO_ERROR"
		blocked = "Windows 0x80280400 TPM_E_COMMAND_BLOCKED"
	)
	tests := []struct {
		text string
		want []string
	}{
		// The chip's codes, in all ways to write them.
		{"0x9a2", []string{badAuth}},
		{"0X9A2", []string{badAuth}},
		{"9a2", []string{badAuth}},
		{"2466", []string{badAuth}},
		{"0x000009a2", []string{badAuth}},
		{"000009a2", []string{badAuth}},
		{"TPM_RC_BAD_AUTH", []string{"TPM 0xa2 TPM_RC_BAD_AUTH"}},
		{"tpm2_rc_lockout", []string{locked}},
		{"921", []string{locked}},
		{"2337", []string{locked}},
		{" \"0x98e\". ", []string{"TPM 0x98e TPM_RC_AUTH_FAIL (session 1)"}},
		{"0x2c4", []string{"TPM 0x2c4 TPM_RC_VALUE (parameter 2)"}},
		{"0x18b", []string{"TPM 0x18b TPM_RC_HANDLE (handle 1)"}},
		{"139", []string{"TPM 0x8b TPM_RC_HANDLE"}},
		{"0xfdf", []string{"TPM 0xfdf TPM_RC_INTEGRITY (parameter 15)"}},
		{"0x916", []string{"TPM 0x916 TPM_RC_REFERENCE_H6"}},
		{"TPM_RC_REFERENCE_S3", []string{"TPM 0x91b TPM_RC_REFERENCE_S3"}},
		{"0x580", nil},
		{"0x501", []string{"TPM 0x501 vendor code"}},
		{"922", []string{"TPM 0x39a TPM_RC_INSUFFICIENT (handle 3)", "TPM 0x922 TPM_RC_RETRY"}},

		// The software around it.
		{"0x000a000a", []string{ioError}},
		{"655370", []string{ioError}},
		{"TSS2_TCTI_RC_IO_ERROR", []string{ioError}},
		{"0x000709a2", []string{"TPM 0x000709a2 TPM_RC_BAD_AUTH (session 1), handed on by the layer ESYS"}},
		{"0xb0143", []string{"TPM 0x000b0143 TPM_RC_COMMAND_CODE, handed on by the layer RESMGR"}},
		{"0x80280400", []string{blocked}},
		{"2150106112", []string{blocked}},
		{"-2144861184", []string{blocked}},
		{"TPM_E_COMMAND_BLOCKED", []string{blocked}},
		{"0x80280921", []string{"Windows 0x80280921 TPM_RC_LOCKOUT, handed on by Windows"}},
		{"0x8028400F", []string{"Windows 0x8028400f TBS_E_TPM_NOT_FOUND"}},
		{"0x80284fff", nil},
		{"0x01000001", nil},

		// The services.
		{"400004", []string{"DPS 400004"}},
		{"401002", []string{"DPS 401002 Unauthorized", "IoT Hub 401002 IotHubUnauthorizedAccess"}},
		{"401", []string{"DPS 401 Unauthorized"}},
		{"500", []string{"DPS 500 Internal Server Error"}},
		{"IotHubUnauthorizedAccess", []string{"IoT Hub 401002 IotHubUnauthorizedAccess"}},
		{"CONNACK 5", []string{"IoT Hub CONNACK 5 not authorized"}},
		{"connack: 0x05", []string{"IoT Hub CONNACK 5 not authorized"}},
		{"5", []string{"IoT Hub CONNACK 5 not authorized"}},
		{"2", []string{"exit code 2 usage", "IoT Hub CONNACK 2 identifier rejected"}},

		// This program.
		{"31", []string{"exit code 31 device-refused"}},
		{"exit status 130", []string{"exit code 130 interrupted"}},
		{"130", []string{"exit code 130 interrupted"}},
		{"No-TPM", []string{"exit code 10 no-tpm"}},
		{`{"error":"no TPM: x","code":10,"name":"no-tpm","step":"","hint":""}`, []string{"exit code 10 no-tpm"}},

		// Lines of logs.
		{"WARNING:esys:../src/tss2-esys/esys_tr.c:230:Esys_TR_FromTPMPublic_Finish() Error ReadPublic ErrorCode (0x0000018b)", []string{"TPM 0x18b TPM_RC_HANDLE (handle 1)"}},
		{"ERROR: Esys_CreatePrimary(0x9A2) - tpm:session(1):authorization failure without DA implications", []string{badAuth}},
		{"kernel: tpm tpm0: A TPM error (139) occurred flushing context", []string{"TPM 0x8b TPM_RC_HANDLE"}},
		{"tpm tpm0: tpm2_load_context: failed with a TPM error 0x01CB", []string{"TPM 0x1cb TPM_RC_HANDLE (parameter 1)"}},
		{"[ERR!] - \tcaused by: hsm api RETURNED an invalid null response", []string{"log line HSM API returned an invalid null response"}},
		{"<- 22:08:55 CONNACK | SESSION_PRESENT: false | RETURN_CODE: 0x5", []string{"IoT Hub CONNACK 5 not authorized"}},
		{"Connection Not Accepted: 0x5: Not Authorized", []string{"IoT Hub CONNACK 5 not authorized"}},
		{`{"errorCode":400004,"trackingId":"1b2c"}`, []string{"DPS 400004"}},
		{"PUT /register: 404 Not Found, error 404201: Enrollment not found.", []string{"DPS 404201", "DPS 404 Not Found"}},
		{"HTTP 429", []string{"DPS 429 Too many requests"}},
		{"- Failed to provision at line 2411", []string{"log line Failed to provision at line"}},
		{"2022-04-01 [WARN] could not evict previous auth key: 0x0000018b", []string{"log line could not evict previous auth key", "TPM 0x18b TPM_RC_HANDLE (handle 1)"}},

		// Nothing.
		{"", nil},
		{"hello", nil},
		{"add", nil},
		{"0x81010001", nil},
		{"99999999999999999999", nil},
		{"port 8883, 316 bytes", nil},
	}
	for _, tt := range tests {
		if got := brief(Explain(tt.text)); !slices.Equal(got, tt.want) {
			t.Errorf("Explain(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestTPMAdviceIsWhatExplainSays: for every code, bare and behind every layer,
// and none where nothing is known.
func TestTPMAdviceIsWhatExplainSays(t *testing.T) {
	known := 0
	for _, upper := range []uint32{0, 6, 7, 8, 9, 10, 11, 12, windowsFacility, 5, 13, 0xffff} {
		for low := range uint32(1 << 16) {
			code := upper<<16 | low
			want := ""
			if found := chipCode(code); len(found) > 0 {
				want = found[0].Do
			}
			if got := TPMAdvice(code); got != want {
				t.Fatalf("TPMAdvice(%#x) = %q, explain says %q", code, got, want)
			} else if got != "" {
				known++
			}
		}
	}
	if known < 10000 {
		t.Errorf("advice for %d codes: is the comparison broken?", known)
	}
	for code, part := range map[uint32]string{
		0x921: "clear-lockout", 0xb0921: "clear-lockout", 0x80280921: "clear-lockout",
		0x80284012: "administrator", 0xa000a: "tcti",
	} {
		if got := TPMAdvice(code); !strings.Contains(got, part) {
			t.Errorf("TPMAdvice(%#x) = %q, want something with %q", code, got, part)
		}
	}
	for _, code := range []uint32{0, 0xd0921, 0xffffffff, 0x81010001} {
		if got := TPMAdvice(code); got != "" {
			t.Errorf("TPMAdvice(%#x) = %q, want nothing", code, got)
		}
	}
}

// TestNamesAreThoseOfGoTPM compares all 4,096 codes with another decoder.
func TestNamesAreThoseOfGoTPM(t *testing.T) {
	known := 0
	for rc := range uint16(codeBits + 1) {
		name, _, _ := strings.Cut(tpm2.TPMRC(rc).Error(), ":")
		e, ok := tpm(rc)
		if !strings.HasPrefix(name, "TPM_RC_") {
			if ok && e.Name != "vendor code" && rc != 0x01e {
				t.Errorf("%#x: %s, go-tpm knows no such code", rc, e.Name)
			}
			continue
		}
		known++
		name = strings.Replace(name, " RC_FMT1", "", 1) // of one name, by mistake
		for _, subject := range []string{"handle", "parameter", "session"} {
			name = strings.TrimSuffix(name, " ("+subject+" 0)") // which one is not said
		}
		if e.Name != name {
			t.Errorf("%#x: %q, go-tpm has %q", rc, e.Name, name)
		}
	}
	if known < 1000 {
		t.Errorf("go-tpm knows %d codes: is the comparison broken?", known)
	}
}

// TestEntriesAreWhole: every entry says what it means, what to do or why there
// is nothing to do, and where it is from.
func TestEntriesAreWhole(t *testing.T) {
	for _, s := range sections() {
		for _, e := range s.entries {
			switch {
			case e.Kind == "" || e.Code == "" || e.Means == "" || len(e.Sources) == 0:
				t.Errorf("incomplete: %+v", e)
			case e.Why != "" && e.Do == "" && e.Kind != kindHub && e.Kind != kindTSS:
				t.Errorf("%s %s: why, and not what to do", e.Kind, e.Code)
			}
			for _, text := range append([]string{e.Means, e.Why, e.Do}, e.Sources...) {
				if strings.HasSuffix(text, ".") || strings.TrimSpace(text) != text || strings.Contains(text, "|") {
					t.Errorf("%s %s: form of %q", e.Kind, e.Code, text)
				}
			}
		}
	}
}

// TestEverythingIsFound: what the page lists, Explain finds by its code and by
// its name.
func TestEverythingIsFound(t *testing.T) {
	for _, s := range sections() {
		for _, e := range s.entries {
			query := e.Code
			if e.Kind == kindExit {
				query = "exit code " + e.Code
			}
			for _, q := range []string{query, "x: " + query + " y"} {
				if e.Kind == kindDPS && len(e.Code) == 3 && q != query {
					q = "HTTP status " + e.Code
				}
				if e.Kind == kindStep && q != query { // other programs have such names
					q = "tpmdps: " + e.Code + ": no connection"
				}
				if (e.Kind == kindEKVerdict || e.Kind == kindEKReason) && q != query { // plain words
					q = "ek verdict: " + e.Code
				}
				if !slices.ContainsFunc(Explain(q), func(f Entry) bool { return f.Code == e.Code && f.Kind == e.Kind }) {
					t.Errorf("Explain(%q) = %q, want %s %s", q, brief(Explain(q)), e.Kind, e.Code)
				}
			}
		}
	}
}

func TestAnswersAreBounded(t *testing.T) {
	var b strings.Builder
	for rc := range codeBits {
		fmt.Fprintf(&b, "0x%03x ", rc)
	}
	if n := len(Explain(b.String())); n != maxEntries {
		t.Errorf("%d entries, want %d", n, maxEntries)
	}
	const log = 128 << 10 // bytes, with the same code 20,000 times
	if n := len(Explain(strings.Repeat("0x9a2\n", log/len("0x9a2\n")))); n != 1 {
		t.Errorf("%d entries of one code, want 1", n)
	}
}

func FuzzExplain(f *testing.F) {
	for _, seed := range []string{"0x9a2", "400004", "CONNACK 5", "exit 1", "TPM error (139)", "0x80280400", "-1", "TSS2_ESYS_RC_BAD_TR", lines[0].Code, "\xff\xfe"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, e := range Explain(text) {
			if e.Kind == "" || e.Code == "" || e.Means == "" || e.Sources == nil {
				t.Errorf("Explain(%q) has %+v", text, e)
			}
		}
	})
}

// TestExamplesOfKindsAreKnown: what the help gives as examples is explained.
func TestExamplesOfKindsAreKnown(t *testing.T) {
	checked := 0
	for _, kind := range Kinds() {
		_, examples, ok := strings.Cut(strings.TrimSuffix(kind, ")"), "(")
		if !ok {
			continue
		}
		for _, example := range strings.Split(examples, ", ") {
			checked++
			if len(Explain(example)) == 0 {
				t.Errorf("%s: nothing is known about %q", kind, example)
			}
		}
	}
	if checked < 10 {
		t.Errorf("%d examples checked", checked)
	}
}
