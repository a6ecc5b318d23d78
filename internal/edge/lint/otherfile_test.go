package lint_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/edge/edgetest"
	"tpmdps/internal/edge/lint"
)

// seen are the findings of a file, a line each: where, what, and the fix.
func seen(file string) []string {
	var all []string
	for _, f := range lint.Check([]byte(file), lint.Options{}).Findings {
		all = append(all, fmt.Sprintf("%d %s: %s", f.Line, f.Rule, f.Fix))
	}
	return all
}

// What to do about files that people in the field had.
func TestFixesOfFieldFiles(t *testing.T) {
	for name, want := range map[string][]string{
		"jinja.toml":               {"1 other-file: render it first, with ansible -m template, or what else fills it in, and check the file that comes out"},
		"terraform.toml":           {"4 other-file: render it first, with templatefile or envsubst, and check the file that comes out"},
		"backslash-n.toml":         {`9 quotes: tcti = "device:/dev/tpmrm0"`},
		"blanks.toml":              {"4 placeholder: write your own value instead", "8 placeholder: write your own value instead"},
		"web-quotes.toml":          {`4 quotes: id_scope = "0ne00A1B2C3"`},
		"plain-paths.toml":         {`11 wrong-value: cert = "file:///etc/aziot/edge-ca.pem"`, "12 wrong-value: write file:// before the path"},
		"cloud-init.yaml":          {"1 other-file: check the config.toml that it writes, on the machine: tpmdps config --check"},
		"table-in-aziot-keys.toml": {"12 wrong-type: put # before the header and before all lines below it"},
	} {
		data, err := os.ReadFile("testdata/field/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if got := seen(string(data)); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", name, got, want)
		}
	}
}

