package batch

import (
	"context"
	"errors"
	"fmt"
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
		{nil, ResultDone},
		{&dps.Error{Status: 400}, ResultFailed},
		{&dps.Error{Status: 401}, ResultFailed},
		{&dps.Error{Status: 409}, ResultFailed},
		{&dps.Error{Status: 412}, ResultFailed},
		{&dps.Error{Status: 429}, ResultFailed},
		{fmt.Errorf("write: %w", &dps.Error{Status: 403}), ResultFailed},
		{fmt.Errorf("x: %w: %w", enroll.ErrConflict, &dps.Error{Status: 412}), ResultFailed},
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
		{"", "", enroll.Item{Action: enroll.Create}, ResultNotDone},
		{"", "e1", enroll.Item{Action: enroll.Create}, ResultNotDone}, // it was removed
		{"", "e1", enroll.Item{Action: enroll.Update, ETag: "e1"}, ResultNotDone},
		{"", "e1", enroll.Item{Action: enroll.ReplaceEK, ETag: "e1"}, ResultNotDone},
		{"", "e1", enroll.Item{Action: enroll.Unchanged, ETag: "e1"}, ResultNotDone},
		{"", "", enroll.Item{Action: enroll.Unchanged, ETag: "e2"}, ResultDone},
		{"", "e1", enroll.Item{Action: enroll.Unchanged, ETag: "e2"}, ResultDone},
		{"other", "e1", enroll.Item{Action: enroll.Unchanged, ETag: "e2"}, ResultUnknown},
		{"", "e1", enroll.Item{Action: enroll.Conflict, ETag: "e2"}, ResultUnknown},
		{"", "", enroll.Item{Action: enroll.EKConflict, ETag: "e2"}, ResultUnknown},
	} {
		intent := audit.Line{Number: 1, Entry: audit.Entry{Wanted: tt.wanted, ETag: tt.etag}}
		if got := resultOf(intent, tt.found); got != tt.want {
			t.Errorf("resultOf(%+v, %s %s) = %q, want %q", tt, tt.found.Action, tt.found.ETag, got, tt.want)
		}
	}
}
