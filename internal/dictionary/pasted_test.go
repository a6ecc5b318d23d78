package dictionary

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The entries that the tests below want, as brief writes them.
const (
	binding      = "TPM 0xa5 TPM_RC_BINDING"
	integrity    = "TPM 0x9f TPM_RC_INTEGRITY"
	badAuth      = "TPM 0xa2 TPM_RC_BAD_AUTH"
	noEnrollment = "DPS 404201"
	wrongKey     = "DPS 400004"
	notAllowed   = "IoT Hub CONNACK 5 not authorized"
	ioFailure    = "TPM software stack 0x000a000a TSS2_TCTI_RC_IO_ERROR"
)

// pasted are texts as people paste them, and what comes first for each.
var pasted = []struct{ text, want string }{
	// .NET, Java, Node, C++ and Rust.
	{"Error {Binding} was returned for command ActivateCredential.", binding},
	{"[Code=TpmRc.Binding],[RawCode=0x2E5,741]", binding},
	{"TpmRcException: TPM_RC_BINDING", binding},
	{"Tpm2Lib.TpmException: Error {Integrity} was returned for command Import.", integrity},
	{"TPM Exception: {INTEGRITY}", integrity},
	{"TpmError: command Import failed, response code {TPM_RC_INTEGRITY}", integrity},
	{"tss.IntegrityException: the TPM refused Import", integrity},
	{"TPM Error - TPM_RC::BAD_AUTH", badAuth},
	{"TPM Error - TPM_RC::RC_VER1", "TPM 0x100 TPM_RC_INITIALIZE"},
	{"tss.js: TPM_RC.BAD_AUTH", badAuth},
	{"TPM Error: kind: Some(ObjectMemory)", "TPM 0x902 TPM_RC_OBJECT_MEMORY"},
	{"Tss2Error(FormatZero(FormatZeroResponseCode { .0: 655370, error_number: 10 }))", ioFailure},
	{"Error {TbsCommandBlocked} was returned for command NvDefineSpace.", "Windows 0x80280400 TPM_E_COMMAND_BLOCKED"},
	{"Error {TbsAccessDenied} was returned", "Windows 0x80284012 TBS_E_ACCESS_DENIED"},
	{"TCTI init for function 0x7f36914deec0 failed with a000a", ioFailure},
	{"tpm2-tss exception : message=Failed, code=655370", ioFailure},
	{"tcti:IO failure", ioFailure},

	// The services of IoT Edge, in Rust.
	{"caused by: Expected one of [202], got 200 OK", "log line Expected one of [202], got 200 OK"},
	{"caused by: Enrollment not found.", noEnrollment},
	{"caused by: Endorsement key is invalid, or does not match the Enrollment.", wrongKey},
	{"caused by: Custom allocation failed with status code: 404", "DPS 400207"},
	{"caused by: could not import auth key", "log line could not import auth key"},
	{"caused by: could not sign with auth key", "log line could not sign with auth key"},
	{"caused by: could not initialize TPM", "log line could not initialize TPM"},
	{"ERROR:tcti:src/tss2-tcti/tcti-device.c:455:Tss2_Tcti_Device_Init() Could not open any default TCTI device file", "log line Failed to open device file"},
	{"Failed to open specified TCTI device file /dev/tpmrm0: Permission denied", "log line Failed to open device file"},
	{"caused by: error trying to connect: error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed:../ssl/statem/statem_clnt.c:1889:", "log line certificate verify failed"},
	{"certificate verify failed:../ssl/statem/statem_clnt.c:1889:: unable to get local issuer certificate", "log line unable to get local issuer certificate"},
	{"certificate verify failed:ssl/statem/statem_clnt.c:1913:: self signed certificate in certificate chain", "log line self signed certificate"},
	{"certificate verify failed: certificate has expired", "log line certificate has expired"},
	{"caused by: invalid Content-Type; expected JSON", "log line invalid Content-Type; expected JSON"},
	{"error trying to connect: Connection refused (os error 111)", "log line Connection refused (os error 111)"},
	{"error trying to connect: tcp connect error: No route to host (os error 113)", "log line No route to host (os error 113)"},
	{"error trying to connect: dns error: failed to lookup address information: Temporary failure in name resolution", "log line failed to lookup address information"},
	{"HTTP request throttled (attempt 1 of 5). Sleeping for 66 seconds.", "log line HTTP request throttled"},
	{"could not parse config file: data did not match any variant of untagged enum ManualProvisioning at line 103 column 2", "log line did not match any variant of untagged enum ManualProvisioning"},
	{"could not parse config file: data did not match any variant of untagged enum DpsAttestationMethod", "log line did not match any variant of untagged enum"},
	{"DPS client error", "log line DPS client error"},
	{"unknown variant `disabled`, expected one of `assigned`, `assigning`, `failed` at line 1 column 30", "log line unknown variant disabled"},
	{"caused by: missing field `authenticationKey` at line 1 column 97", "log line missing field authenticationKey"},

	// MQTT.
	{"CONNACK return code 5", notAllowed},
	{"CONNACK, return code: 0x05", notAllowed},
	{"MQTT_PACKET_CONNACK, CONNACK response code: 4.", "IoT Hub CONNACK 4 bad user name or password"},
	{"received CONNACK with return code 3", "IoT Hub CONNACK 3 server unavailable"},
	{"CONNACK rc=2", "IoT Hub CONNACK 2 identifier rejected"},
	{"CONNACK reason code 1", "IoT Hub CONNACK 1 unacceptable protocol version"},
	{"Connected with result code 5", notAllowed},
	{"Connection refuse, reason code: 5", notAllowed},
	{"RC error 5 (Connection refused – not authorised)", notAllowed},
	{"Error: Connection refused: Not authorized", notAllowed},
	{"Connection Refused: bad user name or password.", "IoT Hub CONNACK 4 bad user name or password"},
	{"UnauthorizedException: CONNECT failed: RefusedNotAuthorized", notAllowed},
	{"CONNECT failed: RefusedServerUnavailable", "IoT Hub CONNACK 3 server unavailable"},
	{"mqtt_operation_complete_callback: CONN_REFUSED_NOT_AUTHORIZED", notAllowed},
}

