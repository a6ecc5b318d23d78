package manifest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/chain"
	"tpmdps/internal/identity"
)

// numberedEK is one of many TPM2B_PUBLICs of the TCG's L-1 template; nobody has their
// private halves.
func numberedEK(n int) string {
	head, err := hex.DecodeString("013a0001000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa00060080004300100800000000000100")
	if err != nil {
		panic(err)
	}
	var modulus []byte
	for i := range byte(8) {
		block := sha256.Sum256([]byte{byte(n), byte(n >> 8), byte(n >> 16), i})
		modulus = append(modulus, block[:]...)
	}
	modulus[0], modulus[255] = modulus[0]|0x80, modulus[255]|1
	return base64.StdEncoding.EncodeToString(append(head, modulus...))
}

// testBox is the record of the box with a number.
func testBox(n int) identity.Record {
	r, err := identity.ParseRecord(fmt.Appendf(nil, `{"endorsement_key":%q,"registration_id":"line1-%d"}`, numberedEK(n), n))
	if err != nil {
		panic(err)
	}
	r.Host = identity.Host{Hostname: fmt.Sprint("host-", n), Serial: fmt.Sprint("SN-", n)}
	r.ReadAt = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	return r
}

func openBatch(t *testing.T, path string) *Batch {
	t.Helper()
	b, err := Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func add(t *testing.T, b *Batch, r identity.Record, o AppendOptions) Appended {
	t.Helper()
	done, err := b.Append(t.Context(), r, o)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// batchOf is a file with the boxes of some numbers.
func batchOf(t *testing.T, boxes ...int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "batch.jsonl")
	b := openBatch(t, path)
	for _, n := range boxes {
		add(t, b, testBox(n), AppendOptions{})
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// idsOf are the boxes that a reader who skips damage gets, and how many errors.
func idsOf(data []byte) (ids []string, faults []error) {
	for l, err := range Lines(bytes.NewReader(data)) {
		if err != nil {
			faults = append(faults, err)
			if !usable(err) {
				continue
			}
		}
		ids = append(ids, l.Record.RegistrationID)
	}
	return ids, faults
}

func TestAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "batch.jsonl")
	b := openBatch(t, path)
	first := add(t, b, testBox(1), AppendOptions{Labels: map[string]string{"line": "7"}, Operator: "Łukasz", DeviceID: "Box=1", ExpectLabel: "sn-1\r\n"})
	second := add(t, b, testBox(2), AppendOptions{})
	if first.Line != 1 || second.Line != 2 || second.Already || second.Head != b.Head() || len(b.Repairs()) != 0 {
		t.Errorf("Append() = %+v, %+v; repairs %q", first, second, b.Repairs())
	}
	var lines []Line
	for l, err := range Lines(bytes.NewReader(read(t, path))) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	if len(lines) != 2 || lines[0].DeviceID != "Box=1" || lines[0].Record.Operator != "Łukasz" || lines[0].Record.Labels["line"] != "7" || !lines[0].Chained ||
		lines[1].Record.Host.Serial != "SN-2" || lines[1].Number != 2 {
		t.Errorf("Lines() = %+v", lines)
	}
	want := Row{Line: 1, RegistrationID: "line1-1", DeviceID: "Box=1", Hostname: "host-1", Serial: "SN-1", Labels: "line=7"}
	if got := lines[0].Row(); got != want {
		t.Errorf("Row() = %+v, want %+v", got, want)
	}
	report, err := Verify(bytes.NewReader(read(t, path)), Options{Head: first.Head.String()})
	if err != nil || report.Lines != 2 || report.Boxes != 2 || report.HeadLine != 1 || report.Head != second.Head {
		t.Errorf("Verify() = %+v, %v", report, err)
	}
	for line := range bytes.Lines(read(t, path)) { // what reads records reads a batch
		if _, err := identity.ParseRecord(line); err != nil {
			t.Error(err)
		}
	}
}

// A box is known by its key, and no two boxes have one name.
func TestAppendKnowsTheBox(t *testing.T) {
	path := batchOf(t, 1, 2, 3)
	before := read(t, path)
	as := func(n int, change func(*identity.Record)) identity.Record {
		r := testBox(n)
		change(&r)
		return r
	}
	for name, tt := range map[string]struct {
		record  identity.Record
		options AppendOptions
		want    Appended
		err     error
		says    string
	}{
		"again":                    {record: testBox(2), want: Appended{Line: 2, Already: true}},
		"again, another ID":        {record: as(2, func(r *identity.Record) { r.RegistrationID = "other" }), want: Appended{Line: 2, Already: true, OtherID: true}},
		"again, another serial":    {record: as(3, func(r *identity.Record) { r.Host.Serial = "X9" }), want: Appended{Line: 3, Already: true, OtherSerial: true}},
		"again, no serial":         {record: as(3, func(r *identity.Record) { r.Host.Serial = "" }), want: Appended{Line: 3, Already: true}},
		"again, serial in case":    {record: as(3, func(r *identity.Record) { r.Host.Serial = " sn -3" }), want: Appended{Line: 3, Already: true}},
		"another key, ID":          {record: as(9, func(r *identity.Record) { r.RegistrationID = "line1-2" }), err: ErrConflict, says: "line 2 has the same registration ID, line1-2,"},
		"another key, serial":      {record: as(9, func(r *identity.Record) { r.Host.Serial = "sn-3 " }), err: ErrConflict, says: "line 3 has the same serial number, sn-3,"},
		"another's serial, own ID": {record: as(1, func(r *identity.Record) { r.Host.Serial = "SN-2" }), err: ErrConflict, says: "line 2 has the same serial number"},
		"again asked, another ID":  {record: as(2, func(r *identity.Record) { r.RegistrationID = "other" }), options: AppendOptions{Again: true}, err: ErrConflict, says: "enrolled twice"},
		"label":                    {record: testBox(9), options: AppendOptions{ExpectLabel: "SN-8"}, err: ErrLabelMismatch, says: `"SN-8" was scanned, and this box has the registration ID line1-9 and serial number SN-9`},
		"label, blank":             {record: testBox(9), options: AppendOptions{ExpectLabel: " \n"}, err: ErrLabelMismatch},
		"bad label":                {record: testBox(9), options: AppendOptions{Labels: map[string]string{"Line": "7"}}, err: identity.ErrLabel},
		"bad device ID":            {record: testBox(9), options: AppendOptions{DeviceID: `a"b`}, err: identity.ErrRecord},
		"no key":                   {record: as(9, func(r *identity.Record) { r.EndorsementKey = "" }), err: identity.ErrRecord},
		"too long":                 {record: as(9, func(r *identity.Record) { r.Operator = strings.Repeat("x", maxLine) }), err: identity.ErrRecord},
	} {
		b := openBatch(t, path)
		got, err := b.Append(t.Context(), tt.record, tt.options)
		if tt.err == nil {
			tt.want.Head = b.Head()
		}
		if got != tt.want || !errors.Is(err, tt.err) || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: Append() = %+v, %v", name, got, err)
		}
		if !bytes.Equal(read(t, path), before) {
			t.Fatalf("%s: the file was changed", name)
		}
	}
	b := openBatch(t, path)
	if got := add(t, b, testBox(2), AppendOptions{Again: true}); got.Line != 4 || got.Already {
		t.Errorf("Append() again = %+v", got)
	}
	if got := add(t, b, testBox(2), AppendOptions{}); got.Line != 2 || !got.Already {
		t.Errorf("Append() after it = %+v", got)
	}
	// Serial numbers that boards share name no box.
	for n, serial := range []string{"Default string", "0", "", "To be filled by O.E.M.", "default string", "0"} {
		add(t, b, as(20+n, func(r *identity.Record) { r.Host.Serial = serial }), AppendOptions{})
	}
	if report, err := Verify(bytes.NewReader(read(t, path)), Options{}); err != nil || report.Lines != 10 || report.Boxes != 9 {
		t.Errorf("Verify() = %+v, %v", report, err)
	}
}

