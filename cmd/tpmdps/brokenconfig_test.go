package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is said of a file that is broken, by every command that reads it, has no piece
// of its secrets, also where the redactor knows none of them.
func TestBrokenConfigTellsNothing(t *testing.T) {
	defer func() { learning = true }()
	const file = `hostname = "box-7"
[provisioning]
source = "dps"
id_scope = "0ne0012AB34"
connection_string = "HostName=h;SharedAccessKey=Y2FuYXJ5LW9mLWEta2V5="
[tpm.hierarchy_authorization]
owner = "canary-Owner-9"
[preloaded_keys]
k = """
-----BEGIN PRIVATE KEY-----
MIICanaryOfALine=
canaryKey = canaryValue
-----END PRIVATE KEY-----
"""
`
	secrets := []string{"Y2FuYXJ5LW9mLWEta2V5=", "canary-Owner-9", "MIICanaryOfALine=", "canaryKey", "canaryValue"}
	path := filepath.Join(t.TempDir(), "config.toml")
	tried := 0
	for at := 60; at < len(file); at += 11 {
		for _, broken := range []string{file[:at] + file[at+1:], file[:at] + "\n" + file[at:], file[:at], file[:at] + `"` + file[at:]} {
			if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{
				{"config", "--check", "--file", path, "-o", "json"}, {"config", "--check", "--file", path},
				{"config", "--dry-run", "--file", path, "--registration-id", "box-7"}, {"verify", "--config", path, "--until", "challenge"},
			} {
				learning = tried%2 == 0
				tried++
				var out bytes.Buffer
				run(t.Context(), append([]string{"tpmdps"}, append(args, "--tpm", path+".none")...), streams{strings.NewReader(""), &out, &out})
				for _, secret := range secrets {
					for i := 0; i+8 <= len(secret); i++ {
						if strings.Contains(out.String(), secret[i:i+8]) {
							t.Fatalf("%s of %q tells %q:\n%s", args[:2], broken[max(0, at-20):], secret[i:i+8], &out)
						}
					}
				}
				if out.Len() == 0 {
					t.Fatalf("%s says nothing", args[:2])
				}
			}
		}
	}
	t.Logf("%d runs", tried)
}
