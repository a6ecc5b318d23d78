package lint_test

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/edgetest"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/edge/mask"
)

// one checks a file and returns the finding of a rule.
func one(t *testing.T, text, rule string, o lint.Options) lint.Finding {
	t.Helper()
	report := lint.Check([]byte(text), o)
	i := slices.IndexFunc(report.Findings, func(f lint.Finding) bool { return f.Rule == rule })
	if i < 0 {
		t.Fatalf("no %s is found in\n%s\nbut %+v", rule, text, report.Findings)
	}
	return report.Findings[i]
}

// Every trap that is known: where it is, and the text to type.
func TestTraps(t *testing.T) {
	replace := func(old, new string) string { return strings.Replace(edgetest.TPMFile, old, new, 1) }
	for _, test := range []struct {
		name, text, rule string
		severity         lint.Severity
		line             int
		key, fix         string
	}{
		{"mode unquoted", "auto_reprovisioning_mode = Dynamic\n" + edgetest.TPMFile, "unquoted-word", lint.Error, 1, "auto_reprovisioning_mode", `auto_reprovisioning_mode = "Dynamic"`},
		{"mode in small letters", "auto_reprovisioning_mode = \"dynamic\"\n" + edgetest.TPMFile, "wrong-value", lint.Error, 1, "auto_reprovisioning_mode", `auto_reprovisioning_mode = "Dynamic"`},
		{"mode below a table", edgetest.TPMFile + "auto_reprovisioning_mode = \"Dynamic\"\n", "misplaced-key", lint.Error, 9, "provisioning.attestation.auto_reprovisioning_mode",
			`move it above the first line that begins with [: auto_reprovisioning_mode = "Dynamic"`},
		{"mode below a table, unquoted", edgetest.TPMFile + "auto_reprovisioning_mode = Dynamic\n", "misplaced-key", lint.Error, 9, "provisioning.attestation.auto_reprovisioning_mode",
			`move it above the first line that begins with [: auto_reprovisioning_mode = "Dynamic"`},
		{"index in quotes", edgetest.TPMFile + "[tpm]\nauth_key_index = \"0x00_01_00\"\n", "wrong-type", lint.Error, 10, "tpm.auth_key_index", "auth_key_index = 0x00_01_00"},
		{"index too high", edgetest.TPMFile + "[tpm]\nauth_key_index = 0x80_00_00\n", "out-of-range", lint.Error, 10, "tpm.auth_key_index", "auth_key_index = 0x00_01_00"},
		{"index of the SRK", edgetest.TPMFile + "[tpm]\nauth_key_index = 1\n", "out-of-range", lint.Error, 10, "tpm.auth_key_index", "auth_key_index = 0x00_01_00"},
		{"timeout of the template", "cloud_timeout_sec = 10\n" + edgetest.TPMFile, "out-of-range", lint.Error, 1, "cloud_timeout_sec", "cloud_timeout_sec = 70"},
		{"no registration ID", replace("registration_id = \"box-7\"\n", ""), "missing-key", lint.Error, 6, "provisioning.attestation.registration_id", `add to [provisioning.attestation]: registration_id = "…"`},
		{"two [provisioning]", edgetest.TPMFile + "[provisioning]\nsource = \"manual\"\n", "duplicate-table", lint.Error, 9, "provisioning", "keep one, and put # before all lines of the other"},
		{"endpoint without https", replace("https://", ""), "endpoint", lint.Error, 3, "provisioning.global_endpoint", `global_endpoint = "https://global.azure-devices-provisioning.net/"`},
		{"a hub in the place of DPS", replace("global.azure-devices-provisioning.net", "Plant.azure-devices.net"), "endpoint", lint.Error, 3, "provisioning.global_endpoint", `global_endpoint = "https://global.azure-devices-provisioning.net/"`},
		{"unknown method", replace(`"tpm"`, `"TPM"`), "wrong-value", lint.Error, 7, "provisioning.attestation.method", `method = "tpm"`},
		{"unknown source", replace(`"dps"`, `"dsp"`), "wrong-value", lint.Error, 2, "provisioning.source", `source = "dps"`},
		{"another method", replace(`"tpm"`, `"symmetric_key"`), "not-tpm", lint.Error, 7, "provisioning.attestation.method", `method = "tpm"`},
		{"another source", "[provisioning]\nsource = \"none\"\n", "not-tpm", lint.Error, 2, "provisioning.source", "tpmdps config --id-scope SCOPE --replace-provisioning"},
		{"misspelt key", replace("id_scope", "idscope"), "unknown-key", lint.Error, 4, "provisioning.idscope", `id_scope = "0ne0012AB34"`},
		{"misspelt table", replace("[provisioning.att", "[provisoning.att"), "unknown-key", lint.Error, 6, "provisoning", "[provisioning.attestation]"},
		{"key of 1.1", replace("id_scope", "scope_id"), "unknown-key", lint.Error, 4, "provisioning.scope_id", `id_scope = "0ne0012AB34"`},
		{"key that is nowhere", edgetest.TPMFile + "frobnicate = 1\n", "unknown-key", lint.Error, 9, "provisioning.attestation.frobnicate", "put # before the line"},
		{"table that is nowhere", edgetest.TPMFile + "[frobnicate]\nowner = \"a\"\n", "unknown-key", lint.Error, 9, "frobnicate", "put # before the header and before all lines below it"},
		{"key without a name", edgetest.TPMFile + "\"\" = 1\n", "unknown-key", lint.Error, 9, `provisioning.attestation.""`, "put # before the line"},
		{"key of another method", edgetest.TPMFile + "symmetric_key = { value = \"AAAA\" }\n", "misplaced-key", lint.Error, 9, "provisioning.attestation.symmetric_key", "put # before the line"},
		{"key one table too high, and where it belongs", replace("id_scope =", "registration_id = \"box-7\"\nid_scope ="), "misplaced-key", lint.Error, 4, "provisioning.registration_id", "put # before the line"},
		{"key one table too high", strings.Replace(replace("id_scope =", "registration_id = \"box-7\"\nid_scope ="), "\"tpm\"\nregistration_id = \"box-7\"\n", "\"tpm\"\n", 1), "misplaced-key", lint.Error, 4, "provisioning.registration_id", `move it below [provisioning.attestation]: registration_id = "box-7"`},
		{"ID scope with a letter O", replace("0ne0012AB34", "one0012AB34"), "id-scope", lint.Warning, 4, "provisioning.id_scope", "compare it with the ID scope on the overview page of the DPS"},
		{"ID scope with a blank", replace("0ne0012AB34", "0ne0012 AB34"), "id-scope", lint.Error, 4, "provisioning.id_scope", "correct the value"},
		{"a host for the ID scope", replace("0ne0012AB34", "plant.azure-devices-provisioning.net"), "id-scope", lint.Error, 4, "provisioning.id_scope", "correct the value"},
		{"registration ID in capitals", replace("box-7", "Box-7"), "registration-id", lint.Warning, 8, "provisioning.attestation.registration_id", `registration_id = "box-7"`},
		{"registration ID", replace("box-7", "box 7"), "registration-id", lint.Error, 8, "provisioning.attestation.registration_id", "correct the value"},
		{"template's scope", replace("0ne0012AB34", "0ab1234C5D6"), "placeholder", lint.Warning, 4, "provisioning.id_scope", "write your own value instead"},
		{"template's ID", replace("box-7", "my-device"), "placeholder", lint.Warning, 8, "provisioning.attestation.registration_id", "write your own value instead"},
		{"a blank of the build", edgetest.TPMFile + "[connect]\nworkload_uri = \"@connect_workload_uri@\"\nmanagement_uri = \"unix:///x\"\n", "placeholder", lint.Error, 10, "connect.workload_uri", "write your own value instead"},
		{"a blank of the build that may be missing", "trust_bundle_cert = \"@TRUST@\"\n" + edgetest.TPMFile, "placeholder", lint.Error, 1, "trust_bundle_cert", "put # before the line"},
		{"payload without a table", replace("\n[prov", "payload = \"file:///p.json\"\n[prov"), "wrong-type", lint.Error, 5, "provisioning.payload", `payload = { uri = "file:///p.json" }`},
		{"payload on the web", replace("\n[prov", "payload = { uri = \"https://x/p.json\" }\n[prov"), "payload", lint.Error, 5, "provisioning.payload.uri", "correct the value"},
		{"payload as a path", replace("\n[prov", "payload = { uri = \"/p.json\" }\n[prov"), "payload", lint.Error, 5, "provisioning.payload.uri", `uri = "file:///p.json"`},
		{"nested", "parent_hostname = \"up\"\n" + edgetest.TPMFile, "nested", lint.Error, 1, "parent_hostname", "put # before the line"},
		{"nested by the other name", "local_gateway_hostname = \"up\"\n" + edgetest.TPMFile, "nested", lint.Error, 1, "local_gateway_hostname", "put # before the line"},
		{"TCTI as a path", edgetest.TPMFile + "[tpm]\ntcti = \"/dev/tpmrm0\"\n", "wrong-value", lint.Error, 10, "tpm.tcti", `tcti = "device:/dev/tpmrm0"`},
		{"number in the environment", edgetest.TPMFile + "[agent.env]\nN = 1\n", "wrong-type", lint.Error, 10, "agent.env.N", `N = "…"`},
		{"options as JSON", edgetest.TPMFile + "[agent.config]\ncreateOptions = \"{}\"\n", "wrong-type", lint.Error, 10, "agent.config.createOptions", "createOptions = { HostConfig = { … } }"},
		{"key of the agent in snake case", edgetest.TPMFile + "[agent]\nname = \"a\"\ntype = \"docker\"\nconfig = { image = \"i\" }\nimage_pull_policy = \"never\"\n", "unknown-key", lint.Error, 13, "agent.image_pull_policy", `imagePullPolicy = "never"`},
		{"restarts", edgetest.TPMFile + "[watchdog]\nmax_retries = \"many\"\n", "wrong-value", lint.Error, 10, "watchdog.max_retries", "correct the value"},
		{"renewal alone", edgetest.TPMFile + "[edge_ca.auto_renew]\nrotate_key = true\nthreshold = \"80%\"\nretry = \"4%\"\n", "missing-key", lint.Error, 9, "edge_ca", "add it, or put # before the header and before all lines below it"},
		{"user without password", edgetest.TPMFile + "[cert_issuance.est.auth]\nusername = \"u\"\n", "missing-key", lint.Error, 10, "cert_issuance.est.auth.username", "add password below it, or put # before the line"},
		{"half of the requests", edgetest.TPMFile + "[aziot_max_requests]\nkeyd = 5\ncertd = 5\ntpmd = 5\n", "missing-key", lint.Error, 9, "aziot_max_requests.identityd", "add to [aziot_max_requests]: identityd = 1"},
		{"key of 1.4", edgetest.TPMFile + "[listen]\nworkload_uri = \"unix:///a\"\nmanagement_uri = \"unix:///b\"\nmin_tls_version = \"tls1.2\"\n", "version", lint.Warning, 12, "listen.min_tls_version", "put # before the line"},
		{"braces of 1.6", replace("\n[prov", "payload = {\n uri = \"file:///p.json\" }\n[prov"), "toml-1.1", lint.Warning, 5, "provisioning.payload", "write all between { and } on one line, without a comma at the end"},
		{"unencrypted", edgetest.TPMFile + "[cert_issuance.est.urls]\ndefault = \"http://est\"\n", "cleartext", lint.Warning, 10, "cert_issuance.est.urls.default", "use https:// if the server supports it"},
		{"nothing about provisioning", "hostname = \"box\"\n", "missing-key", lint.Error, 0, "provisioning", "tpmdps config --id-scope SCOPE adds it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := one(t, test.text, test.rule, lint.Options{})
			if f.Severity != test.severity || f.Line != test.line || f.Key != test.key || f.Fix != test.fix {
				t.Errorf("finding = %+v, want %s in line %d, key %s, fix %q", f, test.severity, test.line, test.key, test.fix)
			}
		})
	}
}

