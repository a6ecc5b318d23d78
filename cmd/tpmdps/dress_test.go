package main

import (
	"encoding/pem"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"

	"tpmdps/internal/environment"
)

const (
	dressKey   = "c2VjcmV0LW9mLWRyZXNzZXM="
	dressCS    = "HostName=plant.azure-devices-provisioning.net;SharedAccessKeyName=enroller;SharedAccessKey=" + dressKey
	dressToken = "SharedAccessSignature sr=plant.azure-devices-provisioning.net&sig=c2VjcmV0c2lnbmF0dXJl%3D&se=1999999999&skn=enroller"
	dressTOML  = "hostname = \"box-7\"\n[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://global.azure-devices-provisioning.net\"\n" +
		"id_scope = \"0ne0012AB34\"\n[provisioning.attestation]\nmethod = \"tpm\"\nregistration_id = \"box-7\"\n"
	nowhere = "swtpm:path=/nonexistent/chip"
)

// rootPEM is the certificate of a maker's root.
func rootPEM() string {
	der, err := os.ReadFile("../../testdata/roots/nuvoton-2010.cer")
	if err != nil {
		panic(err)
	}
	return strings.TrimSuffix(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), "\n")
}

func utf16BE(s string) string {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u>>8), byte(u))
	}
	return string(out)
}

// encodings are how editors, consoles and copies store a text.
var encodings = map[string]func(string) string{
	"as it is":                  func(s string) string { return s },
	"a line end":                func(s string) string { return s + "\n" },
	"line ends of Windows":      func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") + "\r\n" },
	"empty lines behind":        func(s string) string { return s + "\r\n\r\n\n" },
	"a byte order mark":         func(s string) string { return "\xef\xbb\xbf" + s + "\n" },
	"UTF-16, lower byte first":  func(s string) string { return "\xff\xfe" + utf16LE(s+"\r\n") },
	"UTF-16, upper byte first":  func(s string) string { return "\xfe\xff" + utf16BE(s+"\r\n") },
	"UTF-16 without its mark":   func(s string) string { return utf16LE(s + "\r\n") },
	"UTF-16, upper, no mark":    func(s string) string { return utf16BE(s + "\n") },
	"UTF-16 without a line end": func(s string) string { return "\xff\xfe" + utf16LE(s) },
}

// wrappings are what stands around a credential that was pasted.
var wrappings = map[string]func(string) string{
	"blanks":             func(s string) string { return " \t" + s + "  \t\n" },
	"blanks of the web":  func(s string) string { return "\u00a0" + s + "\u200b\n" },
	"double quotes":      func(s string) string { return `"` + s + `"` },
	"single quotes":      func(s string) string { return "'" + s + "'" },
	"web quotes":         func(s string) string { return "\u201c" + s + "\u201d" },
	"German quotes":      func(s string) string { return "\u201e" + s + "\u201c" },
	"French quotes":      func(s string) string { return "\u00ab " + s + " \u00bb" },
	"single web quotes":  func(s string) string { return "\u2018" + s + "\u2019" },
	"backquotes":         func(s string) string { return "`" + s + "`" },
	"one quote":          func(s string) string { return `"` + s },
	"two pairs":          func(s string) string { return `"'` + s + `'"` },
	"export":             func(s string) string { return "export PROVISIONING_CONNECTION_STRING=\"" + s + "\"\n" },
	"export, bare":       func(s string) string { return "export CS=" + s },
	"a file of settings": func(s string) string { return "# the plant's\nTPMDPS_DPS=plant\nSECRET_TEXT=" + s + "\nTZ=UTC\n" },
	"a variable":         func(s string) string { return "PROVISIONING_CONNECTION_STRING='" + s + "'" },
	"PowerShell":         func(s string) string { return "$env:PROVISIONING_CONNECTION_STRING = \"" + s + "\"\r\n" },
	"PowerShell's own":   func(s string) string { return "$cs = '" + s + "'" },
	"set":                func(s string) string { return "set PROVISIONING_CONNECTION_STRING=" + s },
	"setx":               func(s string) string { return "setx PROVISIONING_CONNECTION_STRING \"" + s + "\"" },
	"docker":             func(s string) string { return "-e PROVISIONING_CONNECTION_STRING=\"" + s + "\"" },
	"systemd":            func(s string) string { return "Environment=\"PROVISIONING_CONNECTION_STRING=" + s + "\"" },
	"YAML":               func(s string) string { return "connectionString: \"" + s + "\"" },
	"a line of JSON":     func(s string) string { return "  \"connectionString\": \"" + s + "\"," },
	"az, an object":      func(s string) string { return "{\n  \"connectionString\": \"" + s + "\"\n}\n" },
	"primary":            func(s string) string { return "{\"primaryConnectionString\": \"" + s + "\", \"name\": \"x\"}" },
	"two, primary first": func(s string) string {
		return "{\"primaryConnectionString\": \"" + s + "\", \"secondaryConnectionString\": \"HostName=other.azure-devices-provisioning.net;SharedAccessKeyName=b;SharedAccessKey=b3RoZXI=\"}"
	},
	"az, a text": func(s string) string { return "\"" + s + "\"\n" },
	"az, a list": func(s string) string { return "[{\"connectionString\": [\"" + s + "\"], \"name\": \"plant\"}]" },
	"a vault": func(s string) string {
		return "{\"value\": \"" + s + "\", \"id\": \"https://v.vault.azure.net/secrets/x\"}"
	},
	"PowerShell 5": func(s string) string { return "{\"sas\": \"" + strings.ReplaceAll(s, "&", "\\u0026") + "\"}" },
	"az, a table":  func(s string) string { return "ConnectionString\n-----------------\n" + s + "\n" },
}

