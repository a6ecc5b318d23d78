package emulator

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
)

// Each step is a registration with the enrollment changed before it.
func TestReprovisioning(t *testing.T) {
	chip, _ := chips()
	const (
		migrate = `,"reprovisionPolicy":{"updateHubAssignment":true,"migrateDeviceData":true}`
		reset   = `,"reprovisionPolicy":{"updateHubAssignment":true,"migrateDeviceData":false}`
		never   = `,"reprovisionPolicy":{"updateHubAssignment":false,"migrateDeviceData":false}`
	)
	hub := func(name string) string { return fmt.Sprintf(`,"iotHubs":[%q]`, name) }
	type step struct {
		members        string
		hub, substatus string
		sameKey        bool // as in the step before
	}
	tests := map[string][]step{
		"no policy, no change": {
			{hub("a"), "a", "initialAssignment", false},
			{hub("a"), "a", "initialAssignment", true},
		},
		"no policy, other hub": {
			{hub("a"), "a", "initialAssignment", false},
			{hub("b"), "b", "deviceDataMigrated", false},
			{hub("b"), "b", "deviceDataMigrated", true},
		},
		"migrate": {
			{hub("a") + migrate, "a", "initialAssignment", false},
			{hub("b") + migrate, "b", "deviceDataMigrated", false},
			{hub("a") + migrate, "a", "reprovisionedToInitialAssignment", false},
			{hub("a") + migrate, "a", "reprovisionedToInitialAssignment", true},
		},
		"reset": {
			{hub("a") + reset, "a", "initialAssignment", false},
			{hub("a") + reset, "a", "deviceDataReset", false},
			{hub("b") + reset, "b", "deviceDataReset", false},
		},
		"never": {
			{hub("a") + never, "a", "initialAssignment", false},
			{hub("b") + never, "a", "initialAssignment", true},
			{hub("b") + `,"deviceId":"x"` + never, "a", "initialAssignment", true},
			{hub("b") + migrate, "b", "deviceDataMigrated", false},
		},
		"other device ID": {
			{hub("a"), "a", "initialAssignment", false},
			{hub("a") + `,"deviceId":"x"`, "a", "deviceDataMigrated", false},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			c := start(t, Options{})
			var key []byte
			c.enroll("dev1", chip, "")
			for i, s := range steps {
				c.service("PUT", "/enrollments/dev1", enrollmentBody("dev1", chip, s.members), "If-Match", "*").expect(t, 200, 0)
				a := c.provision("dev1", chip)
				if got := a.str(t, "registrationState", "assignedHub"); got != s.hub {
					t.Errorf("step %d: assignedHub = %q, want %q", i, got, s.hub)
				}
				if got := a.str(t, "registrationState", "substatus"); got != s.substatus {
					t.Errorf("step %d: substatus = %q, want %q", i, got, s.substatus)
				}
				got := c.hubKey(a, chip)
				if bytes.Equal(got, key) != s.sameKey {
					t.Errorf("step %d: same hub key: %v, want %v", i, !s.sameKey, s.sameKey)
				}
				key = got
			}
		})
	}
}

// Clients from before reprovision policies stay on their hub.
func TestStickyOldClients(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	register := func(version string) answer {
		t.Helper()
		token := c.challenge("dev1", chip)
		a := c.send("PUT", c.registerPath("dev1")+"?api-version="+version, registerBody("dev1", chip), "Authorization", token).expect(t, 202, 0)
		return c.send("GET", c.operationPath("dev1", a.str(t, "operationId")), "", "Authorization", token).expect(t, 200, 0)
	}
	c.enroll("dev1", chip, `,"iotHubs":["a"]`)
	register("2017-08-31-preview")
	c.service("PUT", "/enrollments/dev1", enrollmentBody("dev1", chip, `,"iotHubs":["b"]`), "If-Match", "*").expect(t, 200, 0)
	if got := register("2018-04-01").str(t, "registrationState", "assignedHub"); got != "a" {
		t.Errorf("assignedHub = %q with 2018-04-01, want a", got)
	}
	if got := register("2019-03-31").str(t, "registrationState", "assignedHub"); got != "b" {
		t.Errorf("assignedHub = %q with 2019-03-31, want b", got)
	}
}

