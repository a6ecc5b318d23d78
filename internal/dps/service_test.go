package dps

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

var ctx = context.Background()

func TestEnrollment(t *testing.T) {
	s := serve(t, reply{status: 200, body: strings.ReplaceAll(fixture(t, "enrollment.json"), "machine-1", "machine:1")})
	e, err := s.client(t).Enrollment(ctx, "machine:1")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.seen()[0]; got.method != "GET" || got.uri != "/enrollments/machine:1?api-version=2021-10-01" || got.header.Get("If-Match") != "" {
		t.Errorf("request = %+v", got)
	}
	if e.DeviceID != "press-7" || e.Attestation.Type != "tpm" || e.Attestation.TPM.EndorsementKey != "AToAAQ==" || !e.Capabilities.IoTEdge ||
		e.ETag != `"0900ae54-0000-0000-0000-5911078f0000"` || !reflect.DeepEqual(e.IoTHubs, []string{"example-hub.azure-devices.net"}) ||
		e.RegistrationState.Status != "assigned" || !e.ReprovisionPolicy.MigrateDeviceData || string(e.InitialTwin.Properties.Desired) != `{"rate":1.5}` {
		t.Errorf("Enrollment() = %+v", e)
	}
}

func TestEnrollmentNotFound(t *testing.T) {
	s := serve(t, reply{status: 404, body: `{"errorCode":404201,"message":"not found"}`})
	if _, err := s.client(t).Enrollment(ctx, "x"); !HasStatus(err, http.StatusNotFound) {
		t.Errorf("Enrollment() = %v, want a 404", err)
	}
	if HasStatus(errors.New("404"), http.StatusNotFound) || HasStatus(nil, http.StatusNotFound) || HasStatus(&Error{Status: 409}, http.StatusNotFound) {
		t.Error("HasStatus is true of another error")
	}
}

func TestETagFromTheHeader(t *testing.T) {
	s := serve(t, reply{status: 200, body: `{"registrationId":"x"}`, header: map[string]string{"ETag": `"abc"`}})
	if e, err := s.client(t).Enrollment(ctx, "x"); err != nil || e.ETag != `"abc"` {
		t.Errorf("Enrollment() = %+v, %v, want the header's ETag", e, err)
	}
}

// What is read and written back must be the same to the service, whether this
// version knows the members or not, without what the service alone writes.
func TestReadModifyWrite(t *testing.T) {
	s := serve(t, reply{status: 200, body: fixture(t, "enrollment.json")})
	c := s.client(t)
	e, err := c.Enrollment(ctx, "machine-1")
	if err != nil {
		t.Fatal(err)
	}
	e.ProvisioningStatus = "disabled"
	e.InitialTwin.Tags = nil
	if _, err := c.PutEnrollment(ctx, e, e.ETag); err != nil {
		t.Fatal(err)
	}
	var want, got map[string]any
	json.Unmarshal([]byte(fixture(t, "enrollment.json")), &want)
	json.Unmarshal([]byte(s.seen()[1].body), &got)
	for _, readOnly := range []string{"registrationState", "createdDateTimeUtc", "lastUpdatedDateTimeUtc"} {
		delete(want, readOnly)
	}
	want["provisioningStatus"] = "disabled"
	delete(want["initialTwin"].(map[string]any), "tags")
	delete(want["attestation"].(map[string]any)["tpm"].(map[string]any), "storageRootKey") // null
	if !reflect.DeepEqual(got, want) {
		t.Errorf("written back:\n%v\nwant:\n%v", got, want)
	}
	if put := s.seen()[1]; put.method != "PUT" || put.uri != "/enrollments/machine-1?api-version=2021-10-01" ||
		put.header.Get("If-Match") != `"0900ae54-0000-0000-0000-5911078f0000"` {
		t.Errorf("request = %+v", put)
	}
	if e.RegistrationState == nil {
		t.Error("PutEnrollment changed the caller's value")
	}
}

// Numbers of a twin keep their spelling: 1.50 and 2^53+1 must not be rounded.
func TestTwinKeepsItsBytes(t *testing.T) {
	const twin = `{"rate":1.50,"big":9007199254740993,"e":1e2}`
	var e Enrollment
	if err := json.Unmarshal([]byte(`{"registrationId":"x","initialTwin":{"tags":`+twin+`}}`), &e); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(e)
	if err != nil || !strings.Contains(string(out), twin) {
		t.Errorf("Marshal() = %s, %v, want %s in it", out, err, twin)
	}
}

