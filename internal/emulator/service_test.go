package emulator

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestEnrollmentLifecycle(t *testing.T) {
	chip, other := chips()
	c := start(t, Options{})
	const path = "/enrollments/Dev1"
	c.service("GET", path, "").expect(t, 404, 404201)

	a := c.enroll("Dev1", chip, `,"initialTwin":{"tags":{"line":7}},"somethingNew":{"x":[1,2]},"iotHubs":null`)
	for _, m := range []struct{ name, want string }{
		{"registrationId", "Dev1"},
		{"provisioningStatus", "enabled"},
		{"somethingNew", `{"x":[1,2]}`},
		{"createdDateTimeUtc", "2026-03-01T12:00:00Z"},
		{"lastUpdatedDateTimeUtc", "2026-03-01T12:00:00Z"},
	} {
		if got := a.str(t, m.name); got != m.want {
			t.Errorf("%s = %s, want %s", m.name, got, m.want)
		}
	}
	for _, name := range []string{"iotHubs", "capabilities", "registrationState"} {
		if v, ok := a.member(t, name); ok {
			t.Errorf("%s is there: %s", name, v)
		}
	}
	etag := a.str(t, "etag")
	if raw, err := base64.StdEncoding.DecodeString(etag); err != nil || !strings.HasPrefix(string(raw), `"`) {
		t.Errorf("etag %q is no base64 of a quoted string", etag)
	}
	if got, ok := a.Header["Etag"]; ok {
		t.Errorf("ETag header = %s, as recorded there is none", got)
	}
	got := c.service("GET", "/enrollments/dEV1", "").expect(t, 200, 0)
	state, _ := got.member(t, "registrationState")
	if want := `{"registrationId":"Dev1","status":"unassigned"}`; string(state) != want {
		t.Errorf("registrationState = %s, want %s", state, want)
	}
	without := strings.Replace(string(got.body), `"registrationState":`+string(state)+",", "", 1)
	if without != string(a.body) {
		t.Errorf("GET = %s, want %s and the registrationState", got.body, a.body)
	}

	// A PUT without If-Match never overwrites, and one with it has to match.
	body := enrollmentBody("Dev1", other, "")
	c.service("PUT", path, body).expect(t, 409, 409201)
	c.service("PUT", path, body, "If-Match", "x").expect(t, 412, 412000)
	c.clock.move(time.Minute)
	a = c.service("PUT", path, body, "If-Match", etag).expect(t, 200, 0)
	if got := a.str(t, "createdDateTimeUtc"); got != "2026-03-01T12:00:00Z" {
		t.Errorf("createdDateTimeUtc = %s after an update", got)
	}
	if got := a.str(t, "lastUpdatedDateTimeUtc"); got != "2026-03-01T12:01:00Z" {
		t.Errorf("lastUpdatedDateTimeUtc = %s after an update", got)
	}
	if _, ok := a.member(t, "somethingNew"); ok {
		t.Error("a PUT kept a member of the enrollment before")
	}
	c.service("PUT", path, body, "If-Match", etag).expect(t, 412, 412000) // stale now
	c.service("PUT", path, body, "If-Match", "*").expect(t, 200, 0)

	c.service("DELETE", path, "", "If-Match", etag).expect(t, 412, 412000)
	if a := c.service("DELETE", path, "").expect(t, 204, 0); len(a.body) > 0 {
		t.Errorf("DELETE = %s, want no body", a.body)
	}
	c.service("DELETE", path, "").expect(t, 404, 404201)
	c.service("PUT", path, body, "If-Match", "*").expect(t, 412, 412000)
}

