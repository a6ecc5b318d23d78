//go:build vm

package vmtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fileSystem is one that sticks have.
type fileSystem struct {
	kind string
	make []string // the program that makes it
	size int64
}

var (
	fat   = fileSystem{"vfat", []string{"mkfs.vfat", "-F", "12", "-s", "1", "-n", "STICK"}, 256 << 10}
	exfat = fileSystem{"exfat", []string{"mkfs.exfat", "-c", "512", "-b", "4K", "-L", "STICK"}, 1 << 20}
)

// Two used sticks: what is not written is full of what was there before, or empty.
func TestStickFAT(t *testing.T)       { powerCuts(t, fat, nil) }
func TestStickFATUsed(t *testing.T)   { powerCuts(t, fat, []byte("{\"number\":1,\"old\":1}\n\xf6")) }
func TestStickExFAT(t *testing.T)     { powerCuts(t, exfat, nil) }
func TestStickExFATUsed(t *testing.T) { powerCuts(t, exfat, []byte("{\"number\":1,\"old\":1}\n\xf6")) }

const (
	appends  = 3 // lines of three clusters each
	markSize = 4096
	onStick  = Stick + "/batch.jsonl"
)

// powerCuts appends to a batch on a stick, and reads the batch on the stick as each write to
// it has left it: every line whose command had ended is there, the last one apart nothing is
// damaged, and the next box can be read, or the batch is refused and its good lines are saved.
func powerCuts(t *testing.T, fs fileSystem, old []byte) {
	t.Parallel()
	dir := t.TempDir()
	image := fs.format(t, dir, old)
	log := appendToStick(t, fs, dir)
	states := log.cuts(t, image)
	t.Logf("%d writes, %d states", len(log), len(states))
	if len(states) < 3*appends {
		t.Errorf("%d states are too few for %d lines", len(states), appends)
	}
	all := filepath.Join(dir, "states")
	f, err := os.Create(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range states {
		if _, err := f.Write(s.image); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	readCuts(t, fs, all, states)
}

// format makes a stick, and returns what is on it.
func (fs fileSystem) format(t *testing.T, dir string, old []byte) []byte {
	t.Helper()
	path := filepath.Join(dir, "stick")
	before := make([]byte, fs.size)
	if len(old) > 0 {
		before = bytes.Repeat(old, int(fs.size)/len(old)+1)[:fs.size]
	}
	if err := os.WriteFile(path, before, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(fs.make[0], append(fs.make[1:], path)...).CombinedOutput(); err != nil {
		t.Fatalf("%v; `make test-vm` installs it\n%s", err, out)
	}
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, fs.size+markSize); err != nil {
		t.Fatal(err)
	}
	return image
}

func stickMachine(fs fileSystem, disk string) machine {
	return machine{chip: "tpm-tis", cpus: 1, smbios: labelled, fixture: "persisted",
		modules: []string{"virtio_pci", "virtio_blk", "loop", "nls_cp437", "nls_ascii", fs.kind}, disks: []string{disk}}
}

// appendStep adds the box once more.
func appendStep(name string) scenario {
	return step(name, "tpmdps", "read-ek", "--append", onStick, "--again", "-o", "jsonl")
}

// appendToStick appends lines, each followed by its mark, and returns what was written.
func appendToStick(t *testing.T, fs fileSystem, dir string) blockLog {
	path := filepath.Join(dir, "log")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m := stickMachine(fs, "driver=blklogwrites,log-sector-size=512,file.driver=file,log.driver=file,file.filename="+filepath.Join(dir, "stick")+",log.filename="+path)
	scenarios := []scenario{step("plug", "plug", fs.kind, "/dev/vda", "0", "0")}
	for n := 1; n <= appends; n++ {
		add := appendStep(fmt.Sprint("line ", n))
		add.stdout = []string{fmt.Sprintf(`"line":%d,"already":false,"head":"%[1]d:`, n)}
		scenarios = append(scenarios, add, step(fmt.Sprint("mark ", n), "mark", "/dev/vda", fmt.Sprint(fs.size), fmt.Sprint(n)))
	}
	verify := step("verify", "tpmdps", "batch", "verify", "-o", "json", onStick)
	verify.stdout = []string{fmt.Sprintf(`"lines": %d`, appends)}
	judgeAll(t, m, append(scenarios, verify))
	return readBlockLog(t, path)
}

// judgeAll boots a machine and tests each scenario at once.
func judgeAll(t *testing.T, m machine, scenarios []scenario) []Outcome {
	t.Helper()
	var steps []Step
	for _, s := range scenarios {
		steps = append(steps, s.Step)
	}
	outcomes := m.boot(t, steps)
	for i, o := range outcomes {
		before := t.Failed()
		scenarios[i].judge(t, o)
		if t.Failed() && !before {
			t.Errorf("%s: %q ended with %d\nstdout:\n%s\nstderr:\n%s", o.Name, scenarios[i].Args, o.Code, o.Stdout, o.Stderr)
		}
	}
	return outcomes
}

// readCuts reads the batch in every state.
func readCuts(t *testing.T, fs fileSystem, path string, states []state) {
	m := stickMachine(fs, "driver=file,filename="+path)
	var scenarios []scenario
	for i := range states {
		verify, again := []string{"tpmdps", "batch", "verify", "-o", "json", onStick}, appendStep(fmt.Sprint("append ", i))
		first, next := step(fmt.Sprint("verify ", i), verify...), step(fmt.Sprint("verify again ", i), verify...)
		first.code, again.code, next.code = anyCode, anyCode, anyCode
		scenarios = append(scenarios, step(fmt.Sprint("plug ", i), "plug", fs.kind, "/dev/vda", fmt.Sprint(int64(i)*fs.size), fmt.Sprint(fs.size)),
			first, again, next, step(fmt.Sprint("unplug ", i), "unplug"))
	}
	outcomes := judgeAll(t, m, scenarios)
	count := map[string]int{}
	for i, s := range states {
		o := outcomes[i*5:]
		what := judgeCut(s.marked, o[1], o[2], o[3])
		count[what]++
		if strings.HasPrefix(what, "WRONG") {
			t.Errorf("state %d, after line %d: %s\n%+v", i, s.marked, what, o[1:4])
		}
	}
	for what, n := range count {
		t.Logf("%d states: %s", n, what)
	}
}

// judgeCut says what became of a batch after a power cut, beginning with WRONG for what must
// not be: marked lines were on the stick, and one more was being written.
func judgeCut(marked int, verify, again, verifyAgain Outcome) string {
	before, after := linesIn(verify), linesIn(verifyAgain)
	switch {
	case verify.Code == 2 && marked == 0 && again.Code == 0 && after.Lines == 1:
		return "no file yet, the next line is line 1"
	case verify.Code == 2:
		return "WRONG: the file is gone"
	case verify.Code != 0 && verify.Code != 50:
		return "WRONG: the batch cannot be read"
	case before.Lines != marked && before.Lines != marked+1:
		return "WRONG: other lines than were written"
	case verify.Code == 50 && before.Bad != marked+1:
		return "WRONG: another line than the last one is damaged"
	case again.Code == 50 && after == before:
		return "the last line is damaged, named, and not touched"
	case (strings.Contains(again.Stderr, "read-only file system") || strings.Contains(again.Stderr, "input/output error")) &&
		strings.Contains(again.Stderr, "fsck") && after.Lines >= marked && (verifyAgain.Code == 0 || verifyAgain.Code == 50):
		// Linux does so when a file has more clusters than its length says.
		return "all lines can be read, and no more is written until fsck has repaired the stick"
	case again.Code != 0 || verifyAgain.Code != 0:
		return "WRONG: it does not go on"
	case after.Lines == before.Lines+2 && verify.Code == 50:
		return "the last line had lost only its end, and goes on"
	case after.Lines != before.Lines+1:
		return "WRONG: a line was lost by going on"
	case verify.Code == 50:
		return "the last line was cut off, named, removed, and read again"
	}
	return fmt.Sprintf("whole, %d more than were reported", before.Lines-marked)
}

// verified is what batch verify says.
type verified struct {
	Lines int
	Bad   int `json:"first_bad_line"`
}

func linesIn(o Outcome) (v verified) {
	_ = json.Unmarshal([]byte(o.Stdout), &v) // without a file there is none
	return v
}
