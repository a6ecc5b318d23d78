package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/emulator"
	"tpmdps/internal/softtpm"
)

// varying is what another run prints otherwise: keys, addresses, times.
var varying = []struct {
	is *regexp.Regexp
	as string
}{
	{regexp.MustCompile(`\b[a-z2-7]{52}\b`), "BASE32"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "HEX"},
	{regexp.MustCompile(`AToA[A-Za-z0-9+/]+=*`), "KEY"},
	{regexp.MustCompile(` +\d+ ms`), " N ms"},
	{regexp.MustCompile(`within \d+s`), "within Ns"},
	{regexp.MustCompile(`(127\.0\.0\.1|localhost):\d+`), "$1"},
	{regexp.MustCompile(`CA [0-9a-f]{8}`), "CA ID"},
	{regexp.MustCompile(`swtpm:\S+`), "CHIP:"},
	{regexp.MustCompile(`firmware [\d.]+`), "firmware VERSION"},
	{regexp.MustCompile(`specification 2.0 [\d.]+`), "specification 2.0 REVISION"},
	{regexp.MustCompile(`(?m)^Machine .*`), "Machine"},
	{regexp.MustCompile(`/\S+/config.toml`), "config.toml"},
}

func constant(text string) string {
	for _, v := range varying {
		text = v.is.ReplaceAllString(text, v.as)
	}
	return text
}

// TestDocsSession runs the commands of README's session, one after the other,
// and compares what they print with what README shows.
func TestDocsSession(t *testing.T) {
	_, session, _ := strings.Cut(page(t, "README.md"), "\n## A whole session\n")
	block := regexp.MustCompile("(?ms)^```(\\w*)$\n(.*?)^```$")
	shown := regexp.MustCompile(`(?m)^\$ tpmdps (.*)\n((?:[^$\n].*\n|\n)*)`)
	dir := sessionSite(t)
	t.Chdir(dir)
	commands := 0
	for _, b := range block.FindAllStringSubmatch(session, -1) {
		if b[1] != "console" {
			continue // commands alone, without what they print
		}
		for _, m := range shown.FindAllStringSubmatch(b[2], -1) {
			typed, want := m[1], m[2]
			commands++
			var got bytes.Buffer
			args := append([]string{"tpmdps"}, strings.Fields(typed)...)
			if slices.Contains([]string{"enroll", "verify"}, args[1]) {
				args = append(args, "--ca-file", "ca.pem")
			}
			if code := run(t.Context(), args, streams{strings.NewReader(""), &got, &got}); code != 0 {
				t.Fatalf("tpmdps %s: exit code %d\n%s", typed, code, got.String())
			}
			if got, want := constant(got.String()), constant(want); got != want {
				t.Errorf("tpmdps %s prints\n%s\nREADME.md has\n%s", typed, got, want)
			}
		}
	}
	if commands < 5 {
		t.Errorf("%d commands were found in README's session", commands)
	}
}

// sessionSite is a chip and a service, and the variables with which the
// program finds them.
func sessionSite(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	server, err := emulator.New(emulator.Options{RetryAfter: time.Millisecond, MQTT: "127.0.0.1:0", HubName: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), server.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	chip, err := softtpm.Start(context.Background(), softtpm.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chip.Stop() })
	for name, value := range map[string]string{
		"TPMDPS_TPM":                     chip.Address(),
		"PROVISIONING_CONNECTION_STRING": server.ConnectionString(),
		"TPMDPS_DPS":                     server.Endpoint(),
		"IOTHUB_DEVICE_DPS_ENDPOINT":     strings.TrimPrefix(server.Endpoint(), "https://"),
		"IOTHUB_DEVICE_DPS_ID_SCOPE":     server.IDScope(),
		"HTTPS_PROXY":                    "",
	} {
		t.Setenv(name, value)
	}
	return dir
}
