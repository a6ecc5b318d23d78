package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/emulator"
)

// A start that fails leaves what belongs to the emulator that runs: its ready file, and
// all files of --dir.
func TestFailedStartsLeaveTheRunningOne(t *testing.T) {
	dir := t.TempDir()
	dps, ready := filepath.Join(dir, "dps"), filepath.Join(dir, "ready")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan int)
	first := []string{"tpmdps", "emulator", "-q", "-o", "tsv", "--listen", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--dir", dps, "--ready-file", ready}
	var out, errs bytes.Buffer
	go func() { done <- run(ctx, first, streams{strings.NewReader(""), &out, &errs}) }()
	for _, err := os.Stat(ready); err != nil; _, err = os.Stat(ready) {
		select {
		case code := <-done:
			t.Fatalf("the first one ended with %d: %s", code, errs.String())
		case <-time.After(time.Millisecond): // between two looks
		}
	}
	env := func() string {
		data, err := os.ReadFile(filepath.Join(dps, "emulator.env"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	before := env()
	if !strings.Contains(before, "\nSSL_CERT_DIR='"+dps+"'\n") {
		t.Errorf("whoever sources this trusts other folders, too: %s", before)
	}
	_, port, _ := strings.Cut(before, "IOTHUB_DEVICE_DPS_ENDPOINT='localhost:")
	port, _, _ = strings.Cut(port, "'")
	for name, tt := range map[string]struct {
		args []string
		code int
	}{
		"the directory":              {[]string{"--listen", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--dir", dps}, 15},
		"the directory, other words": {[]string{"--listen", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--dir", dps + "/../dps/"}, 15},
		"the port":                   {[]string{"--listen", "127.0.0.1:" + port, "--mqtt", "127.0.0.1:0", "--dir", filepath.Join(dir, "other")}, 2},
		"a fault that is not there":  {[]string{"--listen", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--fault", "nonsense"}, 2},
	} {
		if f := ends(t, "", append([]string{"emulator", "--ready-file", ready}, tt.args...)...); f.Code != tt.code {
			t.Errorf("%s: %d %s", name, f.Code, f.Error)
		}
		if _, err := os.Stat(ready); err != nil || env() != before {
			t.Errorf("%s: the running emulator's files: %v", name, err)
		}
	}
	stop()
	if code := <-done; code != 0 {
		t.Errorf("the first one ended with %d: %s", code, errs.String())
	}
	if _, err := os.Stat(ready); err == nil {
		t.Error("the ready file stays behind")
	}
}

// Whoever meets an emulator whose authority is not trusted is sent to its files, and not
// to look for a proxy.
func TestHintOfAnotherEmulator(t *testing.T) {
	server, err := emulator.New(emulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	t.Setenv("SSL_CERT_FILE", "")
	t.Setenv("PROVISIONING_CONNECTION_STRING", server.ConnectionString())
	for _, line := range []string{"enroll --registration-id box --ek " + otherEK(), "enroll --from - --dry-run"} {
		record := `{"schema":"tpmdps/record/1","registration_id":"box","endorsement_key":"` + otherEK() + `"}`
		if f := ends(t, record, strings.Fields(line)...); f.Code != 21 || !strings.Contains(f.Hint, "emulator.env") || strings.Contains(f.Hint, "proxy") {
			t.Errorf("%s: %d %s, hint %q", line, f.Code, f.Error, f.Hint)
		}
	}
}
