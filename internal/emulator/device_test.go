package emulator

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestRegister(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{AssignDelay: 5 * time.Second, RetryAfter: 2 * time.Second})
	c.enroll("dev1", chip, `,"deviceId":"press-7"`)

	a := c.send("PUT", c.registerPath("dev1"), registerBody("dev1", chip)).expect(t, 401, 0)
	nonce := chip.mustOpen(t, a.str(t, "authenticationKey"))
	if want := c.srv.Host() + "/dev1"; nonce.text != want {
		t.Errorf("challenge is for %q, want %q", nonce.text, want)
	}
	token := c.deviceToken("dev1", nonce.key)

	a = c.send("PUT", c.registerPath("dev1"), registerBody("dev1", chip), "Authorization", token).expect(t, 202, 0)
	if got := a.Header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After = %q, want 2", got)
	}
	path := c.operationPath("dev1", a.str(t, "operationId"))
	if got := a.Header.Get("Location"); !strings.HasPrefix(got, c.srv.Endpoint()+path) {
		t.Errorf("Location = %q, want %s", got, path)
	}

	// Node polls with a body.
	a = c.send("GET", path, "{}", "Authorization", token, "Content-Type", "application/json; charset=utf-8").expect(t, 202, 0)
	if got := a.str(t, "registrationState", "registrationId"); got != "dev1" {
		t.Errorf("registrationId while assigning = %q", got)
	}
	if got := a.Header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After = %q, want 2", got)
	}

	c.clock.move(5 * time.Second)
	a = c.send("GET", path, "", "Authorization", token).expect(t, 200, 0)
	for name, want := range map[string]string{
		"assignedHub": "localhost", "deviceId": "press-7", "status": "assigned",
		"substatus": "initialAssignment", "registrationId": "dev1",
	} {
		if got := a.str(t, "registrationState", name); got != want {
			t.Errorf("registrationState.%s = %q, want %q", name, got, want)
		}
	}
	hub := chip.mustOpen(t, a.str(t, "registrationState", "tpm", "authenticationKey"))
	if hub.text != "localhost/press-7" {
		t.Errorf("hub key is for %q, want localhost/press-7", hub.text)
	}
	if bytes.Equal(hub.key, nonce.key) {
		t.Error("the hub key is the nonce")
	}
}

// The four ways in which clients write the resource, of which one is signed.
func TestTokenForms(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	const id = "Dev-1"
	c.enroll(id, chip, "")
	expiry := c.clock.Now().Add(time.Hour)
	scope := c.srv.IDScope()
	forms := map[string]string{
		"Node and C#": url.QueryEscape(scope + "/registrations/" + id),
		"C":           scope + "%2fregistrations%2f" + id,
		"IoT Edge":    strings.ToLower(scope + "/registrations/" + id),
		"with slash":  scope + "/registrations/" + id + "/",
	}
	for name, sr := range forms {
		t.Run(name, func(t *testing.T) {
			a := c.send("PUT", c.registerPath(id), registerBody(id, chip)).expect(t, 401, 0)
			key := chip.mustOpen(t, a.str(t, "authenticationKey")).key
			token := sasEscaped(sr, "registration", key, expiry)
			a = c.send("PUT", c.registerPath(id), registerBody(id, chip), "Authorization", token).expect(t, 202, 0)
			c.send("GET", c.operationPath(id, a.str(t, "operationId")), "", "Authorization", token).expect(t, 200, 0)
		})
	}
}

func TestBadTokens(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	c.enroll("dev1", chip, "")
	c.enroll("dev2", chip, "")
	a := c.send("PUT", c.registerPath("dev1"), registerBody("dev1", chip)).expect(t, 401, 0)
	key := chip.mustOpen(t, a.str(t, "authenticationKey")).key
	resource, expiry := c.srv.IDScope()+"/registrations/dev1", c.clock.Now().Add(time.Hour)
	good := signed(resource, "registration", key, expiry)
	tests := map[string]string{
		"another key":      signed(resource, "registration", make([]byte, 32), expiry),
		"another resource": signed(resource+"0", "registration", key, expiry),
		"a part of an ID":  signed(strings.TrimSuffix(resource, "1"), "registration", key, expiry),
		"expired":          signed(resource, "registration", key, c.clock.Now().Add(-5*time.Minute-time.Second)),
		"later expiry":     strings.Replace(good, fmt.Sprint(expiry.Unix()), fmt.Sprint(expiry.Unix()+1), 1),
		"no audience":      signed("", "registration", key, expiry),
		"another scheme":   strings.Replace(good, "SharedAccessSignature", "Bearer", 1),
		"no scheme":        strings.TrimPrefix(good, "SharedAccessSignature "),
		"no fields":        "SharedAccessSignature ",
		"broken escape":    strings.Replace(good, "%2F", "%2", 1),
		"sig not base64":   "SharedAccessSignature sr=a&sig=!!&se=1",
		"se not a number":  sasEscaped(url.QueryEscape(resource), "registration", key, expiry) + "&se=soon",
		"very long":        "SharedAccessSignature sr=" + strings.Repeat("a", 1<<14) + "&sig=AAAA&se=1",
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			a := c.send("PUT", c.registerPath("dev1"), registerBody("dev1", chip), "Authorization", token).expect(t, 401, 401002)
			if _, ok := a.member(t, "authenticationKey"); ok {
				t.Error("a refusal looks like a challenge")
			}
		})
	}
	c.send("PUT", c.registerPath("dev2"), registerBody("dev2", chip), "Authorization", good).expect(t, 401, 401002)
	c.send("PUT", c.registerPath("dev1"), registerBody("dev1", chip), "Authorization", good).expect(t, 202, 0)
	skewed := signed(resource, "registration", key, c.clock.Now().Add(-5*time.Minute))
	c.send("PUT", c.registerPath("dev1"), registerBody("dev1", chip), "Authorization", skewed).expect(t, 202, 0)
}