func TestEnrollmentRules(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	with := func(members string) string { return enrollmentBody("dev1", chip, members) }
	tests := []struct {
		name, body string
		code       int // 0: is accepted
	}{
		{"plain", with(""), 0},
		{"no type", strings.Replace(with(""), `"type":"tpm",`, "", 1), 0},
		{"all members", with(`,"deviceId":"a(b)=c","iotHubs":["a.azure-devices.net","b.azure-devices.net"],"allocationPolicy":"geoLatency",` +
			`"reprovisionPolicy":{"updateHubAssignment":true,"migrateDeviceData":false},"capabilities":{"iotEdge":true},` +
			`"initialTwin":{"tags":{},"properties":{"desired":{"a":1}}},"optionalDeviceInformation":{"a":"b"},"provisioningStatus":"disabled"`), 0},
		{"static", with(`,"allocationPolicy":"static","iotHubs":["a.azure-devices.net"]`), 0},
		{"static without a hub", with(`,"allocationPolicy":"static","iotHubs":null,"iotHubHostName":null`), 0},
		{"static, the older way", with(`,"allocationPolicy":"static","iotHubHostName":"a.azure-devices.net"`), 0},
		{"custom", with(`,"allocationPolicy":"custom","customAllocationDefinition":{"webhookUrl":"https://x","apiVersion":"2021-10-01"}`), 0},
		{"null members", with(`,"deviceId":null,"iotHubs":null,"initialTwin":null,"reprovisionPolicy":null,"capabilities":null`), 0},

		{"no body", "", 400000},
		{"null", "null", 400000},
		{"array", "[]", 400000},
		{"cut off", with("")[:40], 400000},
		{"another ID inside", enrollmentBody("dev2", chip, ""), 400000},
		{"no ID inside", `{"attestation":{}}`, 400000},
		{"no attestation", `{"registrationId":"dev1"}`, 400000},
		{"X.509", `{"registrationId":"dev1","attestation":{"type":"x509","x509":{}}}`, 400000},
		{"two attestations", strings.Replace(with(""), `"type":"tpm"`, `"type":"tpm","x509":{}`, 1), 400000},
		{"EK of another kind", strings.Replace(with(""), chip.ekText(), chip.ekText()[4:], 1), 400004},
		{"no EK", strings.Replace(with(""), chip.ekText(), "", 1), 400004},
		{"EK a number", strings.Replace(with(""), `"`+chip.ekText()+`"`, "1", 1), 400000},
		{"device ID with a space", with(`,"deviceId":"a b"`), 400000},
		{"device ID too long", with(`,"deviceId":"` + strings.Repeat("a", 129) + `"`), 400000},
		{"status", with(`,"provisioningStatus":"on"`), 400000},
		{"policy", with(`,"allocationPolicy":"Hashed"`), 400000},
		{"static with two", with(`,"allocationPolicy":"static","iotHubs":["a","b"]`), 400000},
		{"custom without a definition", with(`,"allocationPolicy":"custom"`), 400000},
		{"hub with a path", with(`,"iotHubs":["a.azure-devices.net/x"]`), 400000},
		{"half a reprovision policy", with(`,"reprovisionPolicy":{"updateHubAssignment":true}`), 400000},
		{"migrate without update", with(`,"reprovisionPolicy":{"updateHubAssignment":false,"migrateDeviceData":true}`), 400000},
		{"empty capabilities", with(`,"capabilities":{}`), 400000},
		{"capabilities of a string", with(`,"capabilities":{"iotEdge":"true"}`), 400000},
		{"tags of a list", with(`,"initialTwin":{"tags":[]}`), 400000},
		{"desired of a string", with(`,"initialTwin":{"properties":{"desired":"x"}}`), 400000},
		{"information of a string", with(`,"optionalDeviceInformation":"x"`), 400000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status := 200
			if tt.code != 0 {
				status = tt.code / 1000
			}
			c.service("PUT", "/enrollments/dev1", tt.body).expect(t, status, tt.code)
			if tt.code == 0 {
				c.service("DELETE", "/enrollments/dev1", "").expect(t, 204, 0)
			}
		})
	}
}

func TestRegistrationIDRule(t *testing.T) {
	for id, want := range map[string]bool{
		"a": true, "A1": true, "line7:press_2.left-x": true, strings.Repeat("a", 128): true,
		"": false, "-a": false, "a-": false, ".a": false, "a:": false, "_": false, "a b": false, "a/b": false, "ä": false,
		"a\x00b": false, strings.Repeat("a", 129): false,
	} {
		if got := validRegistrationID(id); got != want {
			t.Errorf("validRegistrationID(%q) = %v, want %v", id, got, want)
		}
	}
}

