package tpm

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/softtpm"
	"tpmdps/internal/softtpm/softtpmtest"
)

// What a ledger says is left, of what is on the chip.
func TestFindLeftover(t *testing.T) {
	const begun = `{"began":"2026-01-02T03:04:05Z","before":[2147483648,33554432]}` + "\n"
	const key, key2, session, policy = tpm2.TPMHandle(0x80000001), tpm2.TPMHandle(0x80000002), tpm2.TPMHandle(0x02000001), tpm2.TPMHandle(0x03000002)
	for _, tt := range []struct {
		name, lines string
		present     []tpm2.TPMHandle
		want        []tpm2.TPMHandle
	}{
		{"nothing made", "", []tpm2.TPMHandle{key, session}, nil},
		{"made and there", "sent 0x131\nmade 0x80000001\n", []tpm2.TPMHandle{0x80000000, key, key2}, []tpm2.TPMHandle{key}},
		{"made and gone", "sent 0x131\nmade 0x80000001\n", []tpm2.TPMHandle{0x80000000}, nil},
		{"flushed", "sent 0x131\nmade 0x80000001\nflushed 0x80000001\n", []tpm2.TPMHandle{key}, nil},
		{"flushed, and made again", "made 0x80000001\nflushed 0x80000001\nmade 0x80000001\n", []tpm2.TPMHandle{key}, []tpm2.TPMHandle{key}},
		{"refused", "sent 0x131\nrefused 0\n", []tpm2.TPMHandle{key}, nil},
		{"in flight, a key", "sent 0x131\n", []tpm2.TPMHandle{0x80000000, key, session}, []tpm2.TPMHandle{key}},
		{"in flight, a session", "sent 0x176\n", []tpm2.TPMHandle{0x02000000, key, policy}, []tpm2.TPMHandle{policy}},
		{"in flight, and not done", "sent 0x176\n", []tpm2.TPMHandle{0x80000000, 0x02000000, key}, nil},
		{"in flight, and two are new", "sent 0x131\n", []tpm2.TPMHandle{key, key2}, nil},
		{"what was there before", "made 0x80000000\n", []tpm2.TPMHandle{0x80000000}, nil},
		{"a line cut short", "made 0x80000001\nflush", []tpm2.TPMHandle{key}, []tpm2.TPMHandle{key}},
		{"a number cut short", "made 0x80000001\nsent 0x131\nmade 0x8000000", []tpm2.TPMHandle{0x8000000, key, key2}, []tpm2.TPMHandle{key, key2}},
		{"a line end that is missing", "made 0x80000001\nflushed 0x80000001", []tpm2.TPMHandle{key}, []tpm2.TPMHandle{key}},
		{"nonsense", "made\nmade x\n\x00\n made 0x1 2\n", []tpm2.TPMHandle{key}, nil},
	} {
		e, ok := readLedger(strings.NewReader(begun + tt.lines))
		if got := e.find(tt.present); !ok || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %#x, %v, want %#x", tt.name, got, ok, tt.want)
		}
	}
	for _, broken := range []string{"", "{", `{"began":"2026-01-02T03:04:05Z","before":[]}`, "nonsense\nmade 0x80000001\n", "[1]\n"} {
		if e, ok := readLedger(strings.NewReader(broken)); ok {
			t.Errorf("%q is read as %+v", broken, e)
		}
	}
}

func TestRunsSince(t *testing.T) {
	for _, tt := range []struct {
		running, age time.Duration
		want         bool
	}{
		{time.Hour, time.Minute, true},
		{time.Minute, time.Minute, true},
		{51 * time.Minute, time.Hour, true}, // a slow clock
		{time.Minute, time.Hour, false},     // started since
		{0, time.Hour, false},
		{time.Hour, -time.Minute, false}, // this machine's clock was set back
	} {
		if got := runsSince(tt.running, tt.age); got != tt.want {
			t.Errorf("runsSince(%s, %s) = %v", tt.running, tt.age, got)
		}
	}
}

