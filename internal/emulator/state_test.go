package emulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"tpmdps/internal/atomicfile"
)

// The first server is never closed, as when it was killed.
func TestStateSurvivesKill(t *testing.T) {
	chip, _ := chips()
	dir := t.TempDir()
	o := Options{StateFile: filepath.Join(dir, "state.json"), Dir: filepath.Join(dir, "emulator")}
	before := start(t, o)
	before.enroll("dev1", chip, `,"somethingNew":{"x":[1,2]}`)
	before.enroll("dev2", chip, "")
	before.service("DELETE", "/enrollments/dev2", "").expect(t, 204, 0)
	key := before.hubKey(before.provision("dev1", chip), chip)
	was := before.service("GET", "/enrollments/dev1", "").expect(t, 200, 0)

	if _, err := New(o); !errors.Is(err, atomicfile.ErrInUse) {
		t.Errorf("New() with the state of a server that runs = %v, want %v", err, atomicfile.ErrInUse)
	}
	before.killed()
	after := start(t, o)
	a := after.service("GET", "/enrollments/dev1", "").expect(t, 200, 0)
	if !sameJSON(t, a.body, was.body) {
		t.Errorf("enrollment after the restart = %s, want %s", a.body, was.body)
	}
	after.service("GET", "/enrollments/dev2", "").expect(t, 404, 404201)
	equal(t, "hub key after the restart", after.hubKey(after.provision("dev1", chip), chip), key)
	equal(t, "policy key after the restart", after.srv.state.policy.Key, before.srv.state.policy.Key)
	equal(t, "CA after the restart", after.srv.CAPEM(), before.srv.CAPEM())

	info, err := os.Stat(o.StateFile)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("state file has mode %o, want 600", mode)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, ".state*")); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var values [2]any
	for i, data := range [][]byte{a, b} {
		if err := json.Unmarshal(data, &values[i]); err != nil {
			t.Fatal(err)
		}
	}
	x, _ := json.Marshal(values[0])
	y, _ := json.Marshal(values[1])
	return bytes.Equal(x, y)
}

// A state that cannot be read is not replaced by an empty one.
func TestBrokenState(t *testing.T) {
	for name, content := range map[string]string{
		"empty":          "",
		"cut off":        `{"schema":"tpmdps/emulator/1","poli`,
		"another schema": `{"schema":"tpmdps/emulator/9","policy":{"name":"a","key":"AAAA"}}`,
		"no policy":      `{"schema":"tpmdps/emulator/1"}`,
		"null in it":     `{"schema":"tpmdps/emulator/1","policy":{"name":"a","key":"AAAA"},"enrollments":[null]}`,
		"bad enrollment": `{"schema":"tpmdps/emulator/1","policy":{"name":"a","key":"AAAA"},"enrollments":[{"registrationId":"x"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.json")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := New(Options{StateFile: path})
			checkError(t, "New()", err, path)
			if got, _ := os.ReadFile(path); string(got) != content {
				t.Errorf("the file was changed to %q", got)
			}
		})
	}
}

func TestStateFileThatCannotBeWritten(t *testing.T) {
	chip, _ := chips()
	dir := filepath.Join(t.TempDir(), "folder")
	path := filepath.Join(dir, "state.json")
	if _, err := New(Options{StateFile: path}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("New() without the folder = %v, want %v", err, fs.ErrNotExist)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	c := start(t, Options{StateFile: path})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	c.service("PUT", "/enrollments/dev1", enrollmentBody("dev1", chip, "")).expect(t, 500, 500000)
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]Options{
		"scope too short": {IDScope: "0ne123"},
		"scope with /":    {IDScope: "0ne0000/E11"},
		"no port":         {Listen: "127.0.0.1"},
		"MQTT, no port":   {MQTT: "127.0.0.1"},
		"negative limit":  {Limit: -1},
		"limit of bytes":  {Limit: 1, LimitCounts: "bytes"},
		"negative delay":  {AssignDelay: -1},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: New() = nil", name)
		}
	}
}

func TestStartRefusals(t *testing.T) {
	c := start(t, Options{})
	second, err := New(Options{Listen: c.srv.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Start(t.Context()); err == nil {
		t.Error("two servers listen on one port")
	}
	if err := second.Close(); err != nil {
		t.Errorf("Close() of a server that did not start = %v", err)
	}
}

func TestEndOfContextCloses(t *testing.T) {
	srv, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := srv.Start(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := srv.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	if _, err := tls.Dial("tcp", srv.Addr(), &tls.Config{RootCAs: srv.Roots()}); err == nil {
		t.Error("the server still listens")
	}
}

// The names by which clients come, each checked against the certificate.
func TestCertificateNames(t *testing.T) {
	c := start(t, Options{Names: []string{"dps.emulator.example"}})
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "dps.emulator.example"} {
		conn, err := tls.Dial("tcp", c.srv.Addr(), &tls.Config{RootCAs: c.srv.Roots(), ServerName: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		conn.Close()
	}
	for _, config := range []*tls.Config{
		{RootCAs: c.srv.Roots(), ServerName: "global.azure-devices-provisioning.net"},
		{ServerName: "localhost"}, // without the CA
		{RootCAs: c.srv.Roots(), ServerName: "localhost", MaxVersion: tls.VersionTLS11},
	} {
		if _, err := tls.Dial("tcp", c.srv.Addr(), config); err == nil {
			t.Errorf("connected as %q", config.ServerName)
		}
	}
	leaf, err := c.srv.ca.issue("bench.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := leaf.Leaf.VerifyHostname("bench.example"); err != nil {
		t.Error(err)
	}
	if leaf, err = c.srv.ca.issue("192.0.2.7"); err != nil {
		t.Fatal(err)
	}
	if err := leaf.Leaf.VerifyHostname("192.0.2.7"); err != nil {
		t.Error(err)
	}
}

func TestAuthorityOnDisk(t *testing.T) {
	dir := t.TempDir()
	first, err := openAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := openAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "certificate", again.cert.Raw, first.cert.Raw)
	info, err := os.Stat(filepath.Join(dir, caKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("%s has mode %o, want 600", caKeyFile, mode)
	}
	if err := os.WriteFile(filepath.Join(dir, caFile), []byte("junk"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := openAuthority(dir); err == nil {
		t.Error("a broken CA file is taken, or silently replaced")
	}
}
