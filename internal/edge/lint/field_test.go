package lint_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tpmdps/internal/edge/edgetest"
	"tpmdps/internal/edge/lint"
)

// Files as people have written them, each with the only thing that is to be said of
// it.
func TestFieldFiles(t *testing.T) {
	for name, want := range map[string]struct {
		rule     string
		severity lint.Severity
		line     int
		words    string
	}{
		"capital-id.toml":          {"registration-id", lint.Warning, 8, "signs it in lower case"},
		"mode-create-options.toml": {"file-mode", lint.Warning, 0, "others can read or change the file"},
		"pkcs11-no-token.toml":     {"wrong-value", lint.Error, 10, "neither a token nor a slot"},
		"pkcs11-est.toml":          {"wrong-value", lint.Error, 11, "skips this login"},
		"web-quotes.toml":          {"quotes", lint.Error, 4, "those of a web page"},
		"table-in-aziot-keys.toml": {"wrong-type", lint.Error, 12, "IoT Edge refuses the file: in [aziot_keys] each value is a string"},
	} {
		data, err := os.ReadFile(filepath.Join("testdata", "field", name))
		if err != nil {
			t.Fatal(err)
		}
		facts := &lint.FileFacts{Path: name, Mode: 0o600}
		if want.rule == "file-mode" {
			facts.Mode = 0o644
		}
		found := lint.Check(data, lint.Options{File: facts}).Findings
		if len(found) != 1 || found[0].Rule != want.rule || found[0].Severity != want.severity || found[0].Line != want.line || !strings.Contains(found[0].Message, want.words) {
			t.Errorf("%s: %+v, want %+v", name, found, want)
		}
	}
}

// IoT Edge refuses a file in which something other than a text stands in a table of
// texts, and a text by an unknown name stops its key service.
func TestTablesOfTexts(t *testing.T) {
	for text, want := range map[string]string{
		"[aziot_keys]\npkcs11_lib_path = \"/l.so\"\n": "", "[aziot_keys.pkcs11]\nlib = \"x\"\n": "each value is a string in quotes, and pkcs11 is a table", "[[aziot_keys.slots]]\na = 1\n": "each value is a string",
		"[aziot_keys]\nslot = 1\n": "each value is a string", "[aziot_keys]\nx = true\n": "each value is a string", "[aziot_keys]\nx = [\"a\"]\n": "each value is a string", "[aziot_keys]\nx = { y = \"a\" }\n": "each value is a string", "[aziot_keys]\nx = 1.5\n": "each value is a string", "[aziot_keys]\nx = 2026-11-24\n": "each value is a string",
		"[aziot_keys]\npkcs11_lib_path = 1\n": "IoT Edge wants a string", "[aziot_keys]\npkcs11_base_slot = { token = \"t\" }\n": "IoT Edge wants a string",
		"[aziot_keys]\nsoft_hsm = \"x\"\n": "does not start", "[aziot_keys]\npkcs11_libpath = \"/l.so\"\n": "did you mean pkcs11_lib_path",
		"[agent]\nname = \"a\"\ntype = \"docker\"\nconfig = { image = \"i\" }\n[agent.env]\nx = { y = \"a\" }\n": "wants a string", "[preloaded_keys.x]\ny = \"a\"\n": "wants a string", "[cert_issuance.est.urls.x]\ny = \"a\"\n": "wants a string",
	} {
		checkOne(t, text, lint.Check([]byte(edgetest.TPMFile+text), lint.Options{}).Findings, want)
	}
}
