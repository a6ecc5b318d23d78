package emulator

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/emulator/hub"
	"tpmdps/internal/emulator/rest"
)

// identityd sends requests as aziot-identityd 1.6.0 does: the audience in lower
// case, no skn, a token of 30 seconds, and the headers that it has.
type identityd struct {
	*client
	reg *registration
}

func (d identityd) send(method, module, body string, headers ...string) answer {
	d.Helper()
	path := "/devices/" + url.PathEscape(d.reg.DeviceID) + "/modules"
	if module != "" {
		path += "/" + url.PathEscape(module)
	}
	token := sasEscaped(strings.ReplaceAll(strings.ToLower(d.reg.Hub+"/devices/"+d.reg.DeviceID), ":", "%3A"), "", d.reg.HubKey, d.clock.Now().Add(30*time.Second))
	headers = append(headers, "Authorization", strings.TrimSuffix(token, "&skn="))
	if body != "" {
		headers = append([]string{"Content-Type", "application/json"}, headers...)
	}
	c := *d.client
	c.base = "https://" + d.reg.Hub
	return c.send(method, path+"?api-version=2017-11-08-preview", body, headers...)
}

// listed are the modules that the hub has.
func (d identityd) listed() (ids []string) {
	d.Helper()
	var list []*hub.Module
	a := d.send("GET", "", "").expect(d.T, 200, 0)
	if err := json.Unmarshal(a.body, &list); err != nil || list == nil {
		d.Fatalf("list %s: %v", a.body, err)
	}
	for _, m := range list {
		ids = append(ids, m.ModuleID)
	}
	return ids
}

// hubError checks that an answer is one that identityd can read.
func hubError(t *testing.T, a answer, status int, name string) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("%s %s: status %d, want %d: %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.body)
	}
	if got := a.str(t, "Message"); !strings.HasPrefix(got, "ErrorCode:"+name+";") {
		t.Errorf("%s %s: Message %q, want ErrorCode:%s; at its beginning: %s", a.Request.Method, a.Request.URL.Path, got, name, a.body)
	}
	if v, ok := a.member(t, "errorCode"); ok {
		t.Errorf("errorCode %s in a hub's refusal", v)
	}
}

// The calls of IoT Edge's identity service, in the order in which it starts,
// makes modules and removes them.
func TestIdentityServiceManagesModules(t *testing.T) {
	state := Options{StateFile: t.TempDir() + "/state.json", HubName: "127.0.0.1"}
	c, reg := onHub(t, state, `,"deviceId":"Press-7","capabilities":{"iotEdge":true}`)
	d := identityd{c, reg}
	if got := d.listed(); len(got) != 0 {
		t.Errorf("modules of a new device: %v", got)
	}
	hubError(t, d.send("GET", "$edgeAgent", ""), 404, "ModuleNotFound")
	const update = `{"moduleId":%q,"deviceId":"Press-7","authentication":{"symmetricKey":{"primaryKey":"AAAA","secondaryKey":"BBBB"},"type":"sas"}}`
	for _, id := range []string{"$edgeAgent", "$edgeHub", "press.1"} {
		a := d.send("PUT", id, fmt.Sprintf(`{"moduleId":%q,"deviceId":"Press-7"}`, id)).expect(t, 200, 0)
		generation := a.str(t, "generationId")
		if a.str(t, "moduleId") != id || a.str(t, "deviceId") != "Press-7" || generation == "" || a.str(t, "authentication", "type") != "sas" ||
			len(a.str(t, "authentication", "symmetricKey", "primaryKey")) != 88 {
			t.Errorf("new module: %s", a.body)
		}
		hubError(t, d.send("PUT", id, fmt.Sprintf(`{"moduleId":%q,"deviceId":"Press-7"}`, id)), 409, "ModuleAlreadyExistsOnDevice")
		a = d.send("PUT", id, fmt.Sprintf(update, id), "If-Match", "*").expect(t, 200, 0)
		if a.str(t, "generationId") != generation || a.str(t, "authentication", "symmetricKey", "secondaryKey") != "BBBB" {
			t.Errorf("updated module: %s", a.body)
		}
		d.send("GET", id, "").expect(t, 200, 0)
	}
	d.send("DELETE", "press.1", "", "If-Match", "*").expect(t, 204, 0)
	hubError(t, d.send("DELETE", "press.1", "", "If-Match", "*"), 404, "ModuleNotFound")
	hubError(t, d.send("PUT", "x", fmt.Sprintf(update, "x"), "If-Match", "*"), 404, "ModuleNotFound")
	hubError(t, d.send("PUT", "x", fmt.Sprintf(update, "y")), 400, "ArgumentInvalid")
	hubError(t, d.send("PUT", "x", `{"moduleId":"x","deviceId":"Press-8"}`), 400, "ArgumentInvalid")
	hubError(t, d.send("PUT", "x", `[]`), 400, "ArgumentInvalid")
	hubError(t, d.send("DELETE", "$edgeHub", "", "If-Match", "x"), 412, "PreconditionFailed")

	// They are there after a restart, and for the device that comes again.
	want := "[$edgeAgent $edgeHub]"
	if got := fmt.Sprint(d.listed()); got != want {
		t.Errorf("modules = %s, want %s", got, want)
	}
	chip, _ := chips()
	c.provision("dev1", chip)
	c.killed()
	again := start(t, state)
	if got := fmt.Sprint(len(again.srv.state.registrations.get("dev1").Modules)); got != "2" {
		t.Errorf("%s modules after a restart, want 2", got)
	}
}

