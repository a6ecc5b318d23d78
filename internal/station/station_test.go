package station

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/check"
	"tpmdps/internal/ektrust/examine"
	"tpmdps/internal/identity"
)

// Whichever step fails, what is before it was done and what is after it was not.
func TestRunStopsAtTheFirstFailure(t *testing.T) {
	cause := errors.New("no")
	for failing := range 5 {
		var done []string
		var tasks []Task
		for n := range 4 {
			name := fmt.Sprint("step", n)
			tasks = append(tasks, Task{Name: name, Do: func(context.Context) (Seen, error) {
				done = append(done, name)
				if n == failing {
					return Seen{}, cause
				}
				return Seen{Detail: "seen " + name, Warn: n == 1}, nil
			}})
		}
		tasks = slices.Insert(tasks, 2, Task{Name: "not asked for"})
		var observed []Step
		steps, err := Run(t.Context(), tasks, func(s Step) { observed = append(observed, s) })
		if !slices.Equal(steps, observed) || len(steps) != len(tasks) || len(done) != min(failing+1, 4) {
			t.Errorf("step %d fails: %+v, observed %+v, done %q", failing, steps, observed, done)
		}
		var failed *StepError
		if want := fmt.Sprint("step", failing); failing < 4 && (!errors.As(err, &failed) || failed.Step != want || !errors.Is(err, cause) || err.Error() != want+": no") || failing == 4 && err != nil {
			t.Errorf("step %d fails: %v", failing, err)
		}
		for _, s := range steps {
			want := check.OK
			switch n := slices.Index(done, s.Name); {
			case n < 0:
				want = check.Skipped
			case n == failing:
				want = check.Fail
			case n == 1:
				want = check.Warn
			}
			if s.Status != want || (want == check.OK && s.Detail != "seen "+s.Name) {
				t.Errorf("step %d fails: %+v, want %s", failing, s, want)
			}
		}
	}
}

func TestJudgeCertificate(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	facts := func(matches bool, end time.Time, issuer string) *identity.EKCertificateFacts {
		return &identity.EKCertificateFacts{KeyMatches: matches, NotAfter: end, Issuer: issuer}
	}
	for want, r := range map[string]identity.Record{
		"ok matches the key; issued by CN=maker":                 {EKCertificateFacts: facts(true, now.AddDate(1, 0, 0), "CN=maker"), ReadAt: now},
		"ok matches the key; issued by an issuer without a name": {EKCertificateFacts: facts(true, now, ""), ReadAt: now},
		"warn matches the key; expired 2026-05-03":               {EKCertificateFacts: facts(true, now.AddDate(0, 0, -1), "CN=maker"), ReadAt: now},
		"warn it is for another key":                             {EKCertificateFacts: facts(false, now.AddDate(1, 0, 0), "CN=maker"), ReadAt: now},
		"warn there is none in NV":                               {ReadAt: now},
		"warn it cannot be read: broken":                         {EKCertificateNotes: []string{"broken"}},
	} {
		seen := JudgeCertificate(r, examine.Result{}, false)
		got := "ok " + seen.Detail
		if seen.Warn {
			got = "warn " + seen.Detail
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("JudgeCertificate() = %q, want %q", got, want)
		}
	}
	if got := JudgeKey(identity.Record{EKHandle: "0x81010001"}).Detail + JudgeKey(identity.Record{}).Detail; !strings.Contains(got, "at 0x81010001") || !strings.Contains(got, "derived") {
		t.Errorf("JudgeKey() = %q", got)
	}
}