func TestCheckLabel(t *testing.T) {
	r := testBox(7)
	for _, scanned := range []string{"line1-7", "LINE1-7", " Line1-7\r\n", "SN-7", "sn-7", "S N - 7", "\tsn-7\x1d", "\u00a0SN-7"} {
		if err := CheckLabel(scanned, r); err != nil {
			t.Errorf("%q: %v", scanned, err)
		}
	}
	for _, scanned := range []string{"", " ", "line1-77", "line1-", "SN", "SN-70", "host-7", "\u202e"} {
		if err := CheckLabel(scanned, r); !errors.Is(err, ErrLabelMismatch) {
			t.Errorf("%q: %v", scanned, err)
		}
	}
	r.Host.Serial = ""
	if err := CheckLabel("\n", r); !errors.Is(err, ErrLabelMismatch) {
		t.Errorf("blank for a box without a serial number: %v", err)
	}
}

// What is no batch is not appended to.
func TestOpenRefuses(t *testing.T) {
	plain, err := json.Marshal(testBox(1))
	if err != nil {
		t.Fatal(err)
	}
	whole := read(t, batchOf(t, 1, 2))
	for name, tt := range map[string]struct {
		data []byte
		err  error
	}{
		"plain":           {append(plain, '\n'), ErrPlain},
		"plain, cut":      {plain[:50], ErrPlain},
		"edited":          {bytes.Replace(whole, []byte("SN-1"), []byte("SN-3"), 1), ErrDamaged},
		"edited end":      {bytes.Replace(whole, []byte("SN-2"), []byte("SN-3"), 1), ErrDamaged},
		"text after it":   {append(bytes.Clone(whole), "hello"...), ErrDamaged},
		"another's begin": {append(bytes.Clone(whole), `{"number":4,"prev`...), ErrDamaged},
		"garbage":         {append(bytes.Clone(whole), 0xf6, 0, 0xf6), ErrDamaged},
		"some text":       {[]byte("hello\n"), ErrDamaged},
		"CR LF":           {bytes.ReplaceAll(whole, []byte("\n"), []byte("\r\n")), ErrDamaged},
	} {
		path := filepath.Join(t.TempDir(), "batch")
		write(t, path, tt.data)
		if b, err := Open(t.Context(), path, nil); !errors.Is(err, tt.err) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: Open() = %v, %v", name, b, err)
		}
		if !bytes.Equal(read(t, path), tt.data) {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if _, err := Open(t.Context(), t.TempDir(), nil); err == nil {
		t.Error("a folder was opened")
	}
}

// Whatever a power cut leaves of the last line, all earlier lines are there, the batch
// goes on, and nothing is read that was not written.
func TestPowerCut(t *testing.T) {
	whole := read(t, batchOf(t, 1, 2, 3))
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := last; cut <= len(whole); cut++ {
		zeros := []int{0}
		if cut%8 == 0 && cut < len(whole) {
			zeros = []int{0, len(whole) - cut, 700} // a size that came to the disk before the bytes
		}
		for _, zeros := range zeros {
			data := append(bytes.Clone(whole[:cut]), make([]byte, zeros)...)
			checkPowerCut(t, data, cut-last, cut >= len(whole)-1)
		}
	}
}

// inMemory is a folder in memory, where there is one: of a test that brings a file to
// the disk a thousand times and is not about the disk.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "manifest-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func checkPowerCut(t *testing.T, data []byte, cut int, complete bool) {
	t.Helper()
	path := filepath.Join(inMemory(t), "batch")
	write(t, path, data)
	ids, faults := idsOf(data) // reading alone reports it
	if len(ids) < 2 || len(ids) > 3 || ids[0] != "line1-1" || ids[1] != "line1-2" || len(faults) > 1 || len(faults) == 0 && cut > 0 && len(ids) == 2 {
		t.Fatalf("cut after %d: %d boxes are read, %v", cut, len(ids), faults)
	}
	b, err := Open(t.Context(), path, nil)
	if err != nil {
		t.Fatalf("cut after %d: %v", cut, err)
	}
	defer b.Close()
	want := 2
	if complete {
		want = 3
	}
	if b.Head().Lines != want || (len(b.Repairs()) == 0) == (len(data) > 0 && data[len(data)-1] != '\n') {
		t.Fatalf("cut after %d: %d lines, repairs %q", cut, b.Head().Lines, b.Repairs())
	}
	add(t, b, testBox(4), AppendOptions{})
	report, err := Verify(bytes.NewReader(read(t, path)), Options{})
	if err != nil || report.Lines != want+1 || report.Boxes != want+1 {
		t.Fatalf("cut after %d: Verify() = %+v, %v", cut, report, err)
	}
}

