package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// diskCause is a state of a file system, and what each command that meets it ends
// with. The script makes it, as root of a namespace of its own: $D is a directory,
// and $AT what the command is to use.
type diskCause struct {
	name, script string
	code         int
	says, hint   string
	user         bool // whoever runs it is not root there
}

// A name that no file system has room for.
var tooLong = strings.Repeat("n", 300)

var diskCauses = []diskCause{
	{name: "full", script: `mount -t tmpfs -o size=8k none $D; yes | head -c 8192 >$D/fill; AT=$D/file`, code: 1, says: "no space left on device", hint: "free some space on the file system at $D ("},
	{name: "no inodes", script: `mount -t tmpfs -o nr_inodes=1 none $D; AT=$D/file`, code: 1, says: "no space left on device", hint: "free some space on the file system at $D ("},
	{name: "read-only", script: `mount -t tmpfs -o ro none $D; AT=$D/file`, code: 1, says: "read-only file system", hint: "mount -o remount,rw $D"},
	{name: "file size", script: `ulimit -f 0; AT=$D/file`, code: 1, says: "file too large", hint: "ulimit -f"},
	{name: "no folder", script: `AT=$D/no/file`, code: 2, says: "no such file or directory", hint: "compare the name with what is there"},
	{name: "file for a folder", script: `touch $D/f; AT=$D/f/file`, code: 2, says: "not a directory", hint: "a part of that path is a file"},
	{name: "long name", script: `AT=$D/` + tooLong, code: 2, says: "file name too long", hint: "choose a shorter name"},
	{name: "loop", script: `ln -s b $D/a; ln -s a $D/b; AT=$D/a/file`, code: 2, says: "too many levels of symbolic links", hint: "leads back to itself"},
	{name: "denied to root", script: `AT=$CLOSED/file`, code: 2, says: "permission denied", hint: "keeps root from it"},
	{name: "denied to a user", script: `AT=$CLOSED/file`, code: 2, says: "permission denied", hint: "run it again with sudo, or as the user whose file it is", user: true},
}

// writers are the commands that write a file at AT.
var writers = map[string]string{
	"config":         "config --file AT --id-scope 0ne0012AB34 --registration-id box",
	"support bundle": "support-bundle --file AT --offline --tpm swtpm:path=nothing",
	"token mint":     "token mint --out AT --connection-string-file cs",
	"enroll audit":   "enroll --from batch --ca-file ca --connection-string-file cs --audit AT",
	"emulator state": "emulator --state AT --listen 127.0.0.1:0 --mqtt 127.0.0.1:0",
	"emulator dir":   "emulator --dir AT --listen 127.0.0.1:0 --mqtt 127.0.0.1:0",
}

// readers are those that read one.
var readers = map[string]string{
	"enroll from":     "enroll --from AT --connection-string-file cs",
	"enroll ca":       "enroll --from batch --ca-file AT --connection-string-file cs",
	"enroll key":      "enroll --from batch --connection-string-file AT",
	"enroll token":    "enroll --from batch --sas-token-file AT --dps nowhere.invalid",
	"enroll auditkey": "enroll --from batch --connection-string-file cs --audit trail --audit-key-file AT",
	"token show":      "token show -q AT",
	"token key":       "token mint --connection-string-file AT",
	"audit":           "audit verify -q AT",
	"audit key":       "audit verify --audit-key-file AT batch",
	"verify config":   "verify --config AT",
	"verify payload":  "verify --payload AT --id-scope 0ne0012AB34",
	"verify ca":       "verify --ca-file AT --id-scope 0ne0012AB34",
	"password":        "read-ek --endorsement-auth-file AT",
	"check":           "config --check --file AT",
	"password config": "config --file new --owner-auth-file AT --id-scope 0ne0012AB34 --registration-id box",
}

