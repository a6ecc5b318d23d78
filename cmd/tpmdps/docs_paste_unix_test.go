//go:build unix

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The block of README that sets the stage works when it is pasted at once: what
// follows it finds chip, service and credentials. It runs as it stands, but for the
// ports, which other tests may have; "make build" is a link to the program.
func TestReadmeBlockPasted(t *testing.T) {
	_, session, _ := strings.Cut(page(t, "README.md"), "\n## A whole session\n")
	m := regexp.MustCompile("(?ms)^```sh$\n(.*?)^```$").FindStringSubmatch(session)
	if m == nil || !strings.Contains(m[1], "tpmdps emulator --dir dps") {
		t.Fatal("README's session does not begin with the block that starts the emulator")
	}
	for name, killed := range map[string]map[string]string{
		"for the first time":  {},
		"after a killed run":  {"dps/ready": "1\n", "dps/emulator.env": "IOTHUB_DEVICE_DPS_ID_SCOPE=0ne000STALE\nPROVISIONING_CONNECTION_STRING=stale\n"},
		"after a lost ending": {"dps/ready": "1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range killed {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			block, control := withPorts(t, m[1])
			out, err := pasted(t, dir, block+`
tpmdps enroll --edge-enabled -q -o tsv && tpmdps verify --until challenge -q -o json
code=$?
ls dps/ready || code=98
kill $! && wait $! || code=97
! ls dps/ready || code=96
exit $code
`)
			endChip(t, control)
			if err != nil || !strings.Contains(out, `"result": "pass"`) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// withPorts gives the block ports of its own for the chip. It takes them later: they are
// none of those that the system gives to who asks for any.
func withPorts(t *testing.T, block string) (_, control string) {
	t.Helper()
	for range 1000 {
		port := 10_000 + rand.IntN(20_000) // Linux gives 32768 and up, other systems 49152 and up
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		next, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1)) // where tools look for the control channel
		l.Close()
		if err != nil {
			continue
		}
		next.Close()
		block = strings.NewReplacer("port=2321", fmt.Sprintf("port=%d", port), "port=2322", fmt.Sprintf("port=%d", port+1)).Replace(block)
		return block, fmt.Sprintf("127.0.0.1:%d", port+1)
	}
	t.Fatal("no two ports are free")
	return "", ""
}

// pasted runs what bash was given, in an empty folder with a Makefile.
func pasted(t *testing.T, dir, script string) (string, error) {
	t.Helper()
	program, err := exec.LookPath("tpmdps")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"Makefile": "build:\n\t@mkdir bin && cp wrapper bin/tpmdps && chmod +x bin/tpmdps\n",
		"wrapper":  "#!/bin/sh\n[ $1 = emulator ] && set -- \"$@\" --listen 127.0.0.1:0 --mqtt 127.0.0.1:0\nexec " + program + " \"$@\"\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // only ends a hang
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(script)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GORACE=atexit_sleep_ms=0", canaryWatch + "=" + t.TempDir()}
	cmd.WaitDelay = time.Minute
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// endChip ends a swtpm that went into the background: CMD_SHUTDOWN of
// swtpm_ioctls(3).
func endChip(t *testing.T, control string) {
	t.Helper()
	conn, err := net.Dial("tcp", control)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := binary.Write(conn, binary.BigEndian, uint32(3)); err != nil {
		t.Fatal(err)
	}
	var result uint32
	if err := binary.Read(conn, binary.BigEndian, &result); err != nil || result != 0 {
		t.Errorf("the software TPM does not end: %#x, %v", result, err)
	}
}
