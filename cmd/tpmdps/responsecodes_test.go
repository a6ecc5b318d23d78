package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"tpmdps/internal/dictionary"
	"tpmdps/internal/softtpm"
	"tpmdps/internal/softtpm/softtpmtest"
	"tpmdps/internal/tpm"
	"tpmdps/internal/verdict"
)

// responseCodes are those of TPM 2.0 Part 2, 6.6.3 (table 16), by the exit code
// that each ends with at a command that has no rule of its own; those of format 1
// without the number of a parameter, session or handle.
var responseCodes = map[int][]uint32{
	12: {0x100, 0x101, 0x121, 0x12d, 0x12e, 0x130, 0x149, 0x14b, 0x150, 0x153, 0x08e, 0x0a2,
		0x901, 0x902, 0x903, 0x904, 0x905, 0x906, 0x908, 0x909, 0x90a,
		0x910, 0x911, 0x912, 0x913, 0x914, 0x915, 0x916, 0x918, 0x919, 0x91a, 0x91b, 0x91c, 0x91d, 0x91e,
		0x920, 0x921, 0x922, 0x923},
	13: {0x01e, 0x103, 0x10b, 0x119, 0x120, 0x124, 0x125, 0x126, 0x127, 0x128, 0x12f, 0x131,
		0x142, 0x143, 0x144, 0x145, 0x146, 0x147, 0x148, 0x14a, 0x14c, 0x151, 0x152, 0x154, 0x155,
		0x081, 0x082, 0x083, 0x084, 0x085, 0x087, 0x088, 0x089, 0x08a, 0x08b, 0x08c, 0x08d, 0x08f,
		0x090, 0x092, 0x095, 0x096, 0x097, 0x098, 0x09a, 0x09b, 0x09c, 0x09d, 0x09f,
		0x0a0, 0x0a1, 0x0a3, 0x0a4, 0x0a5, 0x0a6, 0x0a7, 0x907, 0x97f,
		// Of later revisions, of a maker, and of nobody.
		0x0a8, 0x0a9, 0x156, 0x5ff, 0x17f},
}

// waits are the codes that ask for a repeat, and for how many seconds the chip
// gets one.
var waits = map[uint32]int{0x908: 10, 0x909: 10, 0x922: 10, 0x90a: 60, 0x920: 60, 0x923: 60}

// saidOfKeys are the codes with which chips refuse a key that is wrapped for
// another chip. From the two commands that it is handed to they mean that, and
// from no other; so the dictionary's advice, which is about that, is not given.
var saidOfKeys = []uint32{0x084, 0x095, 0x09a, 0x09f, 0x0a5, 0x101}

// ofPasswords are the codes with which a password is refused. Whose it is follows
// from the command.
var ofPasswords = []uint32{0x08e, 0x0a2, 0x149}

// ownHints are those that know more than the code does (see knowsMore): by code,
// how they begin.
var ownHints = map[uint32]string{
	0x08e: "give the hierarchy's password", 0x0a2: "give the hierarchy's password", 0x149: "give the hierarchy's password",
	0x921: "the chip counts wrong passwords; wait", 0x085: "restart the machine", 0x14c: "look at what is there",
	0x089: "--plain-bus", 0x096: "--plain-bus",
	0x101: "switch the machine off and on again; if it persists, the chip or its firmware is broken",
}

// refusedCode is one code as the answer to one command.
type refusedCode struct {
	base   uint32 // without number and layer
	code   uint32 // with a number, without layer
	layer  uint32
	cc     tpm2.TPMCC
	n      int // the command's place in the run
	always bool
	exit   int
}

func (r refusedCode) said() uint32 { return r.layer<<16 | r.code }

func (r refusedCode) String() string {
	return fmt.Sprintf("%#x to command %d, %v", r.said(), r.n, r.cc)
}

// of tells whether the command is one of these.
func (r refusedCode) of(commands ...tpm2.TPMCC) bool { return slices.Contains(commands, r.cc) }

