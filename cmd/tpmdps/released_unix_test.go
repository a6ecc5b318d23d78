//go:build unix

package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// releasedProgram is the program as it is released: static, stripped, without cgo. It is
// built once for all tests, and small enough to be kept in memory.
var releasedProgram = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "tpmdps-released-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "tpmdps")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "urfave_cli_no_docs,urfave_cli_no_suggest,nethttpomithttp2",
		"-ldflags", "-s -w -buildid=", "-o", path, "tpmdps/cmd/tpmdps")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return os.ReadFile(path)
})

// installReleased puts the released program, with more after its end, at a path.
func installReleased(t *testing.T, path string, more ...byte) []byte {
	t.Helper()
	program, err := releasedProgram()
	if err != nil {
		t.Fatal(err)
	}
	program = append(program[:len(program):len(program)], more...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return program
}

// runAt runs a program in an empty environment, and returns its exit code and streams.
func runAt(t *testing.T, path string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = []string{}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// writeSums writes a list with one sum.
func writeSums(t *testing.T, path string, program []byte, name string) {
	t.Helper()
	line := fmt.Sprintf("%x  %s\n", sha256.Sum256(program), name)
	if err := os.WriteFile(path, []byte(line), 0o644); err != nil {
		t.Fatal(err)
	}
}