func TestServiceCredentials(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	c.enroll("dev1", chip, "")
	p := c.srv.state.policy
	later := c.clock.Now().Add(time.Hour)
	host, _, _ := strings.Cut(c.srv.Host(), ":")
	good := map[string]string{
		"host":             signed(c.srv.Host(), p.Name, p.Key, later),
		"host, no port":    signed(host, p.Name, p.Key, later),
		"host, unescaped":  sasEscaped(c.srv.Host(), p.Name, p.Key, later),
		"host in capitals": signed(strings.ToUpper(c.srv.Host()), p.Name, p.Key, later),
		"the enrollment":   signed(c.srv.Host()+"/enrollments/dev1", p.Name, p.Key, later),
		"the collection":   signed(c.srv.Host()+"/enrollments/", p.Name, p.Key, later),
		"just expired":     signed(c.srv.Host(), p.Name, p.Key, c.clock.Now().Add(-5*time.Minute)),
	}
	for name, token := range good {
		t.Run(name, func(t *testing.T) {
			c.send("GET", "/enrollments/dev1", "", "Authorization", token).expect(t, 200, 0)
		})
	}
	bad := map[string]string{
		"nothing":            "",
		"a bearer token":     "Bearer eyJh.eyJh.x",
		"another policy":     signed(c.srv.Host(), "iothubowner", p.Key, later),
		"no policy":          strings.TrimSuffix(signed(c.srv.Host(), "", p.Key, later), "&skn="),
		"another key":        signed(c.srv.Host(), p.Name, []byte("x"), later),
		"another host":       signed("hub.azure-devices.net", p.Name, p.Key, later),
		"half a host":        signed("local", p.Name, p.Key, later),
		"another enrollment": signed(c.srv.Host()+"/enrollments/dev", p.Name, p.Key, later),
		"expired":            signed(c.srv.Host(), p.Name, p.Key, c.clock.Now().Add(-5*time.Minute-time.Second)),
	}
	for name, token := range bad {
		t.Run(name, func(t *testing.T) {
			c.send("GET", "/enrollments/dev1", "", "Authorization", token).expect(t, 401, 401002)
			c.send("DELETE", "/enrollments/dev1", "", "Authorization", token).expect(t, 401, 401002)
		})
	}
}

func TestBulk(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	type result struct {
		IsSuccessful bool
		Errors       []struct {
			RegistrationID string
			ErrorCode      int
			ErrorStatus    string
		}
	}
	run := func(mode string, enrollments ...string) (res result) {
		t.Helper()
		a := c.service("POST", "/enrollments", fmt.Sprintf(`{"mode":%q,"enrollments":[%s]}`, mode, strings.Join(enrollments, ","))).expect(t, 200, 0)
		if err := json.Unmarshal(a.body, &res); err != nil {
			t.Fatal(err)
		}
		if res.Errors == nil {
			t.Errorf("errors is no array: %s", a.body)
		}
		return res
	}
	check := func(what string, res result, want ...int) {
		t.Helper()
		if res.IsSuccessful != (len(want) == 0) || len(res.Errors) != len(want) {
			t.Fatalf("%s: %+v, want errors %v", what, res, want)
		}
		for i, code := range want {
			if res.Errors[i].ErrorCode != code || res.Errors[i].ErrorStatus == "" {
				t.Errorf("%s: %+v, want %d", what, res.Errors[i], code)
			}
		}
	}
	a, b, bad := enrollmentBody("a", chip, ""), enrollmentBody("b", chip, ""), `{"registrationId":"c"}`
	res := run("create", a, bad, b, a)
	check("create", res, 400000, 409201)
	if got := res.Errors[0].RegistrationID; got != "c" {
		t.Errorf("first error is for %q, want c", got)
	}
	// Without an ETag nothing is updated, as recorded.
	check("update", run("update", enrollmentBody("A", chip, `,"deviceId":"x"`), bad, enrollmentBody("z", chip, "")), 409201, 400000, 404201)
	if got := c.service("GET", "/enrollments/a", "").str(t, "deviceId"); got != "" {
		t.Errorf("deviceId = %q after an update without an ETag", got)
	}
	etag := c.service("GET", "/enrollments/a", "").str(t, "etag")
	check("update with an ETag", run("update", enrollmentBody("a", chip, fmt.Sprintf(`,"deviceId":"x","etag":%q`, etag)), enrollmentBody("b", chip, `,"etag":"x"`)), 412000)
	if got := c.service("GET", "/enrollments/a", "").str(t, "deviceId"); got != "x" {
		t.Errorf("deviceId = %q after update, want x", got)
	}
	etag = c.service("GET", "/enrollments/a", "").str(t, "etag")
	check("update by ETag", run("updateIfMatchETag",
		enrollmentBody("a", chip, fmt.Sprintf(`,"etag":%q`, etag)),
		enrollmentBody("a", chip, fmt.Sprintf(`,"etag":%q`, etag)), // stale after the first
		b), 412000, 412000)
	check("delete", run("delete", `{"registrationId":"a"}`, `{"registrationId":"b","etag":"stale"}`, `{"registrationId":"a"}`, `7`), 412000, 404201, 404201)
	c.service("GET", "/enrollments/a", "").expect(t, 404, 404201)
	c.service("GET", "/enrollments/b", "").expect(t, 200, 0)

	for _, body := range []string{
		`{"mode":"create","enrollments":[]}`, `{"mode":"create"}`, `{"enrollments":[{}]}`, `[]`, ``, `{"mode":"upsert","enrollments":[{}]}`,
		`{"mode":"delete","enrollments":[` + strings.TrimSuffix(strings.Repeat("{},", 11), ",") + `]}`,
	} {
		c.service("POST", "/enrollments", body).expect(t, 400, 400000)
	}
}

