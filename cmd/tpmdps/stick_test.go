package main

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/rogpeppe/go-internal/testscript"

	"tpmdps/internal/stick/sticktest"
)

// onStick is the program's name on a stick, for this machine.
const onStick = "tpmdps-linux-" + runtime.GOARCH

// makeRelease: release DIR [SYSTEM...]. Packs this very program as a release, for this machine
// and for Windows, or for the systems that are named, beside its SHA256SUMS.
func makeRelease(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: release DIR [SYSTEM...]")
	}
	dir, systems := ts.MkAbs(args[0]), args[1:]
	if len(systems) == 0 {
		systems = []string{"linux-" + runtime.GOARCH, "windows-amd64"}
	}
	program, err := os.ReadFile(ts.Getenv("TPMDPS"))
	ts.Check(err)
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(sticktest.Release(dir, program, systems...))
	// The program of the tests has the words in it that nothing else may have.
	files, err := filepath.Glob(filepath.Join(dir, "tpmdps*"))
	ts.Check(err)
	own := ts.Value(secretNames{}.key()).(*secretNames)
	for _, file := range files {
		own.names = append(own.names, filepath.Base(file))
	}
	for _, system := range systems {
		own.names = append(own.names, "tpmdps-"+system, "tpmdps-"+system+".exe")
	}
}
