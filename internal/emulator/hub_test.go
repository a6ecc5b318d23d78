package emulator

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/gorilla/websocket"

	"tpmdps/internal/emulator/hub/hubtest"
)

const twinMembers = `,"initialTwin":{"tags":{"line":7},"properties":{"desired":{"speed":{"max":0.12345678901234567890}}}}`

// In tests the hub is patient for longer than hangLimit: a connection that ends
// was ended by what the test did, and not by the clock.
func init() { hubPatience = time.Hour }

// onHub provisions a device and returns its registration.
func onHub(t *testing.T, o Options, members string) (*client, *registration) {
	t.Helper()
	chip, _ := chips()
	o.MQTT = "127.0.0.1:0"
	c := start(t, o)
	c.enroll("dev1", chip, members)
	c.provision("dev1", chip)
	return c, c.srv.state.registrations.get("dev1")
}

// dial opens a TLS connection to the hub.
func (c *client) dial() hubtest.Line {
	c.Helper()
	return hubtest.Dial(c.T, c.srv.hub.Addr().String(), &tls.Config{RootCAs: c.srv.Roots(), ServerName: "localhost"})
}

// dialWebSocket opens a WebSocket at host:port.
func (c *client) dialWebSocket(addr string) hubtest.Line {
	c.Helper()
	return hubtest.DialWebSocket(c.T, addr, &tls.Config{RootCAs: c.srv.Roots()})
}

// hubToken signs as a device does.
func (c *client) hubToken(reg *registration) string {
	return hubtest.Token(reg.Hub, reg.DeviceID, reg.HubKey, c.clock.Now().Add(time.Hour))
}

// connect is the CONNECT of a device that does all as it should.
func (c *client) connect(reg *registration) *packets.ConnectPacket {
	return hubtest.Connect(reg.Hub, reg.DeviceID, c.hubToken(reg))
}

// The two transports, on the ports where they are.
func lines(c *client) map[string]func() hubtest.Line {
	return map[string]func() hubtest.Line{
		"MQTT":                       c.dial,
		"WebSocket on the hub":       func() hubtest.Line { return c.dialWebSocket(c.srv.Hub()) },
		"WebSocket on the DPS' port": func() hubtest.Line { return c.dialWebSocket(c.srv.Host()) },
	}
}

// A provisioned device meets its twin, whichever way it comes.
func TestHub(t *testing.T) {
	c, reg := onHub(t, Options{}, twinMembers)
	for name, dial := range lines(c) {
		t.Run(name, func(t *testing.T) {
			c.T = t
			reg.Twin = c.srv.state.enrollments.get("dev1").InitialTwin.twin()
			l := dial().MustConnect(c.connect(reg))
			if got := l.Subscribe("$iothub/twin/res/#", 0); got != 0 {
				t.Fatalf("SUBACK %d, want 0", got)
			}
			for _, step := range []struct{ topic, payload, want string }{
				{"$iothub/twin/PATCH/properties/reported/?$rid=1", `{"a":{"b":1}}`, `$iothub/twin/res/204/?$rid=1&$version=2 `},
				{"$iothub/twin/GET/?$rid=2", "",
					`$iothub/twin/res/200/?$rid=2 {"desired":{"$version":1,"speed":{"max":0.12345678901234567890}},"reported":{"$version":2,"a":{"b":1}}}`},
			} {
				if got := l.Ask(step.topic, step.payload); got != step.want {
					t.Errorf("%s %s = %s, want %s", step.topic, step.payload, got, step.want)
				}
			}
			if tags, err := json.Marshal(reg.Twin.Tags); err != nil || string(tags) != `{"line":7}` {
				t.Errorf("tags = %s, %v", tags, err)
			}
		})
	}
	if connections, messages := c.srv.hub.Traffic("dev1"); connections != 3 || messages != 0 {
		t.Errorf("%d connections and %d messages were counted, want 3 and 0", connections, messages)
	}
	for user, want := range map[string]byte{ // the hub's name is compared without case and port
		"LOCALHOST/dev1": packets.Accepted, reg.Hub + "/dev1": packets.Accepted, "localhost:1/dev1": packets.Accepted,
		"other.azure-devices.net/dev1": packets.ErrRefusedNotAuthorised, "localhost/dev2": packets.ErrRefusedNotAuthorised,
	} {
		p := c.connect(reg)
		_, p.ClientIdentifier, _ = strings.Cut(user, "/")
		p.Username = user + "/?api-version=2021-04-12"
		if got := c.dial().Connack(p); got != want {
			t.Errorf("CONNACK %d for %s, want %d", got, user, want)
		}
	}
}