// Lines that an editor or a shell has joined are many boxes: they are refused, and stay.
func TestJoinedLinesStay(t *testing.T) {
	path := batchOf(t, 1, 2, 3)
	whole := read(t, path)
	first := bytes.IndexByte(whole, '\n') + 1
	for _, by := range []string{"", " ", "\r", ",", "\x00", "\\n"} {
		for _, kept := range []int{0, first} {
			joined := append(bytes.Clone(whole[:kept]), bytes.ReplaceAll(whole[kept:], []byte("\n"), []byte(by))...)
			write(t, path, joined)
			if b, err := Open(t.Context(), path, nil); err == nil {
				t.Errorf("joined by %q from byte %d on: %d lines, repairs %q", by, kept, b.Head().Lines, b.Repairs())
				b.Close()
			}
			if !bytes.Equal(read(t, path), joined) {
				t.Errorf("joined by %q from byte %d on: the file was changed", by, kept)
			}
		}
	}
}

func TestRepairNamesTheBox(t *testing.T) {
	path := batchOf(t, 1, 2)
	data := read(t, path)
	write(t, path, data[:len(data)-20])
	b := openBatch(t, path)
	if len(b.Repairs()) != 1 || !strings.Contains(b.Repairs()[0], "line 2 was cut off") || !strings.HasSuffix(b.Repairs()[0], "read line1-2 again") {
		t.Errorf("Repairs() = %q", b.Repairs())
	}
}

func TestAppendToWhatWasMoved(t *testing.T) {
	path := batchOf(t, 1)
	b := openBatch(t, path)
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Append(t.Context(), testBox(2), AppendOptions{}); err == nil || !strings.Contains(err.Error(), "moved") {
		t.Errorf("Append() = %v", err)
	}
}

// Waiting for the file ends with the context, and somebody hears of it.
func TestOpenWaits(t *testing.T) {
	path := batchOf(t, 1)
	first := openBatch(t, path)
	err := first.locked(t.Context(), func(context.Context) error {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Open(ctx, path, cancel)
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Open() of a locked batch: %v", err)
	}
}

func TestHead(t *testing.T) {
	if got := (Head{17, "ab"}).String(); got != "17:ab" {
		t.Errorf("String() = %q", got)
	}
	empty, err := Verify(strings.NewReader(""), Options{})
	if err != nil || empty.Head != (Head{0, chain.Sum(nil)}) {
		t.Errorf("Verify() of an empty file = %+v, %v", empty, err)
	}
	if _, err := Verify(strings.NewReader(""), Options{Head: empty.Head.String()}); err != nil {
		t.Errorf("its own head: %v", err)
	}
}
