package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Every secret of the scripts has this word in it: whatever the program prints
// or writes, it must not be there, in no coding.
const canary = "canary"

// canaryForms finds the word in the clear, in base64 at each of the three places
// in a group that it can begin at, and in hex. A signature is a secret, too,
// and has no word in it.
var canaryForms = regexp.MustCompile(canary + "|Y2FuYXJ5|jYW5hcn|NhbmFye|" + hex.EncodeToString([]byte(canary)) +
	`|sig(=|%3[dD])[A-Za-z0-9%+/=]{20,}`)

func findCanary(text []byte) []byte { return canaryForms.Find(text) }

// canaryWatch names the folder where the program leaves what it prints.
const canaryWatch = "TPMDPS_TEST_PRINTED"

// watched is main, with a copy of both its streams.
func watched() {
	dir := os.Getenv(canaryWatch)
	if dir == "" || minting(os.Args) {
		main()
	}
	printed, err := os.CreateTemp(dir, "printed-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(printed, filepath.Base(os.Args[0]), strings.Join(os.Args[1:min(2, len(os.Args))], " "))
	os.Exit(run(signals(), os.Args, streams{os.Stdin, io.MultiWriter(os.Stdout, printed), io.MultiWriter(os.Stderr, printed)}))
}

// minting tells the one command that prints a secret, because it is asked to.
func minting(args []string) bool {
	return len(args) > 2 && args[1] == "token" && args[2] == "mint" && !slices.Contains(args, "--out")
}

// watch has everything that a script's programs print and write searched when
// the script is over. What the script came with is not searched: that is
// where its secrets are.
func watch(env *testscript.Env) error {
	dir, err := os.MkdirTemp("", "tpmdps-printed-")
	if err != nil {
		return err
	}
	env.Setenv(canaryWatch, dir)
	given := map[string]bool{}
	if err := eachFile(env.WorkDir, func(name string, _ []byte) { given[name] = true }); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o777); err != nil { // some scripts are another user for a while
		return err
	}
	// The service's own files, and the chip's.
	secret := &secretNames{[]string{"cs", "emulator.env", "tpm2-00.permall"}}
	env.Values[secretNames{}.key()] = secret
	env.Defer(func() {
		defer os.RemoveAll(dir)
		var leaks []string
		look := func(name string, data []byte) {
			if found := findCanary(data); found != nil && !given[name] && !slices.Contains(secret.names, filepath.Base(name)) {
				leaks = append(leaks, fmt.Sprintf("%s has %q", name, found))
			}
		}
		if err := eachFile(dir, look); err != nil {
			env.T().Fatal(err)
		}
		if err := eachFile(env.WorkDir, look); err != nil {
			env.T().Fatal(err)
		}
		if len(leaks) > 0 {
			env.T().Fatal("a secret got out: ", strings.Join(leaks, "; "))
		}
	})
	return nil
}

func eachFile(dir string, do func(name string, data []byte)) error {
	return filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		if err == nil {
			do(name, data)
		}
		return err
	})
}

// secretNames are the files of a script that may hold a secret.
type secretNames struct{ names []string }

func (secretNames) key() any { return "secret files" }

// secretFiles: secret FILE... Names files that the script, or a command that is
// made for it, writes a secret into.
func secretFiles(ts *testscript.TestScript, neg bool, args []string) {
	s := ts.Value(secretNames{}.key()).(*secretNames)
	s.names = append(s.names, args...)
}

// canaryState is the state of a new service whose policy has a known key. It
// lies outside of what is searched.
func canaryState(ts *testscript.TestScript) string {
	dir, err := os.MkdirTemp("", "tpmdps-service-")
	ts.Check(err)
	ts.Defer(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "state.json")
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte(canary), 8))
	ts.Check(os.WriteFile(path, []byte(`{"schema":"tpmdps/emulator/1","policy":{"name":"provisioningserviceowner","key":"`+key+`"}}`), 0o600))
	return path
}

// The search would find one: in each coding, wherever it begins.
func TestCanaryIsFound(t *testing.T) {
	for before := range 4 {
		secret := []byte(strings.Repeat("x", before) + canary + "-of-the-tests")
		for _, form := range []string{
			string(secret), base64.StdEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret), hex.EncodeToString(secret),
		} {
			if findCanary([]byte("password: "+form)) == nil {
				t.Errorf("%s is not found", form)
			}
		}
	}
	for _, text := range []string{"SharedAccessSignature sr=x&sig=0bl3CWW8yDmTD3zYvSLc3sKZk9HwfMVrTh0kQ&se=1"} {
		if findCanary([]byte(text)) == nil {
			t.Errorf("%s is not found", text)
		}
	}
	for _, text := range []string{"sig=[redacted]&se=1", "a canny word", "sr, sig and se"} {
		if found := findCanary([]byte(text)); found != nil {
			t.Errorf("%s: %q is taken for a secret", text, found)
		}
	}
}
