package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/audit"
	"tpmdps/internal/enroll/batch"
)

// A run that is told to stop while a request is out leaves its outcome as
// unanswered, and the next run closes it.
func TestUnansweredIsClosed(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan struct{})
	dir, args := batchAt(t, 1, func(r *http.Request) {
		if r.Method == http.MethodPut {
			cancel()
			<-gone
		}
	})
	trail := filepath.Join(dir, "trail")
	var errs bytes.Buffer
	if code := run(ctx, append(args, "-o", "none"), streams{strings.NewReader(""), &errs, &errs}); code != 130 {
		t.Errorf("exit code %d: %s", code, &errs)
	}
	close(gone)
	if got := results(t, trail); !slices.Equal(got, []string{"", audit.Unanswered}) {
		t.Errorf("the trail has %q", got)
	}
	if code := run(t.Context(), append(args, "-o", "none"), streams{strings.NewReader(""), &errs, &errs}); code != 0 {
		t.Errorf("exit code %d: %s", code, &errs)
	}
	got := results(t, trail)
	closed := slices.Equal(got, []string{"", audit.Unanswered, batch.ResultDone}) // it had been stored
	again := slices.Equal(got, []string{"", audit.Unanswered, batch.ResultNotDone, "", batch.ResultDone})
	if !closed && !again {
		t.Errorf("the trail has %q", got)
	}
}

// Nothing is written to DPS that the trail cannot take before.
func TestNoIntentNoWrite(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(path string) error{
		"moved":     func(path string) error { return os.Rename(path, path+".1") },
		"removed":   os.Remove,
		"emptied":   func(path string) error { return os.Truncate(path, 0) },
		"damaged":   func(path string) error { return appendTo(path, "x\n") },
		"cut short": func(path string) error { return appendTo(path, "x") },
	} {
		var dir string
		var args []string
		puts, gets := 0, 0
		dir, args = batchAt(t, 3, func(r *http.Request) {
			switch r.Method {
			case http.MethodPut:
				puts++
			case http.MethodGet:
				if gets++; gets == 2 { // the plan of the second record is being made
					if err := spoil(filepath.Join(dir, "trail")); err != nil {
						t.Error(err)
					}
				}
			}
		})
		var out, errs bytes.Buffer
		code := run(t.Context(), append(args, "-o", "tsv"), streams{strings.NewReader(""), &out, &errs})
		if code != 1 && code != 50 || puts != 1 || gets != 2 || !strings.Contains(errs.String(), "nothing was written to DPS: the audit trail cannot record it: box-2") {
			t.Errorf("%s: exit code %d after %d writes and %d reads: %s", name, code, puts, gets, &errs)
		}
		if !strings.Contains(errs.String(), "stopped: 1 of 3 done, 1 failed, 1 not tried") {
			t.Errorf("%s: %s", name, &errs)
		}
	}
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// What a file says of itself reaches no terminal as it stands.
func TestAuditShowsForeignText(t *testing.T) {
	nasty := "box\x1b[31m\u202e\n\u2066evil"
	l := audit.Line{Number: 1, Entry: audit.Entry{Account: nasty, Host: nasty, Service: nasty, Action: nasty, RegistrationID: nasty, Result: nasty}}
	r := newAuditResult(audit.Report{Lines: 1, Open: []audit.Line{l}}, false)
	for _, format := range []string{"table", "json", "jsonl", "tsv"} {
		var out bytes.Buffer
		if err := (&ui{streams: streams{out: &out}, format: format}).print(r); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(out.String(), "\x1b\u202e\u2066") || strings.Contains(out.String(), `\u001b`) {
			t.Errorf("-o %s prints %q", format, &out)
		}
	}
}
