//go:build unix

package examine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tpmdps/internal/ektrust"
	"tpmdps/internal/identity"
	"tpmdps/internal/input"
	"tpmdps/internal/program"
)

// script is a program of the user's own.
func script(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "own-check")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// The user's own program accepts a chip by ending with 0, and by nothing else.
func TestOwnCheck(t *testing.T) {
	defer func(old time.Duration) { program.StopLimit = old }(program.StopLimit)
	seen := filepath.Join(t.TempDir(), "seen")
	for name, test := range map[string]struct{ text, refusal string }{
		"accepts":                            {"cat >/dev/null", ""},
		"accepts, and says something":        {"cat >/dev/null; echo fine", ""},
		"never reads the record":             {"exit 0", ""},
		"never reads, refuses":               {"echo not ours; exit 3", "not ours"},
		"its last line is the reason":        {"cat >/dev/null; echo first; echo 'not in the ERP'; echo; exit 1", "not in the ERP"},
		"on standard error":                  {"cat >/dev/null; echo 'no such order' >&2; exit 1", "no such order"},
		"without a word":                     {"cat >/dev/null; exit 7", "exit status 7"},
		"killed":                             {"kill -9 $$", "killed"},
		"a line without an end":              {"printf 'no end'; exit 1", "no end"},
		"signs of control":                   {`printf '\033[31mred\007\n'; exit 1`, "red"},
		"not UTF-8":                          {`printf 'b\377d\n'; exit 1`, "d"},
		"a megabyte":                         {"head -c 1000000 /dev/zero | tr '\\0' x; echo; echo too much; exit 1", "too much"},
		"a megabyte, accepted":               {"head -c 1000000 /dev/zero | tr '\\0' x", ""},
		"a child that holds the output":      {"sleep 600 & exit 0", ""},
		"a child that holds it, and refuses": {"sleep 600 & echo no; exit 1", "no"},
		"reads the record":                   {"cat >" + seen, ""},
		"an interpreter that is missing":     {"", ""},
	} {
		program.StopLimit = 5 * time.Minute
		if strings.HasPrefix(name, "a child that holds") {
			program.StopLimit = time.Second // how long it may hold the output
		}
		path := script(t, test.text)
		if name == "an interpreter that is missing" {
			if err := os.WriteFile(path, []byte("#!/no/such/interpreter\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			test.refusal = "no such file"
		}
		for _, mode := range []ektrust.Mode{ektrust.Warn, ektrust.Require} {
			x, err := Sources{Roots: rootsFolder, Program: path, Env: []string{"PATH=" + os.Getenv("PATH"), "ONLY=this"}, Policy: ektrust.Policy{Mode: mode}}.Open(t.Context())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			result, err := x.Record(t.Context(), record(t), now)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			refused := test.refusal != ""
			if result.Decision.Refused != (refused && mode == ektrust.Require) || (len(result.Decision.Reasons) > 0) != refused {
				t.Errorf("%s, %s: %+v", name, mode, result.Decision)
				continue
			}
			if refused {
				reason := result.Decision.Reasons[0]
				if reason.Code != ektrust.CodeOwnCheck || !strings.Contains(reason.Text, test.refusal) || strings.ContainsAny(reason.Text, "\x1b\x07\n\uFFFD") || len(reason.Text) > 2*maxReason {
					t.Errorf("%s: %+v", name, reason)
				}
			}
		}
	}
	data, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	r, err := identity.ParseRecord(data)
	if err != nil || r.EKVerdict == nil || r.EKVerdict.Verdict != "trusted" || r.RegistrationID != record(t).RegistrationID {
		t.Errorf("it read %.300s, %v", data, err)
	}
}

// It has the environment that it is handed, and no more.
func TestOwnCheckEnvironment(t *testing.T) {
	t.Setenv("PROVISIONING_CONNECTION_STRING", "canary")
	seen := filepath.Join(t.TempDir(), "seen")
	x, err := Sources{Program: script(t, "cat >/dev/null; env >"+seen), Env: []string{"PATH=" + os.Getenv("PATH"), "ONLY=this"}, Policy: ektrust.Policy{Mode: ektrust.Warn}}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Record(t.Context(), record(t), now); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(seen); err != nil || strings.Contains(string(data), "canary") || !strings.Contains(string(data), "ONLY=this") {
		t.Errorf("%s, %v", data, err)
	}
}

// The end of the run ends the program: neither accepted nor refused.
func TestOwnCheckInterrupted(t *testing.T) {
	defer func(old time.Duration) { program.StopLimit = old }(program.StopLimit)
	program.StopLimit = time.Minute
	began := filepath.Join(t.TempDir(), "began")
	if err := syscall.Mkfifo(began, 0o600); err != nil {
		t.Fatal(err)
	}
	x, err := Sources{Program: script(t, "echo >"+began+"; exec sleep 600"), Env: os.Environ(), Policy: ektrust.Policy{Mode: ektrust.Require}}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = os.ReadFile(began) // returns when the program has begun
		cancel()
	}()
	if _, err := x.Record(ctx, record(t), now); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// A pipe that nobody writes to does not hold the run.
func TestPipes(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]Sources{"roots": {Roots: pipe}, "extra": {Extra: pipe}, "lists": {CRLs: pipe}} {
		s.Policy.Mode = ektrust.Warn
		if _, err := s.Open(t.Context()); !errors.Is(err, ErrSource) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := Sources{AllowList: pipe, Policy: ektrust.Policy{Mode: ektrust.Warn}}.Open(ctx)
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, input.ErrTimeOver) {
		t.Errorf("keys from a pipe without a writer: %v", err)
	}
	// A pipe inside of a folder is named, and the rest is used.
	folder := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "root.cer"), read(t, "roots/nuvoton-2010.cer"), 0o600); err != nil {
		t.Fatal(err)
	}
	x, err := Sources{Roots: folder, Policy: ektrust.Policy{Mode: ektrust.Warn}}.Open(t.Context())
	if err != nil || x.Rootless() || len(x.Notes) != 1 || !strings.Contains(x.Notes[0], "pipe was not used") {
		t.Errorf("%+v, %v", x, err)
	}
}
