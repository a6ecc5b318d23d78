package enroll

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/dps"
)

// removed plans for machine-1 of chip 1, carries the plan out, and lists what the
// service was asked for.
func removed(t *testing.T, p RemovalPolicy, target Target, answer func(call string, r *http.Request, body string) (int, string)) (r Removal, calls []string, err error) {
	t.Helper()
	seen := map[string]int{}
	svc := scripted(t, func(req *http.Request, body string) (int, string) {
		call := req.Method + " " + strings.Split(req.URL.Path, "/")[1]
		if m := req.Header.Get("If-Match"); m != "" {
			call += " " + m
		}
		seen[call]++
		if len(calls) == 0 || calls[len(calls)-1] != call {
			calls = append(calls, call)
		}
		return answer(fmt.Sprint(req.Method, seen[call]), req, body)
	})
	if r, err = PlanRemoval(ctx, svc, target, p); err != nil {
		return r, calls, err
	}
	if r, err = RemoveEnrollment(ctx, svc, r); err == nil {
		err = RemoveRegistration(ctx, svc, r)
	}
	return r, calls, err
}

const (
	notEnrolled   = `{"errorCode":404201,"message":"Enrollment not found."}`
	notRegistered = `{"errorCode":404202,"message":"Registration not found."}`
	preconditions = `{"errorCode":412001,"message":"Precondition failed."}`
)

// What is found decides what is done, and each write names the version that was read.
func TestRemove(t *testing.T) {
	registered := `{"registrationId":"machine-1","status":"assigned","assignedHub":"h.example","deviceId":"d","etag":"r1"}`
	for name, tt := range map[string]struct {
		policy       RemovalPolicy
		enrollment   string // "" for none
		registration string
		action       Action
		registered   Action
		calls        []string
	}{
		"enabled":                    {RemovalPolicy{}, "+", "", Disable, "", []string{"GET enrollments", `PUT enrollments "e1"`}},
		"disabled already":           {RemovalPolicy{}, `+,"provisioningStatus":"Disabled"`, "", Unchanged, "", []string{"GET enrollments"}},
		"not there":                  {RemovalPolicy{}, "", "", Unchanged, "", []string{"GET enrollments"}},
		"delete":                     {RemovalPolicy{Delete: true}, "+", "", Delete, "", []string{"GET enrollments", `DELETE enrollments "e1"`}},
		"delete a disabled one":      {RemovalPolicy{Delete: true}, `+,"provisioningStatus":"disabled"`, "", Delete, "", []string{"GET enrollments", `DELETE enrollments "e1"`}},
		"delete what is not there":   {RemovalPolicy{Delete: true}, "", "", Unchanged, "", []string{"GET enrollments"}},
		"both":                       {RemovalPolicy{Delete: true, Registration: true}, "+", registered, Delete, Delete, []string{"GET enrollments", "GET registrations", `DELETE enrollments "e1"`, `DELETE registrations "r1"`}},
		"the registration alone":     {RemovalPolicy{Registration: true}, `+,"provisioningStatus":"disabled"`, registered, Unchanged, Delete, []string{"GET enrollments", "GET registrations", `DELETE registrations "r1"`}},
		"it outlived the enrollment": {RemovalPolicy{Delete: true, Registration: true}, "", registered, Unchanged, Delete, []string{"GET enrollments", "GET registrations", `DELETE registrations "r1"`}},
		"never registered":           {RemovalPolicy{Registration: true}, "+", "", Disable, Unchanged, []string{"GET enrollments", "GET registrations", `PUT enrollments "e1"`}},
		"unassigned":                 {RemovalPolicy{Registration: true}, "+", `{"registrationId":"machine-1","status":"unassigned"}`, Disable, Unchanged, []string{"GET enrollments", "GET registrations", `PUT enrollments "e1"`}},
	} {
		answer := func(_ string, r *http.Request, body string) (int, string) {
			isRegistration := strings.HasPrefix(r.URL.Path, "/registrations")
			switch {
			case r.Method == http.MethodDelete:
				return 204, ""
			case r.Method == http.MethodPut:
				return 200, strings.Replace(body, `"etag":"e1"`, `"etag":"e2"`, 1)
			case isRegistration && tt.registration == "":
				return 404, notRegistered
			case isRegistration:
				return 200, tt.registration
			case tt.enrollment == "":
				return 404, notEnrolled
			}
			return 200, enrollmentJSON(t, "chip 1", strings.TrimPrefix(tt.enrollment, "+"))
		}
		for _, target := range []Target{{RegistrationID: "machine-1"}, {RegistrationID: "machine-1", EK: ekOf(t, "chip 1")}} {
			r, calls, err := removed(t, tt.policy, target, answer)
			if err != nil || r.Action != tt.action || r.RegistrationAction != tt.registered || !slices.Equal(calls, tt.calls) {
				t.Errorf("%s: %+v, %v after %q, want %s, %q, %q", name, r, err, calls, tt.action, tt.registered, tt.calls)
			}
			if want := map[Action]string{Disable: "e2", Delete: ""}; tt.action != Unchanged && r.ETag != want[tt.action] {
				t.Errorf("%s: the ETag is %q", name, r.ETag)
			}
		}
	}
}

