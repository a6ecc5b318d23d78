package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tpmdps/internal/emulator"
)

// Tokens of a sign-in that end in the middle of a batch are renewed by
// azidentity and azcore, and the batch goes through in one run.
//
// A token's end is an event here, at both ends of it. Its holder is told a life
// below a second, which is none in whole seconds: azidentity asks for another one
// for the next request. And whenever it does, the service's clock jumps a day, so
// that all tokens before that one have ended: who went on with one would be refused.
// In between the clock stands, and no token ends for being used slowly.
func TestSignInIsRenewedInABatch(t *testing.T) {
	const records = 50 // one after the other: of calls in flight together, one would have the token before
	var tokens, requests atomic.Int64
	began := time.Now()
	server, err := emulator.New(emulator.Options{
		TokenLife: time.Millisecond,
		Now:       func() time.Time { return began.AddDate(0, 0, int(tokens.Load())) },
		Arrived: func(r *http.Request) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
				tokens.Add(1)
			case strings.HasPrefix(r.URL.Path, "/enrollments"):
				requests.Add(1)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	dir := t.TempDir()
	if err := server.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	for name, value := range sourced(t, filepath.Join(dir, "emulator.env")) {
		if strings.HasPrefix(name, "AZURE_") && name != "AZURE_CLIENT_CERTIFICATE_PATH" && name != "AZURE_FEDERATED_TOKEN_FILE" {
			t.Setenv(name, value)
		}
	}
	batch := filepath.Join(dir, "batch.jsonl")
	if err := os.WriteFile(batch, batchOf(t, records), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr := searched(t, server), searched(t, server)
	code := run(t.Context(), []string{"tpmdps", "enroll", "--from", batch, "--auth-type", "login", "--credential", "environment",
		"--dps", server.Endpoint(), "--ca-file", filepath.Join(dir, "ca.pem"), "-o", "tsv"}, streams{strings.NewReader(""), stdout, stderr})
	if code != 0 || strings.Count(stdout.String(), "\tcreate\t") != records {
		t.Errorf("exit code %d, %d created, want 0 and %d: %s", code, strings.Count(stdout.String(), "\tcreate\t"), records, stderr.String())
	}
	if tokens, requests := tokens.Load(), requests.Load(); requests < records || tokens != requests {
		t.Errorf("%d tokens were asked for, for %d requests: want a new one for each, since each had ended", tokens, requests)
	}
}

// sourced reads the variables of a file that a shell sources.
func sourced(t *testing.T, path string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			env[name] = strings.Trim(value, "'")
		}
	}
	return env
}
