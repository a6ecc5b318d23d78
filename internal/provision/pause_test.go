package provision

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// The pause between two polls is the service's, and up to a tenth longer; the
// request's own where the service names none. The time is the bubble's.
func TestPause(t *testing.T) {
	tests := []struct {
		name           string
		asked, request time.Duration
		run            time.Duration // deadline of the run
		want           time.Duration
		err            error
	}{
		{"the service's", 2 * time.Second, time.Minute, time.Hour, 2 * time.Second, nil},
		{"the request's", 0, time.Minute, time.Hour, time.Minute, nil},
		{"nobody's", 0, 0, time.Hour, pollPause, nil},
		{"longer than the run", time.Hour, 0, time.Minute, time.Minute, ErrStillAssigning},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), tt.run)
			defer cancel()
			began, tr := time.Now(), &trip{req: Request{Pause: tt.request}}
			err := tr.pause(ctx, tt.asked)
			took := time.Since(began)
			if !errors.Is(err, tt.err) || took < tt.want || took > tt.want*11/10 {
				t.Errorf("%s: waited %s, %v, want %s to a tenth more, %v", tt.name, took, err, tt.want, tt.err)
			}
			if tr.result.WaitedMS != took.Milliseconds() {
				t.Errorf("%s: %d ms are noted of %s", tt.name, tr.result.WaitedMS, took)
			}
		})
	}
}

// A wait of many pauses is told now and then, a long pause always, and the usual
// first one never.
func TestPausesAreTold(t *testing.T) {
	for _, tt := range []struct {
		asked time.Duration
		n     int
		want  []int // which pauses
	}{
		{3 * time.Second, 1, nil},
		{3 * time.Second, 40, []int{2, 4, 8, 16, 32}},
		{0, 2, []int{2}},
		{10 * time.Second, 3, []int{1, 2, 3}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var notices []int
			pause := 0
			tr := &trip{}
			tr.req.Waiting = func(again time.Duration) {
				notices = append(notices, pause)
				if want := cmp.Or(tt.asked, pollPause); again != want {
					t.Errorf("again in %s, want %s", again, want)
				}
			}
			for pause = 1; pause <= tt.n; pause++ {
				if err := tr.pause(t.Context(), tt.asked); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(notices, tt.want) {
				t.Errorf("%d pauses of %s: told %v, want %v", tt.n, tt.asked, notices, tt.want)
			}
		})
	}
}
