package main

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/aziot"
	"tpmdps/internal/environment"
	"tpmdps/internal/host"
)

// A script gives the program a machine of its own: MACHINE is its root
// directory, MACHINE_UID who the program is there, root if nothing is said.
func init() {
	if root := os.Getenv("MACHINE"); root != "" {
		uid, _ := strconv.Atoi(os.Getenv("MACHINE_UID"))
		thisMachine = aziot.Installation{Machine: host.Machine{Root: root, UID: uid}, Pause: time.Millisecond}
	}
}

// What is a secret in the environment is handed to no other program.
func TestProgramsGetNoSecrets(t *testing.T) {
	for _, name := range environment.Secrets {
		t.Setenv(name, "canary-environment")
	}
	t.Setenv("LANG", "C.UTF-8")
	env := here().Machine.Env
	if i := slices.IndexFunc(env, func(entry string) bool { return strings.Contains(entry, "canary-environment") }); i >= 0 {
		t.Errorf("programs are handed %s", env[i])
	}
	if !slices.Contains(env, "LANG=C.UTF-8") {
		t.Errorf("programs are not handed LANG: %q", env)
	}
}
