package main

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"tpmdps/internal/chain"
	"tpmdps/internal/emulator"
	"tpmdps/internal/twin/twintest"
)

// A batch is enrolled with the twins that a hub accepts. With any other nothing is
// sent, for none of its records.
func TestTwinsOfABatch(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "")
	server, err := emulator.New(emulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var requests atomic.Int32
	silent := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(http.StatusTeapot)
	}))
	defer silent.Close()
	dir := t.TempDir()
	ca, batch := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "batch.jsonl")
	both := append(server.CAPEM(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: silent.Certificate().Raw})...)
	if err := os.WriteFile(ca, both, 0o600); err != nil {
		t.Fatal(err)
	}
	credential := map[bool]string{true: server.ConnectionString(),
		false: "HostName=" + silent.Listener.Addr().String() + ";SharedAccessKeyName=p;SharedAccessKey=" + base64.StdEncoding.EncodeToString(make([]byte, 32))}
	for n, c := range twintest.Cases() {
		if err := os.WriteFile(batch, fmt.Appendf(nil, `{"registration_id":"box-%d","endorsement_key":"%s"}`+"\n", n, otherEK()), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PROVISIONING_CONNECTION_STRING", credential[c.Accepted()])
		args := []string{"enroll", "--no-remote-check", "--from", batch, "--ca-file", ca, "--" + c.Flag(), c.JSON}
		if c.Accepted() {
			var out, errs bytes.Buffer
			code := run(t.Context(), append([]string{"tpmdps"}, append(args, "-o", "tsv")...), streams{strings.NewReader(""), &out, &errs})
			if code != 0 || !strings.HasPrefix(out.String(), fmt.Sprintf("box-%d\tcreate\t", n)) {
				t.Errorf("%s: exit code %d, %q, %q", c.Name, code, out.String(), errs.String())
			}
			continue
		}
		out, failed := runFails(t, args...)
		if failed.Code != 2 || out != "" || !strings.Contains(failed.Error, c.Flag()+": ") || !strings.Contains(failed.Error, c.Reason) {
			t.Errorf("%s: %+v, stdout %q, want exit code 2 and %q", c.Name, failed, out, c.Reason)
		}
		if c.Path != c.Part.String() && !strings.Contains(failed.Error, c.Path) {
			t.Errorf("%s: %q does not name %s", c.Name, failed.Error, c.Path)
		}
	}
	if n := requests.Load(); n > 0 {
		t.Errorf("%d requests were sent for what is refused", n)
	}
}

// An enrollment from before may have a twin that no hub accepts. Who has not named
// it gets a warning; who names it is refused.
func TestStandingTwinIsWarnedOf(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "")
	dir := t.TempDir()
	state, ca := filepath.Join(dir, "state.json"), filepath.Join(dir, "ca.pem")
	start := func() *emulator.Server {
		server, err := emulator.New(emulator.Options{StateFile: state})
		if err != nil {
			t.Fatal(err)
		}
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(ca, server.CAPEM(), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PROVISIONING_CONNECTION_STRING", server.ConnectionString())
		return server
	}
	enroll := func(more ...string) (code int, stdout, stderr string) {
		var out, errs bytes.Buffer
		args := append([]string{"tpmdps", "enroll", "--no-remote-check", "--ek", otherEK(), "--ca-file", ca, "-o", "jsonl"}, more...)
		code = run(t.Context(), args, streams{strings.NewReader(""), &out, &errs})
		return code, out.String(), errs.String()
	}
	server := start()
	if code, out, errs := enroll("--initial-twin-tags", `{"line_2":true}`); code != 0 {
		t.Fatalf("exit code %d, %q, %q", code, out, errs)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndexByte(bytes.TrimSpace(data), '\n') + 1
	object, err := chain.Unseal(bytes.TrimSpace(data[last:]))
	if err != nil {
		t.Fatal(err)
	}
	edited := chain.Seal(append(bytes.Replace(object, []byte("line_2"), []byte("line 2"), 1), '}'))
	if err := os.WriteFile(state, append(data[:last], append(edited, '\n')...), 0o600); err != nil {
		t.Fatal(err)
	}
	defer start().Close()
	const said = `a hub will refuse the initial twin of the enrollment, which was not changed: tags.line 2: a hub does not accept a blank in the name`
	code, out, errs := enroll()
	if code != 0 || !strings.Contains(out, `"action":"unchanged"`) || !strings.Contains(out, `"warnings":["`+said) || !strings.Contains(errs, ": "+said) || !strings.Contains(errs, "warning: ") {
		t.Errorf("not named: exit code %d, %q, %q", code, out, errs)
	}
	code, out, errs = enroll("--update", "--initial-twin-tags", `{"line 2":true}`)
	if code != 2 || out != "" || !strings.Contains(errs, "initial-twin-tags: tags.line 2: ") {
		t.Errorf("named: exit code %d, %q, %q", code, out, errs)
	}
	code, out, errs = enroll("--update", "--initial-twin-tags", `{"line-2":true}`)
	if code != 0 || !strings.Contains(out, `"action":"update"`) || !strings.Contains(out, `"warnings":[]`) || strings.Contains(errs, "warning") {
		t.Errorf("corrected: exit code %d, %q, %q", code, out, errs)
	}
}