// dresses are what comes along with a text that was pasted.
var dresses = map[string]func(string) string{
	"bare": func(s string) string { return s },
	"journal": func(s string) string {
		return "Nov 25 12:00:01 box-7 aziot-identityd[400004]: 2026-11-25T12:00:01Z [ERR!] - " + s
	},
	"reported":   func(s string) string { return "2026-11-25T12:00:01Z [INFO] - !!! " + s },
	"coloured":   func(s string) string { return "\x1b[1;31m" + s + "\x1b[0m" },
	"Windows":    func(s string) string { return "\ufeff" + s + "\r\n\r\n" },
	"quoted":     func(s string) string { return `"` + s + `"` },
	"curly":      func(s string) string { return "\u201c" + s + "\u201d" },
	"mailed":     func(s string) string { return "> > " + s },
	"fenced":     func(s string) string { return "```\n" + s + "\n```" },
	"JSON":       func(s string) string { return `{"level":"error","msg":` + strconv.Quote(s) + `}` },
	"two blanks": func(s string) string { return strings.ReplaceAll(s, " ", "  ") },
	"indented":   func(s string) string { return "\t\t   " + s },
}

func TestPasted(t *testing.T) {
	for _, tt := range pasted {
		for name, dress := range dresses {
			text := dress(tt.text)
			got := brief(Explain(text))
			if len(got) == 0 || got[0] != tt.want && !strings.HasPrefix(got[0], numberedAs(tt.want)) {
				t.Errorf("%s: Explain(%q) = %q, want %s first", name, text, got, tt.want)
			}
		}
	}
}

// numberedAs leaves of an entry of the chip what it is about: a text may have the
// number of a parameter as well.
func numberedAs(want string) string {
	_, name, ok := strings.Cut(want, "TPM_RC_")
	if !ok {
		return want
	}
	return "TPM 0x2e5 TPM_RC_" + name
}