func ekOf(t *testing.T, ek string) []byte {
	t.Helper()
	key, err := record(t, "machine-1", ek).EK()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Whose enrollment it is is looked at first: nothing is written for another machine's.
func TestRemoveRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		enrollment string
		named      bool // by the ID alone
		is         error
	}{
		"another key":            {enrollmentJSON(t, "chip 2", ""), false, ErrOtherMachine},
		"a key nobody can read":  {`{"registrationId":"machine-1","etag":"e1","attestation":{"type":"tpm","tpm":{"endorsementKey":"***"}}}`, false, ErrOtherMachine},
		"x509":                   {`{"registrationId":"machine-1","etag":"e1","attestation":{"type":"x509","x509":{}}}`, false, ErrNotOurs},
		"a symmetric key, by ID": {`{"registrationId":"machine-1","etag":"e1","attestation":{"type":"symmetricKey","symmetricKey":{}}}`, true, ErrNotOurs},
		"no attestation":         {`{"registrationId":"machine-1","etag":"e1"}`, true, dps.ErrMalformed},
		"no key":                 {`{"registrationId":"machine-1","etag":"e1","attestation":{"type":"tpm"}}`, true, dps.ErrMalformed},
		"no ETag":                {strings.Replace(enrollmentJSON(t, "chip 1", ""), `"etag":"e1",`, "", 1), true, dps.ErrMalformed},
		"another's":              {strings.Replace(enrollmentJSON(t, "chip 1", ""), "machine-1", "machine-2", 1), true, dps.ErrMalformed},
	} {
		for _, p := range []RemovalPolicy{{}, {Delete: true}, {Delete: true, Registration: true}} {
			target := Target{RegistrationID: "machine-1", EK: ekOf(t, "chip 1")}
			if tt.named {
				target.EK = nil
			}
			_, calls, err := removed(t, p, target, func(string, *http.Request, string) (int, string) { return 200, tt.enrollment })
			if !errors.Is(err, tt.is) || !slices.Equal(calls, []string{"GET enrollments"}) {
				t.Errorf("%s: %v after %q, want %v", name, err, calls, tt.is)
			}
		}
	}
	r, _, err := removed(t, RemovalPolicy{Delete: true}, Target{RegistrationID: "machine-1"}, func(_ string, r *http.Request, _ string) (int, string) {
		if r.Method == http.MethodDelete {
			return 204, ""
		}
		return 200, enrollmentJSON(t, "chip 2", "")
	})
	if err != nil || r.Action != Delete {
		t.Errorf("named by its ID alone: %+v, %v", r, err)
	}
}

