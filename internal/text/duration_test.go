package text

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                       "0 seconds",
		400 * time.Millisecond:                  "0 seconds",
		1600 * time.Millisecond:                 "2 seconds",
		time.Second:                             "1 second",
		time.Minute:                             "1 minute",
		8 * time.Hour:                           "8 hours",
		time.Hour + time.Second:                 "1 hour 1 second",
		26*time.Hour + 5*time.Minute + 1:        "1 day 2 hours",
		49*time.Hour + 59*time.Second:           "2 days 1 hour",
		7*24*time.Hour - time.Millisecond:       "7 days",
		59*time.Second + 600*time.Millisecond:   "1 minute",
		125 * time.Second:                       "2 minutes 5 seconds",
		-time.Second:                            "0 seconds",
		2*time.Hour + 30*time.Minute + 12345678: "2 hours 30 minutes",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", time.Duration(d), got, want)
		}
	}
}
