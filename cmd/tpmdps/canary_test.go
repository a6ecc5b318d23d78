package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tpmdps/internal/emulator"
	"tpmdps/internal/text"
)

// Every secret of the scripts has this word in it: whatever the program prints
// or writes, it must not be there, in no coding.
const canary = "canary"

// canaryForms finds the word in the clear, in the cases in which a program writes it (in a
// key that was drawn any of the 64 stood once in some thousand runs), in base64 at each of the three places
// in a group that it can begin at, once and twice, also of UTF-16, in hex with or
// without something between, and as numbers. What is drawn or signed has no word in
// it, and is known by its form: signatures, tokens of a sign-in, private keys,
// challenges.
var canaryForms = regexp.MustCompile(canary + "|CANARY|Canary|(?i:" + between(canary, "%02x", `[:,. -]?(?:0x|\\x)?`) + "|" + between(canary, "%d", `[, ]+`) + ")|" +
	strings.Join(inBase64(canary, string(utf16Of(canary))), "|") + "|" + strings.Join(inBase64(inBase64(canary)...), "|") +
	`|sig(=|%(25)*3[dD]|\\+u003[dD])[A-Za-z0-9%+/=]{20,}|eyJ[A-Za-z0-9_-]+\.eyJ|PRIVATE KEY-----|authenticationKey\\*":\s*\\*"[A-Za-z0-9]`)

// between is a word in numbers, with something between them.
func between(word, format, separator string) string {
	var codes []string
	for i := range len(word) {
		codes = append(codes, fmt.Sprintf(format, word[i]))
	}
	return strings.Join(codes, separator)
}

// inBase64 are words in base64, without what depends on their neighbours.
func inBase64(words ...string) []string {
	var all []string
	for _, word := range words {
		for before := range 3 {
			coded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + word))
			coded = coded[[]int{0, 2, 3}[before]:]
			if (before+len(word))%3 != 0 {
				coded = coded[:len(coded)-1]
			}
			all = append(all, coded)
		}
	}
	return all
}

// The ways in which a text writes a character by its number, which ends them; and
// what others put between or before characters.
var (
	escapesOfText = regexp.MustCompile(`(?i)(?:%|\\U000000|\\u00|\\x|&#x)([0-9a-f]{2});?`)
	addedToText   = regexp.MustCompile(`[\x00\r\n]+(?:[<>] )?|\\([\\/+=])`)
)

// unescape undoes them.
func unescape(text []byte) []byte {
	text = escapesOfText.ReplaceAllFunc(text, func(m []byte) []byte {
		b, _ := hex.DecodeString(string(escapesOfText.FindSubmatch(m)[1]))
		return b
	})
	return addedToText.ReplaceAll(text, []byte("$1"))
}

// findCanary looks for a secret in a text, under three layers of escapes. known are
// some that have no form: they are looked for in all of echoForms.
func findCanary(text []byte, known ...string) []byte {
	for range 4 {
		for _, secret := range known {
			for name, form := range echoForms {
				if name == "cut short" || len(secret) < 20 && name == "bytes of the key" {
					continue
				}
				if part := []byte(form(secret)); bytes.Contains(text, part) {
					return part
				}
			}
		}
		if found := canaryForms.Find(text); found != nil {
			return found
		}
		text = unescape(text)
	}
	return nil
}

// drawn are the secrets of a service that are different each time.
func drawn(s *emulator.Server) []string {
	_, key, _ := strings.Cut(s.ConnectionString(), "SharedAccessKey=")
	return []string{key, s.ClientSecret(), s.IdentityHeader()}
}

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
	s := streams{os.Stdin, io.MultiWriter(os.Stdout, printed), io.MultiWriter(os.Stderr, printed)}
	program := func(s streams) int { return run(timed(signals()), os.Args, s) }
	if wantsJSON(os.Args) {
		os.Exit(keepJSON(dir, os.Args, s, program))
	}
	os.Exit(program(s))
}

// minting tells the one command that prints a secret, because it is asked to.
func minting(args []string) bool {
	out := slices.Index(args, "--out")
	return len(args) > 2 && args[1] == "token" && args[2] == "mint" && (out < 0 || out+1 < len(args) && args[out+1] == "-")
}

// watch has everything that a script's programs print and write searched when
// the script is over, and what they print as JSON held against its schema. What the script came with is not searched: that is
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
	secret := &secretNames{names: []string{"cs", "emulator.env", "client.pem", "federated-token", "ca-key.pem", "tpm2-00.permall"}}
	env.Values[secretNames{}.key()] = secret
	env.Defer(func() {
		defer os.RemoveAll(dir)
		var leaks []string
		look := func(name string, data []byte) {
			if given[name] || slices.Contains(secret.names, filepath.Base(name)) {
				return
			}
			if found := findCanary(data, secret.known...); found != nil {
				leaks = append(leaks, fmt.Sprintf("%s has %q", name, found))
			}
		}
		words := func(name string, data []byte) {
			command, printed, _ := strings.Cut(string(data), "\n")
			if line := goWords(printed); line != "" && command != "tpmdps explain" { // which says what it is asked
				leaks = append(leaks, "Go's own words: "+line)
			}
		}
		if err := errors.Join(eachFile(dir, look), eachFile(dir, words)); err != nil {
			env.T().Fatal(err)
		}
		if err := eachFile(env.WorkDir, look); err != nil {
			env.T().Fatal(err)
		}
		if len(leaks) > 0 {
			env.T().Fatal("what got out: ", strings.Join(leaks, "; "))
		}
		if err := checkPrinted(dir); err != nil {
			env.T().Fatal("JSON that its schema does not allow: ", err)
		}
	})
	return nil
}