// expect returns the exit code and how the hint begins.
func (r refusedCode) expect() (exit int, hint string) {
	const otherThanSession = "this machine needs another TPM"
	advice := dictionary.TPMAdvice(r.code)
	key, ofKey := slices.Contains(saidOfKeys, r.base), r.of(tpm2.TPMCCActivateCredential, tpm2.TPMCCImport)
	ofSession := r.base == 0x082 && r.code&0x840 == 0x800 // its attributes
	switch own, ok := ownHints[r.base]; {
	case ofKey && (key || r.exit == 13 && !ok && !ofSession && r.base != 0x120 && r.base != 0x143):
		// It is refused once, and opened the second time.
		return 12, verdict.Of(tpm.ErrAnswer).Hint
	case slices.Contains(ofPasswords, r.base) && (ofKey || r.of(tpm2.TPMCCLoad, tpm2.TPMCCHMAC)):
		return 12, "keep the output of -v: the key has no password"
	case ok:
		return r.exit, own
	case r.exit == 13 && r.of(tpm2.TPMCCStartAuthSession) && r.base != 0x120 && r.base != 0x143, ofSession:
		return 13, "--plain-bus"
	case key, advice == "":
		return r.exit, otherThanSession
	}
	return r.exit, advice
}

// mayPass tells whether the program can do without the command's result, as it can
// without NV indices and their list; a note of it is in the record then.
func (r refusedCode) mayPass() bool {
	return r.of(tpm2.TPMCCNVRead, tpm2.TPMCCNVReadPublic, tpm2.TPMCCGetCapability)
}

// goesAnotherWay tells whether the program does not need what the command is for: a
// stored SRK that cannot be tried gives way to a derived one, and an EK that cannot
// be put away stays.
func (r refusedCode) goesAnotherWay() bool {
	return r.of(tpm2.TPMCCCertify) && (r.exit == 13 || slices.Contains(ofPasswords, r.base)) ||
		r.of(tpm2.TPMCCContextSave, tpm2.TPMCCContextLoad) && r.exit == 13
}

// saysItself tells whether a code is no trouble but an answer: there is no such
// index, or nothing was written to it.
func (r refusedCode) saysItself() bool {
	return r.base == 0x08b || r.base == 0x14a && r.of(tpm2.TPMCCNVRead)
}

// asksAgain tells whether the same command follows for another reason: the chip is
// asked how long a lockout lasts.
func (r refusedCode) asksAgain() bool { return r.base == 0x921 && r.of(tpm2.TPMCCGetCapability) }

// withNumbers are the spellings of a code: of format 1 bare, and of a handle, a
// parameter and a session (Part 2, 6.6.2).
func withNumbers(base uint32) []uint32 {
	if base&0x80 == 0 || base > 0xff {
		return []uint32{base}
	}
	return []uint32{base, base | 0x100, base | 0x2c0, base | 0x800 | 0x100}
}

// refusedRow is one command whose chip refuses.
type refusedRow struct {
	name, command, fixture string
	srk                    bool         // is at its handle
	only                   []tpm2.TPMCC // what no other row sends; nil: all
}

var refusedRows = []refusedRow{
	{"verify", "verify --offline", "persisted", false, nil},
	{"read-ek", "read-ek", "persisted", false, nil},
	{"verify with a stored SRK", "verify --offline", "persisted", true, []tpm2.TPMCC{tpm2.TPMCCCertify}},
	{"verify on a blank chip", "verify --offline", "", false, []tpm2.TPMCC{tpm2.TPMCCContextSave, tpm2.TPMCCContextLoad}},
}

// rowVariable has the name of the row that a process of the test is for.
const rowVariable = "TPMDPS_TEST_REFUSED_ROW"

