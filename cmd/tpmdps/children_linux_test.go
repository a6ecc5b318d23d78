package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/environment"
)

// setCanaries puts a secret into every variable that may have one.
func setCanaries(t *testing.T) {
	t.Helper()
	for _, name := range slices.Concat(environment.Secrets, []string{
		"AZURE_STORAGE_CONNECTION_STRING", "ARM_CLIENT_SECRET", "IOTHUB_DEVICE_CONNECTION_STRING", "TPMDPS_OWNER_PASSWORD", "azure_client_secret",
	}) {
		t.Setenv(name, "canary-"+strings.ToLower(name))
	}
	for _, name := range environment.ProxyVariables() {
		t.Setenv(name, "http://somebody:canary-proxy@127.0.0.1:9")
	}
}

// Whatever program is started, it is handed no secret: each is a fake that writes down
// all that it was handed. az and its like get a proxy's login, without which they
// could not sign in.
func TestChildrenInheritNoSecret(t *testing.T) {
	tests := []struct {
		args     []string
		env      string
		programs []string
	}{
		{[]string{"enroll", "--ek", otherEK(), "--dps", "plant", "--auth-type", "login", "--credential", "cli"}, "", []string{"az"}},
		{[]string{"enroll", "--ek", otherEK(), "--dps", "plant", "--auth-type", "login"}, "AZURE_TOKEN_CREDENTIALS=dev", []string{"az", "azd"}},
		{[]string{"demo"}, "", []string{"swtpm"}},
	}
	for _, tt := range tests {
		setCanaries(t)
		dir := t.TempDir()
		script := "#!/bin/sh\n{ echo \"$@\"; env; } >" + dir + "/$(basename $0).output\nexit 1\n"
		for _, name := range tt.programs {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("PATH", dir+":/usr/bin:/bin")
		if name, value, ok := strings.Cut(tt.env, "="); ok {
			t.Setenv(name, value)
		}
		for _, name := range []string{"IDENTITY_HEADER", "MSI_SECRET"} {
			if tt.env != "" {
				t.Setenv(name, "") // what a managed identity reads anew stays
			}
		}
		before := os.Environ()
		var out bytes.Buffer
		run(t.Context(), append([]string{"tpmdps"}, tt.args...), streams{strings.NewReader(""), &out, &out})
		for _, name := range tt.programs {
			given, err := os.ReadFile(filepath.Join(dir, name+".output"))
			if err != nil || !bytes.Contains(given, []byte("PATH=")) {
				t.Errorf("%s: %s was not started: %v\n%s", tt.args[0], name, err, &out)
				continue
			}
			if name != "swtpm" {
				given = bytes.ReplaceAll(given, []byte("canary-proxy"), nil)
			}
			if at := bytes.Index(given, []byte(canary)); at >= 0 {
				t.Errorf("%s: %s is handed %q", tt.args[0], name, given[max(0, at-40):min(len(given), at+30)])
			}
		}
		if after := os.Environ(); len(after) != len(before) {
			t.Errorf("%s: the environment has %d variables after the run, and had %d", tt.args[0], len(after), len(before))
		}
	}
}

// What IoT Edge's and the system's programs are handed.
func TestChildEnvironment(t *testing.T) {
	setCanaries(t)
	t.Setenv("LANG", "C.UTF-8")
	t.Setenv("AZURE_TENANT_ID", "tenant")
	env := here().Machine.Env
	if i := slices.IndexFunc(env, func(entry string) bool { return strings.Contains(entry, canary) }); i >= 0 {
		t.Errorf("programs are handed %s", env[i])
	}
	for _, entry := range []string{"LANG=C.UTF-8", "AZURE_TENANT_ID=tenant", "HTTPS_PROXY=http://127.0.0.1:9"} {
		if !slices.Contains(env, entry) {
			t.Errorf("programs are not handed %s", entry)
		}
	}
}