// One fault does not hide the rest of the file from the ticks.
func TestCheckReadsWhatItCan(t *testing.T) {
	for _, text := range []string{edgetest.TPMFile + "[tpm]\nauth_key_index = \"0x00_01_00\"\n", strings.Replace(edgetest.TPMFile, "\"dps\"", "1", 1), strings.Replace(edgetest.TPMFile, "tpm", "TPM", 1)} {
		if c := lint.Check([]byte(text), lint.Options{}).Config; c.RegistrationID != "box-7" || c.IDScope != "0ne0012AB34" {
			t.Errorf("of\n%s\nthere is read %+v", text, c)
		}
	}
}

// The slips of people in the syntax. Each is named, and what follows it is still
// read.
func TestSlips(t *testing.T) {
	for _, test := range []struct{ line, rule, fix string }{
		{`hostname = “box”`, "quotes", `hostname = "box"`},
		{`hostname = "box”`, "quotes", `hostname = "box"`},
		{`hostname = 'box"`, "quotes", `hostname = 'box'`},
		{`hostname = "box`, "quotes", `hostname = "box"`},
		{"hostname\u00a0= \"box\"", "blanks", `hostname = "box"`},
		{"\u200bhostname = \"box\"", "blanks", `hostname = "box"`},
		{"hostname = \"b\x00ox\"", "blanks", `hostname = "box"`},
		{`hostname = box # here`, "unquoted-word", `hostname = "box" # here`},
		{`prefer_module_identity_cache = True`, "unquoted-word", `prefer_module_identity_cache = true`},
		{`prefer_module_identity_cache = no`, "unquoted-word", `prefer_module_identity_cache = false`},
		{`trust_bundle_cert = file:///a.pem`, "unquoted-word", `trust_bundle_cert = "file:///a.pem"`},
		{`hostname: box`, "syntax", `hostname = "box"`},
		{`provisioning:`, "syntax", "write a [table] instead"},
		{`hostname =`, "syntax", "put the value after the =, or # before the line"},
		{`cloud_timeout_sec = 090`, "syntax", "cloud_timeout_sec = 90"},
		{`// hostname`, "syntax", "put # before the line"},
		{`; hostname`, "syntax", "put # before the line"},
		{`imported_master_encryption_key = "C:\key"`, "quotes", `imported_master_encryption_key = 'C:\key'`},
		{`[watchdog`, "syntax", "[watchdog]"},
		{"\xff", "encoding", "write the letter again and save the file as UTF-8"},
	} {
		f := one(t, test.line+"\n"+edgetest.TPMFile, test.rule, lint.Options{})
		if f.Line != 1 || f.Fix != test.fix || f.Severity != lint.Error {
			t.Errorf("%s: %+v, want fix %q in line 1", test.line, f, test.fix)
		}
		if test.rule != "encoding" {
			both := test.line + "\n" + edgetest.TPMFile + "frobnicate = 1\n"
			if f := one(t, both, "unknown-key", lint.Options{}); f.Line != 10 {
				t.Errorf("%s: what follows is found in line %d", test.line, f.Line)
			}
		}
	}
	utf16 := "\xff\xfeh\x00o\x00"
	if f := one(t, utf16, "encoding", lint.Options{}); f.Fix != "save it as UTF-8" {
		t.Errorf("UTF-16: %+v", f)
	}
	if f := one(t, "h\x00o\x00", "encoding", lint.Options{}); f.Fix != "save it as UTF-8" {
		t.Errorf("UTF-16 without a mark: %+v", f)
	}
	mixed := edgetest.TPMFile + "[\x00t\x00p\x00m\x00]\x00\n\x00"
	if f := one(t, mixed, "encoding", lint.Options{}); f.Line != 1+strings.Count(edgetest.TPMFile, "\n") || !strings.Contains(f.Message, "UTF-8 in one part and UTF-16") {
		t.Errorf("UTF-16 behind UTF-8: %+v", f)
	}
	if f := one(t, strings.ReplaceAll(edgetest.TPMFile, "\n", "\r"), "encoding", lint.Options{}); !strings.Contains(f.Message, "carriage return") {
		t.Errorf("CR alone: %+v", f)
	}
	if f := one(t, strings.Repeat("[[a]]\n", 10_001), "syntax", lint.Options{}); f.Message != "the file has more than 10000 keys" || f.Line != 10_001 {
		t.Errorf("too many keys: %+v", f)
	}
	if f := one(t, "hostname = [\n1,\nx = \"a\" b\n", "syntax", lint.Options{}); f.Line != 3 {
		t.Errorf("a list without an end: %+v", f)
	}
}