// leaves opens a chip, makes a key there, and forgets everything: the connection
// ends, the ledger stays.
func leaves(t *testing.T, p *softtpm.Process, dir string) {
	t.Helper()
	d := openAt(t, p, dir, nil)
	if _, err := d.EK(); err != nil {
		t.Fatal(err)
	}
	d.t.holds.ledger.f.Close() // and with that its lock
	d.close()
}

func openAt(t *testing.T, p *softtpm.Process, dir string, flushed func(string)) *Device {
	t.Helper()
	addr, err := ParseAddress(p.Address())
	if err != nil {
		t.Fatal(err)
	}
	d, err := Open(t.Context(), addr, Options{Ledgers: dir, Flushed: flushed})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A ledger counts where it can be trusted: begun by this user, on this chip, in
// this run of the chip, by a process that lives no more.
func TestLedgerThatCounts(t *testing.T) {
	old := func(t *testing.T, path string) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(data), "\n")
		first := fmt.Sprintf(`{"began":%q,"before":[]}`, time.Now().Add(-time.Hour).Format(time.RFC3339))
		if err := os.WriteFile(path, []byte(first+"\n"+rest), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, dir, path string)
		counts bool
	}{
		{"as it was left", func(*testing.T, string, string) {}, true},
		{"before the chip was started", func(t *testing.T, _, path string) { old(t, path) }, false},
		{"of another chip", func(t *testing.T, dir, path string) {
			if err := os.Rename(path, filepath.Join(dir, "0000000000000000-1.chip")); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"others may write", func(t *testing.T, dir, _ string) {
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"of a run that lives", func(t *testing.T, _, path string) {
			f, err := os.Open(path)
			if err == nil {
				err = lockLedger(f)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, dir := softtpmtest.Start(t, ""), filepath.Join(t.TempDir(), "ledgers")
			leaves(t, p, dir)
			paths, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil || len(paths) != 1 {
				t.Fatalf("ledgers: %q, %v", paths, err)
			}
			tt.change(t, dir, paths[0])
			var notices []string
			d := openAt(t, p, dir, func(what string) { notices = append(notices, what) })
			closeAll(t, d)
			left, err := softtpmtest.Leftovers(p)
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int{true: 0, false: 1}[tt.counts]; len(left) != want || len(notices) != 1-want {
				t.Errorf("left on the chip: %#x, said %q, want %d left", left, notices, want)
			}
		})
	}
}

// Without a directory to be trusted the work goes on without a ledger.
func TestNoLedger(t *testing.T) {
	p := softtpmtest.Start(t, "")
	file := filepath.Join(t.TempDir(), "file")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, link, filepath.Join(t.TempDir(), "no", "such"), ""} {
		d := openAt(t, p, dir, nil)
		ek, err := d.EK()
		if err != nil {
			t.Fatal(err)
		}
		closeAll(t, d, ek)
	}
	if left, err := softtpmtest.Leftovers(p); err != nil || len(left) > 0 {
		t.Errorf("left on the chip: %#x, %v", left, err)
	}
}

// Nothing of this applies behind a resource manager.
func TestManaged(t *testing.T) {
	for text, want := range map[string]bool{
		"device:/dev/tpmrm0": true, "device:/dev/tpmrm1": true, "device:/dev/tpm0": false,
		"swtpm:path=/run/tpmrm0": false, "mssim:": false,
	} {
		addr, err := ParseAddress(text)
		if err != nil {
			t.Fatal(err)
		}
		d := Device{address: addr, opts: Options{Ledgers: filepath.Join(t.TempDir(), "ledgers")}, t: &guard{}}
		d.watch()
		if watches := d.t.holds.first != nil; d.Managed() != want || watches == want {
			t.Errorf("%s: managed %v, watched %v, want %v and the opposite", text, d.Managed(), watches, want)
		}
	}
}