func TestPollNeedsToken(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	c.enroll("dev1", chip, "")
	c.enroll("dev2", chip, "")
	token := c.challenge("dev1", chip)
	a := c.send("PUT", c.registerPath("dev1"), registerBody("dev1", chip), "Authorization", token).expect(t, 202, 0)
	operation := a.str(t, "operationId")
	c.send("GET", c.operationPath("dev1", operation), "").expect(t, 401, 401002)
	c.send("GET", c.operationPath("dev1", "5.x.y"), "", "Authorization", token).expect(t, 404, 404202)
	c.send("GET", c.operationPath("dev2", operation), "", "Authorization", c.challenge("dev2", chip)).expect(t, 404, 404202)
	c.send("GET", c.operationPath("dev3", operation), "", "Authorization", token).expect(t, 404, 404201)
}

func TestRegisterRefusals(t *testing.T) {
	chip, other := chips()
	c := start(t, Options{})
	c.enroll("dev1", chip, "")
	tpm := func(ek, srk string) string {
		return fmt.Sprintf(`{"tpm":{"endorsementKey":%q,"storageRootKey":%q}}`, ek, srk)
	}
	path := c.registerPath("dev1")
	tests := []struct {
		name, path, body string
		status, code     int
	}{
		{"not enrolled", c.registerPath("dev9"), registerBody("dev9", chip), 404, 404201},
		{"another scope", "/0ne00000000/registrations/dev1/register", registerBody("dev1", chip), 404, 404000},
		{"another EK", path, registerBody("dev1", other), 400, 400004},
		{"EK cut off", path, tpm(chip.ekText()[:100], chip.srkText()), 400, 400004},
		{"no EK", path, tpm("", chip.srkText()), 400, 400004},
		{"SRK for EK", path, tpm(chip.srkText(), chip.srkText()), 400, 400004},
		{"no SRK", path, tpm(chip.ekText(), ""), 400, 400000},
		{"SRK not base64", path, tpm(chip.ekText(), "?"), 400, 400000},
		{"no tpm", path, `{"registrationId":"dev1"}`, 400, 400000},
		{"another ID inside", path, registerBody("dev2", chip), 400, 400000},
		{"no body", path, "", 400, 400000},
		{"array", path, "[]", 400, 400000},
		{"number for a string", path, `{"registrationId":1}`, 400, 400000},
		{"cut off", path, registerBody("dev1", chip)[:50], 400, 400000},
		{"deep", path, strings.Repeat(`{"payload":`, 8000), 400, 400000},
		{"too long", path, `{"payload":"` + strings.Repeat("x", maxDeviceBody) + `"}`, 413, 413000},
		{"no api-version", path + "?x=1", registerBody("dev1", chip), 400, 400000},
		{"empty api-version", path + "?api-version=", registerBody("dev1", chip), 400, 400000},
		{"api-version of a word", path + "?api-version=latest", registerBody("dev1", chip), 400, 400000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := c.send("PUT", tt.path, tt.body).expect(t, tt.status, tt.code)
			if got := a.Header.Get("x-ms-error-code"); got != fmt.Sprint(tt.code) {
				t.Errorf("x-ms-error-code = %q, want %d", got, tt.code)
			}
			for _, name := range []string{"trackingId", "message", "timestampUtc"} {
				if a.str(t, name) == "" {
					t.Errorf("the error body has no %s: %s", name, a.body)
				}
			}
		})
	}
}

func TestRegistrationIDsInAnyCase(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	c.enroll("Line7-Box", chip, "")
	a := c.provision("line7-BOX", chip)
	if got := a.str(t, "registrationState", "deviceId"); got != "Line7-Box" {
		t.Errorf("deviceId = %q, want it as enrolled", got)
	}
}

// IoT Edge sends its keys with the first request only.
func TestSecondRequestWithoutKeys(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	c.enroll("dev1", chip, "")
	token := c.challenge("dev1", chip)
	c.send("PUT", c.registerPath("dev1"), `{"registrationId":"dev1","payload":{"a":1}}`, "Authorization", token).expect(t, 202, 0)
}