// What the service answers to the write is believed only where it says so without
// contradiction; what was lost on the way and sent again is done.
func TestRemoveAnswers(t *testing.T) {
	enabled, disabled := enrollmentJSON(t, "chip 1", ""), enrollmentJSON(t, "chip 1", `,"provisioningStatus":"disabled"`)
	type answer struct {
		status int
		body   string
	}
	for name, tt := range map[string]struct {
		delete bool
		write  answer // to PUT or DELETE
		after  answer // to the second GET
		is     error  // nil: done
		status int    // of another refusal
	}{
		"disabled":                      {write: answer{200, disabled}},
		"still enabled":                 {write: answer{200, enabled}, is: dps.ErrMalformed},
		"another key":                   {write: answer{200, enrollmentJSON(t, "chip 2", `,"provisioningStatus":"disabled"`)}, is: dps.ErrMalformed},
		"another ID":                    {write: answer{200, strings.Replace(disabled, "machine-1", "machine-2", 1)}, is: dps.ErrMalformed},
		"an empty answer":               {write: answer{200, ""}, is: dps.ErrMalformed},
		"a page":                        {write: answer{200, "<html>"}, is: dps.ErrMalformed},
		"412, and somebody changed it":  {write: answer{412, preconditions}, after: answer{200, strings.Replace(enabled, "e1", "e2", 1)}, is: ErrChanged},
		"412, and it was this request":  {write: answer{412, preconditions}, after: answer{200, disabled}},
		"412, and it has another key":   {write: answer{412, preconditions}, after: answer{200, enrollmentJSON(t, "chip 2", `,"provisioningStatus":"disabled"`)}, is: ErrChanged},
		"412, and it is gone":           {write: answer{412, preconditions}, after: answer{404, notEnrolled}, is: ErrChanged},
		"404, and it is gone":           {write: answer{404, notEnrolled}, after: answer{404, notEnrolled}, is: ErrChanged},
		"409, and somebody changed it":  {write: answer{409, `{"errorCode":409201,"message":"Enrollment already exists."}`}, after: answer{200, enabled}, is: ErrChanged},
		"403":                           {write: answer{403, `{"errorCode":403001,"message":"no"}`}, status: 403},
		"429 until the end":             {write: answer{429, `{"errorCode":429001,"message":"Too many"}`}, status: 429},
		"500 until the end":             {write: answer{500, ""}, status: 500},
		"deleted":                       {delete: true, write: answer{204, ""}},
		"gone meanwhile":                {delete: true, write: answer{404, notEnrolled}},
		"the 404 of a gateway":          {delete: true, write: answer{404, ""}, is: dps.ErrMalformed},
		"404 with an unknown code":      {delete: true, write: answer{404, `{"errorCode":404999,"message":"x"}`}, status: 404},
		"delete: changed meanwhile":     {delete: true, write: answer{412, preconditions}, is: ErrChanged},
		"delete: a page":                {delete: true, write: answer{200, "<html>"}, is: dps.ErrMalformed},
		"delete: 429 until the end":     {delete: true, write: answer{429, `{"errorCode":429001,"message":"Too many"}`}, status: 429},
		"delete: 401":                   {delete: true, write: answer{401, `{"errorCode":401002,"message":"no"}`}, status: 401},
		"delete: accepted, not carried": {delete: true, write: answer{202, ""}, is: dps.ErrMalformed},
	} {
		_, _, err := removed(t, RemovalPolicy{Delete: tt.delete}, Target{RegistrationID: "machine-1", EK: ekOf(t, "chip 1")},
			func(call string, r *http.Request, _ string) (int, string) {
				switch {
				case call == "GET1":
					return 200, enabled
				case r.Method == http.MethodGet:
					return tt.after.status, tt.after.body
				}
				return tt.write.status, tt.write.body
			})
		switch {
		case tt.is == nil && tt.status == 0 && err != nil,
			tt.is != nil && !errors.Is(err, tt.is),
			tt.status != 0 && (!dps.HasStatus(err, tt.status) || errors.Is(err, ErrChanged)):
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The look for the enrollment: only the service's own word says that there is none.
func TestRemovePlanAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		is     error
	}{
		"the 404 of a gateway": {404, "", dps.ErrMalformed},
		"an unknown 404":       {404, `{"errorCode":404999,"message":"x"}`, dps.ErrMalformed},
		"a page":               {200, "<html>", dps.ErrMalformed},
		"not registered":       {404, notRegistered, nil},
		"not enrolled":         {404, notEnrolled, nil},
	} {
		r, _, err := removed(t, RemovalPolicy{Delete: true}, Target{RegistrationID: "machine-1"}, func(string, *http.Request, string) (int, string) { return tt.status, tt.body })
		if !errors.Is(err, tt.is) || tt.is == nil && (r.Action != Unchanged || r.Found != "") {
			t.Errorf("%s: %+v, %v, want %v", name, r, err, tt.is)
		}
	}
	for name, tt := range map[string]struct {
		status int
		body   string
	}{
		"a registration without a version": {200, `{"registrationId":"machine-1","status":"assigned"}`},
		"another's registration":           {200, `{"registrationId":"machine-2","status":"assigned","etag":"r1"}`},
		"a gateway's 404":                  {404, ""},
	} {
		_, calls, err := removed(t, RemovalPolicy{Delete: true, Registration: true}, Target{RegistrationID: "machine-1"}, func(_ string, r *http.Request, _ string) (int, string) {
			if strings.HasPrefix(r.URL.Path, "/registrations") {
				return tt.status, tt.body
			}
			return 200, enrollmentJSON(t, "chip 1", "")
		})
		if err == nil || slices.ContainsFunc(calls, func(c string) bool { return strings.HasPrefix(c, "DELETE") }) {
			t.Errorf("%s: %v after %q", name, err, calls)
		}
	}
	if _, err := PlanRemoval(ctx, nil, Target{RegistrationID: "box 1"}, RemovalPolicy{}); err == nil {
		t.Error("an ID that DPS does not accept was asked for")
	}
}

// A key that is enrolled under its other form is not said to be gone.
func TestRemoveOtherForm(t *testing.T) {
	ids := record(t, "machine-1", "chip 1").RegistrationIDs
	ek := ekOf(t, "chip 1")
	if ids.Base32 == "" {
		r := record(t, "", "chip 1")
		t.Fatalf("the record has no IDs: %+v", r)
	}
	answer := func(_ string, r *http.Request, _ string) (int, string) {
		if strings.HasSuffix(r.URL.Path, ids.Hex) {
			return 200, strings.Replace(enrollmentJSON(t, "chip 1", ""), "machine-1", ids.Hex, 1)
		}
		return 404, notEnrolled
	}
	r, _, err := removed(t, RemovalPolicy{}, Target{RegistrationID: ids.Base32, EK: ek}, answer)
	if !errors.Is(err, ErrOtherForm) || r.Action != Refused || len(r.Others) != 1 {
		t.Errorf("by default: %+v, %v", r, err)
	}
	r, _, err = removed(t, RemovalPolicy{}, Target{RegistrationID: ids.Base32, EK: ek, ChosenID: true}, answer)
	if err != nil || r.Action != Unchanged || len(r.Others) != 1 {
		t.Errorf("chosen: %+v, %v", r, err)
	}
}