func TestAttestationMechanism(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	c.enroll("dev1", chip, "")
	a := c.service("POST", "/enrollments/dev1/attestationmechanism", "").expect(t, 200, 0)
	if got := a.str(t, "type"); got != "tpm" {
		t.Errorf("type = %q, want tpm", got)
	}
	if got := a.str(t, "tpm", "endorsementKey"); got != chip.ekText() {
		t.Errorf("endorsementKey = %q", got)
	}
	c.service("POST", "/enrollments/dev2/attestationmechanism", "").expect(t, 404, 404201)
}

func TestRegistrationState(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{AssignDelay: time.Minute})
	c.enroll("dev1", chip, "")
	c.service("GET", "/registrations/dev1", "").expect(t, 404, 404202)
	token := c.challenge("dev1", chip)
	c.service("GET", "/registrations/dev1", "").expect(t, 404, 404202) // a challenge is no registration
	c.send("PUT", c.registerPath("dev1"), registerBody("dev1", chip), "Authorization", token).expect(t, 202, 0)
	a := c.service("GET", "/registrations/DEV1", "").expect(t, 200, 0)
	if got := a.str(t, "status"); got != "assigning" || a.str(t, "assignedHub") != "" {
		t.Errorf("state = %s, want assigning and no hub", a.body)
	}
	c.clock.move(time.Minute)
	a = c.service("GET", "/registrations/dev1", "").expect(t, 200, 0)
	if got := a.str(t, "status"); got != "assigned" || a.str(t, "assignedHub") != "localhost" {
		t.Errorf("state = %s, want assigned and localhost", a.body)
	}
	if _, ok := a.member(t, "tpm"); ok {
		t.Error("the operator sees the device's key")
	}
	e := c.service("GET", "/enrollments/dev1", "").expect(t, 200, 0)
	if got := e.str(t, "registrationState", "assignedHub"); got != "localhost" {
		t.Errorf("registrationState.assignedHub = %q in the enrollment", got)
	}
	c.service("DELETE", "/registrations/dev1", "", "If-Match", "x").expect(t, 412, 412000)
	c.service("DELETE", "/registrations/dev1", "", "If-Match", a.str(t, "etag")).expect(t, 204, 0)
	c.service("DELETE", "/registrations/dev1", "").expect(t, 404, 404202)
}

// What is read is taken or refused, and what is taken is kept.
func FuzzParseEnrollment(f *testing.F) {
	chip, _ := chips()
	f.Add([]byte(enrollmentBody("dev1", chip, `,"x":[1],"capabilities":{"iotEdge":true}`)))
	f.Add([]byte(`{"registrationId":"a","attestation":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := parseEnrollment(body)
		if err != nil {
			return
		}
		if e.stamp(nil, time.Unix(0, 0)) != nil {
			return
		}
		data, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseEnrollment(data)
		if err != nil {
			t.Fatalf("an accepted enrollment is refused when read back: %v\n%s", err, data)
		}
		if again.RegistrationID != e.RegistrationID || len(again.members) != len(e.members) {
			t.Errorf("read back: %s, want %s", again.members, e.members)
		}
	})
}
