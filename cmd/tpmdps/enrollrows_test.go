package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"tpmdps/internal/audit"
	"tpmdps/internal/emulator"
	"tpmdps/internal/enroll"
	"tpmdps/internal/enroll/batch"
	"tpmdps/internal/verdict"
)

// batchAt writes a batch of n records and starts a service; it returns the
// command that enrolls the one in the other.
func batchAt(t *testing.T, n int, arrived func(*http.Request)) (dir string, args []string) {
	t.Helper()
	dir = t.TempDir()
	server, err := emulator.New(emulator.Options{Arrived: arrived})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	var batch bytes.Buffer
	for i := range n {
		fmt.Fprintf(&batch, "{\"registration_id\":\"box-%d\",\"endorsement_key\":%q}\n", i+1, ekNumber(i))
	}
	for name, data := range map[string][]byte{"batch": batch.Bytes(), "ca": server.CAPEM(), "cs": []byte(server.ConnectionString())} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	return dir, []string{"tpmdps", "enroll", "--from", at("batch"), "--ca-file", at("ca"), "--connection-string-file", at("cs"), "--audit", at("trail")}
}

// safeBuffer is written by the program and read by the service.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// When the service hears of a record, what became of those before is printed.
func TestResultsAsTheyCome(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]func(done int) int{
		"jsonl": func(done int) int { return done },
		"tsv":   func(done int) int { return done },
		"table": func(done int) int { return min(done, 1) + done }, // and the header
		"json":  func(int) int { return 0 },                        // one document at the end
		"none":  func(int) int { return 0 },
	} {
		var out safeBuffer
		puts := 0
		_, args := batchAt(t, 4, func(r *http.Request) {
			if r.Method != http.MethodPut {
				return
			}
			if got := strings.Count(out.String(), "\n"); got != want(puts) {
				t.Errorf("-o %s: %d records were done and %d lines printed: %q", format, puts, got, out.String())
			}
			puts++
		})
		var errs bytes.Buffer
		if code := run(t.Context(), append(args, "-o", format), streams{strings.NewReader(""), &out, &errs}); code != 0 || puts != 4 || errs.Len() > 0 {
			t.Errorf("-o %s: exit code %d after %d writes, stderr %s", format, code, puts, &errs)
		}
	}
}

// A table that is printed row by row is aligned all the same.
func TestRowsAreAligned(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	_, args := batchAt(t, 12, nil)
	if code := run(t.Context(), append(args, "-q"), streams{strings.NewReader(""), &out, &out}); code != 0 {
		t.Fatalf("exit code %d: %s", code, &out)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 13 {
		t.Fatalf("%d lines: %s", len(lines), &out)
	}
	column := strings.Index(lines[0], "ACTION")
	for _, line := range lines[1:] {
		if column < 0 || strings.Index(line, "create") != column {
			t.Errorf("not aligned with %q: %q", lines[0], line)
		}
	}
}

// fullAfter accepts so many writes.
type fullAfter struct{ left int }

var errFull = errors.New("no room")

func (f *fullAfter) Write(p []byte) (int, error) {
	if f.left == 0 {
		return 0, errFull
	}
	f.left--
	return len(p), nil
}

// A result that cannot be printed ends the run before the next record. What was
// done is on record.
func TestResultThatCannotBePrinted(t *testing.T) {
	t.Parallel()
	puts := 0
	dir, args := batchAt(t, 4, func(r *http.Request) {
		if r.Method == http.MethodPut {
			puts++
		}
	})
	var errs bytes.Buffer
	code := run(t.Context(), append(args, "-o", "tsv"), streams{strings.NewReader(""), &fullAfter{1}, &errs})
	if code == 0 || puts != 2 || !strings.Contains(errs.String(), "stopped: 2 of 4 records were tried") {
		t.Errorf("exit code %d after %d writes: %s", code, puts, &errs)
	}
	if got := results(t, filepath.Join(dir, "trail")); !slices.Equal(got, []string{"", batch.ResultDone, "", batch.ResultDone}) {
		t.Errorf("the trail has %q", got)
	}
}

// results verifies a trail, and lists the results of its lines.
func results(t *testing.T, path string) (all []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Verify(bytes.NewReader(data), audit.Options{}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		_, rest, _ := strings.Cut(line, `"result":"`)
		result, _, _ := strings.Cut(rest, `"`)
		all = append(all, result)
	}
	return all
}

// What was skipped is not done, whatever else happened in the run.
func TestSkippedIsNotDone(t *testing.T) {
	t.Parallel()
	done, skip := batch.Outcome{Item: enroll.Item{Action: enroll.Create}}, enroll.Skip("sym-1", "symmetricKey")
	skipped := batch.Outcome{Item: skip, Err: skip.Err()}
	failed := batch.Outcome{Err: enroll.ErrConflict}
	late := batch.Outcome{Err: context.DeadlineExceeded, Stops: true}
	for name, test := range map[string]struct {
		items   []batch.Outcome
		records int
		ended   error
		code    int
		says    string
	}{
		"all but those":        {[]batch.Outcome{done, skipped, done}, 3, nil, 51, "2 of 3 done, 0 failed, 0 not tried, 1 skipped"},
		"one failed":           {[]batch.Outcome{done, skipped, failed}, 3, nil, 51, "1 of 3 done, 1 failed, 0 not tried, 1 skipped; the last error: the enrollment exists"},
		"the network went":     {[]batch.Outcome{skipped, late}, 3, nil, 20, "stopped: 0 of 3 done, 1 failed, 1 not tried, 1 skipped"},
		"ended before":         {[]batch.Outcome{skipped, done}, 3, context.Canceled, 130, "stopped: 1 of 3 done, 1 not tried"},
		"ended after the last": {[]batch.Outcome{done, skipped}, 2, context.Canceled, 51, "1 of 2 done, 0 failed, 0 not tried, 1 skipped"},
	} {
		err := batch.Conclude(test.items, test.records, test.ended)
		if got := verdict.Of(err).Code; got != test.code || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, exit code %d, want %d, %q", name, err, got, test.code, test.says)
		}
	}
}