func TestDeletedRegistrationIsNew(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	c.enroll("dev1", chip, `,"reprovisionPolicy":{"updateHubAssignment":true,"migrateDeviceData":false}`)
	first := c.hubKey(c.provision("dev1", chip), chip)
	c.service("DELETE", "/registrations/dev1", "").expect(t, 204, 0)
	a := c.provision("dev1", chip)
	if got := a.str(t, "registrationState", "substatus"); got != "initialAssignment" {
		t.Errorf("substatus = %q, want initialAssignment", got)
	}
	if bytes.Equal(c.hubKey(a, chip), first) {
		t.Error("the hub key survived its registration")
	}
}

// A replaced board must not get the key that the old one knows, and the old one
// is out at once, token or not.
func TestReplacedChip(t *testing.T) {
	chip, other := chips()
	c := start(t, Options{})
	c.enroll("dev1", chip, "")
	old := c.hubKey(c.provision("dev1", chip), chip)
	token := c.challenge("dev1", chip)
	c.service("PUT", "/enrollments/dev1", enrollmentBody("dev1", other, ""), "If-Match", "*").expect(t, 200, 0)
	c.send("PUT", c.registerPath("dev1"), registerBody("dev1", chip), "Authorization", token).expect(t, 400, 400004)
	c.send("PUT", c.registerPath("dev1"), `{"registrationId":"dev1"}`, "Authorization", token).expect(t, 401, 401002)
	c.send("POST", "/"+c.srv.IDScope()+"/registrations/dev1", registerBody("dev1", other),
		"Authorization", c.challenge("dev1", other)).expect(t, 404, 404202)
	if got := c.hubKey(c.provision("dev1", other), other); bytes.Equal(got, old) {
		t.Error("the new chip was given the old chip's key")
	}
}

func TestCustomAllocationFails(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	c.enroll("dev1", chip, `,"allocationPolicy":"custom","customAllocationDefinition":{"webhookUrl":"https://x","apiVersion":"2021-10-01"}`)
	a := c.provision("dev1", chip)
	for name, want := range map[string]string{"status": "failed", "errorCode": "400207", "registrationId": "dev1"} {
		if got := a.str(t, "registrationState", name); got != want {
			t.Errorf("registrationState.%s = %q, want %q", name, got, want)
		}
	}
	if a.str(t, "status") != "failed" || a.str(t, "registrationState", "errorMessage") == "" {
		t.Errorf("answer = %s, want failed with a message", a.body)
	}
	if _, ok := a.member(t, "registrationState", "tpm"); ok {
		t.Error("a failed registration has a key")
	}
}

func TestHubNames(t *testing.T) {
	for _, tt := range []struct{ hub, mqtt, want string }{
		{"", "", "localhost"},
		{"", "127.0.0.1:0", "localhost:PORT"},
		{"hub.example", "127.0.0.1:0", "hub.example"},
	} {
		srv := start(t, Options{Hub: tt.hub, MQTT: tt.mqtt}).srv
		want := tt.want
		if srv.hub.Addr() != nil {
			_, port, _ := net.SplitHostPort(srv.hub.Addr().String())
			want = strings.ReplaceAll(want, "PORT", port)
		}
		if got := srv.Hub(); got != want {
			t.Errorf("hub of %+v = %q, want %q", tt, got, want)
		}
	}
}

func TestPublicName(t *testing.T) {
	for _, tt := range []struct {
		addr string
		port int
		want string
	}{
		{"127.0.0.1:8883", 8883, "localhost"},
		{"[::]:0", 8884, "localhost:8884"},
		{":8883", 8883, "localhost"},
		{"192.0.2.7:8883", 8883, "192.0.2.7"},
		{"bench.example:0", 8884, "bench.example:8884"},
	} {
		if got := publicName(tt.addr, &net.TCPAddr{Port: tt.port}, "8883"); got != tt.want {
			t.Errorf("publicName(%q) on port %d = %q, want %q", tt.addr, tt.port, got, tt.want)
		}
	}
}