var (
	wrongCS = map[string]string{
		"HostName=plant.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=" + dressKey:            "of an IoT Hub",
		"HostName=plant.azure-devices.net;DeviceId=box-7;SharedAccessKey=" + dressKey:                             "of a device",
		"{\"connectionString\":\"HostName=plant.azure-devices.net;DeviceId=b;SharedAccessKey=" + dressKey + "\"}": "of a device",
		"Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=b;SharedAccessKey=" + dressKey:               "of an Event Hub",
		"DefaultEndpointsProtocol=https;AccountName=plant;AccountKey=" + dressKey:                                 "of a storage account",
		dressToken: "this is a SAS token, not a connection string",
		"{\"keyName\":\"enroller\",\"primaryKey\":\"" + dressKey + "\",\"rights\":\"EnrollmentRead\"}": "this is a policy as JSON, in which the host is missing",
		"{\"a\": 1}":                "JSON in which there is no connection string",
		"{\"connectionString\": \"": "it begins as JSON but is incomplete",
		dressCS + "\n" + strings.Replace(dressCS, "plant", "other", 1):                     "there are 2 of them, on a line each",
		"[\"" + dressCS + "\", \"" + strings.Replace(dressCS, "plant", "other", 1) + "\"]": "there are 2 of them in this JSON",
		"":                            "it is empty",
		"\r\n":                        "it is empty",
		"  \t \n":                     "it is empty",
		"\"\"":                        "it is empty",
		"\xff\xfe":                    "it is empty",
		"-----BEGIN CERTIFICATE-----": "a part of it has no ",
	}
	wrongToken = map[string]string{
		dressCS: "this is a connection string: it holds the key itself",
		"{\"connectionString\":\"" + dressCS + "\"}": "this is a connection string: it holds the key itself",
		"eyJ0eXAiOiJKV1QifQ.e30.c2ln":                "bearer token of Microsoft Entra ID",
		"{\"a\": 1}":                                 "JSON in which there is no connection string and no SAS token",
		"{\"sas\": ":                                 "it begins as JSON but is incomplete",
		dressToken + "\n" + dressToken:               "there are 2 of them, on a line each",
		"":                                           "it is empty",
		" \n":                                        "it is empty",
		"plant":                                      "it does not consist of the fields",
	}
	utf16Refused = map[string]string{
		"UTF-16, lower byte first": "UTF-16, which Windows calls Unicode", "UTF-16, upper byte first": "UTF-16, which Windows calls Unicode",
		"UTF-16 without its mark": "UTF-16, which Windows calls Unicode", "UTF-16, upper, no mark": "UTF-16, which Windows calls Unicode",
		"UTF-16 without a line end": "UTF-16, which Windows calls Unicode",
	}
	wrongTOML = map[string]string{
		"\x00\x01\x02\x03": "FILE: not usable", "PK\x03\x04\x14\x00\x00\x00": "the file is compressed", dressCS: "the file is a connection string",
		"{\"a\":\n1}\n": "the file is JSON, not TOML", strings.ReplaceAll(dressTOML, "\"", "\u201d"): "the quotes are those of a web page or a word processor",
		"hostname = \"b\xfcro\"\n" + dressTOML: "this is not UTF-8", "-----BEGIN CERTIFICATE-----\nMII\n": "the file is a certificate or a key",
	}
	wrongJSON = map[string]string{
		"{\u201csite\u201d:1}": "the quotes are those of a web page or a word processor", "{'site':1}": "in double quotes, not in single ones",
		"[1]": "", "{\"site\":": "it ends too early", "{\"site\":1,}": "an extra comma",
	}
)

