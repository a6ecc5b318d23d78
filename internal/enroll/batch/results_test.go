package batch

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tpmdps/internal/enroll"
)

const testService = "https://plant.example"

// someResults writes a results file: two done, one failed, one begun.
func someResults(t *testing.T, path string) []byte {
	t.Helper()
	r, err := OpenResults(path, testService)
	if err != nil {
		t.Fatal(err)
	}
	line := func(id, stage, result string) ResultLine {
		return ResultLine{Line: 1, RegistrationID: id, Action: "create", Stage: stage, Result: result, Wanted: "w-" + id, Reason: id + " swapped"}
	}
	for _, group := range [][]ResultLine{
		{line("box-1", StageIntent, ""), line("box-2", StageIntent, ""), line("box-3", StageIntent, "")},
		{line("box-1", StageResult, ResultDone), line("box-2", StageResult, ResultUnchanged), line("box-3", StageResult, ResultFailed)},
		{line("box-4", StageIntent, "")},
	} {
		if err := r.write(group); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// What was written is read, by who asks the same service.
func TestResultsAreRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results")
	someResults(t, path)
	r, err := OpenResults(path, testService)
	if err != nil {
		t.Fatal(err)
	}
	if !r.isDone("BOX-1", "w-box-1") || !r.isDone("box-2", "w-box-2") || r.isDone("box-1", "other") || r.isDone("box-3", "w-box-3") || r.isDone("box-4", "w-box-4") {
		t.Errorf("done: %v", r.done)
	}
	if r.begun("box-4") != (begun{enroll.Create, "box-4 swapped"}) || r.begun("box-1") != (begun{}) || r.begun("box-3") != (begun{}) {
		t.Errorf("begun: %v", r.open)
	}
	if _, err := OpenResults(path, testService); !errors.Is(err, ErrAtWork) {
		t.Errorf("while a run has it: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	other, err := OpenResults(path, "https://elsewhere.example")
	if err != nil || other.isDone("box-1", "w-box-1") || other.begun("box-4") != (begun{}) {
		t.Errorf("another service: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	other.Close()
}

// A file that was cut off at any byte is repaired, and no whole line is lost by it; one
// that is damaged before, or somebody else's, is left as it is.
func TestResultsAreRepaired(t *testing.T) {
	path := filepath.Join(fastDir(t), "results")
	whole := someResults(t, path)
	for at := range len(whole) + 1 {
		for _, zeros := range []int{0, 7} {
			cut := append(bytes.Clone(whole[:at]), make([]byte, zeros)...)
			if err := os.WriteFile(path, cut, 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := OpenResults(path, testService)
			if err != nil {
				t.Fatalf("cut after %d bytes: %v", at, err)
			}
			if err := errors.Join(r.write([]ResultLine{{Stage: StageResult, RegistrationID: "box-9", Result: ResultDone}}), r.Close()); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			kept := whole[:bytes.LastIndexByte(whole[:at], '\n')+1]
			if at < len(whole) && whole[at] == '\n' { // nothing but the line end is missing
				kept = whole[:at+1]
			}
			if err != nil || !bytes.HasPrefix(got, kept) || bytes.Count(got, []byte("\n")) != bytes.Count(kept, []byte("\n"))+1 {
				t.Fatalf("cut after %d bytes: %q", at, got)
			}
		}
	}
	for name, text := range map[string]string{
		"records":                      "{\"registration_id\":\"box-1\"}\n",
		"no JSON":                      "hello\n",
		"no line end":                  "hello",
		"torn before":                  string(whole[:40]) + "\n" + string(whole),
		"another form":                 strings.ReplaceAll(string(whole), "results/1", "results/7"),
		"a long line":                  strings.Repeat("x", maxResultLine+9) + "\n",
		"zeros between":                "\x00\x00\n" + string(whole),
		"joined":                       strings.ReplaceAll(string(whole), "\n", ""),
		"joined by CR":                 strings.ReplaceAll(string(whole), "\n", "\r"),
		"its last two":                 strings.Join(strings.SplitAfter(string(whole), "\n")[:2], "") + strings.ReplaceAll(string(whole), "\n", " "),
		"a whole line of another form": `{"schema":"` + ResultsSchema + `","stage":7}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenResults(path, testService); !errors.Is(err, ErrResults) {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%s: it was changed", name)
		}
	}
	if _, err := OpenResults(filepath.Dir(path), testService); !errors.Is(err, ErrResults) {
		t.Errorf("a folder: %v", err)
	}
}
