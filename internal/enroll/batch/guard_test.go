package batch

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tpmdps/internal/dps"
	"tpmdps/internal/emulator"
	"tpmdps/internal/enroll"
	"tpmdps/internal/inventory"
)

// guarded is a run over few machines at a bench's service.
func (b *bench) guarded(text string, transport http.RoundTripper, change func(*Run, []inventory.Entry)) (outcomes []Outcome, warnings []string) {
	b.t.Helper()
	who, err := openOperator(b.server.ConnectionString(), transport, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	inv, err := inventory.Read([]byte(text))
	if err != nil {
		b.t.Fatal(err)
	}
	run := Run{Service: who, Warn: func(m string) { warnings = append(warnings, m) }, Stops: stopsTest}
	run.Guard = NewGuard(who.ServiceClient, inv.Entries, NewPace(1_000_000, nil))
	change(&run, inv.Entries)
	for _, e := range inv.Entries {
		outcomes = append(outcomes, run.Enroll(b.t.Context(), e))
	}
	return outcomes, warnings
}

func record(id string, n int) string {
	return fmt.Sprintf(`{"registration_id":%q,"endorsement_key":%q}`+"\n", id, ekNumber(n))
}

// A key that the service has under another registration ID is given to no enrollment, and
// nothing is written for it: by itself, in a file, and to replace another key.
func TestGuardOfFew(t *testing.T) {
	disabled := tpmEnrollment("old-1", 1)
	disabled.ProvisioningStatus = "disabled"
	for name, row := range map[string]struct {
		there  []dps.Enrollment
		text   string
		policy enroll.Policy
		off    bool
		dryRun bool
		want   string // action, and the other ID where it was refused
		writes int
	}{
		"another name":            {[]dps.Enrollment{tpmEnrollment("old-1", 1)}, record("box-1", 1), enroll.Policy{ChosenID: true}, false, false, "refused old-1", 0},
		"in a dry run":            {[]dps.Enrollment{tpmEnrollment("old-1", 1)}, record("box-1", 1), enroll.Policy{}, false, true, "refused old-1", 0},
		"disabled":                {[]dps.Enrollment{disabled}, record("box-1", 1), enroll.Policy{}, false, false, "refused old-1", 0},
		"allowed":                 {[]dps.Enrollment{tpmEnrollment("old-1", 1)}, record("box-1", 1), enroll.Policy{}, true, false, "create", 1},
		"the same ID in capitals": {[]dps.Enrollment{tpmEnrollment("BOX-1", 1)}, record("box-1", 1), enroll.Policy{}, false, false, "unchanged", 0},
		"another key":             {[]dps.Enrollment{tpmEnrollment("old-1", 2)}, record("box-1", 1), enroll.Policy{}, false, false, "create", 1},
		"one of two":              {[]dps.Enrollment{tpmEnrollment("old-1", 1)}, record("box-1", 1) + record("box-2", 2), enroll.Policy{}, false, false, "refused old-1, create", 1},
		"to replace a key":        {[]dps.Enrollment{tpmEnrollment("old-1", 1), tpmEnrollment("box-1", 2)}, record("box-1", 1), enroll.Policy{ReplaceEK: true, Reason: "swapped"}, false, false, "refused old-1", 0},
		"to replace, allowed":     {[]dps.Enrollment{tpmEnrollment("old-1", 1), tpmEnrollment("box-1", 2)}, record("box-1", 1), enroll.Policy{ReplaceEK: true, Reason: "swapped"}, true, false, "replace-ek", 1},
		"to replace, a new key":   {[]dps.Enrollment{tpmEnrollment("old-1", 3), tpmEnrollment("box-1", 2)}, record("box-1", 1), enroll.Policy{ReplaceEK: true, Reason: "swapped"}, false, false, "replace-ek", 1},
		"under both IDs":          {[]dps.Enrollment{tpmEnrollment("old-1", 1), tpmEnrollment("box-1", 1)}, record("box-1", 1), enroll.Policy{}, false, false, "unchanged (old-1)", 0},
	} {
		for _, one := range []bool{false, true} {
			if one && strings.HasPrefix(row.want, "unchanged (") {
				continue // for one machine it is not looked for where nothing is made
			}
			b := newBench(t, emulator.Options{})
			for _, e := range row.there {
				b.put(e)
			}
			clear(b.sent)
			outcomes, _ := b.guarded(row.text, b.server.InProcess(), func(r *Run, _ []inventory.Entry) {
				r.Policy, r.DryRun = row.policy, row.dryRun
				if r.Guard.ForOne(r.Warn); !one {
					r.Guard.most = 0
				}
				if row.off {
					r.Guard = nil
				}
			})
			var got []string
			for _, o := range outcomes {
				text := string(o.Item.Action)
				var second *enroll.SecondError
				if errors.As(o.Err, &second) && second.Searched {
					text += " " + second.Other.RegistrationID
				}
				if o.Err == nil && len(o.Item.Others) > 0 {
					text += " (" + o.Item.Others[0].RegistrationID + ")"
				}
				got = append(got, text)
			}
			if text := strings.Join(got, ", "); text != row.want || len(b.sent) != row.writes {
				t.Errorf("%s, one %v: %s, %d writes; want %s, %d", name, one, text, len(b.sent), row.want, row.writes)
			}
		}
	}
}

// For one machine the search is bounded, and where it cannot tell it says so once; for a
// file it has to be made.
func TestGuardForOneIsBounded(t *testing.T) {
	refuse := func(b *bench, status int) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/query") {
				return answerOf(r, status, fmt.Sprintf(`{"errorCode":%d001,"message":"no"}`, status)), nil
			}
			return b.server.InProcess().RoundTrip(r)
		})
	}
	pages := 0
	endless := func(b *bench) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if !strings.HasSuffix(r.URL.Path, "/query") {
				return b.server.InProcess().RoundTrip(r)
			}
			pages++
			var page []string
			for n := range pageSize {
				page = append(page, fmt.Sprintf(`{"registrationId":"x-%d-%d","attestation":{"type":"tpm","tpm":{"endorsementKey":"AAEC"}}}`, pages, n))
			}
			a := answerOf(r, 200, "["+strings.Join(page, ",")+"]")
			a.Header.Set("x-ms-continuation", fmt.Sprint("page-", pages))
			return a, nil
		})
	}
	for name, row := range map[string]struct {
		transport func(*bench) http.RoundTripper
		one       bool
		done      bool
		says      string
	}{
		"not allowed (403)":           {func(b *bench) http.RoundTripper { return refuse(b, 403) }, true, true, "may not list"},
		"not allowed (401)":           {func(b *bench) http.RoundTripper { return refuse(b, 401) }, true, true, "may not list"},
		"not allowed, and for a file": {func(b *bench) http.RoundTripper { return refuse(b, 403) }, false, false, ""},
		"too many":                    {endless, true, true, "more than 1000 enrollments"},
		"refused otherwise":           {func(b *bench) http.RoundTripper { return refuse(b, 400) }, true, false, ""},
	} {
		b := newBench(t, emulator.Options{})
		pages = 0
		outcomes, warnings := b.guarded(record("box-1", 1), row.transport(b), func(r *Run, _ []inventory.Entry) {
			if row.one {
				r.Guard.ForOne(r.Warn)
			}
		})
		if (outcomes[0].Err == nil) != row.done || len(b.sent) != map[bool]int{true: 1}[row.done] {
			t.Errorf("%s: %v, %d writes", name, outcomes[0].Err, len(b.sent))
		}
		if n := len(warnings); row.says == "" && n > 0 || row.says != "" && (n != 1 || !strings.Contains(warnings[0], row.says) || strings.Contains(warnings[0], "\n")) {
			t.Errorf("%s: warnings %q, want %q", name, warnings, row.says)
		}
		if pages > mostForOne/pageSize+1 {
			t.Errorf("%s: %d pages were asked for", name, pages)
		}
	}
}
