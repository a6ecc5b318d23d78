package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/emulator"
)

// A token ends in the middle of a batch: the run stops at once, says
// how far it came, and with a new token the same command finishes the rest.
func TestTokenEndsInTheMiddleOfABatch(t *testing.T) {
	t.Parallel()
	const records = 400
	var looks atomic.Int64 // at the service's clock, which jumps after so many
	server, err := emulator.New(emulator.Options{Now: func() time.Time {
		if looks.Add(-1) == 0 {
			looks.Store(1) // it stays there
			return time.Now().Add(9 * time.Hour)
		}
		return time.Now()
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, data := range map[string][]byte{
		"ca": server.CAPEM(), "key": []byte(server.ConnectionString()), "batch": batchOf(t, records),
	} {
		if err := os.WriteFile(path(name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program := func(args ...string) (code int, stdout, stderr string) {
		out, err := searched(t, server), searched(t, server)
		code = run(context.Background(), append([]string{"tpmdps"}, args...), streams{strings.NewReader(""), out, err})
		return code, out.String(), err.String()
	}
	mint := func(name string) {
		if code, _, stderr := program("token", "mint", "--connection-string-file", path("key"), "--out", path(name)); code != 0 {
			t.Fatal(stderr)
		}
	}
	enrollWith := func(token string) (int, []enrollItem, string) {
		code, stdout, stderr := program("enroll", "--from", path("batch"), "--dps", server.Endpoint(), "--ca-file", path("ca"), "--sas-token-file", path(token), "-o", "json")
		var result enrollResult
		if err := json.Unmarshal([]byte(stdout), &result); err != nil {
			t.Fatalf("%v in %.200s, %s", err, stdout, stderr)
		}
		return code, result.Items, stderr
	}

	created := func(items []enrollItem) (n int) {
		for _, item := range items {
			if item.Action == "create" && item.Detail == "" {
				n++
			}
		}
		return n
	}
	mint("first")
	looks.Store(60)
	code, items, stderr := enrollWith("first")
	done, failed := created(items), 0 // those of the calls that met the end of the token
	for _, item := range items {
		if item.Detail != "" {
			failed++
		}
	}
	if code != 30 || done < 1 || failed < 1 || done+failed != len(items) {
		t.Fatalf("exit code %d, want 30; %d of %d items done, %d failed: %s", code, done, len(items), failed, stderr)
	}
	if want := fmt.Sprintf("%d of %d done, %d failed, %d not tried", done, records, failed, records-done-failed); !strings.Contains(stderr, want) {
		t.Errorf("stderr is %s, want %q", stderr, want)
	}

	looks.Store(0) // the service's clock and that of mint are one again
	mint("second")
	code, items, stderr = enrollWith("second")
	again := created(items)
	if code != 0 || len(items) != records || again != records-done {
		t.Errorf("exit code %d, %d items, %d created; want 0, %d, %d: %s", code, len(items), again, records, records-done, stderr)
	}
}

// batchOf makes records of machines that are not there.
func batchOf(t *testing.T, n int) []byte {
	t.Helper()
	var batch bytes.Buffer
	for i := range n {
		public := tpm2.RSAEKTemplate
		modulus := bytes.Repeat([]byte{0xa5, byte(i), byte(i >> 8), 0x5b}, 64)
		public.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: modulus})
		ek := base64.StdEncoding.EncodeToString(tpm2.Marshal(tpm2.New2B(public)))
		fmt.Fprintf(&batch, "{\"registration_id\":\"box-%d\",\"endorsement_key\":%q}\n", i, ek)
	}
	return batch.Bytes()
}
