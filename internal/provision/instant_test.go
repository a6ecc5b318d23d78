package provision

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"tpmdps/internal/dps"
)

// The clock is wrong by what the time between question and answer cannot explain.
func TestClockSkew(t *testing.T) {
	asked := time.Date(2026, 3, 1, 12, 0, 0, 400e6, time.UTC)
	second := asked.Truncate(time.Second)
	for _, row := range []struct {
		date time.Time
		took time.Duration
		want time.Duration
	}{
		{second, 0, 0},                          // the fraction is cut off
		{second, 40 * time.Second, 0},           // answered at once, and then slow
		{second.Add(30 * time.Second), 40e9, 0}, // answered late
		{second.Add(40 * time.Second), 40e9, 0}, // answered last
		{second.Add(-time.Second), 0, -400e6},   // a little ahead of the service
		{second.Add(time.Second), 0, 600e6},     // a little behind it
		{second.Add(-time.Hour), 40e9, -time.Hour + 600e6},
		{second.Add(time.Hour), 0, time.Hour - 400e6},
		{second.Add(time.Hour), 40e9, time.Hour - 400e6 - 40e9},
	} {
		if got := clockSkew(row.date, asked, asked.Add(row.took)); got != row.want {
			t.Errorf("dated %v, asked at %v, took %v: skew %v, want %v", row.date, asked, row.took, got, row.want)
		}
	}
}

// A deadline during a poll means what it means between two; a refusal counts for
// more, and an error without a deadline, or a run that was called off, is itself.
func TestDeadlineDuringAPoll(t *testing.T) {
	over, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	off, callOff := context.WithCancel(t.Context())
	callOff()
	broken := errors.New("GET /: connection reset")
	refused := meaning(fmt.Errorf("GET /: %w; the last answer was: %w", context.DeadlineExceeded, &dps.Error{Status: 429}))
	for _, row := range []struct {
		ctx context.Context
		err error
		is  error
		not error
	}{
		{over, fmt.Errorf("GET /: %w", context.DeadlineExceeded), ErrStillAssigning, ErrUnavailable},
		{over, broken, ErrStillAssigning, ErrUnavailable},
		{over, refused, ErrUnavailable, ErrStillAssigning},
		{t.Context(), broken, broken, ErrStillAssigning},
		{off, context.Canceled, context.Canceled, ErrStillAssigning},
	} {
		err := (&trip{operation: dps.Operation{Status: "assigning"}}).unanswered(row.ctx, row.err)
		if !errors.Is(err, row.is) || errors.Is(err, row.not) || !errors.Is(err, row.err) {
			t.Errorf("%v becomes %v, want %v and not %v", row.err, err, row.is, row.not)
		}
	}
}