func TestNewEnrollmentIsMinimal(t *testing.T) {
	e := Enrollment{RegistrationID: "x", Attestation: Attestation{Type: "tpm", TPM: &TPMAttestation{EndorsementKey: "AAEC"}}}
	out, err := json.Marshal(e)
	if want := `{"registrationId":"x","attestation":{"type":"tpm","tpm":{"endorsementKey":"AAEC"}}}`; err != nil || string(out) != want {
		t.Errorf("Marshal() = %s, %v, want %s", out, err, want)
	}
}

func TestIfMatch(t *testing.T) {
	for etag, want := range map[string]string{"": "", "*": "*", "abc": `"abc"`, `"abc"`: `"abc"`, `W/"abc"`: `W/"abc"`} {
		s := serve(t, reply{status: 204})
		if err := s.client(t).DeleteEnrollment(ctx, "x", etag); err != nil {
			t.Fatal(err)
		}
		got := s.seen()[0]
		if got.method != "DELETE" || got.header.Get("If-Match") != want || got.body != "" {
			t.Errorf("etag %q: request = %+v, want If-Match %q", etag, got, want)
		}
	}
	s := serve(t, reply{status: 412, body: `{"errorCode":412001,"message":"changed"}`})
	var e *Error
	if err := s.client(t).DeleteEnrollment(ctx, "x", "abc"); !errors.As(err, &e) || e.Status != 412 {
		t.Errorf("DeleteEnrollment() = %v, want a 412", err)
	}
}

// What deletes nothing is not taken for done: a portal's page, a code beside a 204, the
// 404 of a gateway.
func TestDelete(t *testing.T) {
	coded := map[string]string{"x-ms-error-code": "404201"}
	for name, tt := range map[string]struct {
		answer    reply
		malformed bool
		status    int // of a refusal
	}{
		"204":                      {answer: reply{status: 204}},
		"200 without a body":       {answer: reply{status: 200}},
		"200 and a page":           {answer: reply{status: 200, body: "<html>sign in</html>"}, malformed: true},
		"200 and an object":        {answer: reply{status: 200, body: `{"errorCode":401002}`}, malformed: true},
		"204 with a refusal":       {answer: reply{status: 204, header: coded}, malformed: true},
		"202":                      {answer: reply{status: 202}, malformed: true},
		"404 of a gateway":         {answer: reply{status: 404}, malformed: true},
		"404 of the service":       {answer: reply{status: 404, body: `{"errorCode":404201,"message":"Enrollment not found."}`}, status: 404},
		"412":                      {answer: reply{status: 412, body: `{"errorCode":412001,"message":"changed"}`}, status: 412},
		"404 that names two codes": {answer: reply{status: 404, header: coded, body: `{"errorCode":401002,"message":"no"}`}, malformed: true},
	} {
		for path, delete := range map[string]func(*ServiceClient) error{
			"/enrollments/a%3Ab":   func(c *ServiceClient) error { return c.DeleteEnrollment(ctx, "a:b", "e1") },
			"/registrations/a%3Ab": func(c *ServiceClient) error { return c.DeleteRegistration(ctx, "a:b", "e1") },
		} {
			s := serve(t, tt.answer)
			err := delete(s.client(t))
			if isDone := !tt.malformed && tt.status == 0; (err == nil) != isDone || errors.Is(err, ErrMalformed) != tt.malformed || HasStatus(err, tt.status) != (tt.status != 0) {
				t.Errorf("%s of %s: %v", name, path, err)
			}
			if r := s.seen()[0]; r.method != "DELETE" || !strings.HasPrefix(r.uri, path+"?") && !strings.HasPrefix(r.uri, strings.Replace(path, "%3A", ":", 1)+"?") || r.header.Get("If-Match") != `"e1"` {
				t.Errorf("%s: request = %+v, want %s", name, r, path)
			}
		}
	}
}

