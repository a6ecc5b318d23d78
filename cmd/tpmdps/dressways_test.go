package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/audit"
	"tpmdps/internal/secretfile"
)

// dressed is how a file is handed in, and what shows that it was read.
type dressed struct {
	plain     string                                        // its right content
	give      func(t *testing.T, data string) (int, string) // exit code and all that is said
	code      int                                           // where it was read
	shows     string                                        // in what is said then
	wrapped   bool                                          // the wrappings do not matter either
	otherwise map[string]string                             // encodings that are refused, and in which words
	wrong     map[string]string                             // other things, and in which words they are refused
}

// fileWith runs a command line with a file in place of FILE.
func fileWith(line string) func(*testing.T, string) (int, string) {
	return func(t *testing.T, data string) (int, string) {
		path := filepath.Join(t.TempDir(), "handed-in")
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		args := strings.Fields(line)
		for i, arg := range args {
			if arg == "FILE" {
				args[i] = path
			}
		}
		code, said := typed(args...)
		return code, strings.ReplaceAll(said, path, "FILE")
	}
}

// pipeWith runs a command line with the data on standard input.
func pipeWith(line string) func(*testing.T, string) (int, string) {
	return func(t *testing.T, data string) (int, string) {
		var out, errs bytes.Buffer
		code := run(context.Background(), append([]string{"tpmdps"}, strings.Fields(line)...), streams{strings.NewReader(data), &out, &errs})
		return code, out.String() + errs.String()
	}
}

// valueWith runs a command line with the data in place of VALUE, as a shell's
// $(cat FILE) gives it: without zero bytes and without the last line ends.
func valueWith(line string) func(*testing.T, string) (int, string) {
	return func(t *testing.T, data string) (int, string) {
		data = strings.TrimRight(strings.ReplaceAll(data, "\x00", ""), "\n")
		args := strings.Fields(line)
		args[slices.Index(args, "VALUE")] = data
		return typed(args...)
	}
}

// passwordOf reads a password as the flags do.
func passwordOf(_ *testing.T, data string) (int, string) {
	secret, err := secretfile.Read(strings.NewReader(data))
	if err != nil {
		return 2, err.Error()
	}
	return 0, fmt.Sprintf("%q", secret)
}

// signedTrail checks a trail that was signed with the right key.
func signedTrail(t *testing.T, data string) (int, string) {
	path := filepath.Join(t.TempDir(), "trail")
	trail, err := audit.Open(t.Context(), path, []byte(dressKey), audit.Notices{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trail.Append(t.Context(), audit.Entry{Service: "plant", Stage: audit.Intent, Action: "create", RegistrationID: "box-7"}); err != nil {
		t.Fatal(err)
	}
	if err := trail.Close(); err != nil {
		t.Fatal(err)
	}
	return fileWith("audit verify --audit-key-file FILE "+path)(t, data)
}

// withRows is a table with more rows, withoutRows one with fewer.
func withRows(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func withoutRows(a map[string]string, keys ...string) map[string]string {
	all := maps.Clone(a)
	for _, k := range keys {
		delete(all, k)
	}
	return all
}

// inVariable runs a command line with the data in a variable, which no zero byte
// can be part of.
func inVariable(name, line string) func(*testing.T, string) (int, string) {
	return func(t *testing.T, data string) (int, string) {
		t.Setenv(name, strings.ReplaceAll(data, "\x00", ""))
		return typed(strings.Fields(line)...)
	}
}

// oneToken runs a command line, as fileWith and valueWith, with a token that is
// right: what is read before the service is asked.
func oneToken(line string) func(*testing.T, string) (int, string) {
	return func(t *testing.T, data string) (int, string) {
		t.Setenv("TPMDPS_SAS_TOKEN", dressToken)
		if strings.Contains(line, "VALUE") {
			return valueWith(line)(t, data)
		}
		return fileWith(line)(t, data)
	}
}