// TestPastedInSmallLetters: the phrases do not depend on upper and lower case.
func TestPastedInSmallLetters(t *testing.T) {
	phrases := 0
	for _, e := range lines {
		for _, text := range []string{strings.ToLower(e.Code), strings.ToUpper(e.Code)} {
			phrases++
			if !slices.ContainsFunc(Explain("x "+text+"1"), func(f Entry) bool { return f.Code == e.Code }) &&
				!slices.ContainsFunc(Explain("x "+text+": y"), func(f Entry) bool { return f.Code == e.Code }) {
				t.Errorf("%q is not found", text)
			}
		}
	}
	for _, w := range wordings {
		phrases++
		found := Explain("[ERR!] - " + strings.ToUpper(w.text))
		if len(w.entry()) != 1 || !slices.ContainsFunc(found, func(f Entry) bool { return f.Kind == w.kind && f.Code == w.code }) {
			t.Errorf("%q stands for %s %s; it is explained as %q", w.text, w.kind, w.code, brief(found))
		}
	}
	if phrases < 150 {
		t.Errorf("%d phrases", phrases)
	}
}

// TestNamesAlone: a question that is only a name, as some program spells it.
func TestNamesAlone(t *testing.T) {
	for _, text := range []string{"{Binding}", "Binding", "BINDING", "{BINDING}", "{TPM_RC_BINDING}", "TPM_RC_BINDING", "tpm_rc_binding", "TPM_RC.BINDING", "TpmRc.Binding", "BindingException", " <Binding> ", "`{Binding}`"} {
		if got := brief(Explain(text)); !slices.Equal(got, []string{binding}) {
			t.Errorf("Explain(%q) = %q, want %s", text, got, binding)
		}
	}
	for _, text := range []string{"IntegrityException", "{Integrity}", "INTEGRITY"} {
		if got := brief(Explain(text)); !slices.Equal(got, []string{integrity}) {
			t.Errorf("Explain(%q) = %q, want %s", text, got, integrity)
		}
	}
	for _, e := range verifySteps {
		for _, text := range []string{e.Code, "tpmdps: " + e.Code + ": no connection: dial tcp", "fail    " + e.Code + "   no connection", `{"name": "` + e.Code + `", "status": "fail"}`} {
			if !slices.ContainsFunc(Explain(text), func(f Entry) bool { return f.Kind == kindStep && f.Code == e.Code }) {
				t.Errorf("Explain(%q) = %q, want the step", text, brief(Explain(text)))
			}
		}
	}
}

