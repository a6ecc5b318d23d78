package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tpmdps/internal/emulator"
)

// Tokens of a sign-in that end in the middle of a batch of 2,000 are renewed by
// azidentity and azcore, and the batch goes through in one run.
func TestSignInIsRenewedInABatch(t *testing.T) {
	const records = 2000
	var tokens tokenCounter
	server, err := emulator.New(emulator.Options{TokenLife: time.Second, Log: slog.New(&tokens)})
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
	for name, value := range environment(t, filepath.Join(dir, "emulator.env")) {
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
	if n := tokens.Load(); n < 2 {
		t.Errorf("%d tokens were asked for: none ended in the middle", n)
	}
}

// environment reads the variables of a file that a shell sources.
func environment(t *testing.T, path string) map[string]string {
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

// tokenCounter counts the requests for tokens in the emulator's log.
type tokenCounter struct{ atomic.Int64 }

func (c *tokenCounter) Enabled(context.Context, slog.Level) bool { return true }
func (c *tokenCounter) WithAttrs([]slog.Attr) slog.Handler       { return c }
func (c *tokenCounter) WithGroup(string) slog.Handler            { return c }

func (c *tokenCounter) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "path" && strings.HasSuffix(a.Value.String(), "/oauth2/v2.0/token") {
			c.Add(1)
		}
		return true
	})
	return nil
}
