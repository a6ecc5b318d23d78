package lint_test

import (
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/edge/edgetest"
	"tpmdps/internal/edge/lint"
)

// pkcs11URIs are URIs of keys, with what is to be said of each: "" for nothing, and
// the words of an error, or of a warning after a "~".
var pkcs11URIs = map[string]string{
	// What iot-identity-service's own test accepts, in every order.
	"pkcs11:token=t;object=k":                                "",
	"pkcs11:object=k;token=t":                                "",
	"pkcs11:slot-id=0;object=k?pin-value=1234":               "",
	"pkcs11:object=k;slot-id=1":                              "",
	"pkcs11:slot-id=+7;object=k":                             "",
	"pkcs11:slot-id=18446744073709551615;object=k":           "",
	"pkcs11:token=Key pairs;object=k?pin-value=1234":         "",
	"pkcs11:token=Key%20pairs;object=a%3Bb":                  "",
	"pkcs11:%74oken=t;object=k":                              "",
	"pkcs11:token=100%;object=k":                             "",
	"pkcs11:token=;object=k":                                 "",
	"pkcs11:model=SW;token=t;object=k;type=private":          "",
	"pkcs11:token=t;object=k?pin-value=a%26b":                "",
	"pkcs11:token=t;object=k?pin-source=file:/p&pin-value=1": "",

	// What it refuses.
	"pkcs11:":         "neither a token nor a slot",
	"pkcs11:object=k": "neither a token nor a slot",
	"pkcs11:model=SW%20TPM;manufacturer=Intel;serial=0;object=a;type=private": "neither a token nor a slot",
	"pkcs11:object=k?token=t":               "token=, in this spelling",
	"pkcs11:Token=t;object=k":               "token=, in this spelling",
	"pkcs11:slot=0;object=k":                "slot-id=, in this spelling",
	"pkcs11:slot_id=0;object=k":             "slot-id=, in this spelling",
	"pkcs11:slot-id=;object=k":              "not a decimal number",
	"pkcs11:slot-id=0x1;object=k":           "not a decimal number",
	"pkcs11:slot-id=one;object=k":           "not a decimal number",
	"pkcs11:slot-id=-1;object=k":            "not a decimal number",
	"pkcs11:slot-id= 1;object=k":            "not a decimal number",
	"pkcs11:slot-id=1_0;object=k":           "not a decimal number",
	"pkcs11:slot-id=18446744073709551616":   "not a decimal number",
	"pkcs11:token=t;slot-id=x;object=k":     "not a decimal number",
	"pkcs11:token=%ff;object=k":             "token is not UTF-8",
	"pkcs11:token=t;object=%c3%28":          "object is not UTF-8",
	"pkcs11:token=t;object=k?pin-value=%80": "pin-value is not UTF-8",
	"pkcs11://token=t;object=k":             "neither a token nor a slot",
	"kcs11:token=t;object=k":                "must start with file:/// or",
	"token=t;object=k":                      "must start with file:/// or",
	"https://h/pkcs11:token=t":              "must start with file:/// or",

	// Its login is dropped.
	"pkcs11:token=t;object=k;pin-value=1234":         "drops the PIN",
	"pkcs11:token=t;object=k?PIN-VALUE=1234":         "drops the PIN",
	"pkcs11:token=t;object=k?pin-source=file:/etc/p": "pin-source",
	"pkcs11:token=t;object=k;pin-source=file:/etc/p": "pin-source",

	// What is read, and not as it looks.
	"pkcs11:token=t":                          "~names no object=",
	"pkcs11:token=t;id=%01":                   "~names no object=",
	"pkcs11:slot-id=0?pin-value=1":            "~names no object=",
	"pkcs11:token=t;slot-id=0;object=k":       "~ignores the token",
	"pkcs11:token=t&object=k":                 "~separated by ;",
	"pkcs11:token=t;object=k?pin-value=1;x=y": "~separated by &",
	"pkcs11:token=t;object=k&pin-value=1":     "~separated by ;",
}