// What is right has no finding: byte order mark, tabs, CRLF, quoted and dotted
// keys, literal strings.
func TestNoFindings(t *testing.T) {
	for name, text := range map[string]string{
		"plain":              edgetest.TPMFile,
		"byte order mark":    "\xef\xbb\xbf" + edgetest.TPMFile,
		"CRLF":               strings.ReplaceAll(edgetest.TPMFile, "\n", "\r\n"),
		"tabs":               strings.ReplaceAll(edgetest.TPMFile, " = ", "\t=\t"),
		"literal strings":    strings.ReplaceAll(edgetest.TPMFile, `"`, `'`),
		"dotted keys":        "provisioning.source = \"dps\"\nprovisioning.global_endpoint = \"https://a.b\"\nprovisioning.id_scope = \"0ne0012AB34\"\nprovisioning.attestation.method = \"tpm\"\nprovisioning.attestation.registration_id = \"a\"\n",
		"inline":             `provisioning = { source = "dps", global_endpoint = "https://localhost:8443/", id_scope = "0ne0012AB34", attestation = { method = "tpm", registration_id = "a" } }`,
		"network":            edgetest.TPMFile + "[moby_runtime]\nuri = \"unix:///d.sock\"\nnetwork = { name = \"n\", ipv6 = true, ipam = { config = [ { gateway = \"g\", subnet = \"s\", ip_range = \"r\" } ] } }\n",
		"restarts":           edgetest.TPMFile + "[watchdog]\nmax_retries = 3\n",
		"quickstart":         edgetest.TPMFile + "[edge_ca]\nauto_generated_edge_ca_expiry_days = 30\n[edge_ca.auto_renew]\nrotate_key = true\nthreshold = \"10day\"\nretry = \"90min\"\n",
		"preloaded":          edgetest.TPMFile + "[preloaded_certs]\na = \"file:///a\"\nb = [ \"a\" ]\n[preloaded_keys]\nk = \"pkcs11:token=t;object=k\"\n",
		"images":             edgetest.TPMFile + "[image_garbage_collection]\ncleanup_recurrence = \"2days\"\nimage_age_cleanup_threshold = \"1d 12h\"\ncleanup_time = \"23:30\"\n",
		"options":            edgetest.TPMFile + "[agent]\nname = \"edgeAgent\"\ntype = \"docker\"\n[agent.config]\nimage = \"i\"\n[agent.config.createOptions.HostConfig]\nBinds = [ \"a:b\" ]\nOther = 1\n[[agent.config.createOptions.HostConfig.Mounts]]\nTarget = \"t\"\n",
		"issued local CA":    edgetest.TPMFile + "[cert_issuance.local_ca.cert]\nmethod = \"self_signed\"\ncommon_name = \"ca\"\n",
		"EST without a user": edgetest.TPMFile + "[edge_ca]\nmethod = \"est\"\nurl = \"https://est.example\"\nbootstrap_identity_cert = \"file:///b\"\nbootstrap_identity_pk = \"file:///k\"\n",
	} {
		if got := lint.Check([]byte(text), lint.Options{}).Findings; len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// The files that we write have no finding, and say the same to Check as to
// Parse.
func TestOwnFilesHaveNoFindings(t *testing.T) {
	for _, name := range []string{"full.toml", "minimal.toml", "owner-password.toml", "iotedge-dps-tpm.toml"} {
		data, err := os.ReadFile("../testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		report := lint.Check(data, lint.Options{})
		for _, f := range report.Findings {
			if f.Rule != "placeholder" {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if config, err := edge.Parse(data); err != nil || config.RegistrationID != report.Config.RegistrationID {
			t.Errorf("%s: Check reads %+v, Parse %+v, %v", name, report.Config, config, err)
		}
	}
}

func TestPayload(t *testing.T) {
	text := strings.Replace(edgetest.TPMFile, "\n[prov", "payload = { uri = \"file:///etc/p%20q.json\" }\n[prov", 1)
	for _, test := range []struct {
		name string
		file *fstest.MapFile
		want string // "" means no finding
	}{
		{"good", &fstest.MapFile{Data: []byte(`{"a":1}`)}, ""},
		{"none", nil, "there is no /etc/p q.json"},
		{"no JSON", &fstest.MapFile{Data: []byte("a: 1")}, "/etc/p q.json: it is not JSON: line 1: unexpected text \"a: 1\""},
		{"UTF-16", &fstest.MapFile{Data: []byte("\xff\xfe{\x00}\x00")}, "/etc/p q.json: it is stored as UTF-16, which Windows calls Unicode; save it as UTF-8"},
		{"a mark", &fstest.MapFile{Data: []byte("\xef\xbb\xbf{}")}, "/etc/p q.json: it begins with a byte order mark, which IoT Edge does not read; save it as UTF-8 without one"},
		{"directory", &fstest.MapFile{Mode: os.ModeDir}, "/etc/p q.json: it is not a file"},
		{"large", &fstest.MapFile{Data: make([]byte, 300<<10)}, "/etc/p q.json: it has more than 262144 bytes"},
	} {
		root := fstest.MapFS{}
		if test.file != nil {
			root["etc/p q.json"] = test.file
		}
		report := lint.Check([]byte(text), lint.Options{Root: root})
		switch {
		case test.want == "" && len(report.Findings) > 0:
			t.Errorf("%s: %+v", test.name, report.Findings)
		case test.want != "" && (len(report.Findings) != 1 || report.Findings[0].Rule != "payload" || report.Findings[0].Message != test.want || report.Findings[0].Line != 5):
			t.Errorf("%s: %+v, want %q", test.name, report.Findings, test.want)
		}
	}
}

func TestFileModeAndOwner(t *testing.T) {
	secret := edgetest.TPMFile + "[tpm.hierarchy_authorization]\nowner = \"canary\"\n"
	for _, test := range []struct {
		text string
		file lint.FileFacts
		want string
	}{
		{edgetest.TPMFile, lint.FileFacts{Mode: 0o600}, ""},
		{secret, lint.FileFacts{Mode: 0o600}, ""},
		{edgetest.TPMFile, lint.FileFacts{Mode: 0o644}, "file-mode warning"},
		{secret, lint.FileFacts{Mode: 0o644}, "file-mode error"},
		{secret, lint.FileFacts{Mode: 0o640}, "file-mode error"},
		{edgetest.TPMFile, lint.FileFacts{Mode: 0o620}, "file-mode warning"},
		{edgetest.TPMFile, lint.FileFacts{Mode: 0o602}, "file-mode error"},
		{edgetest.TPMFile, lint.FileFacts{Mode: 0o600, UID: 1000}, "file-owner warning"},
		{secret, lint.FileFacts{Mode: 0o600, GID: 5}, "file-owner warning"},
		{"x = y z\n[", lint.FileFacts{Mode: 0o644}, "file-mode warning"},
	} {
		got := ""
		for _, f := range lint.Check([]byte(test.text), lint.Options{File: &test.file}).Findings {
			if strings.HasPrefix(f.Rule, "file-") {
				got = f.Rule + " " + string(f.Severity)
			}
		}
		if got != test.want {
			t.Errorf("%+v, secret %t: %q, want %q", test.file, test.text == secret, got, test.want)
		}
	}
}

// No finding tells a secret, whatever is wrong around it.
func TestFindingsTellNoSecret(t *testing.T) {
	const canary = "Y2FuYXJ5Y2FuYXJ5"
	keys := []string{"owner", "endorsement", "connection_string", "symmetric_key", "value", "password", "username", "identity_pk", "unheard_of", "pkcs11_base_slot", "device_id_pk"}
	values := []string{"%s", `"%s"`, "“%s”", `"%s`, `'%s"`, `{ value = "%s" }`, `{ value = "%s", value = 1 }`, `"pkcs11:x?pin-value=%s"`, "[%s]", `"%s" "`, `"https://u:%s@h/"`, "00%s"}
	tables := []string{"", "[tpm.hierarchy_authorization]", "[provisioning]", "[provisioning.attestation]", "[agent.env]", "[cert_issuance.est.auth]", "[nonsense]", "[broken"}
	for _, key := range keys {
		for _, value := range values {
			for _, table := range tables {
				for _, sep := range []string{" = ", ": ", " "} {
					text := table + "\n" + key + sep + strings.ReplaceAll(value, "%s", canary) + "\n"
					for _, f := range lint.Check([]byte(text), lint.Options{File: &lint.FileFacts{Mode: 0o644}}).Findings {
						if strings.Contains(f.Message+f.Fix+f.Key, canary) {
							t.Errorf("%q: %+v", text, f)
						}
					}
					for name, masked := range map[string][]byte{"as it is": mask.File([]byte(text)), "in a comment": mask.File([]byte("# " + strings.ReplaceAll(text, "\n", "\n# ")))} {
						if strings.Contains(string(masked), canary) {
							t.Errorf("Mask(%q), %s = %q", text, name, masked)
						}
					}
				}
			}
		}
	}
}

// A payload is found by any way of writing its path. What is no file is not
// opened: a pipe, or the kernel's log, would hold the check for ever.
func TestPayloadPath(t *testing.T) {
	root := onlyFiles{fstest.MapFS{
		"etc/p.json": {Data: []byte("{}")}, "pipe": {Mode: os.ModeNamedPipe}, "proc/kmsg": {},
	}}
	for uri, want := range map[string]string{
		"file:///etc/p.json": "", "file:////etc/p.json": "", "file:///etc//p.json": "", "file:///etc/../etc/./p.json": "",
		"file:///etc/p.json/": "it is not a file", "file:///pipe": "it is not a file", "file:///proc/kmsg": "it is empty", "file:///": "it is not a file",
		"file:///../../etc/q.json": "there is no /../../etc/q.json",
	} {
		text := strings.Replace(edgetest.TPMFile, "\n[prov", "payload = { uri = \""+uri+"\" }\n[prov", 1)
		got := lint.Check([]byte(text), lint.Options{Root: root}).Findings
		if (len(got) == 0) != (want == "") || len(got) > 0 && !strings.HasSuffix(got[0].Message, want) {
			t.Errorf("%s: %+v, want %q", uri, got, want)
		}
	}
}

// onlyFiles panics where something else than a file with content is opened.
type onlyFiles struct{ fstest.MapFS }

func (o onlyFiles) Open(name string) (fs.File, error) {
	if f := o.MapFS[name]; f != nil && len(f.Data) == 0 {
		panic(name + " is opened")
	}
	return o.MapFS.Open(name)
}

// What Check finds good, Parse and Validate find good.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(edgetest.TPMFile))
	f.Add([]byte("a = “x”\n[b\n\xff[[c]]\nd: e\n[provisioning]\n[provisioning]"))
	f.Add([]byte("a = 1\n[b]\nc=[{x=1}]"))
	for _, name := range []string{"full.toml", "template-settings.toml"} {
		data, err := os.ReadFile("../testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		config, err := edge.Parse(data)
		report := lint.Check(data, lint.Options{})
		if failures, _ := report.Count(); failures > 0 {
			return
		}
		if err == nil {
			err = config.Validate()
		}
		if err != nil {
			t.Errorf("Check finds nothing in %q, but %v", data, err)
		}
	})
}

// A path or a URL is not a TCTI; what is shown for it is one.
func TestTCTIForms(t *testing.T) {
	for value, want := range map[string]string{
		"/dev/tpm0": "device:/dev/tpm0", "/dev/tpmrm0": "device:/dev/tpmrm0", "/run/tpm.sock": "swtpm:path=/run/tpm.sock", "/tmp/a b/tpm": "swtpm:path=/tmp/a b/tpm",
		"file:///dev/tpmrm0": "correct", "unix:///run/tpm.sock": "correct", "tcp://127.0.0.1:2321": "correct",
		"device": "", "device:/dev/tpmrm0": "", "swtpm:host=127.0.0.1,port=2321": "", "swtpm:path=/run/tpm.sock": "", "mssim": "", "tabrmd": "",
	} {
		found := lint.Check([]byte(strings.Replace(fullFile, `tcti = "device:/dev/tpmrm0"`, `tcti = "`+value+`"`, 1)), lint.Options{}).Findings
		switch {
		case want == "" && len(found) > 0:
			t.Errorf("%s: %+v", value, found)
		case want != "" && (len(found) != 1 || found[0].Rule != "wrong-value" || !strings.Contains(found[0].Fix, want)):
			t.Errorf("%s: %+v, want %s", value, found, want)
		}
	}
}
