package templates_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"tpmdps/templates"
)

// Every template on disk is embedded, and with its present content.
func TestEmbedded(t *testing.T) {
	embedded := map[string]string{
		"config.toml.tmpl":     templates.ConfigTOML,
		"config.yaml.tmpl":     templates.ConfigYAML,
		"tpmaccess.rules.tmpl": templates.TPMAccessRules,
	}
	files, err := fs.Glob(os.DirFS("."), "*.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(embedded) {
		t.Errorf("templates on disk: %v, want the %d that are embedded", files, len(embedded))
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if embedded[name] != string(text) {
			t.Errorf("%s is not embedded as it is on disk", name)
		}
		if !strings.HasSuffix(string(text), "\n") || strings.Contains(string(text), "\r") {
			t.Errorf("%s must end in a newline and have no carriage return", name)
		}
	}
}