// TestWordsOfOthersExplainNothing: what looks alike and is another program's.
func TestWordsOfOthersExplainNothing(t *testing.T) {
	for _, text := range []string{
		"TypeError: undefined is not a function", "ValueError: TPM is not a number", "KeyError: 'tpm'",
		"java.lang.TypeException: x", "com.example.DataIntegrityException: row 5",
		"hub.connect is not a function", "await hub.connect();", "clock", "the {value} of {size} in {type}",
		"value", "binding", "handle", "the template {Handle} is not filled in",
		"sshd[301]: Connection reset by peer", "kex_exchange_identification: Connection closed by remote host",
		"connection closed, process ended with exit code 5", "postgres: connection refused",
		"Expected one of [200], got 500", "module timed out after 30 s", "internal error of the printer",
		"tpmdps: hint: run it again", "curl: (60) SSL: no alternative certificate subject name", "code=400123",
		"Failed to open file /etc/passwd: No such file or directory", "unknown variant `blue`, expected `red`",
		"Your connection with result 12 was fine", "A TPM error (0) occurred",
	} {
		want := []string(nil)
		if text == "clock" { // a step
			want = []string{"verify step clock"}
		}
		if got := brief(Explain(text)); !slices.Equal(got, want) {
			t.Errorf("Explain(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestCauseFirst: of a whole log, what is nearest to the cause comes first, whatever
// the order of the lines.
func TestCauseFirst(t *testing.T) {
	const (
		edged     = "box aziot-edged[7]: [WARN] - Failed to send HTTP request (attempt 1 of 2): error trying to connect: Connection refused (os error 111)\n"
		identityd = "box aziot-identityd[8]: [ERR!] - Failed to provision with IoT Hub, and no valid device backup was found: DPS client error\nbox aziot-identityd[8]: [ERR!] - service encountered an error\nbox aziot-identityd[8]: [ERR!] - caused by: DPS client error\n"
		firstRun  = "box aziot-tpmd[9]: ERROR:esys:src/tss2-esys/esys_tr.c:230:Esys_TR_FromTPMPublic_Finish() Error ReadPublic ErrorCode (0x0000018b)\nbox aziot-tpmd[9]: [INFO] - could not read endorsement key from 0x81010001: tpm:handle(1):the handle is not correct for the use\n"
		by        = "box aziot-identityd[8]: [ERR!] - caused by: "
	)
	for _, tt := range []struct{ log, want string }{
		{edged + firstRun + identityd + by + "Enrollment not found.\n", noEnrollment},
		{firstRun + identityd + by + "Enrollment not found.\n" + edged, noEnrollment},
		{identityd + by + "Expected one of [202], got 200 OK\n" + edged, "log line Expected one of [202], got 200 OK"},
		{identityd + by + "error trying to connect: Connection refused (os error 111)\n" + by + "Connection refused (os error 111)\n", "log line Connection refused (os error 111)"},
		{identityd + by + "internal error\n" + firstRun + "box aziot-tpmd[9]: [ERR!] - !!! caused by: could not import auth key\nbox aziot-tpmd[9]: [ERR!] - !!! caused by: tpm:parameter(1):integrity check failed\n", "TPM 0x1df TPM_RC_INTEGRITY (parameter 1)"},
		{identityd + by + "internal error\nbox aziot-tpmd[9]: [ERR!] - caused by: could not initialize TPM\nbox aziot-tpmd[9]: [ERR!] - caused by: tcti:IO failure\n", ioFailure},
		{"box aziot-tpmd[9]: ERROR:tcti:src/tss2-tcti/tcti-device.c:440:Tss2_Tcti_Device_Init() Failed to open specified TCTI device file /dev/tpmrm0: Permission denied\nbox aziot-tpmd[9]: [ERR!] - caused by: tcti:IO failure\n" + identityd + by + "internal error\n", "log line Failed to open device file"},
		{firstRun + "box aziot-tpmd[9]: ERROR: Esys_EvictControl(0x14C) - tpm:error(2.0): NV Index or persistent object already defined\n" + identityd, "TPM 0x14c TPM_RC_NV_DEFINED"},
		{edged + identityd, "log line DPS client error"},
		{firstRun, "log line could not read endorsement key from"},
		{"kernel: tpm tpm0: A TPM error (2314) occurred continue selftest\n" + identityd + by + "Unauthorized\n", "log line caused by: Unauthorized"},
		{"PUT /register: 401 Unauthorized, Authorization required, resend request using supplied key\nGET /operations: error 400209: x\n", "DPS 400209"},
		{`{"errorCode":401002,"message":"IotHubUnauthorizedAccess"}` + "\nUnauthorizedAccess\n", "DPS 400209"},
		{"CONNACK return code 5\nerror 404201: Enrollment not found.\n", noEnrollment},
		{"could not parse config file: x\n" + identityd + by + "tcti:IO failure\n", "log line could not parse config file"},
		{"tpmdps: hub.tls: no connection\nconnect: Connection refused (os error 111)\n", "log line Connection refused (os error 111)"},
	} {
		for name, log := range map[string]string{"as it is": tt.log, "of Windows": strings.ReplaceAll(tt.log, "\n", "\r\n"), "quoted": "> " + strings.ReplaceAll(tt.log, "\n", "\n> ")} {
			if got := brief(Explain(log)); len(got) == 0 || got[0] != tt.want {
				t.Errorf("%s: Explain(%q)\n= %q\nwant %s first", name, log, got, tt.want)
			}
		}
	}
}

// TestChainEndsFirst: of two causes of one depth in a chain the last one counts,
// and otherwise the first line.
func TestChainEndsFirst(t *testing.T) {
	chain := "[ERR!] - caused by: Connection timed out (os error 110)\n[ERR!] - caused by: failed to lookup address information\n"
	if got := brief(Explain(chain)); !slices.Equal(got, []string{"log line failed to lookup address information", "log line Connection timed out (os error 110)"}) {
		t.Errorf("a chain: %q", got)
	}
	apart := "[ERR!] - Connection timed out (os error 110)\n[INFO] - on we go\n[ERR!] - failed to lookup address information\n"
	if got := brief(Explain(apart)); !slices.Equal(got, []string{"log line Connection timed out (os error 110)", "log line failed to lookup address information"}) {
		t.Errorf("two errors: %q", got)
	}
}