// The twin lives as long as the device stays, and longer than the emulator.
func TestTwinLives(t *testing.T) {
	chip, _ := chips()
	o := Options{StateFile: t.TempDir() + "/state.json", Hub: "localhost"}
	c, reg := onHub(t, o, twinMembers)
	report := func(c *client, reg *registration) {
		t.Helper()
		l := c.dial().MustConnect(c.connect(reg))
		l.Subscribe("$iothub/twin/res/#", 0)
		if got := l.Ask("$iothub/twin/PATCH/properties/reported/?$rid=1", `{"n":1}`); !strings.Contains(got, "/204/") {
			t.Fatalf("answer = %s, want 204", got)
		}
	}
	report(c, reg)
	if err := c.srv.Close(); err != nil {
		t.Fatal(err)
	}
	o.MQTT = "127.0.0.1:0"
	c = start(t, o)
	version := func() int { return c.srv.state.registrations.get("dev1").Twin.Reported.Version }
	if got := version(); got != 2 {
		t.Errorf("version after a restart = %d, want 2", got)
	}
	report(c, c.srv.state.registrations.get("dev1"))
	c.provision("dev1", chip)
	if got := version(); got != 3 {
		t.Errorf("version after a registration = %d, want 3", got)
	}
	const reset = `,"reprovisionPolicy":{"updateHubAssignment":true,"migrateDeviceData":false}`
	c.service("PUT", "/enrollments/dev1", enrollmentBody("dev1", chip, twinMembers+reset), "If-Match", "*").expect(t, 200, 0)
	c.provision("dev1", chip)
	if got := version(); got != 1 {
		t.Errorf("version after a reset = %d, want 1", got)
	}
}

func TestHubHTTPS(t *testing.T) {
	c, reg := onHub(t, Options{}, "")
	get := func(base, device, token string) answer {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+base+"/devices/"+device+"/messages/devicebound?api-version=2020-03-13", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", token)
		resp, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body bytes.Buffer
		body.ReadFrom(resp.Body)
		return answer{resp, body.Bytes()}
	}
	for _, base := range []string{c.srv.Hub(), c.srv.Host()} {
		get(base, "dev1", c.hubToken(reg)).expect(t, 204, 0)
		a := get(base, "dev2", c.hubToken(reg)).expect(t, 401, 0)
		if got := a.str(t, "Message"); got != "ErrorCode:IotHubUnauthorizedAccess;Unauthorized" {
			t.Errorf("Message = %q", got)
		}
		get(base, "dev1", "").expect(t, 401, 0)
	}
}

func TestHubWebSocketNeedsSubprotocol(t *testing.T) {
	c, _ := onHub(t, Options{}, "")
	a := c.send("GET", "/$iothub/websocket", "").expect(t, 400, 0)
	if !bytes.Contains(a.body, []byte("Bad Request")) {
		t.Errorf("answer = %s", a.body)
	}
	d := websocket.Dialer{TLSClientConfig: c.http.Transport.(*http.Transport).TLSClientConfig}
	ws, _, err := d.DialContext(t.Context(), "wss://"+c.srv.Hub()+"/$iothub/websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if _, _, err := ws.ReadMessage(); err == nil {
		t.Error("a WebSocket without subprotocol stays open")
	}
}

func TestNoHub(t *testing.T) {
	c := start(t, Options{})
	c.send("GET", "/$iothub/websocket", "").expect(t, 404, 404000)
	c.send("GET", "/devices/dev1/messages/devicebound", "").expect(t, 401, 0)
}

// Whatever state a client is in, it does not keep the server from closing: none
// of these would end by itself before the test is given up.
func TestHubCloses(t *testing.T) {
	c, reg := onHub(t, Options{}, "")
	silent := c.dial()
	half := c.dial()
	half.Write([]byte{0x10, 100})
	open := c.dial().MustConnect(c.connect(reg))
	ws := c.dialWebSocket(c.srv.Host())
	if err := c.srv.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	for name, l := range map[string]hubtest.Line{"silent": silent, "half": half, "open": open, "WebSocket": ws} {
		l.Ended(name)
	}
}
