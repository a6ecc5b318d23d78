//go:build conformance && !windows

package emulator

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const pythonDir = "testdata/python"

// Microsoft's Python client, by which the recordings in testdata were made.
func TestConformancePythonManagesEnrollments(t *testing.T) {
	python, err := filepath.Abs(filepath.Join(pythonDir, "venv", "bin", "python"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(python); err != nil {
		t.Fatalf("the Python client is missing (make conformance installs it into %s/venv): %v", pythonDir, err)
	}
	chip, _ := chips()
	c := start(t, Options{Now: time.Now, MQTT: "127.0.0.1:0", HubName: "127.0.0.1"})
	c.clock = &clock{now: time.Now()}
	c.enroll("registered", chip, "")
	c.provision("registered", chip)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, c.srv.CAPEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // only ends a hang
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "enrollments.py")
	cmd.Dir = pythonDir
	cmd.Env = append(withoutProxy(os.Environ()),
		"REQUESTS_CA_BUNDLE="+ca,
		"PYTHONDONTWRITEBYTECODE=1",
		"PROVISIONING_CONNECTION_STRING="+c.srv.ConnectionString(),
		"ENDORSEMENT_KEY="+chip.ekText(),
		"REGISTERED=registered",
	)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || strings.TrimSpace(string(out)) != "all steps done" {
		t.Fatalf("enrollments.py printed %q: %v\n%s", out, err, stderr.String())
	}
	if n := c.srv.state.enrollments.len() + c.srv.state.groups.len(); n != 0 {
		t.Errorf("%d enrollments are left, want none", n)
	}
}
