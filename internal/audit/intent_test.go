package audit

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// oldTrail is one that the version without intents wrote, of two lines.
//
//go:embed testdata/schema1.jsonl
var oldTrail string

func open(t *testing.T, path, key string) *Trail {
	t.Helper()
	a, err := Open(t.Context(), path, []byte(key), Notices{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func put(t *testing.T, a *Trail, e Entry) int {
	t.Helper()
	n, err := a.Append(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func intent(id string) Entry {
	return Entry{Stage: Intent, Service: "https://plant.example", Action: "create", RegistrationID: id}
}

func outcome(of int, id, result string) Entry {
	return Entry{Stage: Outcome, Intent: of, Service: "https://plant.example", Action: "create", RegistrationID: id, Result: result}
}

func verify(t *testing.T, path string, o Options) Report {
	t.Helper()
	r, err := Verify(bytes.NewReader(read(t, path)), o)
	if err != nil {
		t.Fatalf("Verify() = %+v, %v", r, err)
	}
	return r
}

func numbers(lines []Line) (n []int) {
	for _, l := range lines {
		n = append(n, l.Number)
	}
	return n
}

// An intent is open until an outcome says what became of it, whoever wrote that
// and whatever stands between.
func TestOpenIntents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail")
	if err := os.WriteFile(path, []byte(oldTrail), 0o600); err != nil {
		t.Fatal(err)
	}
	one, other := open(t, path, ""), open(t, path, "")
	a := put(t, one, intent("box-1"))
	b := put(t, other, intent("box-2"))
	c := put(t, one, intent("box-3"))
	for _, step := range []struct {
		by   *Trail
		e    Entry
		open []int
	}{
		{other, outcome(b, "box-2", "done"), []int{a, c}},
		{one, outcome(c, "box-3", Unanswered), []int{a, c}},
		{one, outcome(a, "box-1", "failed"), []int{c}},
		{other, outcome(c, "box-3", "not done"), nil},
		{other, outcome(c, "box-3", "done"), nil}, // a second one, by a run that looked later
	} {
		put(t, step.by, step.e)
		if r := verify(t, path, Options{}); !slices.Equal(numbers(r.Open), step.open) {
			t.Errorf("after %+v open are %v, want %v", step.e, numbers(r.Open), step.open)
		}
	}
}

// What a dead process left open, a later one finds and settles; what one that is
// at work has open, it leaves alone.
func TestSettle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail")
	alive := open(t, path, "")
	n := put(t, alive, intent("box-1"))
	later := open(t, path, "")
	if found := later.Open("https://plant.example", "box-1"); !slices.Equal(numbers(found), []int{n}) {
		t.Fatalf("Open() = %+v", found)
	}
	for _, elsewhere := range [][2]string{{"https://plant.example", "box-2"}, {"https://other.example", "box-1"}} {
		if found := later.Open(elsewhere[0], elsewhere[1]); len(found) > 0 {
			t.Errorf("Open(%q) = %+v", elsewhere, found)
		}
	}
	settle := func() {
		t.Helper()
		if err := later.Settle(t.Context(), outcome(n, "box-1", "done")); err != nil {
			t.Fatal(err)
		}
	}
	settle()
	if r := verify(t, path, Options{}); len(r.Open) != 1 || r.Lines != 1 {
		t.Errorf("the intent of a process that is at work was settled: %+v", r)
	}
	alive.Close() // as when the process dies
	settle()
	settle()
	if r := verify(t, path, Options{}); len(r.Open) != 0 || r.Lines != 2 {
		t.Errorf("after it died: %+v", r)
	}
}

// What a run found not to be done can be found done by one that looks later, since the
// request was still on its way; not once the same was done by another.
func TestUndone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail")
	dead := open(t, path, "")
	a, b, c := put(t, dead, intent("box-1")), put(t, dead, intent("box-2")), put(t, dead, intent("box-1"))
	dead.Close()
	look := open(t, path, "")
	undone := func(id string) []int { return numbers(look.Undone("https://plant.example", id)) }
	settle := func(n int, id, result string, lines int) {
		t.Helper()
		if err := look.Settle(t.Context(), outcome(n, id, result)); err != nil {
			t.Fatal(err)
		}
		if r := verify(t, path, Options{}); r.Lines != lines {
			t.Errorf("after %s of %d: %d lines, want %d", result, n, r.Lines, lines)
		}
	}
	settle(a, "box-1", NotDone, 4)
	settle(b, "box-2", NotDone, 5)
	settle(c, "box-1", NotDone, 6)
	if !slices.Equal(undone("box-1"), []int{c}) || !slices.Equal(undone("box-2"), []int{b}) || len(undone("box-3")) > 0 {
		t.Errorf("undone are %v and %v", undone("box-1"), undone("box-2"))
	}
	look = open(t, path, "") // a run that looks later
	if r := verify(t, path, Options{}); len(r.Open) > 0 {
		t.Errorf("open are %v", numbers(r.Open))
	}
	settle(a, "box-1", Done, 6) // the last one alone
	settle(c, "box-1", Done, 7)
	settle(c, "box-1", Done, 7)
	put(t, look, outcome(put(t, look, intent("box-2")), "box-2", Done))
	settle(b, "box-2", Done, 9) // another one did it
	if len(undone("box-1"))+len(undone("box-2")) > 0 {
		t.Errorf("undone are still %v and %v", undone("box-1"), undone("box-2"))
	}
}

// A trail of before is verified, and goes on with intents; what was never
// written that way is refused.
func TestOldTrail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail")
	if err := os.WriteFile(path, []byte(oldTrail), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, path, Options{}); r.Lines != 2 || len(r.Open) != 0 {
		t.Errorf("Verify() = %+v", r)
	}
	put(t, open(t, path, ""), intent("box-2"))
	r := verify(t, path, Options{})
	if r.Lines != 3 || !slices.Equal(numbers(r.Open), []int{3}) {
		t.Errorf("Verify() = %+v", r)
	}
	first, _, _ := strings.Cut(oldTrail, "\n")
	text := strings.NewReplacer(`"number":1`, `"number":4`, sum(nil), r.Head).Replace(first)
	again := append(read(t, path), rechained(text)...)
	if _, err := Verify(bytes.NewReader(again), Options{}); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "line 4: its schema is tpmdps/audit/1, older") {
		t.Errorf("an old line after a new one: %v", err)
	}
}