// goWords is the first line that has words of Go's libraries in it, "" if none has.
// The log of -v, which is for reports, may.
func goWords(printed string) string {
	for line := range strings.Lines(printed) {
		if text.GoWords.MatchString(line) && !strings.Contains(line, "level=") {
			return line
		}
	}
	return ""
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

// secretNames are the files of a script that may hold a secret, and what else is
// looked for in all others.
type secretNames struct{ names, known []string }

func (secretNames) key() any { return "secret files" }

func secretsOf(ts *testscript.TestScript) *secretNames {
	return ts.Value(secretNames{}.key()).(*secretNames)
}

// secretFiles: secret FILE... Names files that the script, or a command that is
// made for it, writes a secret into.
func secretFiles(ts *testscript.TestScript, neg bool, args []string) {
	s := secretsOf(ts)
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
	for name, form := range echoForms { // a word at its begin is in what is cut short
		if text := "it said " + form(canary+"+/of-the-tests=") + "."; findCanary([]byte(text)) == nil && name != "key in base64URL" {
			t.Errorf("%s: %q is not found", name, text)
		}
		const drawn = "0bl3CWW8yDmTD3zYvSLc3sKZk9HwfMVrTh0kQ+a7/bU="
		if text := "it said " + form(drawn) + "."; findCanary([]byte(text), drawn) == nil && name != "cut short" {
			t.Errorf("%s: %q is not found", name, text)
		}
	}
	for _, text := range []string{
		"SharedAccessSignature sr=x&sig=0bl3CWW8yDmTD3zYvSLc3sKZk9HwfMVrTh0kQ&se=1", `sr=x\u0026sig\u003d0bl3CWW8yDmTD3zYvSLc3sKZk9HwfMVrTh0kQ`,
		"Bearer eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln", "-----BEGIN PRIVATE KEY-----", `{\"authenticationKey\":\"AEAA`,
	} {
		if findCanary([]byte(text)) == nil {
			t.Errorf("%s is not found", text)
		}
	}
	if findCanary([]byte("secret: 0bl3CWW8"), "0bl3CWW8") == nil {
		t.Error("a known one is not found")
	}
	for _, text := range []string{"sig=[redacted]&se=1", `"authenticationKey":"[redacted]"`, "a canny word", "sr, sig and se"} {
		if found := findCanary([]byte(text)); found != nil {
			t.Errorf("%s: %q is taken for a secret", text, found)
		}
	}
}

// The search of a script finds what is planted in it: printed, written to a
// file, or known to nobody but the service.
func TestCanaryIsFoundInAScript(t *testing.T) {
	const known = "0bl3CWW8yDmTD3zYvSLc3s"
	for script, want := range map[string]string{
		"! exec tpmdps verify canary-on-the-command-line\n":                  `printed-.* has "canary"`,
		"exec sh -c 'echo Y2FuYXJ5 >trail'\n":                                `trail has "Y2FuYXJ5"`,
		"exec sh -c 'echo " + known + " >result.json'\n":                     `result.json has "` + known + `"`,
		"secret key\nexec sh -c 'echo canary >key'\n":                        "",
		"exec tpmdps version\ncp given copy\nrm copy\n-- given --\ncanary\n": "",
	} {
		path := filepath.Join(t.TempDir(), "planted.txtar")
		if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		got := &planted{}
		testscript.RunT(got, testscript.Params{
			Files: []string{path}, Cmds: map[string]func(*testscript.TestScript, bool, []string){"secret": secretFiles},
			Setup: func(env *testscript.Env) error {
				if err := watch(env); err != nil {
					return err
				}
				env.Values[secretNames{}.key()].(*secretNames).known = []string{known}
				return nil
			},
		})
		if matched := regexp.MustCompile("^what got out: .*" + want).MatchString(got.failed); matched != (want != "") || want == "" && got.failed != "" {
			t.Errorf("%q: it failed with %q, want %q", script, got.failed, want)
		}
	}
}

// planted runs scripts, and keeps why one failed.
type planted struct{ failed string }

func (p *planted) Skip(...any)   { runtime.Goexit() }
func (p *planted) Parallel()     {}
func (p *planted) Log(...any)    {}
func (p *planted) Verbose() bool { return false }
func (p *planted) FailNow()      { p.Fatal("failed") }

func (p *planted) Fatal(args ...any) {
	if p.failed == "" {
		p.failed = fmt.Sprint(args...)
	}
	runtime.Goexit()
}

func (p *planted) Run(_ string, f func(testscript.T)) {
	var group sync.WaitGroup
	group.Go(func() { f(p) })
	group.Wait()
}

// searched is a stream of a program that is run within a test: what came out is
// searched when the test is over, like what scripts print.
func searched(t *testing.T, server *emulator.Server) *bytes.Buffer {
	out := &bytes.Buffer{}
	t.Cleanup(func() {
		if found := findCanary(out.Bytes(), drawn(server)...); found != nil {
			t.Errorf("a secret got out: %q", found)
		}
		if line := goWords(out.String()); line != "" {
			t.Errorf("Go's own words: %s", line)
		}
	})
	return out
}
