package dictionary

// finder finds codes that a context gives away as what they are.
type finder struct {
	example string   // a text that it finds, as the page shows it
	words   []string // one of them is on each line that the pattern matches, in small letters
	pattern *pattern
	explain func(groups []string) []Entry
	fits    func(place) bool // nil: the pattern alone is enough
	from    string           // who writes codes so
}

// finders go from what is certain to what is likely.
var finders = []finder{
	{"CONNACK 5", []string{"connack"}, newPattern(`(?i)CONNACK\W{1,3}(?:code\W{1,2})?(0x[0-9a-f]{1,2}|[0-9]{1,2})\b`), only(connack), nil, mqtt},
	{"CONNACK, return code: 0x05", []string{"connack"}, newPattern(`(?i)\bCONNACK\b[^\n0-9]{1,40}?\b(?:(?:return|reason|response|result|error)[ _]{0,2}code|rc)\W{1,3}(0x[0-9a-f]{1,2}|[0-9]{1,2})\b`), only(connack), nil, observed},
	{"Connected with result code 5", []string{"connect"}, newPattern(`(?i)\bconnect(?:ed|ion)?[ :,]{1,2}(?:failed|refused?|not accepted)?[ :,]{0,2}(?:with )?(?:return|reason|result) {1,2}code\W{1,3}(0x[0-9a-f]{1,2}|[0-9]{1,2})\b`), only(connack), nil, "Eclipse Paho, samples"},
	{"RC error 5 (Connection refused", []string{"rc error"}, newPattern(`(?i)\bRC error\W{1,2}([1-5])\b`), only(connack), nil, observed},
	{"Connection Not Accepted: 0x5: Not Authorized", []string{"return_code", "not accepted"}, newPattern(`(?i)(?:RETURN_CODE|Connection Not Accepted)\W{1,3}(0x[0-9a-f]{1,2}|[0-9]{1,2})\b`), only(connack), nil, "azure-iot-sdk-c issues 373, 647"},
	// Names, with what go-tpm and IBM's TSS write after them.
	{"TPM_RC_BAD_AUTH (session 1)", []string{"_rc_", "_20_e_"}, newPattern(`(?i)\b(TPM2?_RC_[A-Z0-9_]+|TPM_20_E_[A-Z0-9_]+)(?: \((handle|parameter|session) ([0-9]{1,2})\)|[^\n]*?\b(handle|parameter|session) number ([0-9]{1,2}))?`), numberedName, nil, "go-tpm, tpm2/errors.go; IBM TSS, tssprint.c; Windows SDK, winerror.h"},
	{"TBS_E_TPM_NOT_FOUND", []string{"_e_", "nte_", "tss2_"}, newPattern(`(?i)\b(T[BP][SM]_E_[A-Z_]+|NTE_[A-Z_]+|TSS2_[A-Z0-9_]+)`), only(named), nil, "Windows SDK, winerror.h; tpm2-tss, tss2_common.h"},
	// Microsoft's libraries write names without the underscores.
	{"Error {BadAuth} was returned for command PolicySecret", []string{"tpmrc.", "tpm_rc", "error {", "exception: {", "kind: some("}, newPattern(`(?:\bTpmRc\.|\bTPM_RC(?:\.|::)|\b(?i:error) \{|\bException: \{|\bkind: Some\()([A-Za-z0-9_]+)`), only(camelName), nil, "TSS.MSR, TSS.NET; azure-iot-sdk-csharp issues 926, 2991"},
	{"the TPM returned: {INTEGRITY}", []string{"{"}, newPattern(`(?i)\b(?:returned|response code|error code|code|rc)\W{1,3}\{((?:TPM2?_RC_)?[A-Za-z0-9_]+)\}`), only(camelName), place.isOfTPM, "TSS.MSR, TSS.Java; azure-iot-sdk-java issue 611"},
	{"tss.IntegrityException", []string{"exception"}, newPattern(`\b([A-Z][A-Za-z0-9]+)Exception\b`), only(camelName), place.isOfTPM, "TSS.MSR, TSS.Java"},
	{"IotHubUnauthorizedAccess", []string{"iothub", "device", "exception", "connectionforcefully"}, newPattern(`(?i)\b(IotHub[a-z]+|Device[a-z]+|[a-z]+Exception|ConnectionForcefullyClosed[a-z]+)\b`), only(hubName), nil, hubTable},
	{`{"errorCode":404201}`, nil, newPattern(`\b([45][0-9]{5})\b`), only(service), place.isCode, observed},
	{"HRESULT: 0x80284008", []string{"0x8028"}, newPattern(`\b0[xX](8028[0-9a-fA-F]{4})\b`), only(hexadecimal), place.isNumber, "Windows SDK, winerror.h; WSL-Hello-sudo issue 21"},
	{"Esys Finish ErrorCode (0x000009a2)", []string{"0x"}, newPattern(`\b0[xX]([0-9a-fA-F]{2,8})\b`), only(hexadecimal), place.isCode, "tpm2-tss, tss2-esys; tpm2-tools"},
	// IBM's TSS: "failed, rc 000009a2".
	{"failed, rc 000009a2", []string{"rc"}, newPattern(`(?i)\brc[ :=]{1,3}([0-9a-f]{8})\b`), only(hexadecimal), nil, "IBM TSS, tssprint.c"},
	{"TPM error (2466)", []string{"tpm error"}, newPattern(`(?i)TPM error[ :(]{1,3}([0-9]{2,5})\b`), only(decimal), nil, "Linux, drivers/char/tpm/tpm-interface.c"},
	{"A TPM error (28)", []string{"a tpm error"}, newPattern(`(?i)A TPM error ?\(([0-9]{1,3})\)`), only(tpm12), nil, "Linux, drivers/char/tpm/tpm-interface.c; swtpm issue 8"},
	// Windows' codes without 0x, and as tpm2_rc_decode leaves them.
	{"NCryptGetProperty returned 80280084", []string{"8028", "8009", "8029"}, newPattern(`(?i)\b(?:returned|hresult|code|error|status)[ :=(]{1,3}(80(?:09|28|29)[0-9a-f]{4})\b`), only(hexadecimal), nil, "go-attestation issues 251, 479"},
	{"40:0x400", []string{"40:0x"}, newPattern(`(?:^|[^\w:.])40:0x([0-9a-fA-F]{1,4})\b`), cutByDecode, nil, "tpm2-tss issues 2421, 2499"},
	{"Fapi_NvRead throws error 2337", []string{"tpm", "tss", "tcti", "esys", "fapi"}, newPattern(`(?i)\b(?:error|code|rc)[ =:]{1,2}([1-3][0-9]{3}|40[0-9]{2})\b`), only(decimal), place.isDecimalOfTPM, "tpm2-tss issue 2705"},
	// The codes of tpm2-tss: "failed with a000a", "code=655370", Rust's structures.
	{"TCTI init for function 0x7f failed with a000a", []string{"failed with"}, newPattern(`(?i)\bfailed with ([6-9a-c]00[0-9a-f]{2})\b`), only(hexadecimal), nil, "tpm2-tss, tctildr.c; tpm2-tss issue 2885"},
	{"Error: Esys handle does not exist (70018)", []string{"tpm", "tss", "tcti", "esys", "fapi"}, newPattern(`(?i)\(([6-9a-c]00[0-9a-f]{2})\)`), only(hexadecimal), place.isOfTPM, "tpm2-tss, esys_iutil.c; tpm2-tss issue 1408"},
	{"tpm2-tss exception : message=Failed, code=655370", []string{"code"}, newPattern(`(?i)\bcode[ =:*]{1,4}([3-8][0-9]{5})\b`), only(decimal), place.isOfTPM, "tpm2-tss, tss2_common.h"},
	{"FormatZeroResponseCode { .0: 655370, error_number: 10 }", []string{"responsecode {"}, newPattern(`ResponseCode \{ \.0: ([0-9]{1,6})\b`), only(decimal), nil, "tss-esapi; rust-keylime issues 168, 173"},
	// Windows' codes as signed and as unsigned decimals.
	{"the service failed with -2144845816", []string{"-214"}, newPattern(`(?:^|[^\w.+-])(-214[0-9]{7})\b`), only(decimal), nil, "Windows SDK, winerror.h"},
	{"Error code 2150106112", []string{"2150"}, newPattern(`\b(2150[0-9]{6})\b`), only(decimal), place.isCode, "Windows SDK, winerror.h; tpm2-tss issue 2499"},
	// Old versions of go-tpm: "session 1, error code 0x22 : ...".
	{"session 1, error code 0x22 : authorization failure", []string{"code 0x"}, newPattern(`(?i)\b(?:(handle|parameter|session) ([0-9]{1,2}), )?(error|warning) code 0x([0-9a-f]{1,2}) :`), oldGoTPM, nil, "go-tpm, legacy/tpm2/error.go; tpm-fido issue 27"},
	{"HTTP status 404", []string{"http", "status", "answered", "response"}, newPattern(`(?i)(?:HTTP|status|status code|answered|response)[ :/=]{1,3}(?:1\.1 )?\[?([45][0-9]{2})\b`), only(service), place.isStatus, dpsTable},
	{"401 Unauthorized", []string{"bad request", "unauthorized", "forbidden", "not found", "method not allowed", "request timeout", "conflict", "precondition failed", "too many requests", "internal server error", "bad gateway", "service unavailable", "gateway time"}, newPattern(`\b([45][0-9]{2}) (?:Bad Request|Unauthorized|Forbidden|Not Found|Method Not Allowed|Request Timeout|Conflict|Precondition Failed|Too Many Requests|Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time)`), only(service), place.isOnTheWay, dpsTable},
	{"exit status 31", []string{"exit"}, newPattern(`(?i)\bexit(?:ed with)?(?: code| status)?[ :=]{1,2}([0-9]{1,3})\b`), only(exitCode), place.isOurs, "docs/exit-codes.md"},
	{`"code":31,"name":"device-refused"`, []string{"\"name\":"}, newPattern(`"code":[0-9]+,"name":"([a-z-]+)"`), only(exitCode), nil, "docs/scripting.md"},
	{"tpmdps.service: Main process exited, code=exited, status=31/n/a", []string{"status="}, newPattern(`(?i)\btpmdps[^\n]{0,120}\bcode=exited, status=([0-9]{1,3})\b`), only(exitCode), nil, "systemd, service.c"},
	// Steps of verify, in its table, its errors and its JSON.
	{"tpmdps: hub.tls: no connection", []string{"tpmdps", "ok", "warn", "fail", "skipped", "step\"", "name\""}, newPattern(`(?m)(?:\btpmdps(?:\[[0-9]+\])?: |^\s*(?i:ok|warn|fail|skipped)\s+|\b(?:step|name)":\s*")([a-z]+(?:\.[a-z]+)?)\b`), only(verifyStep), nil, docsSteps},
	{"it failed at step hub.tls", []string{"step "}, newPattern(`(?i)\bstep "?((?:tpm|net|dps|hub)\.[a-z]+)\b`), only(verifyStep), nil, docsSteps},
}

// find explains what the pattern matches in a text.
func (f finder) find(s scan) []hit {
	text := s.text
	var found []hit
	for _, m := range s.matches(f.pattern, f.words) {
		groups := make([]string, len(m)/2)
		for i := range groups {
			if m[2*i] >= 0 {
				groups[i] = text[m[2*i]:m[2*i+1]]
			}
		}
		entries := f.explain(groups)
		if len(entries) == 0 || f.fits != nil && !f.fits(place{text, m[2], m[3]}) {
			continue
		}
		if found = append(found, hits(entries, m[0])...); len(found) > maxFinds {
			break
		}
	}
	return found
}

// only makes an explanation of a pattern's one group.
func only(explain func(code string) []Entry) func([]string) []Entry {
	return func(groups []string) []Entry { return explain(groups[1]) }
}