// Every response code, with and without the layers of resource managers, as the
// answer to each command of read-ek and verify: the run ends with the exit code
// that is documented, its hint is what explain says, the chip is left clean, and
// no chip is asked for ever. Randomness has to be the same for each run, and there is
// one of a process: so each row has a process of its own, beside the other tests.
func TestEveryResponseCode(t *testing.T) {
	if name := os.Getenv(rowVariable); name != "" {
		i := slices.IndexFunc(refusedRows, func(row refusedRow) bool { return row.name == name })
		refusedRows[i].check(t)
		return
	}
	for _, row := range refusedRows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			test := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestEveryResponseCode$", "-test.v", "-test.timeout=20m")
			test.Env = append(os.Environ(), rowVariable+"="+row.name)
			out, err := test.CombinedOutput()
			tried := regexp.MustCompile(`[0-9]+ combinations, .*`).Find(out)
			if err != nil || tried == nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Logf("%s", tried)
		})
	}
}

func (row refusedRow) check(t *testing.T) {
	chip := softtpmtest.Start(t, row.fixture)
	if row.srk {
		if err := softtpmtest.PersistSRK(chip); err != nil {
			t.Fatal(err)
		}
	}
	bus := softtpmtest.Tap(t, chip)
	p := &player{replay: newReplay(t, bus), chip: chip, args: append(strings.Fields(row.command), "--tpm", bus.Address())}
	p.record(t)
	for _, r := range p.refusals() {
		if row.only != nil && (!r.of(row.only...) || r.goesAnotherWay() && (r.layer > 0 || !slices.Contains(everywhere, r.base))) {
			continue // the other way takes the chip itself, each time
		}
		p.check(t, r)
	}
	t.Logf("%d combinations, %d of them on the chip itself", p.runs, p.live)
}

// player makes one run of the program after the other.
type player struct {
	*replay
	chip       *softtpm.Process
	args       []string
	commands   []tpm2.TPMCC // of an undisturbed run
	runs, live int
}

// ended is how a run ended.
type ended struct {
	failure
	code   int
	stdout string
	took   time.Duration
}

// play makes one run. Randomness and clock are the same for every run, so that
// what the chip answered before can be played back.
func (p *player) play(t *testing.T, onChip bool, refuse func(int, tpm2.TPMCC, int) (uint32, bool)) (e ended) {
	t.Helper()
	p.begin(onChip, refuse)
	t.Run("run", func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, 1)
		synctest.Test(t, func(t *testing.T) {
			var out, errs bytes.Buffer
			start := time.Now()
			e.code = run(t.Context(), append([]string{"tpmdps"}, append(p.args, "-o", "json", "-q")...), streams{strings.NewReader(""), &out, &errs})
			e.took, e.stdout = time.Since(start), out.String()
			if e.code != 0 {
				if err := json.Unmarshal(errs.Bytes(), &e.failure); err != nil {
					t.Errorf("it ended with %d, stderr %q: %v", e.code, errs.String(), err)
				}
			}
		})
	})
	return e
}

func (p *player) record(t *testing.T) {
	t.Helper()
	never := func(int, tpm2.TPMCC, int) (uint32, bool) { return 0, false }
	for _, onChip := range []bool{true, false} {
		if e := p.play(t, onChip, never); e.code != 0 || p.void || len(p.loaded) > 0 {
			t.Fatalf("undisturbed, on the chip %v: %+v, void %v, loaded %#x", onChip, e, p.void, p.loaded)
		}
	}
	p.commands = slices.Clone(p.sent)
}

// everywhere are codes that are also tried at the commands that are sent a second
// time: one of each meaning.
var everywhere = []uint32{0x085, 0x089, 0x08e, 0x095, 0x101, 0x10b, 0x143, 0x149, 0x14b, 0x902, 0x910, 0x921, 0x922, 0x923}

// refusals are all combinations: each code as the answer to each command, the
// first time that it is sent, bare, with each number and with each layer; and some
// of them the other times.
func (p *player) refusals() (all []refusedCode) {
	for exit, bases := range responseCodes {
		for _, base := range bases {
			for _, code := range withNumbers(base) {
				for i, cc := range p.commands {
					again := slices.Index(p.commands, cc) < i
					if again && (code != base || !slices.Contains(everywhere, base)) {
						continue
					}
					for _, layer := range []uint32{0, 11, 12} {
						if layer > 0 && (again || code != base) {
							continue
						}
						r := refusedCode{base: base, code: code, layer: layer, cc: cc, n: i + 1, exit: exit}
						all = append(all, r)
						if waits[base] > 0 {
							r.always = true
							all = append(all, r)
						}
					}
				}
			}
		}
	}
	return all
}

