package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Commands whose time is over at once: whatever they would wait for first.
func TestOvertimeOfCommands(t *testing.T) {
	t.Setenv("PROVISIONING_CONNECTION_STRING", "HostName=localhost;SharedAccessKeyName=p;SharedAccessKey="+base64.StdEncoding.EncodeToString(make([]byte, 32)))
	t.Setenv("SSL_CERT_FILE", "") // it would be looked at before anything else
	over := make(chan struct{})
	close(over)
	dir := t.TempDir()
	file := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(file, []byte("[provisioning]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hung, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
	chip := "swtpm:host=127.0.0.1,port=" + strings.TrimPrefix(hung.Addr().String(), "127.0.0.1:")
	for _, line := range []string{
		"read-ek +", "read-ek --compare +", "chip flush +", "verify --offline +", "verify --id-scope 0ne00000E11 --until challenge +",
		"config --config - --id-scope 0ne00000E11 +", "config + --check --config " + file, "enroll + --dps localhost --from " + file,
		"explain + -", "enroll --from - --dps localhost +",
	} {
		var out, errs bytes.Buffer
		options := "--tpm " + chip + " --timeout 1h -o json -q"
		if strings.HasPrefix(line, "explain") {
			options = "--timeout 1h -o json -q"
		}
		args := append([]string{"tpmdps"}, strings.Fields(strings.Replace(line, "+", options, 1))...)
		code := run(endingWith(t.Context(), over), args, streams{hangs{t.Context()}, &out, &errs})
		var failed failure
		json.Unmarshal(errs.Bytes(), &failed)
		if code != 20 || failed.Code != 20 || !strings.Contains(failed.Hint, "raise --timeout") || strings.Contains(failed.Error, "pipe") {
			t.Errorf("%s: exit code %d: %s", line, code, errs.String())
		}
	}
}

// hangs is an input of which nothing comes.
type hangs struct{ ctx context.Context }

func (h hangs) Read([]byte) (int, error) {
	<-h.ctx.Done()
	return 0, h.ctx.Err()
}