// What is something else altogether is called so, once, and nothing else is said.
func TestOtherFiles(t *testing.T) {
	for _, test := range []struct{ file, message, fix string }{
		{"provisioning:\n  source: \"dps\"\n  scope_id: \"0ne0012AB34\"\nagent:\n  name: edgeAgent\n", "config.yaml of IoT Edge 1.1", "iotedge config import"},
		{"# an old one\n\nprovisioning:\n  source: manual\n  device_connection_string: \"HostName=h;DeviceId=d;SharedAccessKey=c2VjcmV0c2VjcmV0\"\n", "config.yaml of IoT Edge 1.1", "iotedge config import"},
		{"agent:\n  name: edgeAgent\nhostname: box\nhomedir: /var/lib/iotedge\n", "config.yaml of IoT Edge 1.1", "iotedge config import"},
		{"#cloud-config\npackages: [ aziot-edge ]\n", "cloud-init", "tpmdps config --check"},
		{"write_files:\n- path: /x\n  content: |\n    [provisioning]\n", "cloud-init", "tpmdps config --check"},
		{"apiVersion: v1\nkind: ConfigMap\ndata:\n  config.toml: |\n    [provisioning]\n", "Kubernetes", "in a file of its own"},
		{"- hosts: all\n  tasks:\n  - copy: { src: a, dest: b }\n", "YAML", "config.toml"},
		{"---\nall:\n  vars:\n    x: y\n", "YAML", "config.toml"},
		{"{\n  \"modulesContent\": { \"$edgeAgent\": {} }\n}\n", "JSON", "check config.toml instead"},
		{"[\n  { \"registrationId\": \"a\" }\n]\n", "JSON", "check config.toml instead"},
		{"#!/bin/sh\ncat > /etc/aziot/config.toml <<EOF\n[provisioning]\nEOF\niotedge config apply\n", "script", "run it"},
		{"<!DOCTYPE html>\n<html><body>404</body></html>\n", "web page", "download"},
		{"<?xml version=\"1.0\"?>\n<a/>\n", "web page or XML", "download"},
		{"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "certificate or a key", "check config.toml instead"},
		{"diff --git a/config.toml b/config.toml\n--- a/config.toml\n+++ b/config.toml\n@@ -1 +1 @@\n-a = 1\n+a = 2\n", "patch", "apply it"},
		{"resource \"local_file\" \"c\" {\n  filename = \"config.toml\"\n}\n", "Terraform", "that it writes"},
		{"PK\x03\x04\x14\x00", "compressed", "unpack"},
		{"[provisioning]\nsource = \"dps\"\n{{ if .Proxy }}\n[agent.env]\n{{ end }}\n", "Go or Helm", "render it first"},
		{"[provisioning]\nsource = \"dps\"\nid_scope = \"{{ .Values.scope }}\"\nglobal_endpoint = \"https://a.b\"\n[provisioning.attestation]\nmethod = \"tpm\"\nregistration_id = \"{{ .Values.id }}\"\n", "Go or Helm", "render it first"},
		{strings.Replace(edgetest.TPMFile, `"box-7"`, "{{ id }}", 1), "Jinja", "render it first"},
		{strings.NewReplacer(`"box-7"`, `"${ID}"`, `"0ne0012AB34"`, `"${SCOPE}"`).Replace(edgetest.TPMFile), "Terraform or a shell", "render it first"},
		{"<% if @x -%>\n" + edgetest.TPMFile + "<% end -%>\n", "ERB", "render it first"},
		{strings.Replace(edgetest.TPMFile, "id_scope = \"0ne0012AB34\"\n", "<<<<<<< HEAD\nid_scope = \"0ne0012AB34\"\n=======\nid_scope = \"0ne0012AB35\"\n>>>>>>> other\n", 1), "a merge was not finished", "keep one version"},
		{strings.Replace(edgetest.TPMFile, "registration_id = \"box-7\"\n", "<<<<<<< a\r\nregistration_id = \"box-7\"\r\n||||||| base\r\n=======\r\nregistration_id = \"\"\r\n>>>>>>> b\r\n", 1), "lines 8 to 13", "keep one version"},
	} {
		got := lint.Check([]byte(test.file), lint.Options{}).Findings
		if len(got) != 1 || got[0].Rule != "other-file" || !strings.Contains(got[0].Message, test.message) || !strings.Contains(got[0].Fix, test.fix) {
			t.Errorf("%.60q: %+v, want %q once, and %q", test.file, got, test.message, test.fix)
		}
	}
}

// A line of which nothing can be made is one finding, and hides nothing: what is
// wrong before and after it is found as if it were a comment.
func TestBadLinesHideNothing(t *testing.T) {
	for _, bad := range []string{
		"<<<<<<< HEAD", ">>>>>>> theirs", "=======", "%{ endif", "EOF", "cat > config.toml <<EOF", "$ sudo nano config.toml", "runcmd:", "  - iotedge config apply", "```toml", "```",
		"*** Begin ***", "box-7", "\"text\"", "!include other", "@@ -1,2 +3 @@", "hostname", "source dps", "= 5", "a = = 5", "[a b]", "][", "}", "]", "1,", "id_scope 0ne0012AB34", "+registration_id = \"x\"",
		"&nbsp;", "<br>", "set hostname=box", "export HOSTNAME=", "hostname == \"box\"", "hostname := \"box\"", "hostname = \"a\" \"b\"", "hostname = \"a\"\\nprefer_module_identity_cache = true", "…", "\\n", "a = [ 1", "a = { b = 1", "a = \"\"\"", "a = '''x",
		"a = \"\\q\" 'x", "Host name = \"box\"", "key with blanks = 1",
	} {
		before, after := "frobnicated = 1\n"+edgetest.TPMFile, "\n[tpm]\nauth_key_index = \"0x00_01_00\"\n"
		file := before + bad + after
		got := seen(file)
		line := strings.Count(before, "\n") + 1
		fix := "auth_key_index = 0x00_01_00"
		if strings.Contains(bad, `"""`) || strings.Contains(bad, "'''") {
			fix = "correct the value" // what may be in a text is not shown
		}
		for _, want := range []string{"1 unknown-key: put # before the line", fmt.Sprintf("%d wrong-type: %s", line+2, fix)} {
			if !slices.Contains(got, want) {
				t.Errorf("%q: %q is missing in %q", bad, want, got)
			}
		}
		if len(got) < 3 || len(got) > 4 {
			t.Errorf("%q: %d findings, want three: %q", bad, len(got), got)
		}
	}
}

// However many bad lines there are, the rest is read; lines in a row are one finding.
func TestManyBadLines(t *testing.T) {
	log := strings.Repeat("2026-01-01 box systemd[1]: started (ok)\n", 500)
	if got := seen(log + edgetest.TPMFile + "frobnicated = 1\n"); !slices.Equal(got, []string{"1 syntax: put # before lines 1 to 50", "51 syntax: correct those above, and run this again", "509 unknown-key: put # before the line"}) {
		t.Errorf("a log before the file: %q", got)
	}
	pem := "-- \n" + edgetest.TPMFile + "MIIB/Q==\nAA+b/c\nAA+b/d\nAA+b/e\n[tpm]\nauth_key_index = \"1234\"\n"
	if got := seen(pem); !slices.Equal(got, []string{"1 syntax: put # before the line", "10 syntax: put # before lines 10 to 13", "15 wrong-type: auth_key_index = 1234"}) {
		t.Errorf("a key after the file: %q", got)
	}
}

// A blank that nobody has filled in is called so, whatever form it has; a value is not.
func TestBlanks(t *testing.T) {
	check := func(key, value string) (found []string) {
		file := map[string]string{"registration_id": strings.Replace(edgetest.TPMFile, `"box-7"`, `"`+value+`"`, 1), "id_scope": strings.Replace(edgetest.TPMFile, `"0ne0012AB34"`, `"`+value+`"`, 1)}[key]
		for _, f := range lint.Check([]byte(file), lint.Options{}).Findings {
			found = append(found, f.Rule+": "+f.Fix)
		}
		return found
	}
	for _, value := range []string{
		"REGISTRATION_ID_HERE", "@REGID@", "SCOPE_ID_HERE", "PASTE_YOUR_SCOPE_ID_HERE", "<your id>", "<REGISTRATION_ID>", "YOUR_SCOPE_ID", "{{ id }}", "${ID}", "$ID", "%ID%", "__ID__", "#{ID}#", "$(ID)",
		"[REGISTRATION ID]", "{registration_id}", "CHANGEME", "CHANGE_ME", "TODO", "INSERT-ID-HERE", "your-registration-id", "registration-id-here", "...", "REGISTRATION_ID", "ID_SCOPE", "XXXX", "0neXXXXXXXX", "<ADD DPS SCOPE ID HERE>", "replace_me",
	} {
		for _, key := range []string{"registration_id", "id_scope"} {
			if got := check(key, value); !slices.Equal(got, []string{"placeholder: write your own value instead"}) {
				t.Errorf("%s = %q: %q", key, value, got)
			}
		}
	}
	for _, value := range []string{"box-7", "yourkshire-1", "here", "herefordshire", "line-7-there", "input-3", "todorov-1", "centre-4", "abc.def:x", "hostname-of-mine", "maxxx-1", "scope-7"} {
		if got := check("registration_id", value); len(got) > 0 {
			t.Errorf("%q: %q", value, got)
		}
	}
}