// One cause has one exit code and one hint, whichever command meets it.
func TestOneCauseOneCode(t *testing.T) {
	// Ubuntu's AppArmor and the default profile of Docker refuse namespaces.
	if out, err := exec.CommandContext(t.Context(), "unshare", "-Urm", "true").CombinedOutput(); err != nil {
		t.Skipf("this system allows no user namespaces, which the full and the read-only disks are made in; "+
			"on Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0 (%v: %s)", err, out)
	}
	dir, _ := batchAt(t, 1, nil)
	for _, cause := range diskCauses {
		for name, args := range writers {
			makes := cause.name == "no folder" && name == "emulator dir" // it makes them
			if !makes {
				t.Run(cause.name+"/"+name, func(t *testing.T) { t.Parallel(); cause.meet(t, dir, args) })
			}
		}
		if cause.code == 2 {
			for name, args := range readers {
				t.Run(cause.name+"/"+name, func(t *testing.T) { t.Parallel(); cause.meet(t, dir, args) })
			}
		}
	}
	folder := diskCause{name: "folder", script: `AT=$D`, code: 2, says: "", hint: "name a file in that folder"}
	for name, args := range readers {
		t.Run("folder/"+name, func(t *testing.T) { t.Parallel(); folder.meet(t, dir, args) })
	}
}

// meet runs a command line where the cause is.
func (c diskCause) meet(t *testing.T, dir, args string) {
	place := t.TempDir()
	closed := closedFolder(t, place)
	args = strings.Replace(args, " -", " -o json -", 1) // before an argument
	script := "set -e; " + c.script + "\nexport AT\n" + `exec tpmdps ` + strings.ReplaceAll(args, "AT", `"$AT"`)
	f := inNamespace(t, c.user, dir, "D="+place+" CLOSED="+closed+"; "+script)
	hint := strings.ReplaceAll(c.hint, "$D", place)
	if f.Code != c.code || !strings.Contains(f.Error, c.says) || !strings.Contains(f.Hint, hint) {
		t.Errorf("tpmdps %s: exit code %d, want %d; says %q, want %q; hint %q, want %q", args, f.Code, c.code, f.Error, c.says, f.Hint, hint)
	}
	if !c.user && strings.Contains(f.Hint, "sudo") {
		t.Errorf("root is told: %s", f.Hint)
	}
}

// closedFolder is a folder that root of a namespace may not look into: it belongs
// to somebody who is not in it.
func closedFolder(t *testing.T, place string) string {
	t.Helper()
	if os.Getuid() != 0 {
		return "/root"
	}
	closed := filepath.Join(place, "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(closed, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	return closed
}

// inNamespace runs a script as root, or as a nobody, of a user namespace, where it
// may mount what it likes. It returns the error that tpmdps said.
func inNamespace(t *testing.T, user bool, dir, script string) failure {
	t.Helper()
	unshare := []string{"-Urm"}
	if user {
		unshare = []string{"-U"}
	}
	cmd := exec.CommandContext(t.Context(), "unshare", append(unshare, "sh", "-c", script)...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, canaryWatch + "=" + t.TempDir()}
	if !user {
		cmd.Env = append(cmd.Env, rootForTests+"=1")
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var f failure
	lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &f); err != nil || f.Code != cmd.ProcessState.ExitCode() {
		t.Fatalf("exit code %d, %v, stderr: %s", cmd.ProcessState.ExitCode(), err, errs.String())
	}
	return f
}

// sh runs a shell's script in dir, and returns its exit code and stderr.
func sh(t *testing.T, dir, script string) (code int, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, canaryWatch + "=" + t.TempDir()}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), errs.String()
}