// handings are all files, pipes, variables and values that a person hands in, by the
// flag ("args" and a command for an argument, "env" and a name for a variable).
func handings() map[string]dressed {
	mint := "token mint --connection-string-%s -o json"
	asked := "enroll --sas-token-%s --dps other --dry-run --ek KEY --registration-id box-7"
	tokenRead := "the SAS token is for plant.azure-devices-provisioning.net"
	emptyTOML := withRows(wrongTOML, map[string]string{"": "it is empty", " \n\t\n": "it is empty"})
	twin := func(flag string) dressed {
		return dressed{plain: `{"site":"north"}`, give: valueWith("enroll --" + flag + " VALUE"), code: 30, shows: "no credential for the service API",
			wrong: withRows(wrongJSON, map[string]string{"@tags.json": "the name of a file", "tags.json": "the name of a file", `C:\tags.JSON`: "the name of a file", "": "is empty: omit it", " ": "has only blanks"})}
	}
	return map[string]dressed{
		"connection-string-file": {plain: dressCS, give: fileWith(fmt.Sprintf(mint, "file FILE")), shows: "sr=plant.azure-devices-provisioning.net", wrapped: true, wrong: wrongCS},
		"connection-string-fd":   {plain: dressCS, give: pipeWith(fmt.Sprintf(mint, "fd 0")), shows: "sr=plant.azure-devices-provisioning.net", wrapped: true, wrong: wrongCS},
		"sas-token-file":         {plain: dressToken, give: fileWith(fmt.Sprintf(asked, "file FILE")), code: 30, shows: tokenRead, wrapped: true, wrong: wrongToken},
		"sas-token-fd":           {plain: dressToken, give: pipeWith(fmt.Sprintf(asked, "fd 0")), code: 30, shows: tokenRead, wrapped: true, wrong: wrongToken},
		"args token show":        {plain: dressToken, give: fileWith("token show FILE"), shows: "everything that the policy may, on plant", wrapped: true, wrong: wrongToken},
		"env PROVISIONING_CONNECTION_STRING": {plain: dressCS, give: inVariable("PROVISIONING_CONNECTION_STRING", "token mint -o json"), shows: "sr=plant.azure-devices-provisioning.net", wrapped: true,
			wrong: withoutRows(wrongCS, "")},
		"env TPMDPS_SAS_TOKEN": {plain: dressToken, give: inVariable("TPMDPS_SAS_TOKEN", "enroll --dps other --dry-run"), code: 30, shows: tokenRead, wrapped: true, wrong: withoutRows(wrongToken, "")},

		"endorsement-auth-file": {plain: "p\u00e4ss \"word\" ", give: passwordOf, shows: "\"p\u00e4ss \\\"word\\\" \"", wrong: map[string]string{"": "it is empty", "\xef\xbb\xbf\n": "it is empty", "a\x00b": "a zero byte"}},
		"owner-auth-file":       {plain: "'secret'", give: passwordOf, shows: `"'secret'"`, wrong: map[string]string{"\n": "it is empty"}},
		"audit-key-file": {plain: dressKey, give: signedTrail, shows: "signed lines  1, checked", wrong: map[string]string{"": "it is empty", strings.Repeat(" ", 40): "there are only blanks in it",
			"short": "at least 16 are needed", "another key of the trail's": "this is not the key it was written with"}},

		"from": {plain: "{\"endorsement_key\":\"" + otherEK() + "\",\"registration_id\":\"box-7\"}\n{\"endorsement_key\":\"" + otherEK() + "\",\"registration_id\":\"box-8\"}",
			give: oneToken("enroll --from FILE --dps plant --device-id box-7"), code: 15, shows: "records 1 and 2 (lines 1 and 2) have",
			wrong: map[string]string{"": "there is no record in it", " \n": "there is no record in it", "{\u201cendorsement_key\u201d:1}": "the quotes are those of a web page", otherEK(): "it is a key, not a record"}},
		"args labels": {plain: "{\"endorsement_key\":\"" + otherEK() + "\",\"registration_id\":\"box-7\",\"host\":{\"serial\":\"SN-4711\"}}", give: fileWith("labels FILE"), shows: "S/N SN-4711</text>",
			wrong: map[string]string{"": "there is no record in it", " \n": "there is no record in it", "{\u201cendorsement_key\u201d:1}": "the quotes are those of a web page", otherEK(): "it is a key, not a record"}},
		"config":        {plain: dressTOML, give: fileWith("config --config FILE --registration-id box-7 --dry-run"), shows: "unchanged: FILE", otherwise: utf16Refused, wrong: wrongTOML},
		"config verify": {plain: dressTOML, give: fileWith("verify --config FILE --until challenge --tpm " + nowhere), code: 10, shows: "no TPM", otherwise: utf16Refused, wrong: emptyTOML},
		"config check": {plain: dressTOML, give: fileWith("config --check --config FILE"), shows: "skipped chip", otherwise: utf16Refused,
			wrong: map[string]string{"PK\x03\x04\x14\x00\x00\x00": "the file is compressed", "{\"a\":\n1}\n": "the file is JSON, not TOML", "": "missing-key"}},
		"config support-bundle": {plain: dressTOML, give: fileWith("support-bundle --list --offline --config FILE --tpm " + nowhere), shows: "config.toml"},
		"payload": {plain: `{"site":"north"}`, give: fileWith("verify --id-scope 0ne0012AB34 --registration-id box-7 --payload FILE --until challenge --tpm " + nowhere), code: 10, shows: "no TPM",
			wrong: withRows(wrongJSON, map[string]string{"": "it is empty", " \n": "it is empty"})},
		"ek-allow": {plain: strings.Repeat("0f", 32), give: fileWith("read-ek --ek-allow FILE --tpm " + nowhere), code: 10, shows: "no TPM",
			wrong: map[string]string{"": "there is no hash in it", " \n": "there is no hash in it", "IFX,STM": "is not a SHA-256 in hex"}},
		"ek-roots": {plain: rootPEM(), give: fileWith("read-ek --ek-roots FILE --tpm " + nowhere), code: 10, shows: "no TPM",
			wrong: map[string]string{"": "no certificate of a CA in it", "{}": "no certificate of a CA in it", "PK\x03\x04\x14\x00\x00\x00": "a zip that is damaged", "MSCF\x00\x00\x00\x00": "cabinet"}},
		"ek-roots-extra": {plain: rootPEM(), give: fileWith("read-ek --ek-roots-extra FILE --tpm " + nowhere), code: 10, shows: "no TPM",
			wrong: map[string]string{"": "no certificate of a CA in it"}},
		"args roots check": {plain: rootPEM(), give: fileWith("roots check FILE"), shows: "roots: 1 of 17",
			wrong: map[string]string{"": "no certificate of a CA in it", "{}": "no certificate of a CA in it", "PK\x03\x04\x14\x00\x00\x00": "a zip that is damaged", "MSCF\x00\x00\x00\x00": "cabinet"}},
		"sums": {plain: strings.Repeat("0f", 32) + "  other", give: fileWith("self-check --sums FILE"), code: 2, shows: "this program is not in the list",
			wrong: map[string]string{"": "it names no file", " \n": "line 1", "other  " + strings.Repeat("0f", 32): "line 1", "SHA256 (other) = " + strings.Repeat("0f", 32): "--tag", "{}": "line 1"}},
		"args explain": {plain: "INFO - starting\ncould not parse config file", give: pipeWith("explain -"), shows: "config.toml is not valid", wrong: map[string]string{"": "it is empty", " \n": "it is empty"}},

		"endorsement-key":         {plain: otherEK(), give: oneToken("enroll --ek VALUE --registration-id box-7 --dps plant --audit /nonexistent/d/trail"), code: 2, shows: "nonexistent", wrong: map[string]string{"ek.pem": "the name of a file", "@ek": "the name of a file", "": "is empty: omit it", " ": "is empty"}},
		"initial-twin-tags":       twin("initial-twin-tags"),
		"initial-twin-properties": twin("initial-twin-properties"),
		"device-information":      twin("device-information"),
	}
}

