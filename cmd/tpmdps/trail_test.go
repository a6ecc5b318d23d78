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
	"testing"

	"tpmdps/internal/audit"
	"tpmdps/internal/dps"
	"tpmdps/internal/enroll"
)

// Only a refusal says that nothing was done.
func TestOutcomeOf(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, resultDone},
		{&dps.Error{Status: 400}, resultFailed},
		{&dps.Error{Status: 401}, resultFailed},
		{&dps.Error{Status: 409}, resultFailed},
		{&dps.Error{Status: 412}, resultFailed},
		{&dps.Error{Status: 429}, resultFailed},
		{fmt.Errorf("write: %w", &dps.Error{Status: 403}), resultFailed},
		{fmt.Errorf("x: %w: %w", enroll.ErrConflict, &dps.Error{Status: 412}), resultFailed},
		{&dps.Error{Status: 302}, audit.Unanswered},
		{&dps.Error{Status: 408}, audit.Unanswered},
		{&dps.Error{Status: 500}, audit.Unanswered},
		{&dps.Error{Status: 503}, audit.Unanswered},
		{dps.ErrMalformed, audit.Unanswered},
		{context.Canceled, audit.Unanswered},
		{context.DeadlineExceeded, audit.Unanswered},
		{errors.New("connection reset"), audit.Unanswered},
	} {
		if got := outcomeOf(tt.err); got != tt.want {
			t.Errorf("outcomeOf(%v) = %q, want %q", tt.err, got, tt.want)
		}
	}
}

// What a later run finds says what became of an intent, or that it cannot be
// told.
func TestResultOf(t *testing.T) {
	for _, tt := range []struct {
		wanted, etag string // of the intent
		found        enroll.Item
		want         string
	}{
		{"", "", enroll.Item{Action: enroll.Create}, resultNotDone},
		{"", "e1", enroll.Item{Action: enroll.Create}, resultNotDone}, // it was removed
		{"", "e1", enroll.Item{Action: enroll.Update, ETag: "e1"}, resultNotDone},
		{"", "e1", enroll.Item{Action: enroll.ReplaceEK, ETag: "e1"}, resultNotDone},
		{"", "e1", enroll.Item{Action: enroll.Unchanged, ETag: "e1"}, resultNotDone},
		{"", "", enroll.Item{Action: enroll.Unchanged, ETag: "e2"}, resultDone},
		{"", "e1", enroll.Item{Action: enroll.Unchanged, ETag: "e2"}, resultDone},
		{"other", "e1", enroll.Item{Action: enroll.Unchanged, ETag: "e2"}, resultUnknown},
		{"", "e1", enroll.Item{Action: enroll.Conflict, ETag: "e2"}, resultUnknown},
		{"", "", enroll.Item{Action: enroll.EKConflict, ETag: "e2"}, resultUnknown},
	} {
		intent := audit.Line{Number: 1, Entry: audit.Entry{Wanted: tt.wanted, ETag: tt.etag}}
		if got := resultOf(intent, tt.found); got != tt.want {
			t.Errorf("resultOf(%+v, %s %s) = %q, want %q", tt, tt.found.Action, tt.found.ETag, got, tt.want)
		}
	}
}

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
	closed := slices.Equal(got, []string{"", audit.Unanswered, resultDone}) // it had been stored
	again := slices.Equal(got, []string{"", audit.Unanswered, resultNotDone, "", resultDone})
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
