package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/emulator"
	"tpmdps/internal/softtpm"
)

// outset is what a reader of a page has before he types its first line.
type outset struct {
	starts string // what of chip and service the page itself starts
	blank  bool   // the chip has neither a stored EK nor a certificate
	before string // lines of a shell
}

// With a batch, and what an office has.
const (
	aBatch  = "tpmdps read-ek -q -o none --append batch.jsonl\n"
	aSecret = "[ -e dps.secret ] || printf %s \"$PROVISIONING_CONNECTION_STRING\" >dps.secret\n"
)

// outsets are those of the pages that begin with something.
var outsets = map[string]outset{
	"README.md":                    {starts: "chip service"},
	"docs/emulator.md":             {starts: "service"},
	"docs/batches.md":              {before: aBatch + "tpmdps enroll -q -o none --registration-id box-7 --endorsement-key \"$OTHER_KEY\"\n"},
	"docs/bulk.md":                 {before: aBatch},
	"docs/ek-trust.md":             {before: aBatch + "mkdir roots && cp dps/ca.pem roots\n"},
	"docs/exit-codes.md":           {before: "tpmdps enroll -q -o none\n"},
	"docs/how-enrollment-works.md": {before: storeOther},
	"docs/scripting.md":            {before: "scanned=4711\n"},
	"docs/technician.md":           {blank: true},
	"docs/tpmdps.1.md":             {before: "tpmdps read-ek -q -o none --persist\n"},
}

// storeOther stores an EK as the C SDK derives it, with an empty unique.
const storeOther = `tpm2_evictcontrol -Q -C o -c 0x81010001
printf '\203\161\227\147\104\204\263\370\032\220\314\215\106\245\327\044\375\122\327\156\006\122\013\144\362\241\332\033\063\024\151\252' >policy
tpm2_createprimary -Q -C e -G rsa2048:null:aes128cfb -g sha256 -L policy -c ek.ctx \
    -a 'fixedtpm|fixedparent|sensitivedataorigin|adminwithpolicy|restricted|decrypt'
tpm2_evictcontrol -Q -C o -c ek.ctx 0x81010001
tpm2_flushcontext -t
`

// otherKey is the EK of another box, as DPS has it.
const otherKey = "AToAAQALAAMAsgAgg3GXZ0SEs/gakMyNRqXXJP1S124GUgtk8qHaGzMUaaoABgCAAEMAEAgAAAAAAAEAvF/OZDhhZWDJLL/uU0hdirNhZNMjUJfdNnHg1b45tT90sKUthEjnEShuwKUPLeeMfhgdxDqaC+qG620W3aeHthbV2LapzOa1u7Wn8ExHsmEH0komwsOE/h9qgl3ZNsnAgs3SxqWtQjjCEwPnE1E7/o26XR5CUtz5VHrbmIDmnwVffV8af8fPbgnmNf1wS83pfniuxWMjTNrR3oD0NAr3NfWc2t0cG4i7RfoaVoYwe1dbj+S4OX9B7iy+l5WlWTZ7s8TRTzPnoPh3tEKgU9WlkoL8Wcc2hPxWyEun5D9dDTMcu55wx5ZZMWnUP78NIaXfWIFsFScKyeDkjRqAdRM2Vw=="

// TestDocsExecuted types every command line of every page that has no mark into a
// shell, page by page from its top to its end, with a software TPM and the
// emulator. Each has to succeed, and to print what the page shows.
func TestDocsExecuted(t *testing.T) {
	for _, name := range pages(t) {
		all, _ := blocks(name, page(t, name))
		all = slices.DeleteFunc(all, func(b block) bool { return commandLanguages[b.language] == "" || b.isFile() || len(b.needed()) > 0 })
		if len(all) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			execute(t, outsets[name], all)
		})
	}
}

// execute types blocks into one shell.
func execute(t *testing.T, s outset, all []block) {
	t.Helper()
	dir := t.TempDir()
	shell := pageShell{dir: dir}
	shell.machine(t)
	var script strings.Builder
	var control string
	if !strings.Contains(s.starts, "chip") {
		shell.chip(t, s.blank)
	}
	if !strings.Contains(s.starts, "service") {
		shell.service(t)
		script.WriteString("set -a; . dps/emulator.env; set +a\n")
	}
	script.WriteString(s.before)
	for _, b := range all {
		fmt.Fprintf(&script, "echo '-- %s' >&2\n", b)
		if strings.Contains(b.text, "dps.secret") {
			script.WriteString(aSecret)
		}
		script.WriteString(shell.typed(b))
	}
	text := script.String()
	if strings.Contains(text, "swtpm socket") {
		text, control = withPorts(t, text)
		defer endChip(t, control)
	}
	if out, err := shell.run(t, text); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, b := range all {
		compareShown(t, dir, b)
	}
}

// pageShell is the shell of one page's reader.
type pageShell struct {
	dir string
	env []string
}

// placeholders are words for which a reader puts his own.
var placeholders = regexp.MustCompile(`\bSCOPE\b|\b0ne[0-9A-F]{8}\b|\bLABEL\b`)

// typed is what is typed for a block.
func (s pageShell) typed(b block) string {
	text := b.text
	if b.language == "console" {
		text = ""
		for i, line := range b.lines() {
			text += fmt.Sprintf("{ %s\n} >%s 2>&1\n", line, filepath.Join(s.dir, shownName(b, i)))
		}
	}
	text = placeholders.ReplaceAllStringFunc(text, func(word string) string {
		if word == "LABEL" {
			return `"$(tpmdps read-ek -q -o tsv | cut -f1)"`
		}
		return "0ne00000E11"
	})
	// A server that is left in the foreground is watched until it serves, and then
	// ended from the keyboard.
	server := regexp.MustCompile(`(?m)^tpmdps emulator [^&\n]*[^&\n\\]$`)
	return server.ReplaceAllString(text, `$0 --ready-file serving &
until grep -qsx $$! serving; do kill -0 $$!; sleep 0.1; done
kill -TERM $$!; wait $$! || [ $$? = 130 ]`)
}