// Every file, pipe, variable and value that a person hands in is read in every
// encoding, and a credential in every dress, as it is without; or refused in words of
// what it is. No secret is in what is said.
func TestRightFileInAnotherDress(t *testing.T) {
	for _, name := range environment.Secrets {
		t.Setenv(name, "")
	}
	tried := 0
	for name, h := range handings() {
		t.Run(name, func(t *testing.T) {
			try := func(dress, data, shows string, code int) {
				tried++
				got, said := h.give(t, data)
				if !strings.Contains(said, shows) || code >= 0 && got != code || code < 0 && (got == 0 || got == 1) {
					t.Errorf("%s: exit code %d, %.400q, want %d and %q", dress, got, said, code, shows)
				}
				if strings.Contains(said, dressKey) || strings.Contains(said, "c2VjcmV0c2lnbmF0dXJl") {
					t.Errorf("%s: a secret is in what is said: %q", dress, said)
				}
			}
			for dress, wear := range encodings {
				if words := h.otherwise[dress]; words != "" {
					try(dress, wear(h.plain), words, -1)
				} else {
					try(dress, wear(h.plain), h.shows, h.code)
				}
			}
			for wrapping, wrap := range wrappings {
				if !h.wrapped {
					break
				}
				try(wrapping, wrap(h.plain), h.shows, h.code)
				try(wrapping+", UTF-16", "\xff\xfe"+utf16LE(wrap(h.plain)), h.shows, h.code)
			}
			for data, words := range h.wrong {
				try(fmt.Sprintf("%.60q", data), data, words, -1)
			}
		})
	}
	t.Logf("%d were tried", tried)
}

