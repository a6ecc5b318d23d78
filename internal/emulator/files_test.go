//go:build !windows

package emulator

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tpmdps/internal/emulator/entra"
)

// The file is what a shell makes of it.
func TestEnvFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's a folder")
	c := start(t, Options{Dir: dir})
	if err := c.srv.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	env := filepath.Join(dir, "emulator.env")
	info, err := os.Stat(env)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("emulator.env has mode %o, want 600", mode)
	}
	for _, name := range []string{"client.pem", "federated-token"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 600", name, info, err)
		}
	}
	sh := exec.Command("sh", "-ec", `set -a; . "$1"; exec env`, "sh", env)
	sh.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := sh.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		got[name] = value
	}
	for name, want := range map[string]string{
		"PROVISIONING_CONNECTION_STRING": c.srv.ConnectionString(),
		"IOTHUB_DEVICE_DPS_ENDPOINT":     c.srv.Host(),
		"IOTHUB_DEVICE_DPS_ID_SCOPE":     DefaultIDScope,
		"TPMDPS_DPS":                     c.srv.Endpoint(),
		"SSL_CERT_FILE":                  filepath.Join(dir, "ca.pem"),
		"AZURE_AUTHORITY_HOST":           c.srv.Endpoint(),
		"AZURE_TENANT_ID":                entra.TenantID,
		"AZURE_CLIENT_ID":                entra.ClientID,
		"AZURE_CLIENT_SECRET":            c.srv.ClientSecret(),
		"AZURE_FEDERATED_TOKEN_FILE":     filepath.Join(dir, "federated-token"),
		"IDENTITY_ENDPOINT":              c.srv.Endpoint() + "/msi/token",
		"IDENTITY_HEADER":                c.srv.IdentityHeader(),
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
	pem, err := os.ReadFile(got["SSL_CERT_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "ca.pem", pem, c.srv.CAPEM())
	if !strings.HasPrefix(c.srv.Host(), "localhost:") {
		t.Errorf("Host() = %q, want localhost and a port", c.srv.Host())
	}
}