// everyKeyPlace is every place in the file where the URI of a key may stand.
func everyKeyPlace(uri string) map[string]string {
	method := func(m string) string {
		return strings.Replace(edgetest.TPMFile, `method = "tpm"`, `method = "`+m+`"`, 1)
	}
	return map[string]string{
		"preloaded_keys":          edgetest.TPMFile + "[preloaded_keys]\nk = '" + uri + "'\n",
		"local_ca.pk":             edgetest.TPMFile + "[cert_issuance.local_ca]\ncert = \"file:///c\"\npk = '" + uri + "'\n",
		"est.auth bootstrap":      edgetest.TPMFile + "[cert_issuance.est.auth]\nbootstrap_identity_cert = \"file:///c\"\nbootstrap_identity_pk = '" + uri + "'\n",
		"est.auth identity":       edgetest.TPMFile + "[cert_issuance.est.auth]\nidentity_cert = \"file:///c\"\nidentity_pk = '" + uri + "'\n",
		"edge_ca.pk":              edgetest.TPMFile + "[edge_ca]\ncert = \"file:///c\"\npk = '" + uri + "'\n",
		"edge_ca of EST":          edgetest.TPMFile + "[edge_ca]\nmethod = \"est\"\nbootstrap_identity_cert = \"file:///c\"\nbootstrap_identity_pk = '" + uri + "'\n",
		"DPS with a key":          method("symmetric_key") + "symmetric_key = { uri = '" + uri + "' }\n",
		"DPS with a certificate":  method("x509") + "identity_cert = \"file:///c\"\nidentity_pk = '" + uri + "'\n",
		"manual with a key":       "[provisioning]\nsource = \"manual\"\niothub_hostname = \"h.azure-devices.net\"\ndevice_id = \"d\"\nauthentication = { method = \"sas\", device_id_pk = { uri = '" + uri + "' } }\n",
		"manual with certificate": "[provisioning]\nsource = \"manual\"\niothub_hostname = \"h.azure-devices.net\"\ndevice_id = \"d\"\n[provisioning.authentication]\nmethod = \"x509\"\nidentity_cert = \"file:///c\"\nidentity_pk = '" + uri + "'\n",
	}
}

// IoT Edge reads the same URIs wherever the place of a key may stand.
func TestPKCS11Everywhere(t *testing.T) {
	for uri, want := range pkcs11URIs {
		for place, text := range everyKeyPlace(uri) {
			found := slices.DeleteFunc(lint.Check([]byte(text), lint.Options{}).Findings, func(f lint.Finding) bool { return f.Rule == "not-tpm" })
			checkOne(t, place+": "+uri, found, want)
		}
	}
}

// checkOne compares the findings of one value with what is to be said of it.
func checkOne(t *testing.T, name string, found []lint.Finding, want string) {
	t.Helper()
	words, isWarning := strings.CutPrefix(want, "~")
	severity := lint.Error
	if isWarning {
		severity = lint.Warning
	}
	switch {
	case slices.ContainsFunc(found, func(f lint.Finding) bool { return strings.Contains(f.Message, "(not shown)") }):
		t.Errorf("%s: %+v hides words of its own", name, found)
	case want == "" && len(found) > 0:
		t.Errorf("%s: %+v, want nothing", name, found)
	case want != "" && (len(found) != 1 || found[0].Severity != severity || !strings.Contains(found[0].Message, words)):
		t.Errorf("%s: %+v, want a single %s with %q", name, found, severity, words)
	}
}

// A login at an EST server of which a half cannot be read is left out by IoT Edge,
// which starts without it.
func TestDroppedLogin(t *testing.T) {
	for _, half := range []string{"bootstrap_identity_cert = \"file:///c\"\nbootstrap_identity_pk = \"pkcs11:object=a\"\n", "identity_cert = \"c.pem\"\nidentity_pk = \"file:///k\"\n"} {
		f := one(t, edgetest.TPMFile+"[cert_issuance.est.auth]\n"+half, "wrong-value", lint.Options{})
		if f.Severity != lint.Error || !strings.Contains(f.Message, "skips this login") {
			t.Errorf("%s: %+v", half, f)
		}
	}
}

// The slot in which new keys are made needs no object.
func TestPKCS11BaseSlot(t *testing.T) {
	for uri, want := range map[string]string{
		"pkcs11:token=t?pin-value=1": "", "pkcs11:slot-id=0": "", "pkcs11:object=k": "neither a token", "pkcs11:slot-id=a": "decimal", "token=t": "must have the form",
		"PKCS11:token=t": "must have the form", "file:///k": "must have the form", "pkcs11:slot-id=1;token=t": "~ignores the token", "pkcs11:token=t;pin-value=1": "drops the PIN",
	} {
		checkOne(t, uri, lint.Check([]byte(edgetest.TPMFile+"[aziot_keys]\npkcs11_base_slot = '"+uri+"'\n"), lint.Options{}).Findings, want)
	}
}

// No PIN is in what is said of a URI.
func TestPKCS11SaysNoPIN(t *testing.T) {
	for uri := range pkcs11URIs {
		for place, text := range everyKeyPlace(strings.ReplaceAll(strings.ReplaceAll(uri, "1234", "canary.pin"), "pin-value=1", "pin-value=canary.pin")) {
			for _, f := range lint.Check([]byte(text), lint.Options{}).Findings {
				if strings.Contains(f.Message+f.Fix+f.Key, "canary") {
					t.Errorf("%s: %s: %+v", place, uri, f)
				}
			}
		}
	}
}
