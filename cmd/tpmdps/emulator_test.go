package main

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

func TestDottedName(t *testing.T) {
	for mqtt, want := range map[string]string{
		"127.0.0.1:8883": "127.0.0.1", "127.8.7.6:8883": "127.0.0.1", "0.0.0.0:8883": "127.0.0.1", ":8883": "127.0.0.1",
		"localhost:8883": "", "hub.bench.example:8883": "", "192.0.2.7:8883": "", "[::1]:8883": "", "[::]:8883": "", "": "", "127.0.0.1": "",
	} {
		if got := dottedName(mqtt); got != want {
			t.Errorf("dottedName(%q) = %q, want %q", mqtt, got, want)
		}
	}
}

// until ends a run when something stands on its output.
type until struct {
	written bytes.Buffer // not embedded: its WriteString would go past Write
	text    string
	end     context.CancelFunc
}

func (u *until) Write(p []byte) (int, error) {
	n, err := u.written.Write(p)
	if strings.Contains(u.written.String(), u.text) {
		u.end()
	}
	return n, err
}

// The hub's name has a dot unless it was asked to have none.
func TestEmulatorHubName(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string // a pattern
	}{
		{[]string{"--mqtt", "127.0.0.1:0"}, `127\.0\.0\.1:\d+`},
		{[]string{"--mqtt", "127.0.0.1:0", "--hub-name", "localhost"}, `localhost:\d+`},
		{[]string{"--mqtt", "localhost:0"}, `localhost:\d+`},
		{[]string{"--mqtt", "127.0.0.1:0", "--hub-name", "hub.bench.example"}, `hub\.bench\.example:\d+`},
	} {
		ctx, end := context.WithCancel(t.Context())
		var stderr bytes.Buffer
		stdout := &until{text: "}", end: end}
		args := append([]string{"tpmdps", "emulator", "--listen", "127.0.0.1:0", "-o", "json"}, tt.args...)
		code := run(ctx, args, streams{strings.NewReader(""), stdout, &stderr})
		end()
		var out emulatorResult
		if err := json.Unmarshal(stdout.written.Bytes(), &out); err != nil {
			t.Fatalf("%v: exit code %d, stdout %q, stderr %q: %v", tt.args, code, stdout.written.String(), stderr.String(), err)
		}
		if !regexp.MustCompile("^" + tt.want + "$").MatchString(out.Hub) {
			t.Errorf("%v: hub %q, want %s", tt.args, out.Hub, tt.want)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"tpmdps", "emulator", "--listen", "127.0.0.1:0", "--hub-name", "hub:8883"}, streams{strings.NewReader(""), &stdout, &stderr}); code != 2 {
		t.Errorf("a hub name with a port: exit code %d, want 2: %s", code, stderr.String())
	}
}
