package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ends are what a kill or a power cut can leave of a last line, cut after some bytes.
var ends = map[string]func(begin, rest []byte) []byte{
	"cut":             func(begin, _ []byte) []byte { return begin },
	"zeros":           func(begin, rest []byte) []byte { return append(begin, make([]byte, len(rest))...) },
	"some zeros":      func(begin, rest []byte) []byte { return append(begin, make([]byte, min(3, len(rest)))...) },
	"nothing but its": func(_, rest []byte) []byte { return make([]byte, len(rest)) },
}

// A trail whose last line was cut at any byte goes on, with all lines before it, and says what
// was put right; one that lost its line end alone has the line, too. What verify finds before
// that is the end that was cut, and nothing else.
func TestTornAtEveryByte(t *testing.T) {
	for _, key := range [][]byte{nil, []byte("a-key-of-32-characters-for-audit.")} {
		path := filepath.Join(inMemory(t), "trail")
		for i := range 2 {
			appendWith(t, path, key, fmt.Sprint("box-", i+1))
		}
		whole := read(t, path)
		for first := range 2 { // the first line, and the second
			start, end := 0, bytes.IndexByte(whole, '\n')
			if first == 1 {
				start, end = end+1, len(whole)-1
			}
			for cut := start + 1; cut <= end; cut++ {
				for name, left := range ends {
					if name != "cut" && cut%7 > 0 && cut < end-2 {
						continue // the same as nearby
					}
					tail := left(slices.Clone(whole[start:cut]), whole[cut:end+1])
					checkTorn(t, path, fmt.Sprintf("key %q, line %d, %s, %d bytes", key, first+1, name, cut-start), key, torn{
						slices.Concat(whole[:start], tail), first, cut == end && name != "nothing but its",
					})
				}
			}
		}
	}
}

// torn is a trail with so many whole lines and a part of another, of which only the line end
// may be missing.
type torn struct {
	data   []byte
	lines  int
	unlost bool
}

func checkTorn(t *testing.T, path, name string, key []byte, tt torn) {
	t.Helper()
	report, err := Verify(bytes.NewReader(tt.data), Options{})
	if !errors.Is(err, ErrTorn) || !errors.Is(err, ErrDamaged) || report.Lines != tt.lines || report.Bad != tt.lines+1 {
		t.Fatalf("%s: Verify() = %+v, %v", name, report, err)
	}
	if err := os.WriteFile(path, tt.data, 0o600); err != nil {
		t.Fatal(err)
	}
	var said []string
	a, err := Open(t.Context(), path, key, Notices{Repaired: func(s string) { said = append(said, s) }})
	if err != nil {
		t.Fatalf("%s: Open() = %v", name, err)
	}
	defer a.Close()
	want, lines := "was cut off", tt.lines
	if tt.unlost {
		want, lines = "had lost its line end", tt.lines+1
	}
	if len(said) != 1 || !strings.Contains(said[0], fmt.Sprintf("line %d %s", tt.lines+1, want)) {
		t.Fatalf("%s: it says %q, want %q", name, said, want)
	}
	if n, err := a.Append(t.Context(), Entry{Stage: Intent, Action: "create", RegistrationID: "box-3"}); err != nil || n != lines+1 {
		t.Fatalf("%s: Append() = %d, %v, want line %d", name, n, err, lines+1)
	}
	if report, err := Verify(bytes.NewReader(read(t, path)), Options{Key: key}); err != nil || report.Lines != lines+1 {
		t.Fatalf("%s: afterwards Verify() = %+v, %v", name, report, err)
	}
}

// inMemory is a folder in memory, where there is one: the test is not about the disk.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "audit-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func appendWith(t *testing.T, path string, key []byte, id string) {
	t.Helper()
	a, err := Open(t.Context(), path, key, Notices{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.Append(t.Context(), Entry{Stage: Intent, Action: "create", RegistrationID: id}); err != nil {
		t.Fatal(err)
	}
}

// A run goes on at a trail in which another one was killed meanwhile.
func TestTornByAnother(t *testing.T) {
	path := trail(t, 2)
	var said []string
	a, err := Open(t.Context(), path, nil, Notices{Repaired: func(s string) { said = append(said, s) }})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	appendOne(t, path, "box-3")
	appendOne(t, path, "box-4")
	if err := os.Truncate(path, int64(len(read(t, path))-20)); err != nil {
		t.Fatal(err)
	}
	numbers, err := a.AppendAll(t.Context(), []Entry{{Stage: Intent, RegistrationID: "box-4"}, {Stage: Intent, RegistrationID: "box-5"}})
	if err != nil || !slices.Equal(numbers, []int{4, 5}) || len(said) != 1 || !strings.Contains(said[0], "line 4 was cut off") {
		t.Fatalf("AppendAll() = %v, %v; it says %q", numbers, err, said)
	}
	if report, err := Verify(bytes.NewReader(read(t, path)), Options{}); err != nil || report.Lines != 5 {
		t.Errorf("Verify() = %+v, %v", report, err)
	}
}

// The end of a trail with keyed sums is put right by those who have the key.
func TestTornWithoutTheKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail")
	key := []byte("a-key-of-32-characters-for-audit.")
	appendOne(t, path, "box-1")
	appendWith(t, path, key, "box-2")
	appendWith(t, path, key, "box-3")
	whole := read(t, path)
	second := bytes.LastIndexByte(whole[:len(whole)-1], '\n')
	for _, size := range []int{len(whole) - 20, len(whole) - 1, second + 2, second} {
		data := whole[:size]
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), path, nil, Notices{}); !errors.Is(err, ErrKey) {
			t.Errorf("%d bytes: Open() = %v, want ErrKey", size, err)
		}
		if !bytes.Equal(read(t, path), data) {
			t.Errorf("%d bytes: it was changed", size)
		}
	}
}

// A line without its end that was written with another key is not one that a kill left.
func TestTornByAForger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail")
	key := []byte("a-key-of-32-characters-for-audit.")
	appendWith(t, path, key, "box-1")
	forged, err := encode(line{Number: 2, Previous: sum(bytes.TrimSuffix(read(t, path), []byte("\n"))), Entry: Entry{Stage: Intent, Action: "create"}}, []byte("another-key-of-32-characters....."))
	if err != nil {
		t.Fatal(err)
	}
	refusesAndStays(t, path, key, append(read(t, path), forged...))
}