// Whatever is wrong with a request to a hub, IoT Edge gets the form that it reads.
func TestHubRefusals(t *testing.T) {
	c, reg := onHub(t, Options{HubName: "127.0.0.1"}, "")
	other := *reg
	other.HubKey = []byte("another key")
	d := identityd{c, reg}
	hubError(t, identityd{c, &other}.send("GET", "", ""), 401, "IotHubUnauthorizedAccess")
	stranger := *reg
	stranger.DeviceID = "dev9"
	hubError(t, identityd{c, &stranger}.send("GET", "", ""), 401, "IotHubUnauthorizedAccess")
	hubError(t, identityd{c, &stranger}.send("PUT", "m", `{"moduleId":"m","deviceId":"dev9"}`), 401, "IotHubUnauthorizedAccess")
	hubError(t, c.send("GET", "/devices/dev1/modules", ""), 401, "IotHubUnauthorizedAccess")
	hubError(t, c.send("GET", "/devices/dev1/messages/devicebound", ""), 401, "IotHubUnauthorizedAccess")
	hubError(t, c.send("GET", "/devices/dev1/twins", ""), 404, "ResourceNotFound")
	hubError(t, c.send("GET", "/devices/", ""), 404, "ResourceNotFound")
	hubError(t, c.send("GET", "/devices/dev1/modules?x=1", ""), 400, "ArgumentInvalid")
	hubError(t, c.send("PATCH", "/devices/dev1/modules", "{}"), 405, "InvalidOperation")
	hubError(t, d.send("PUT", "m", "<html>", "Content-Type", "text/html"), 415, "InvalidOperation")
	for _, auth := range []string{
		`{"type":"SAS"}`, `{"type":"bogus"}`, `{"type":"sas","symmetricKey":5}`, `{"type":"sas","symmetricKey":["AAAA"]}`,
		`{"type":"sas","symmetricKey":{"primaryKey":"!!"}}`, `{"type":"sas","symmetricKey":{"primaryKey":"AAAA","secondaryKey":7}}`,
	} {
		hubError(t, d.send("PUT", "m", `{"moduleId":"m","deviceId":"dev1","authentication":`+auth+`}`), 400, "ArgumentInvalid")
	}
	if got := d.listed(); len(got) > 0 {
		t.Errorf("modules after refusals: %v", got)
	}
	for _, auth := range []string{`null`, `{}`, `{"type":"none"}`, `{"type":"sas","symmetricKey":null}`, `{"type":"sas","symmetricKey":{"primaryKey":null,"secondaryKey":"AAAA"}}`} {
		d.send("PUT", "m", `{"moduleId":"m","deviceId":"dev1","authentication":`+auth+`}`).expect(t, 200, 0)
		d.send("DELETE", "m", "", "If-Match", "*").expect(t, 204, 0)
	}
	hubError(t, d.send("GET", "", "", "Origin", "https://evil.example"), 403, "OperationNotAllowed")
	// And DPS keeps its own.
	c.service("GET", "/enrollments/dev9", "").expect(t, 404, 404201)
}

// What az iot dps enrollment list and enrollment-group list send (extension
// 0.25.0).
func TestAzureCLILists(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	for i := range 130 {
		c.enroll(fmt.Sprintf("box-%d", i), chip, "")
	}
	for path, want := range map[string]int{"/enrollments/query": 130, "/enrollmentGroups/query": 0} {
		for _, top := range []string{"", "101"} {
			seen, token := 0, ""
			for {
				headers := []string{"Content-Type", "application/json; charset=utf-8", "Cache-Control", "no-cache, must-revalidate",
					"Accept", "application/json", "accept-language", "en-US", "x-ms-client-request-id", rest.NewGUID()}
				if top != "" {
					headers = append(headers, "x-ms-max-item-count", top)
				}
				if token != "" {
					headers = append(headers, "x-ms-continuation", token)
				}
				a := c.service("POST", path+"?api-version=2021-10-01", `{"query": "SELECT *"}`, headers...).expect(t, 200, 0)
				var page []json.RawMessage
				if err := json.Unmarshal(a.body, &page); err != nil || page == nil {
					t.Fatalf("%s: %s: %v", path, a.body, err)
				}
				seen += len(page)
				if token = a.Header.Get("x-ms-continuation"); token == "" {
					break
				}
			}
			if seen != want {
				t.Errorf("%s with top %q: %d, want %d", path, top, seen, want)
			}
		}
	}
}