func shownName(b block, i int) string { return fmt.Sprintf("shown-%d-%d", b.line, i) }

// machine makes the folder: with a Makefile that builds the program, sudo, and a
// machine that has a serial number.
func (s *pageShell) machine(t *testing.T) {
	t.Helper()
	program, err := exec.LookPath("tpmdps")
	if err != nil {
		t.Fatal(err)
	}
	// It listens where nothing else does, and writes only into the folder.
	wrapper := `#!/bin/sh
case " $* " in
" emulator "*) set -- "$@" --listen 127.0.0.1:0 --mqtt 127.0.0.1:0 --hub-name 127.0.0.1 ;;
*" --config "* | *" --file "*) ;;
" config "*) set -- "$@" --config config.toml ;;
esac
exec ` + program + ` "$@"
`
	for name, text := range map[string]string{
		"Makefile":   "build:\n\t@mkdir bin && cp tools/tpmdps bin/tpmdps\n",
		"tools/sudo": "#!/bin/sh\n[ \"$1\" = tpmdps ] && exec \"$@\"\necho sudo is for tpmdps only here, not for $1 >&2; exit 97\n",
		"machine/sys/class/dmi/id/product_serial": "SN-1\n",
		"tools/tpmdps": wrapper,
	} {
		file := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.env = []string{"PATH=" + filepath.Join(s.dir, "tools") + ":" + os.Getenv("PATH"), "HOME=" + s.dir, "MACHINE=" + filepath.Join(s.dir, "machine"),
		"GORACE=atexit_sleep_ms=0", canaryWatch + "=" + t.TempDir(), "OTHER_KEY=" + otherKey}
}

// chip starts a chip with a certificate.
func (s *pageShell) chip(t *testing.T, blank bool) {
	t.Helper()
	chip := filepath.Join(s.dir, "chip")
	state := os.DirFS(filepath.Join("..", "..", "testdata", "tpm", "persisted"))
	if blank {
		state = os.DirFS(t.TempDir())
	}
	if err := os.CopyFS(chip, state); err != nil {
		t.Fatal(err)
	}
	swtpm, err := softtpm.Start(context.Background(), softtpm.Options{Dir: chip, TCP: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { swtpm.Stop() })
	s.env = append(s.env, "TPM2TOOLS_TCTI="+swtpm.Address())
}

// service starts the emulator.
func (s *pageShell) service(t *testing.T) {
	t.Helper()
	server, err := emulator.New(emulator.Options{Dir: filepath.Join(s.dir, "dps"), RetryAfter: time.Millisecond, MQTT: "127.0.0.1:0", HubName: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	if err := server.WriteFiles(filepath.Join(s.dir, "dps")); err != nil {
		t.Fatal(err)
	}
}

// run types text into bash, which ends at the first command that fails.
func (s pageShell) run(t *testing.T, text string) (string, error) {
	t.Helper()
	for _, e := range s.env {
		if port, ok := strings.CutPrefix(e, "TPM2TOOLS_TCTI=swtpm:host=127.0.0.1,"); ok {
			text = strings.ReplaceAll(text, "port=2321", port)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // only ends a hang
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-eu", "-o", "pipefail", "-c", "trap 'kill $(jobs -p) 2>/dev/null || :' EXIT\n"+text)
	cmd.Dir, cmd.Env, cmd.WaitDelay = s.dir, s.env, time.Minute
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// compareShown compares what the commands of a block printed with what it shows.
func compareShown(t *testing.T, dir string, b block) {
	t.Helper()
	if b.language != "console" {
		return
	}
	shown := regexp.MustCompile(`(?m)^\$ .*\n((?:[^$\n].*\n|\n)*)`).FindAllStringSubmatch(b.text, -1)
	for i, line := range b.lines() {
		got, err := os.ReadFile(filepath.Join(dir, shownName(b, i)))
		if err != nil {
			t.Error(err)
			continue
		}
		if got, want := constant(string(got)), constant(shown[i][1]); got != want {
			t.Errorf("%s: %s prints\n%s\nthe page has\n%s", b, line, got, want)
		}
	}
}

// TestDocsDebugging types what the page for those who debug says to type, on a
// machine that works: each command is understood, and finds nothing.
func TestDocsDebugging(t *testing.T) {
	const name = "docs/debugging.md"
	shell := pageShell{dir: t.TempDir()}
	shell.machine(t)
	shell.chip(t, false)
	shell.service(t)
	script := "set -a; . dps/emulator.env; set +a\n" + aBatch + aSecret + `tpmdps enroll -q -o none
tpmdps config -q -o none
tpmdps token mint -q -o none --connection-string-file dps.secret --out shift.token
`
	typed := 0
	for _, m := range inlineCommand.FindAllStringSubmatch(page(t, name), -1) {
		line := strings.ReplaceAll(m[1], `\|`, "|")
		if !executable(line) || notCommands[line] {
			continue
		}
		typed++
		for _, own := range [][2]string{{"token show FILE", "token show shift.token"}, {"batch verify FILE", "batch verify batch.jsonl"}, {"PATH", "dps/ca.pem"}, {"SCOPE", "0ne00000E11"}} {
			line = strings.ReplaceAll(line, own[0], own[1])
		}
		script += fmt.Sprintf("echo '-- %s' >&2\n%s\n", line, line)
	}
	if typed < 10 {
		t.Errorf("%s: %d commands: is the search broken?", name, typed)
	}
	if out, err := shell.run(t, script); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
