//go:build conformance && !windows

package emulator

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/softtpm/softtpmtest"
)

// Microsoft's Node SDK is the client that nobody here wrote. These tests fail
// where it cannot run; they never skip.

const nodeDir = "testdata/node"

// startForNode starts a server where the SDK looks for it: it takes no port.
func startForNode(t *testing.T) (*client, []string) {
	t.Helper()
	return startForNodeWith(t, Options{})
}

// startForNodeWith is startForNode with a hub.
func startForNodeWith(t *testing.T, o Options) (*client, []string) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatalf("Node.js is missing (apt-get install nodejs npm): %v", err)
	}
	if _, err := os.Stat(filepath.Join(nodeDir, "node_modules", "azure-iot-device-mqtt")); err != nil {
		t.Fatalf("the Node modules are missing (npm ci --prefix internal/emulator/%s): %v", nodeDir, err)
	}
	const addr = "127.0.0.1:443"
	o.Listen, o.RetryAfter = addr, time.Second
	srv, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Start(t.Context()); err != nil {
		t.Fatalf("the Node SDK speaks to port 443 only: free %s, and run as root or allow low ports (sysctl net.ipv4.ip_unprivileged_port_start=443): %v", addr, err)
	}
	t.Cleanup(func() { srv.Close() })
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, srv.CAPEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	return &client{T: t, srv: srv}, []string{
		"NODE_EXTRA_CA_CERTS=" + ca,
		"NODE_NO_WARNINGS=1",
		"PROVISIONING_CONNECTION_STRING=" + srv.ConnectionString(),
		"IOTHUB_DEVICE_DPS_ENDPOINT=" + srv.Host(),
		"IOTHUB_DEVICE_DPS_ID_SCOPE=" + srv.IDScope(),
	}
}

// node runs one of the scripts and returns what it printed.
func (c *client) node(script string, env []string) string {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), 5*time.Minute) // only ends a hang
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", script)
	cmd.Dir = nodeDir
	cmd.Env = append(withoutProxy(os.Environ()), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		c.Fatalf("node %s: %v\n%s", script, err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// withoutProxy takes out what would send the SDK's requests elsewhere.
func withoutProxy(env []string) (kept []string) {
	for _, v := range env {
		if name, _, _ := strings.Cut(v, "="); !strings.HasSuffix(strings.ToUpper(name), "_PROXY") {
			kept = append(kept, v)
		}
	}
	return kept
}

// The whole round trip: the SDK reads the chip, enrolls it, proves it, and signs
// with the hub key that it got.
func TestConformanceNodeRegisters(t *testing.T) {
	c, env := startForNode(t)
	chip := softtpmtest.Start(t, "")
	out := c.node("register.js", append(env, "TPM_SOCKET="+strings.TrimPrefix(chip.Address(), "swtpm:path=")))
	var got struct {
		RegistrationID, EndorsementKey string
		Status, AssignedHub, DeviceID  string
		Text                           string
		Signature                      []byte
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("register.js printed %q: %v", out, err)
	}
	if got.Status != "assigned" || got.AssignedHub != "localhost" || got.DeviceID != got.RegistrationID {
		t.Errorf("register.js printed %s, want assigned to localhost under the registration ID", out)
	}
	reg := c.srv.state.registrations.get(got.RegistrationID)
	if reg == nil {
		t.Fatalf("the emulator knows no registration %q", got.RegistrationID)
	}
	mac := hmac.New(sha256.New, reg.HubKey)
	mac.Write([]byte(got.Text))
	equal(t, "signature with the hub key", got.Signature, mac.Sum(nil))
	ek, err := base64.StdEncoding.DecodeString(got.EndorsementKey)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "name of the EK", reg.EKName, nameOf(ek[2:]))
}

// The device client on the hub, with the key that the provisioning client got:
// it connects, reads the twin, sends a message, and reports.
func TestConformanceNodeDeviceOnTheHub(t *testing.T) {
	c, env := startForNodeWith(t, Options{MQTT: "127.0.0.1:8883", HubName: "127.0.0.1"})
	chip := softtpmtest.Start(t, "")
	out := c.node("device.js", append(env, "TPM_SOCKET="+strings.TrimPrefix(chip.Address(), "swtpm:path=")))
	var got struct {
		DeviceID       string
		Interval       int
		DesiredVersion int
		Firmware       string
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("device.js printed %q: %v", out, err)
	}
	if got.DeviceID == "" || got.Interval != 30 || got.DesiredVersion != 1 || got.Firmware != "1.2.3" {
		t.Errorf("device.js printed %s, want the twin of the enrollment and what was reported", out)
	}
}

func TestConformanceNodeManagesEnrollments(t *testing.T) {
	chip, _ := chips()
	c, env := startForNode(t)
	if out := c.node("enrollments.js", append(env, "ENDORSEMENT_KEY="+chip.ekText())); out != "all steps done" {
		t.Errorf("enrollments.js printed %q", out)
	}
	if n := c.srv.state.enrollments.len(); n != 0 {
		t.Errorf("%d enrollments are left, want none", n)
	}
}
