package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// policyText is a connection string of a service that is nowhere.
var policyText = "HostName=nowhere.invalid;SharedAccessKeyName=provisioningserviceowner;SharedAccessKey=" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 64)))

// goodConfig is a file that can be edited.
const goodConfig = `hostname = "box"

[provisioning]
source = "dps"
global_endpoint = "https://global.azure-devices-provisioning.net/"
id_scope = "0ne00000E11"

[provisioning.attestation]
method = "tpm"
registration_id = "line7-box"
`

// unfed are command lines that read from PIPE, a named pipe, or from standard input
// or a descriptor, at whose other end is somebody who writes nothing.
var unfed = [][]string{
	{"read-ek", "--endorsement-auth-file", "PIPE"},
	{"read-ek", "--owner-auth-file", "PIPE"},
	{"enroll", "--from", "PIPE", "--connection-string-file", "cs"},
	{"enroll", "--from", "-", "--connection-string-file", "cs"},
	{"enroll", "--ek", "KEY", "--connection-string-file", "PIPE"},
	{"enroll", "--ek", "KEY", "--sas-token-file", "PIPE", "--dps", "nowhere.invalid"},
	{"enroll", "--ek", "KEY", "--connection-string-fd", "0"},
	{"enroll", "--ek", "KEY", "--sas-token-fd", "0", "--dps", "nowhere.invalid"},
	{"enroll", "--ek", "KEY", "--sas-token-fd", "3", "--dps", "nowhere.invalid"},
	{"enroll", "--ek", "KEY", "--connection-string-fd", "3"},
	{"enroll", "--ek", "KEY", "--registration-id", "a", "--connection-string-file", "cs", "--ca-file", "PIPE"},
	{"enroll", "--endorsement-auth-file", "PIPE", "--connection-string-file", "cs"},
	{"enroll", "--ek", "KEY", "--registration-id", "a", "--dps", "nowhere.invalid", "--auth-type", "login", "--credential", "environment"},
	{"enroll", "--ek", "KEY", "--registration-id", "a", "--dps", "nowhere.invalid", "--auth-type", "login", "--credential", "workload"},
	{"verify", "--config", "PIPE"},
	{"verify", "--payload", "PIPE"},
	{"verify", "--ca-file", "PIPE"},
	{"verify", "--owner-auth-file", "PIPE"},
	{"verify", "--offline", "--endorsement-auth-file", "PIPE"},
	{"verify", "--ca-file", "c.toml", "SSL_CERT_FILE"},
	{"config", "--file", "c.toml", "--owner-auth-file", "PIPE", "--registration-id", "b"},
	{"config", "--file", "c.toml", "--endorsement-auth-file", "PIPE", "--registration-id", "b"},
	{"config", "--check", "--file", "PIPE"},
	{"config", "--udev", "--file", "PIPE"},
	{"config", "--check", "--file", "-"},
	{"token", "mint", "--out", "x", "--connection-string-file", "PIPE"},
	{"token", "mint", "--out", "x", "--connection-string-fd", "0"},
	{"token", "show", "PIPE"},
	{"token", "show", "-"},
	{"audit", "verify", "PIPE"},
	{"explain", "-"},
	{"emulator", "--dir", "dps", "--listen", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"}, // whose ca.pem is a pipe
}

// The end of the time and Ctrl-C end every wait for what a user named. How far the
// program has come by then makes no difference: it may open the pipe, or read it.
func TestInputsThatNeverCome(t *testing.T) {
	for _, args := range unfed {
		for _, end := range []struct {
			name string
			code int
			end  func(*program)
		}{{"deadline", 20, (*program).expire}, {"interrupt", 130, (*program).interrupt}} {
			t.Run(fmt.Sprint(end.name, " ", args), func(t *testing.T) {
				t.Parallel()
				p := waiting(t, args)
				before := filesIn(t, p.cmd.Dir)
				p.start()
				end.end(p)
				if code := p.wait(); code != end.code || p.stdout.String() != "" && !strings.Contains(fmt.Sprint(args), "login") {
					t.Errorf("exit code %d, want %d; stdout %q, stderr %q", code, end.code, p.stdout.String(), p.stderr.String())
				}
				if after := filesIn(t, p.cmd.Dir); !slices.Equal(before, after) {
					t.Errorf("files before: %q, after: %q", before, after)
				}
			})
		}
	}
}

// waiting prepares one of unfed.
func waiting(t *testing.T, args []string) *program {
	t.Helper()
	dir := writeFiles(t, map[string]string{"cs": policyText, "c.toml": goodConfig})
	if err := os.Mkdir(filepath.Join(dir, "dps"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pipe", "dps/ca.pem"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verb := 1
	if args[0] == "token" || args[0] == "audit" {
		verb = 2
	}
	args = slices.Insert(slices.Clone(args), verb, "--timeout=1h") // an event ends it
	env := []string{"IOTHUB_DEVICE_DPS_ID_SCOPE=0ne0012AB34", "AZURE_TENANT_ID=11111111-1111-1111-1111-111111111111", "AZURE_CLIENT_ID=a",
		"AZURE_CLIENT_CERTIFICATE_PATH=pipe", "AZURE_FEDERATED_TOKEN_FILE=pipe"}
	for i, arg := range args {
		switch arg {
		case "PIPE":
			args[i] = "pipe"
		case "KEY":
			args[i] = otherEK()
		case "SSL_CERT_FILE":
			env = append(env, "SSL_CERT_FILE=pipe")
			args = args[:i]
		}
	}
	p := prepare(t, dir, args...)
	p.cmd.Env = append(p.cmd.Env, env...)
	// Both have an end that nobody writes to and that stays open.
	for range 2 {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(); w.Close() })
		if p.cmd.Stdin == nil {
			p.cmd.Stdin = r
		} else {
			p.cmd.ExtraFiles = append(p.cmd.ExtraFiles, r)
		}
	}
	return p
}

// filesIn lists what is in a directory and below it.
func filesIn(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The same in the middle of an input: the writer has opened its end, which succeeds
// only when the program waits at the other one, and has written a part.
func TestInputsThatBreakOff(t *testing.T) {
	for _, args := range [][]string{
		{"enroll", "--from", "PIPE", "--connection-string-file", "cs"},
		{"enroll", "--ek", "KEY", "--connection-string-file", "PIPE"},
		{"verify", "--config", "PIPE"},
		{"audit", "verify", "PIPE"},
	} {
		for code, end := range map[int]func(*program){20: (*program).expire, 130: (*program).interrupt} {
			t.Run(fmt.Sprint(code, " ", args), func(t *testing.T) {
				t.Parallel()
				p := waiting(t, args)
				p.start()
				w := writeEnd(t, filepath.Join(p.cmd.Dir, "pipe"))
				if _, err := io.WriteString(w, "{\"canary\": "); err != nil {
					t.Fatal(err)
				}
				end(p)
				if got := p.wait(); got != code || strings.Contains(p.stderr.String(), "canary") {
					t.Errorf("exit code %d, want %d; stderr %q", got, code, p.stderr.String())
				}
			})
		}
	}
}

// writeEnd opens the end of a pipe at whose other end somebody waits.
func writeEnd(t *testing.T, path string) *os.File {
	t.Helper()
	for {
		fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			f := os.NewFile(uintptr(fd), path)
			t.Cleanup(func() { f.Close() })
			return f
		}
		if !errors.Is(err, syscall.ENXIO) || t.Context().Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // between two looks; it decides nothing
	}
}