// A result that cannot be printed is one exit code for every command, and the error
// says what was done all the same.
func TestStdoutThatIsFull(t *testing.T) {
	dir, _ := batchAt(t, 2, nil)
	for _, tt := range []struct{ args, done, file string }{
		{"version", "", ""},
		{"--version", "", ""},
		{"--help", "", ""},
		{"help config", "", ""},
		{"enroll --help", "", ""},
		{"token", "", ""},
		{"explain 20", "", ""},
		{"explain -o json 20", "", ""},
		{"token mint --connection-string-file cs", "", ""},
		{"config --file - --id-scope 0ne0012AB34 --registration-id box", "", ""},
		{"config --dry-run --file dry --id-scope 0ne0012AB34 --registration-id box", "", ""},
		{"config --file made --id-scope 0ne0012AB34 --registration-id box", "made was written (create)", "made"},
		{"token mint --out shift --connection-string-file cs", "the token is in shift", "shift"},
		{"support-bundle --file zip --offline --tpm swtpm:path=nothing", "the bundle is in zip", "zip"},
		{"support-bundle --list --offline --tpm swtpm:path=nothing", "", ""},
		{"support-bundle --file - --offline --tpm swtpm:path=nothing", "", ""},
		{"enroll --dry-run --from batch --ca-file ca --connection-string-file cs", "", ""},
		{"enroll --from batch --ca-file ca --connection-string-file cs --audit trail", "box-1 was enrolled (create)", "trail"},
		{"enroll --from batch --ca-file ca --connection-string-file cs -o json", "box-2 was enrolled (create)", ""},
		{"audit verify trail", "", ""},
		{"emulator --listen 127.0.0.1:0 --mqtt 127.0.0.1:0", "", ""},
	} {
		code, errs := sh(t, dir, "exec tpmdps "+tt.args+" >/dev/full")
		if code != 1 || !strings.Contains(errs, "no space left on device") || !strings.Contains(errs, "where standard output goes") || !strings.Contains(errs, tt.done) {
			t.Errorf("tpmdps %s: exit code %d, stderr %q, want 1 and %q", tt.args, code, errs, tt.done)
		}
		if strings.Contains(errs, "done before that") != (tt.done != "") {
			t.Errorf("tpmdps %s: what it did: %q", tt.args, errs)
		}
		if _, err := os.Stat(filepath.Join(dir, tt.file)); err != nil {
			t.Errorf("tpmdps %s: %v", tt.args, err)
		}
	}
	// One that is for reading alone is another cause.
	for _, args := range []string{"version", "--help", "token mint --connection-string-file cs", "enroll --dry-run --from batch --ca-file ca --connection-string-file cs"} {
		if code, errs := sh(t, dir, "exec tpmdps "+args+" 1</dev/null"); code != 2 || !strings.Contains(errs, "hint: standard output cannot be written to") {
			t.Errorf("tpmdps %s: exit code %d, stderr %q", args, code, errs)
		}
	}
	if code, errs := sh(t, dir, "{ tpmdps explain 20; echo code=$? >&2; } | exec true"); code != 0 || !strings.Contains(errs, "code=1") && !strings.Contains(errs, "code=0") {
		t.Errorf("a reader that went away: %d, %q", code, errs)
	}
	// The run's own error is the truer one.
	code, errs := sh(t, dir, "exec tpmdps config --check --file cs >/dev/full")
	if code != 40 || !strings.Contains(errs, "its result could not be printed") {
		t.Errorf("a check that failed: exit code %d, stderr %q", code, errs)
	}
}

// When the disk is full right after the enrollment was written, the error says what
// was done, that it is not on record, and what to do about both.
func TestTrailThatIsFullAfterTheDeed(t *testing.T) {
	dir, _ := batchAt(t, 1, nil)
	enroll := "exec tpmdps enroll --from batch --ca-file ca --connection-string-file cs --audit "
	if code, errs := sh(t, dir, enroll+"whole"); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "whole"))
	if err != nil {
		t.Fatal(err)
	}
	intent := bytes.IndexByte(whole, '\n') + 1
	for _, tt := range []struct {
		room int
		says string
		hint string
	}{
		{intent / 2, "nothing was written to DPS", "hint: a limit of this user"},
		{intent + (len(whole)-intent)/2, "not on record: box-1: create done", "hint: record it by hand; a limit of this user"},
	} {
		dir, _ := batchAt(t, 1, nil)
		code, errs := sh(t, dir, "ulimit -c 0; exec prlimit --fsize="+strconv.Itoa(tt.room)+" -- "+strings.TrimPrefix(enroll, "exec ")+"trail")
		if code != 1 || !strings.Contains(errs, tt.says) || !strings.Contains(errs, "file too large") || !strings.Contains(errs, tt.hint) {
			t.Errorf("room for %d bytes: exit code %d, stderr %q, want %q, %q", tt.room, code, errs, tt.says, tt.hint)
		}
		if deed := strings.Contains(errs, "done before that: box-1 was enrolled"); deed != strings.Contains(tt.says, "done") {
			t.Errorf("room for %d bytes: what was done: %q", tt.room, errs)
		}
		trail, err := os.ReadFile(filepath.Join(dir, "trail"))
		if err != nil || len(trail) > 0 && trail[len(trail)-1] != '\n' {
			t.Errorf("a line cut short: %q, %v", trail, err)
		}
	}
}
