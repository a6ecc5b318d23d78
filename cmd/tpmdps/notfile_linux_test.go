package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tpmdps/internal/input"
)

// runIn runs a command line and returns its exit code and what it says.
func runIn(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), append([]string{"tpmdps"}, args...), streams{strings.NewReader(""), &out, &errs})
	return code, errs.String()
}

// Whatever is named to be read and is no file is named for what it is.
func TestInputsThatAreNoFiles(t *testing.T) {
	t.Chdir(t.TempDir()) // short enough for a socket's name
	listener, err := net.Listen("unix", "sock")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := os.Mkdir("folder", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("sock", "link"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("cs", []byte(policyText), 0o600); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{"sock": "a socket", "./link": "a socket", "folder": "a directory", "/dev/zero": "a device", "/dev/random": "a device"}
	for _, line := range []string{
		"enroll --from AT --connection-string-file cs",
		"enroll --from AT --connection-string-file cs -o json",
		"enroll --ek x --registration-id a --connection-string-file AT",
		"enroll --ek x --registration-id a --dps nowhere.invalid --sas-token-file AT",
		"token mint --connection-string-file AT",
		"token show AT",
		"read-ek --endorsement-auth-file AT",
		"read-ek --owner-auth-file AT",
		"verify --id-scope 0ne0012AB34 --ca-file AT",
		"verify --config AT",
		"config --check --config AT",
		"config --id-scope 0ne0012AB34 --registration-id a --config AT",
		"audit verify AT",
		"audit verify --audit-key-file AT cs",
	} {
		for at, want := range kinds {
			code, says := runIn(t, strings.Fields(strings.ReplaceAll(line, "AT", at))...)
			var failed struct{ Error string }
			if json.Unmarshal([]byte(says), &failed) == nil {
				says = failed.Error
			}
			if code != 2 || !strings.Contains(says, want) || strings.Contains(says, "dmesg") {
				t.Errorf("%s: exit code %d, %q, want 2 and %q", strings.ReplaceAll(line, "AT", at), code, says, want)
			}
		}
	}
	// What is empty, or what a shell hands on, is read.
	if code, says := runIn(t, "enroll", "--from", "/dev/null", "--connection-string-file", "cs"); code != 50 || strings.Contains(says, "not a file") {
		t.Errorf("/dev/null: exit code %d, %q", code, says)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w.Close()
	in, err := input.Open(context.Background(), fmt.Sprintf("/proc/self/fd/%d", r.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
}

// The emulator's folder that cannot be made was not read.
func TestEmulatorFolderThatCannotBeMade(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--dir", "--state"} {
		for _, at := range []string{filepath.Join(dir, "file", "dps"), "/proc/no/dps"} {
			code, says := runIn(t, "emulator", flag, at, "--listen", "127.0.0.1:0", "--mqtt", "127.0.0.1:0")
			if code != 2 || strings.Contains(says, "cannot read") || !strings.Contains(says, at) && !strings.Contains(says, filepath.Dir(at)) {
				t.Errorf("%s %s: exit code %d, %q", flag, at, code, says)
			}
		}
	}
}

// Only of the folder that IoT Edge's package makes it is asked whether it is there.
func TestConfigWithoutItsFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	args := []string{"config", "--id-scope", "0ne0012AB34", "--registration-id", "a", "--config"}
	for _, at := range []string{"nodir/config.toml", "./no/dir/aziot.toml", filepath.Join(t.TempDir(), "etc/aziot/config.toml")} {
		if code, says := runIn(t, append(args, at)...); code != 2 || strings.Contains(says, "IoT Edge") || !strings.Contains(says, "there is no directory "+filepath.Dir(at)) {
			t.Errorf("%s: exit code %d, %q", at, code, says)
		}
	}
	if _, err := os.Stat(filepath.Dir(configTOML)); err == nil {
		return // IoT Edge is installed here
	}
	if code, says := runIn(t, append(args, configTOML)...); code != 2 || !strings.Contains(says, "is IoT Edge installed?") {
		t.Errorf("exit code %d, %q", code, says)
	}
}

// A place where no bundle can be written is found before anything is looked at.
func TestBundlePlaceIsTriedFirst(t *testing.T) {
	for _, at := range []string{"/proc/x.zip", "/sys/x.zip", filepath.Join(t.TempDir(), strings.Repeat("n", 300)+".zip")} {
		code, says := runIn(t, "support-bundle", "--out", at, "--offline", "--tpm", "swtpm:path=nothing")
		if code == 0 || regexp.MustCompile(`(?m)^(packed|absent|failed) `).MatchString(says) || !strings.Contains(says, "write "+at) {
			t.Errorf("%s: exit code %d, %q", at, code, says)
		}
	}
	dir := t.TempDir()
	code, says := runIn(t, "support-bundle", "--out", filepath.Join(dir, "x.zip"), "--offline", "--until", "twin")
	if left, err := os.ReadDir(dir); code != 2 || err != nil || len(left) != 0 {
		t.Errorf("a run that was refused (%d, %q) left %v", code, says, left)
	}
}
