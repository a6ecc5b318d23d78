package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"tpmdps/internal/chain"
)

// trail writes n entries, each with a Trail of its own.
func trail(t *testing.T, n int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "trail")
	for i := range n {
		appendOne(t, path, fmt.Sprint("box-", i+1))
	}
	return path
}

func appendOne(t *testing.T, path, id string) {
	t.Helper()
	a, err := Open(t.Context(), path, nil, Notices{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Append(t.Context(), Entry{Stage: Intent, Account: "anna", Action: "create", RegistrationID: id}); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTrail(t *testing.T) {
	path := trail(t, 5)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
	report, err := Verify(bytes.NewReader(read(t, path)), Options{})
	if err != nil || report.Lines != 5 || report.Bad != 0 {
		t.Fatalf("Verify() = %+v, %v", report, err)
	}
	appendOne(t, path, "box-6")
	if again, err := Verify(bytes.NewReader(read(t, path)), Options{Head: report.Head}); err != nil || again.Lines != 6 {
		t.Errorf("Verify() with the head of before = %+v, %v", again, err)
	}
	if empty, err := Verify(strings.NewReader(""), Options{}); err != nil || empty.Lines != 0 {
		t.Errorf("Verify() of an empty file = %+v, %v", empty, err)
	}
}

// Each way to touch a trail is found, at its first bad line.
func TestVerifyFinds(t *testing.T) {
	whole := read(t, trail(t, 5))
	good, err := Verify(bytes.NewReader(whole), Options{})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(whole), "\n")+"\n", "\n")[:5]
	join := func(at ...int) string {
		var b strings.Builder
		for _, i := range at {
			b.WriteString(lines[i])
		}
		return b.String()
	}
	forged, err := encode(line{Number: 3, Previous: sum([]byte("x")), Entry: Entry{Action: "create"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		text, head string
		bad        int
		says       string
	}{
		"edited":             {strings.Replace(string(whole), "box-3", "box-9", 1), "", 3, "edited"},
		"edited at the end":  {strings.Replace(string(whole), "box-5", "box-9", 1), "", 5, "edited"},
		"first removed":      {join(1, 2, 3, 4), "", 1, "removed"},
		"removed":            {join(0, 1, 3, 4), "", 3, "removed"},
		"reordered":          {join(0, 2, 1, 3, 4), "", 2, "moved"},
		"doubled":            {join(0, 1, 1, 2, 3, 4), "", 3, "duplicated"},
		"forged":             {join(0, 1) + string(forged) + "\n" + join(3, 4), "", 3, "another line"},
		"cut short":          {string(whole[:len(whole)-10]), "", 5, "cut short"},
		"line end cut":       {string(whole[:len(whole)-1]), "", 5, "cut short"},
		"end cut off":        {join(0, 1, 2), good.Head, 4, "missing"},
		"all cut off":        {"", good.Head, 1, "missing"},
		"something between":  {join(0) + "\n" + join(1, 2), "", 2, "not a line"},
		"not a trail":        {"{}\n", "", 1, "not a line"},
		"a line without end": {join(0) + strings.Repeat("x", maxLine+1), "", 2, "longer"},
	} {
		report, err := Verify(strings.NewReader(tt.text), Options{Head: tt.head})
		if !errors.Is(err, ErrDamaged) || report.Bad != tt.bad || !strings.Contains(fmt.Sprint(err), tt.says) {
			t.Errorf("%s: Verify() = %+v, %v; want line %d, %q", name, report, err, tt.bad, tt.says)
		}
	}
}

func TestAppendRefusesADamagedEnd(t *testing.T) {
	for _, damage := range []func([]byte) []byte{
		func(b []byte) []byte { return append(b, "x"...) },
		func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), nil) },
		func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r")) },
		func(b []byte) []byte {
			return bytes.TrimSuffix(bytes.Replace(b, []byte("box-2"), []byte("box-3"), 1), []byte("\n"))
		},
		func(b []byte) []byte { return append(b[:len(b)-7], '\n') },
		func(b []byte) []byte { return append(b, "x\n"...) },
		func(b []byte) []byte { return bytes.Replace(b, []byte("box-2"), []byte("box-3"), 1) },
	} {
		path := trail(t, 2)
		damaged := damage(read(t, path))
		refusesAndStays(t, path, nil, damaged)
	}
}

// refusesAndStays writes a damaged trail, which is refused and not touched.
func refusesAndStays(t *testing.T, path string, key, damaged []byte) {
	t.Helper()
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, key, Notices{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("Open() = %v, want ErrDamaged", err)
	}
	if !slices.Equal(read(t, path), damaged) {
		t.Error("a damaged trail was written to")
	}
}

// Several that append at the same time make one chain.
func TestAppendTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail")
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			a, err := Open(t.Context(), path, nil, Notices{})
			if err != nil {
				t.Error(err)
				return
			}
			defer a.Close()
			for range 10 {
				if _, err := a.Append(t.Context(), Entry{Stage: Intent, RegistrationID: fmt.Sprint(i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if report, err := Verify(bytes.NewReader(read(t, path)), Options{}); err != nil || report.Lines != 40 {
		t.Errorf("Verify() = %+v, %v, want 40 lines", report, err)
	}
}

// Whatever a file holds, it is read to its end or refused at a line, and the
// open intents are lines of it.
func FuzzVerify(f *testing.F) {
	f.Add([]byte(oldTrail), "", "")
	for _, key := range []string{"", testKey} {
		var text []byte
		head := sum(nil)
		for n, e := range []Entry{{Stage: Intent}, {Stage: Intent}, {Stage: Outcome, Intent: 1}, {Stage: Outcome, Intent: 2, Result: Unanswered}} {
			l, err := encode(line{Number: n + 1, Previous: head, Entry: e}, []byte(key))
			if err != nil {
				f.Fatal(err)
			}
			head = sum(l)
			text = append(append(text, l...), '\n')
			f.Add(text, key, "")
		}
		f.Add(text, key, "4:"+head)
	}
	f.Fuzz(func(t *testing.T, data []byte, key, head string) {
		report, err := Verify(bytes.NewReader(data), Options{Key: []byte(key), Head: head})
		if (err == nil) != (report.Bad == 0) || report.Lines > len(data) || report.Keyed > report.Lines {
			t.Errorf("Verify() = %+v, %v", report, err)
		}
		// The head is found where it stands, beyond the first bad line as well.
		if last := bytes.Count(data, []byte{'\n'}) + 1; report.HeadLine > last || report.Bad == 0 && report.HeadLine > report.Lines {
			t.Errorf("Verify() = %+v, %v, of %d lines", report, err, last)
		}
		for _, l := range report.Open {
			if l.Number < 1 || l.Number > report.Lines && report.Lines > 0 || l.Stage != Intent {
				t.Errorf("Verify() = %+v, %v", report, err)
			}
		}
	})
}

func sum(line []byte) string { return chain.Sum(line) }

// sumMember stands before a line's sum.
const sumMember = `,"sha256":"`