func (p *player) check(t *testing.T, r refusedCode) {
	t.Helper()
	repeats := 0
	refuse := func(n int, cc tpm2.TPMCC, again int) (uint32, bool) {
		if n == r.n {
			repeats = again
		}
		// A chip that may mean how much it was asked for is asked for less, and
		// where an index refuses its own password the owner reads it: so the
		// chip refuses that, too. The same for sessions that there is no room for.
		otherwise := n > r.n && r.of(cc) && waits[r.base] == 0 &&
			(cc == tpm2.TPMCCGetCapability && r.code&0x80 != 0 || cc == tpm2.TPMCCNVRead || cc == tpm2.TPMCCStartAuthSession)
		return r.said(), otherwise || n == r.n && (r.always || again == 0)
	}
	e := p.play(t, false, refuse)
	if p.void {
		e = p.play(t, true, refuse)
		p.live++
		left, err := softtpmtest.Leftovers(p.chip)
		if err != nil {
			t.Fatal(err)
		}
		p.loaded = nil
		for _, handle := range left {
			p.loaded = append(p.loaded, uint32(handle))
			flush := tpm2.FlushContext{FlushHandle: handle}
			if err := softtpmtest.On(p.chip, func(chip transport.TPM) error { _, err := flush.Execute(chip); return err }); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.runs++
	if len(p.loaded) > 0 && !r.of(tpm2.TPMCCFlushContext) { // what is not flushed is there
		t.Errorf("%v: left on the chip: %#x", r, p.loaded)
	}
	p.judge(t, r, e, repeats)
}

func (p *player) judge(t *testing.T, r refusedCode, e ended, repeats int) {
	t.Helper()
	seconds := waits[r.base]
	switch {
	case seconds > 0 && !r.always:
		if e.code != 0 || repeats != 1 || e.took > time.Second {
			t.Errorf("%v, once: %+v with %d repeats, want 0 with one", r, e, repeats)
		}
		return
	case seconds > 0 && (repeats < seconds || repeats > seconds+20 || e.took < time.Duration(seconds-2)*time.Second || e.took > time.Duration(seconds+3)*time.Second):
		t.Errorf("%v: %d repeats in %s, want %d s", r, repeats, e.took, seconds)
	case seconds == 0 && (repeats > 0 && !r.asksAgain() || e.took > time.Second):
		t.Errorf("%v: %d repeats in %s, want none", r, repeats, e.took)
	}
	if e.code == 0 && r.goesAnotherWay() {
		return
	}
	if e.code == 0 && r.mayPass() {
		if code := fmt.Sprintf("%#x", r.said()); !r.saysItself() && !strings.Contains(e.stdout, code) {
			t.Errorf("%v: no note of it in %s", r, e.stdout)
		}
		return
	}
	exit, hint := r.expect()
	line := parseLine(append([]string{"tpmdps"}, p.args...))
	software, err := tpm.ParseAddress("swtpm:")
	if err != nil {
		t.Fatal(err)
	}
	line.Chip = &software // the chip of these tests is on a socket
	hint = line.Fit(hint)
	if e.code != exit || !strings.HasPrefix(e.Hint, hint) {
		t.Errorf("%v: exit code %d, hint %q, want %d, %q\n%s", r, e.code, e.Hint, exit, hint, e.Error)
	}
	if !strings.Contains(e.Error, fmt.Sprintf("%#x", r.said())) || strings.Contains(e.Error+e.Hint, "unexpected") {
		t.Errorf("%v: it says %q, hint %q, want the code and nothing unexpected", r, e.Error, e.Hint)
	}
}
