package gather

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/edge"
	"tpmdps/internal/redact"
	"tpmdps/internal/tpm"
)

// Of a proxy the address is shown, of a secret that there is one.
func TestShownEnvironment(t *testing.T) {
	shown, err := json.Marshal(shownEnvironment(map[string]string{
		"HTTPS_PROXY": "http://somebody:canary%2Fproxy@proxy.example:3128",
		"HTTP_PROXY":  "somebody:canary-bare@proxy.example:3128",
		"ALL_PROXY":   "http://somebody:canary/proxy@proxy.example:3128",
		"TZ":          "UTC",
		"UNKNOWN":     "canary",
	}, []string{"AZURE_CLIENT_SECRET"}))
	if err != nil || strings.Contains(string(shown), "canary") {
		t.Errorf("shownEnvironment() = %s, %v", shown, err)
	}
	for _, want := range []string{
		`{"name":"HTTPS_PROXY","value":"http://[redacted]@proxy.example:3128"}`,
		`{"name":"HTTP_PROXY","value":"[redacted]@proxy.example:3128"}`,
		`{"name":"ALL_PROXY","value":"(set, not shown`,
		`{"name":"TZ","value":"UTC"}`,
		`{"name":"AZURE_CLIENT_SECRET","value":"(set, not shown)"}`,
	} {
		if !strings.Contains(string(shown), want) {
			t.Errorf("shownEnvironment() = %s, without %s", shown, want)
		}
	}
	if shown, err := json.Marshal(shownEnvironment(nil, nil)); err != nil || string(shown) != "[]" {
		t.Errorf("of nothing it is %s, %v", shown, err)
	}
	for _, name := range []string{"HTTPS_PROXY", "no_proxy", "SSL_CERT_FILE", "TPM2TOOLS_TCTI"} {
		if !slices.Contains(Variables(), name) {
			t.Errorf("%s is not shown", name)
		}
	}
}

// The chip's passwords, those of the flags and those of the configuration, are known
// before anything is packed.
func TestPasswordsAreRedacted(t *testing.T) {
	known := &redact.Set{}
	g := newGatherer(Options{
		Known: known, Learn: func(secrets ...string) { known.Add(secrets...) },
		Chip: Chip{Options: tpm.Options{OwnerAuth: []byte("owner-word-1"), EndorsementAuth: []byte("endorsement-word-1")}},
	})
	g.file = edge.Config{EndorsementAuth: "endorsement-word-2", OwnerAuth: "owner-word-2"}
	clean := g.redactor()
	for _, text := range []string{
		"kernel: owner-word-1", "endorsement-word-1", `{"a": "owner-word-2"}`, "x endorsement-word-2 y",
	} {
		got := clean(text)
		if strings.Contains(got, "-word-") || !strings.Contains(got, redact.Mark) {
			t.Errorf("%q becomes %q", text, got)
		}
		if json.Valid([]byte(text)) != json.Valid([]byte(got)) {
			t.Errorf("%q becomes %q, which is not JSON as before", text, got)
		}
	}
}
