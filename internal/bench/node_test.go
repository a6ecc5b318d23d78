//go:build linux

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// nodeDir holds Microsoft's Node SDK, once `make conformance` has put it there,
// and the script that registers by it.
var nodeDir = filepath.Join("..", "emulator", "testdata", "node")

// compareNode registers the chip by Microsoft's Node SDK, with the same
// service. It leaves keys on the chip, so it comes last. The script enrolls the
// chip, whose EK the SDK derives by a template of its own, and signs once with
// the key of the hub, as a device would next: one command.
func (s *site) compareNode(b *testing.B, what string, ours traffic) {
	b.Helper()
	what += " / Microsoft's Node client"
	env, missing := s.nodeEnv(b)
	if missing != "" {
		report.fact(what, missing)
		return
	}
	connection := strings.ReplaceAll(s.server.ConnectionString(), s.server.Host(), "localhost")
	s.bus.Reset()
	nodeJob(append(env, "PROVISIONING_CONNECTION_STRING="+connection), s.bus.Address()).run(b)
	theirs := sum(s.bus)
	ratio := float64(ours.commands) / float64(theirs.commands)
	b.ReportMetric(float64(theirs.commands), "Node-TPM-commands")
	b.ReportMetric(float64(theirs.writes), "Node-NV-writes")
	report.fact(what, fmt.Sprintf("%.2f  (%d / %d TPM commands, %d / %d NV writes)",
		ratio, ours.commands, theirs.commands, ours.writes, theirs.writes))
}

// nodeJob registers the chip at an address. Without a connection string it has
// to be enrolled.
func nodeJob(env []string, chip string) job {
	return job{append(env[:len(env):len(env)], "TPM_SOCKET="+strings.TrimPrefix(chip, "swtpm:path=")), nodeDir, []string{"node", "register.js"}}
}

// nodeLacks is what Microsoft's SDK lacks here, or "".
func nodeLacks() string {
	if _, err := exec.LookPath("node"); err != nil {
		return "Node.js is not installed (make conformance)"
	}
	if _, err := os.Stat(filepath.Join(nodeDir, "node_modules", "azure-iot-security-tpm")); err != nil {
		return "node modules not installed (make conformance)"
	}
	return ""
}

// nodeEnv is the environment for the SDK, or what it lacks here. It speaks to
// port 443 only, so there a second door is opened.
func (s *site) nodeEnv(b *testing.B) (env []string, missing string) {
	if missing := nodeLacks(); missing != "" {
		return nil, missing
	}
	if _, err := openDoor(b, "127.0.0.1:443", s.server.Addr()); err != nil {
		return nil, fmt.Sprintf("cannot have port 443: %v", err)
	}
	return []string{
		"NODE_EXTRA_CA_CERTS=" + s.ca,
		"NODE_NO_WARNINGS=1",
		"IOTHUB_DEVICE_DPS_ENDPOINT=localhost",
		"IOTHUB_DEVICE_DPS_ID_SCOPE=" + s.server.IDScope(),
	}, ""
}