// rechained gives a line the sum that anyone can compute.
func rechained(text string) string {
	body := text[:strings.LastIndex(text, sumMember)]
	return body + sumMember + sum([]byte(body)) + "\"}\n"
}

// Waiting for a lock ends with the context, and says that it waits.
func TestLockObeysTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail")
	first := open(t, path, "")
	waits := make(chan struct{})
	ended := make(chan error, 1)
	err := first.locked(t.Context(), func() error {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, err := Open(ctx, path, nil, Notices{Waiting: func() { close(waits) }})
			ended <- err
		}()
		<-waits
		cancel()
		return <-ended
	})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, ErrLocked) {
		t.Errorf("Open() of a locked trail = %v", err)
	}
	// What was done is entered also in a context that has ended, where it is free.
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(over, path, nil, Notices{}); err != nil {
		t.Errorf("Open() of an empty trail that is free = %v", err)
	}
}

// A trail that is moved, replaced, removed or cut under the hands of a run takes
// no line that nobody would see.
func TestAppendToATrailThatIsGone(t *testing.T) {
	for name, touch := range map[string]func(path string) error{
		"moved":   func(path string) error { return os.Rename(path, path+".1") },
		"removed": os.Remove,
		"replaced": func(path string) error {
			return errors.Join(os.Rename(path, path+".1"), os.WriteFile(path, nil, 0o600))
		},
		"cut off": func(path string) error { return os.Truncate(path, 0) },
	} {
		if os.PathSeparator == '\\' && name != "cut off" {
			continue // Windows does not move a file that is open
		}
		path := trail(t, 2)
		a := open(t, path, "")
		if err := touch(path); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Append(t.Context(), intent("box-3")); err == nil {
			t.Errorf("%s: a line was appended", name)
		}
	}
}

// What is not a file cannot keep anything.
func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	for _, path := range []string{os.DevNull, t.TempDir()} {
		if a, err := Open(t.Context(), path, nil, Notices{}); err == nil {
			a.Close()
			t.Errorf("Open(%s) did", path)
		}
	}
}
