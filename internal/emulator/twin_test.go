package emulator

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tpmdps/internal/emulator/rest"
	"tpmdps/internal/twin/twintest"
)

// The enrollment API refuses what a hub refuses, and names it; what a hub accepts
// comes back as it was sent.
func TestInitialTwins(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	for n, tt := range twintest.Cases() {
		id := fmt.Sprintf("dev%d", n)
		answer := c.service("PUT", "/enrollments/"+id, enrollmentBody(id, chip, `,"initialTwin":`+tt.Initial()))
		if tt.Accepted() || tt.Service { // a service's own members come back
			answer.expect(t, 200, 0)
			continue
		}
		answer.expect(t, 400, 400004)
		var refusal rest.ErrorBody
		if err := json.Unmarshal(answer.body, &refusal); err != nil {
			t.Fatal(err)
		}
		message := refusal.Message
		if !strings.HasPrefix(message, "Invalid initialTwin: ") || !strings.Contains(message, tt.Reason) {
			t.Errorf("%s: %q, want %q", tt.Name, message, tt.Reason)
		}
		if tt.Path != tt.Part.String() && !strings.Contains(message, tt.Path) {
			t.Errorf("%s: %q, want the path %s", tt.Name, message, tt.Path)
		}
		c.service("GET", "/enrollments/"+id, "").expect(t, 404, 404201)
	}
}

// Groups and bulk operations have the same rules.
func TestInitialTwinOfOthers(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	const bad = `,"initialTwin":{"tags":{"a.b":1}}`
	c.service("PUT", "/enrollmentGroups/g1", `{"enrollmentGroupId":"g1","attestation":{"type":"symmetricKey"}`+bad+`}`).expect(t, 400, 400004)
	bulk := c.service("POST", "/enrollments", `{"mode":"create","enrollments":[`+enrollmentBody("dev1", chip, bad)+`,`+enrollmentBody("dev2", chip, "")+`]}`).expect(t, 200, 0)
	if !strings.Contains(string(bulk.body), `{"registrationId":"dev1","errorCode":400004,"errorStatus":"Invalid initialTwin: tags.a.b: `) || strings.Contains(string(bulk.body), "dev2") {
		t.Errorf("bulk: %s", bulk.body)
	}
}

// What is null makes no property.
func TestNullInInitialTwin(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	c.enroll("dev1", chip, `,"initialTwin":{"tags":{"a":null,"b":{"c":null,"d":1}},"properties":{"desired":{"e":null,"f":true}}}`).expect(t, 200, 0)
	c.provision("dev1", chip)
	d, err := json.Marshal(c.srv.state.registrations.get("dev1").Twin)
	if err != nil || string(d) != `{"tags":{"b":{"d":1}},"desired":{"properties":{"f":true},"version":1},"reported":{"properties":{},"version":1}}` {
		t.Errorf("twin = %s, %v", d, err)
	}
}

// A state from before the rules were looked at is read; it is the hub, then, that
// refuses a new device's twin.
func TestTwinFromAnOlderState(t *testing.T) {
	chip, _ := chips()
	path := filepath.Join(t.TempDir(), "state.json")
	c := start(t, Options{StateFile: path})
	c.enroll("dev1", chip, `,"initialTwin":{"tags":{"a_b":1}}`).expect(t, 200, 0)
	c.killed()
	if err := os.WriteFile(path, []byte(strings.Replace(string(whole(t, path)), "a_b", "a b", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	c = start(t, Options{StateFile: path})
	if a := c.service("GET", "/enrollments/dev1", "").expect(t, 200, 0); !strings.Contains(string(a.body), `"a b"`) {
		t.Errorf("read as %s", a.body)
	}
	a := c.provision("dev1", chip)
	if s := string(a.body); !strings.Contains(s, `"status":"failed"`) || !strings.Contains(s, `"errorCode":400004`) || !strings.Contains(s, "tags.a b") {
		t.Errorf("registered as %s", s)
	}
}
