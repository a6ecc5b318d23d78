package enroll

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"tpmdps/internal/dps"
	"tpmdps/internal/twin"
	"tpmdps/internal/twin/twintest"
)

// twinOf are the settings that say a case.
func twinOf(c twintest.Case) Settings {
	if c.Part == twin.Tags {
		return Settings{InitialTwinTags: json.RawMessage(c.JSON)}
	}
	return Settings{InitialTwinProperties: json.RawMessage(c.JSON)}
}

// What a hub refuses is not sent, and not even the enrollment is asked for; what
// it accepts is written as it was said.
func TestTwinsThatHubsRefuse(t *testing.T) {
	var requests int
	var written dps.Enrollment
	svc := scripted(t, func(r *http.Request, body string) (int, string) {
		requests++
		if r.Method == http.MethodGet {
			return 404, `{"errorCode":404201,"trackingId":"x","message":"Enrollment not found."}`
		}
		written = dps.Enrollment{}
		if err := json.Unmarshal([]byte(body), &written); err != nil {
			t.Error(err)
		}
		return 200, strings.TrimSuffix(body, "}") + `,"etag":"e1"}`
	})
	r := record(t, "machine-1", "chip 1")
	for _, c := range twintest.Cases() {
		requests = 0
		settings := twinOf(c)
		item, err := Plan(ctx, svc, r, settings, Policy{})
		if !c.Accepted() {
			if err == nil || requests > 0 || !strings.Contains(err.Error(), c.Flag()+": ") || !strings.Contains(err.Error(), c.Reason) {
				t.Errorf("%s: %d requests, error %v, want %q", c.Name, requests, err, c.Reason)
			}
			if err != nil && c.Path != c.Part.String() && !strings.Contains(err.Error(), c.Flag()+": "+c.Path) {
				t.Errorf("%s: error %v, want the path %s", c.Name, err, c.Path)
			}
			continue
		}
		if err == nil {
			_, err = Apply(ctx, svc, item)
		}
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		got := written.InitialTwin.Tags
		if c.Part == twin.Desired {
			got = written.InitialTwin.Properties.Desired
		}
		if !sameJSON(readObject(got), readObject([]byte(c.JSON))) {
			t.Errorf("%s: written as %.200s", c.Name, got)
		}
	}
}

// The first faults are listed, whichever flag they are of; a text that is no JSON
// goes before.
func TestTwinFaultsAreListed(t *testing.T) {
	many := json.RawMessage(`{"a b":1,"c d":1,"e f":1,"g h":1,"i j":1,"k l":1,"m n":1,"o p":1}`)
	err := Settings{InitialTwinTags: many, InitialTwinProperties: json.RawMessage(`{"x":9007199254740993}`)}.Validate()
	for _, want := range []string{`tags.a b: a hub does not accept a blank in the name "a b"`, "tags.k l", "; and 2 more; ", "initial-twin-properties: properties.desired.x: the integer"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if err == nil || strings.Contains(err.Error(), "tags.m n") {
		t.Errorf("error %v names more than it should", err)
	}
	err = Settings{InitialTwinTags: json.RawMessage(`{"a":1,"a":2}`), DeviceInformation: json.RawMessage(`{"a b":"no hub sees it"}`)}.Validate()
	if err == nil || err.Error() != "initial-twin-tags: line 1: a appears twice" {
		t.Errorf("error %v", err)
	}
}

// An enrollment that is there may have a twin that no hub accepts. Where the user
// named it, it is refused; where not, it is a warning, and stays as it was.
func TestStandingTwin(t *testing.T) {
	const bad = `,"initialTwin":{"tags":{"a b":1,"$version":3},"properties":{"desired":{"n":9007199254740993,"$metadata":{"$lastUpdated":"x"}}}}`
	const tags, desired = `tags.a b: a hub does not accept a blank in the name "a b"`, "properties.desired.n: the integer is not one"
	for _, tt := range []struct {
		more     string
		s        Settings
		action   Action
		warnings []string
	}{
		{bad, Settings{ProvisioningStatus: "disabled"}, Update, []string{tags, desired}},
		{bad, Settings{}, Unchanged, []string{tags, desired}},
		{bad, Settings{InitialTwinTags: json.RawMessage(`{"a":1}`)}, Update, []string{desired}},
		{bad, Settings{InitialTwinProperties: json.RawMessage(`{}`)}, Update, []string{tags}},
		{bad, Settings{InitialTwinTags: json.RawMessage(`{}`), InitialTwinProperties: json.RawMessage(`{}`)}, Update, []string{}},
		{`,"initialTwin":{"tags":{"a":1,"$version":3,"$metadata":{}}}`, Settings{}, Unchanged, []string{}},
		{`,"initialTwin":{"tags":null,"properties":{"desired":null}}`, Settings{}, Unchanged, []string{}},
		{`,"initialTwin":null`, Settings{}, Unchanged, []string{}},
	} {
		var sent string
		svc := scripted(t, func(r *http.Request, body string) (int, string) {
			if r.Method == http.MethodPut {
				sent = body
				return 200, body
			}
			return 200, enrollmentJSON(t, "chip 1", tt.more)
		})
		item, err := Plan(ctx, svc, record(t, "machine-1", "chip 1"), tt.s, Policy{Update: true})
		if err != nil || item.Action != tt.action || len(item.Warnings) != len(tt.warnings) {
			t.Errorf("%s with %+v: %s, warnings %q, %v", tt.more, tt.s, item.Action, item.Warnings, err)
			continue
		}
		for i, w := range item.Warnings {
			if !strings.Contains(w, tt.warnings[i]) {
				t.Errorf("warning %q, want %q", w, tt.warnings[i])
			}
		}
		if _, err := Apply(ctx, svc, item); err != nil {
			t.Errorf("%s with %+v: %v", tt.more, tt.s, err)
		}
		if len(tt.warnings) == 2 && tt.action == Update && !reflect.DeepEqual(initialTwin(t, sent), initialTwin(t, "{"+bad[1:]+"}")) {
			t.Errorf("the twin was not written back as it was: %s", sent)
		}
	}
}

func initialTwin(t *testing.T, enrollment string) any {
	t.Helper()
	var e struct{ InitialTwin any }
	if err := json.Unmarshal([]byte(enrollment), &e); err != nil {
		t.Fatal(err)
	}
	return e.InitialTwin
}