func TestNonceMemory(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	c.enroll("dev1", chip, "")
	put := func(token string) answer {
		c.Helper()
		return c.send("PUT", c.registerPath("dev1"), registerBody("dev1", chip), "Authorization", token)
	}
	resource := c.srv.IDScope() + "/registrations/dev1"
	token := func() string {
		c.Helper()
		a := c.send("PUT", c.registerPath("dev1"), registerBody("dev1", chip)).expect(t, 401, 0)
		return signed(resource, "registration", chip.mustOpen(t, a.str(t, "authenticationKey")).key, c.clock.Now().Add(24*time.Hour))
	}
	first := token()
	c.clock.move(time.Hour) // the last one does not age
	put(first).expect(t, 202, 0)
	second := token()
	c.clock.move(nonceLifetime - time.Second)
	put(first).expect(t, 202, 0)
	put(second).expect(t, 202, 0)
	c.clock.move(time.Second)
	put(first).expect(t, 401, 401002)
	put(second).expect(t, 202, 0)
	for range 3 * maxNonces {
		token()
	}
	if n := len(c.srv.nonce["dev1"]); n > maxNonces {
		t.Errorf("%d nonces are kept, want at most %d", n, maxNonces)
	}
	put(second).expect(t, 401, 401002)
}

func TestLookUp(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	c.enroll("dev1", chip, "")
	path := "/" + c.srv.IDScope() + "/registrations/dev1"
	c.send("POST", path, registerBody("dev1", chip)).expect(t, 401, 0)
	token := c.challenge("dev1", chip)
	c.send("POST", path, registerBody("dev1", chip), "Authorization", token).expect(t, 404, 404202)
	hubKey := c.hubKey(c.provision("dev1", chip), chip)
	a := c.send("POST", path, registerBody("dev1", chip), "Authorization", c.challenge("dev1", chip)).expect(t, 200, 0)
	if got := a.str(t, "status"); got != "assigned" {
		t.Errorf("status = %q, want assigned", got)
	}
	equal(t, "hub key", chip.mustOpen(t, a.str(t, "tpm", "authenticationKey")).key, hubKey)
}

func TestDisabledLater(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	c.enroll("dev1", chip, "")
	c.provision("dev1", chip)
	c.service("PUT", "/enrollments/dev1", enrollmentBody("dev1", chip, `,"provisioningStatus":"disabled"`), "If-Match", "*").expect(t, 200, 0)
	a := c.send("POST", "/"+c.srv.IDScope()+"/registrations/dev1", registerBody("dev1", chip),
		"Authorization", c.challenge("dev1", chip)).expect(t, 200, 0)
	if _, ok := a.member(t, "tpm"); ok {
		t.Error("a disabled device is given its hub key")
	}
}

func TestRetryAfter(t *testing.T) {
	chip, _ := chips()
	for after, want := range map[time.Duration]string{0: "3", time.Millisecond: "0", 90 * time.Second: "90"} {
		c := start(t, Options{RetryAfter: after})
		c.enroll("dev1", chip, "")
		a := c.send("PUT", c.registerPath("dev1"), registerBody("dev1", chip), "Authorization", c.challenge("dev1", chip)).expect(t, 202, 0)
		if got := a.Header.Get("Retry-After"); got != want {
			t.Errorf("Retry-After with %v = %q, want %q", after, got, want)
		}
	}
}

func TestDisabled(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{AssignDelay: time.Minute})
	c.enroll("dev1", chip, `,"provisioningStatus":"disabled"`)
	token := c.challenge("dev1", chip)
	a := c.send("PUT", c.registerPath("dev1"), registerBody("dev1", chip), "Authorization", token).expect(t, 200, 0)
	if got := a.str(t, "status"); got != "disabled" {
		t.Errorf("status = %q, want disabled", got)
	}
	if got := a.str(t, "registrationState", "status"); got != "disabled" {
		t.Errorf("registrationState.status = %q, want disabled", got)
	}
	if a.str(t, "operationId") == "" {
		t.Error("no operationId")
	}
}

// The members that the C SDK stumbles over, or needs, and the connection it
// wants kept.
func TestChallengeForEveryClient(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	c.enroll("dev1", chip, "")
	a := c.send("PUT", c.registerPath("dev1"), registerBody("dev1", chip)).expect(t, 401, 0)
	if _, ok := a.member(t, "status"); ok {
		t.Error("the challenge has a member status")
	}
	if got := a.str(t, "keyName"); got != "registration" {
		t.Errorf("keyName = %q, want registration", got)
	}
	if got := a.str(t, "message"); got == "" {
		t.Error("no message")
	}
	blob, err := base64.StdEncoding.DecodeString(a.str(t, "authenticationKey"))
	if err != nil {
		t.Fatal(err)
	}
	parts, err := splitCredential(blob)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "attributes and policy of the key", parts[4][4:10], unhex("000404400000"))
	if got := len(chip.mustOpen(t, a.str(t, "authenticationKey")).inner); got != 16 {
		t.Errorf("inner key has %d bytes, want 16", got)
	}
	if got := a.Header.Get("Content-Type"); got != "application/json; charset=utf-8" {
		t.Errorf("Content-Type = %q", got)
	}
}