// ownFiles are the flags whose file this program wrote, or writes, and what reads it.
var ownFiles = map[string]string{
	"append": "the batch: what was converted is damaged, batch verify says how", "audit": "the trail: what was converted is damaged, audit verify says how", "out": "written", "results": "written, and read again: what is not a results file is refused", "dir": "written", "state": "written", "ready-file": "written",
	"ek-crl": "a folder of lists", "args audit verify": "as audit", "args batch verify": "as append", "args batch list": "as append", "args batch merge": "as append", "args batch export": "as append", "args completion": "words", "args stick init": "a folder", "args stick check": "a folder",
	"ca-file": "certificates have dresses of their own", "webhook-url": "a URL", "global-endpoint": "a URL", "payload-uri": "a URL, read by IoT Edge",
}

// No flag that names a file, a descriptor or JSON is missing in the table.
func TestDressesKnowEveryFile(t *testing.T) {
	known := handings()
	names := regexp.MustCompile("`(?:FILE|PEM|DIR|JSON|KEY|N|PATH|URL)`")
	for _, c := range allCommands() {
		for _, f := range c.Flags {
			doc, ok := f.(interface{ GetUsage() string })
			if !ok || !names.MatchString(doc.GetUsage()) {
				continue
			}
			name := f.Names()[0]
			if strings.Contains(doc.GetUsage(), "`N`") && !strings.HasSuffix(name, "-fd") {
				continue // a number
			}
			if _, tried := known[name]; !tried && ownFiles[name] == "" {
				t.Errorf("%s --%s names something to be read: it belongs in the table of dresses", c.Name, name)
			}
		}
	}
	for _, name := range []string{"PROVISIONING_CONNECTION_STRING", "TPMDPS_SAS_TOKEN"} {
		if _, tried := known["env "+name]; !tried {
			t.Errorf("%s is not in the table of dresses", name)
		}
	}
	for _, c := range commands() {
		for _, one := range append([]command{c}, c.subcommands...) {
			name := strings.TrimSpace(strings.TrimPrefix(c.name+" "+one.name, c.name+" "+c.name))
			if name == "" {
				name = c.name
			}
			if _, tried := known["args "+name]; one.argument.Argument != "" && !tried && ownFiles["args "+name] == "" {
				t.Errorf("the argument of %s is not in the table of dresses", name)
			}
		}
	}
}
