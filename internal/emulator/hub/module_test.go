package hub

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/emulator/rest"
)

// What IoT Edge's identity service asks for, and how it is refused.
func TestModules(t *testing.T) {
	c := start(t, nil)
	const keys = `"authentication":{"type":"sas","symmetricKey":{"primaryKey":"AAAA","secondaryKey":"BBBB"}}`
	for _, step := range []struct {
		method, id, body, ifMatch string
		status                    int
		want                      string // in the body
	}{
		{"GET", "", "", "", 200, "[]"},
		{"GET", "m", "", "", 404, "ErrorCode:ModuleNotFound;m"},
		{"PUT", "m", `{"moduleId":"m","deviceId":"dev1"}`, "*", 404, "ErrorCode:ModuleNotFound;m"},
		{"PUT", "m", `{"moduleId":"m","deviceId":"dev1"}`, "", 200, `"type":"sas"`},
		{"PUT", "m", `{"moduleId":"m","deviceId":"dev1"}`, "", 409, "ErrorCode:ModuleAlreadyExistsOnDevice;m"},
		{"PUT", "m", `{"moduleId":"m","deviceId":"dev1"}`, "x", 412, "ErrorCode:PreconditionFailed;"},
		{"PUT", "m", `{"moduleId":"m","deviceId":"dev1","managedBy":"IotEdge",` + keys + `}`, "*", 200, `"managedBy":"IotEdge"`},
		{"PUT", "m", `{"moduleId":"m","deviceId":"dev1"}`, "*", 200, `"primaryKey":"AAAA","secondaryKey":"BBBB"`},
		{"GET", "m", "", "", 200, `"secondaryKey":"BBBB"`},
		{"PUT", "n", `{"moduleId":"n","deviceId":"dev1","authentication":{"x509Thumbprint":{"primaryThumbprint":"A"}}}`, "", 200, `"primaryThumbprint":"A"`},
		{"GET", "", "", "", 200, `"moduleId":"n"`},
		{"PUT", "o", `{"moduleId":"p","deviceId":"dev1"}`, "", 400, "ErrorCode:ArgumentInvalid;"},
		{"PUT", "o", `{"moduleId":"o","deviceId":"dev2"}`, "", 400, "ErrorCode:ArgumentInvalid;"},
		{"PUT", "o", `[]`, "", 400, "ErrorCode:ArgumentInvalid;"},
		{"PUT", "o", `{"moduleId":"o","deviceId":"dev1","authentication":{"type":"bogus"}}`, "", 400, "authentication.type"},
		{"PUT", "o", `{"moduleId":"o","deviceId":"dev1","authentication":{"symmetricKey":{"primaryKey":"!"}}}`, "", 400, "not base64"},
		{"DELETE", "m", "", "x", 412, "ErrorCode:PreconditionFailed;"},
		{"DELETE", "m", "", "*", 204, ""},
		{"DELETE", "m", "", "*", 404, "ErrorCode:ModuleNotFound;m"},
	} {
		path := strings.TrimSuffix("/devices/dev1/modules/"+step.id, "/")
		status, code, body := c.send(c.name, step.method, path, step.body, "If-Match", step.ifMatch)
		if status != step.status || !strings.Contains(body, step.want) || step.want == "" && body != "" {
			t.Errorf("%s %s %s: %d %s, want %d and %s", step.method, path, step.body, status, body, step.status, step.want)
		}
		if name, ok := strings.CutPrefix(step.want, "ErrorCode:"); ok && !strings.HasPrefix(name, code+";") {
			t.Errorf("%s %s: iothub-errorcode = %s", step.method, path, code)
		}
	}
	if c.kept != 5 {
		t.Errorf("%d changes were kept, want 5", c.kept)
	}
	if d := c.devices["dev1"]; len(d.Modules) != 1 || d.Modules["n"] == nil || len(d.Modules["n"].GenerationID) != 36 {
		t.Errorf("modules = %v", d.Modules)
	}
}

// Only a device itself is answered, on each port.
func TestHTTPS(t *testing.T) {
	c := start(t, nil)
	const path = "/devices/dev1/messages/devicebound"
	other := c.token(&Device{Hub: c.name, ID: "dev1", Key: []byte("x")})
	if status, _, body := c.send(c.name, "GET", path, ""); status != 204 || body != "" {
		t.Errorf("dev1: %d %s, want 204", status, body)
	}
	for name, tt := range map[string]struct{ path, token string }{
		"no token":       {path, ""},
		"another scheme": {path, "Bearer x"},
		"another key":    {path, other},
		"another device": {"/devices/dev2/messages/devicebound", c.token(c.devices["dev1"])},
		"its modules":    {"/devices/dev2/modules", c.token(c.devices["dev1"])},
		"a module":       {"/devices/dev1/modules/m", other},
	} {
		status, code, body := c.send(c.name, "GET", tt.path, "", "Authorization", tt.token)
		if status != 401 || code != "IotHubUnauthorizedAccess" || !strings.Contains(body, `"Message":"ErrorCode:IotHubUnauthorizedAccess;Unauthorized"`) {
			t.Errorf("%s: %d %s %s, want 401", name, status, code, body)
		}
	}
}

// A hub's errors have a form of their own, whatever they come from.
func TestRefusal(t *testing.T) {
	for _, tt := range []struct {
		err        error
		status     int
		name, text string
	}{
		{rest.Refuse(codeModuleExists, "ErrorCode:ModuleAlreadyExistsOnDevice;m"), 409, "ModuleAlreadyExistsOnDevice", "m"},
		{rest.Refuse(404000, "There is no such resource."), 404, "ResourceNotFound", "There is no such resource."},
		{&rest.Error{Code: 429000, Message: "Too many.", RetryAfter: 3}, 429, "ThrottlingException", "Too many."},
		{rest.Refuse(405000, "a;b"), 405, "InvalidOperation", "a;b"},
		{errors.New("disk full"), 500, "ServerError", "disk full"},
	} {
		rep := Refusal(tt.err, time.Unix(0, 0))
		body, ok := rep.Body.(errorBody)
		if !ok || rep.Status != tt.status || body.Message != "ErrorCode:"+tt.name+";"+tt.text || rep.Header.Get("iothub-errorcode") != tt.name {
			t.Errorf("%v: %+v", tt.err, rep)
		}
		if want := "Tracking ID:" + rep.Header.Get("x-ms-request-id") + "-TimeStamp:1970-01-01T00:00:00Z"; body.ExceptionMessage != want || rep.Header.Get("x-ms-error-code") != "" {
			t.Errorf("%v: %+v, want %s", tt.err, rep, want)
		}
	}
}

func TestValidID(t *testing.T) {
	for id, want := range map[string]bool{
		"a": true, "$edgeAgent": true, "Press-7.1": true, "-:.+%_#*?!(),=@;$'": true, strings.Repeat("x", 128): true,
		"": false, strings.Repeat("x", 129): false, "a b": false, "a/b": false, "ä": false, "a\n": false, `a"`: false,
	} {
		if got := ValidID(id); got != want {
			t.Errorf("ValidID(%q) = %v, want %v", id, got, want)
		}
	}
}