func TestBulk(t *testing.T) {
	s := serve(t, reply{status: 200, body: `{"isSuccessful":false,"errors":[{"registrationId":"b","errorCode":409202,"errorStatus":"exists\u001b"}],"more":1}`})
	c := s.client(t)
	r, err := c.Bulk(ctx, "create", []Enrollment{{RegistrationID: "a", CreatedAt: "x"}, {RegistrationID: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := (BulkResult{Errors: []BulkError{{"b", 409202, "exists?"}}}); !reflect.DeepEqual(r, want) {
		t.Errorf("Bulk() = %+v, want %+v", r, want)
	}
	got := s.seen()[0]
	if want := `{"enrollments":[{"registrationId":"a","attestation":{}},{"registrationId":"b","attestation":{}}],"mode":"create"}`; got.body != want || got.method != "POST" ||
		got.uri != "/enrollments?api-version=2021-10-01" {
		t.Errorf("request = %+v, want body %s", got, want)
	}
	for _, n := range []int{0, 11} {
		if _, err := c.Bulk(ctx, "create", make([]Enrollment, n)); err == nil {
			t.Errorf("Bulk of %d succeeded", n)
		}
	}
	if n := len(s.seen()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestRegistrationState(t *testing.T) {
	s := serve(t, reply{status: 200, body: `{"registrationId":"x","status":"assigned","assignedHub":"h.example","deviceId":"d"}`})
	got, err := s.client(t).RegistrationState(ctx, "x")
	if err != nil || got.Status != "assigned" || got.AssignedHub != "h.example" || got.TPM != nil {
		t.Errorf("RegistrationState() = %+v, %v", got, err)
	}
	if r := s.seen()[0]; r.method != "GET" || r.uri != "/registrations/x?api-version=2021-10-01" {
		t.Errorf("request = %+v", r)
	}
}

func TestMalformedServiceAnswers(t *testing.T) {
	for _, body := range []string{"", "{}", "[]", "null", "<html>", `{"registrationId":7}`, `{"registrationId":"x"`, `{"registrationId":"x","iotHubs":"one"}`} {
		s := serve(t, reply{status: 200, body: body})
		c := s.client(t)
		_, err1 := c.Enrollment(ctx, "x")
		_, err2 := c.PutEnrollment(ctx, Enrollment{RegistrationID: "x"}, "")
		_, err3 := c.RegistrationState(ctx, "x")
		for name, err := range map[string]error{"Enrollment": err1, "PutEnrollment": err2, "RegistrationState": err3} {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%s of %q = %v, want ErrMalformed", name, body, err)
			}
		}
	}
	s := serve(t, reply{status: 202, body: "{}"})
	if err := s.client(t).DeleteEnrollment(ctx, "x", ""); !errors.Is(err, ErrMalformed) {
		t.Errorf("DeleteEnrollment() = %v after a 202, want ErrMalformed", err)
	}
}

func TestQueryPages(t *testing.T) {
	s := serve(t,
		reply{status: 200, body: `[{"registrationId":"a"},{"registrationId":"b"}]`, header: map[string]string{"x-ms-continuation": "next==", "x-ms-item-type": "Enrollment"}},
		reply{status: 200, body: `[{"registrationId":"c"}]`})
	var got []string
	for e, err := range s.client(t).Enrollments(ctx, AllEnrollments, 2) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.RegistrationID)
	}
	if !reflect.DeepEqual(got, []string{"a", "b", "c"}) {
		t.Errorf("Enrollments() = %v", got)
	}
	for i, continuation := range []string{"", "next=="} {
		r := s.seen()[i]
		if r.method != "POST" || r.uri != "/enrollments/query?api-version=2021-10-01" || r.body != `{"query":"SELECT * FROM enrollments"}` ||
			r.header.Get("x-ms-continuation") != continuation || r.header.Get("x-ms-max-item-count") != "2" {
			t.Errorf("request %d = %+v", i, r)
		}
	}
}

func TestQueryStops(t *testing.T) {
	s := serve(t, reply{status: 200, body: `[{"registrationId":"a"}]`, header: map[string]string{"x-ms-continuation": "same"}})
	n := 0
	var last error
	for _, err := range s.client(t).Enrollments(ctx, "*", 0) {
		n++
		last = err
	}
	if n != 2 || !errors.Is(last, ErrMalformed) {
		t.Errorf("a service that repeats a page: %d items, %v, want 1 and ErrMalformed", n, last)
	}
	for range s.client(t).Enrollments(ctx, "*", 0) {
		break
	}
	if got := len(s.seen()); got != 3 {
		t.Errorf("%d requests, want 3: leaving the loop ends the query", got)
	}
	bad := serve(t, reply{status: 200, body: `{"not":"a list"}`})
	for _, err := range bad.client(t).Enrollments(ctx, "*", 0) {
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("an object instead of a list: %v, want ErrMalformed", err)
		}
	}
}
