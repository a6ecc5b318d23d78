package emulator

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/gorilla/websocket"
)

const twinMembers = `,"initialTwin":{"tags":{"line":7},"properties":{"desired":{"speed":{"max":0.12345678901234567890}}}}`

// The two transports, on the ports where they are.
func lines(c *client) map[string]func() line {
	return map[string]func() line{
		"MQTT":                       c.dial,
		"WebSocket on the hub":       func() line { return c.dialWebSocket(c.srv.Hub()) },
		"WebSocket on the DPS' port": func() line { return c.dialWebSocket(c.srv.Host()) },
	}
}

func TestHubTwin(t *testing.T) {
	c, reg := onHub(t, Options{}, twinMembers)
	for name, dial := range lines(c) {
		t.Run(name, func(t *testing.T) {
			c.T = t
			reg.Twin = newTwin(&initialTwin{})
			reg.Twin = newTwin(c.srv.state.enrollments["dev1"].InitialTwin)
			l := dial().mustConnect(c.connect(reg))
			if got := l.subscribe("$iothub/twin/res/#", 0); got != 0 {
				t.Fatalf("SUBACK %d, want 0", got)
			}
			for _, step := range []struct{ topic, payload, want string }{
				{"$iothub/twin/GET/?$rid=1", "",
					`$iothub/twin/res/200/?$rid=1 {"desired":{"$version":1,"speed":{"max":0.12345678901234567890}},"reported":{"$version":1}}`},
				{"$iothub/twin/PATCH/properties/reported/?$rid=a-b", `{"a":{"b":1,"c":2},"d":[1,{"f":[]}]}`,
					`$iothub/twin/res/204/?$rid=a-b&$version=2 `},
				{"$iothub/twin/PATCH/properties/reported/?$rid=3", `{"a":{"b":null,"e":{}}}`,
					`$iothub/twin/res/204/?$rid=3&$version=3 `},
				{"$iothub/twin/GET/?$rid=4", "",
					`$iothub/twin/res/200/?$rid=4 {"desired":{"$version":1,"speed":{"max":0.12345678901234567890}},"reported":{"$version":3,"a":{"c":2,"e":{}},"d":[1,{"f":[]}]}}`},
			} {
				if got := l.ask(step.topic, step.payload); got != step.want {
					t.Errorf("%s %s = %s, want %s", step.topic, step.payload, got, step.want)
				}
			}
			text := `"` + strings.Repeat("x", 4096) + `"`
			for _, bad := range []struct {
				patch string
				code  int
			}{
				{``, 400000}, {`[]`, 400000}, {`null`, 400000},
				{`{"a.b":1}`, 400004}, {`{"a":{"$x":1}}`, 400004}, {`{"d":[1,null]}`, 400004}, {`{"n":9007199254740993}`, 400004}, {`{"a":1,"a":2}`, 400004},
				{`{"a":` + text + `,"b":` + text + `,"c":` + text + `,"d":` + text + `,"e":` + text + `,"f":` + text + `,"g":` + text + `,"h":` + text + `}`, 400004},
				{strings.Repeat(`{"a":`, 11) + `{}` + strings.Repeat(`}`, 11), 400004},
			} {
				want := fmt.Sprintf(`$iothub/twin/res/400/?$rid=5 {"errorCode":%d,`, bad.code)
				if got := l.ask("$iothub/twin/PATCH/properties/reported/?$rid=5", bad.patch); !strings.HasPrefix(got, want) {
					t.Errorf("patch %.40s = %.80s, want %s", bad.patch, got, want)
				}
			}
			d, ok := c.srv.HubDevice("dev1")
			if !ok || string(d.Tags) != `{"line":7}` || !strings.Contains(string(d.Twin), `"e":{}`) {
				t.Errorf("HubDevice() = %+v, %v", d, ok)
			}
		})
	}
}

// A device that has not subscribed to answers hears none; the next one it does.
func TestHubAnswersSubscribersOnly(t *testing.T) {
	c, reg := onHub(t, Options{}, "")
	l := c.dial().mustConnect(c.connect(reg))
	l.publish("$iothub/twin/GET/?$rid=1", "", 0)
	l.subscribe("$iothub/twin/res/#", 0)
	if got := l.ask("$iothub/twin/GET/?$rid=2", ""); !strings.HasPrefix(got, "$iothub/twin/res/200/?$rid=2 ") {
		t.Errorf("answer = %s, want the second one", got)
	}
}

func TestHubRefuses(t *testing.T) {
	c, reg := onHub(t, Options{}, "")
	tests := []struct {
		name string
		bend func(*packets.ConnectPacket)
		code byte
	}{
		{"as it should be", func(*packets.ConnectPacket) {}, 0},
		{"older user name", func(p *packets.ConnectPacket) { p.Username = reg.Hub + "/dev1/api-version=2016-11-14" }, 0},
		{"hub without port", func(p *packets.ConnectPacket) { p.Username = "LOCALHOST/dev1/?api-version=2021-04-12" }, 0},
		{"MQTT 3.1", func(p *packets.ConnectPacket) { p.ProtocolName, p.ProtocolVersion = "MQIsdp", 3 }, 1},
		{"client ID", func(p *packets.ConnectPacket) { p.ClientIdentifier = "dev2" }, 2},
		{"no user name", func(p *packets.ConnectPacket) { p.Username = "" }, 4},
		{"no api-version", func(p *packets.ConnectPacket) { p.Username = reg.Hub + "/dev1/" }, 4},
		{"device only", func(p *packets.ConnectPacket) { p.Username = "dev1" }, 4},
		{"a module", func(p *packets.ConnectPacket) { p.Username = reg.Hub + "/dev1/edgeAgent/?api-version=2021-04-12" }, 4},
		{"another hub", func(p *packets.ConnectPacket) { p.Username = "other.azure-devices.net/dev1/?api-version=2021-04-12" }, 5},
		{"unknown device", func(p *packets.ConnectPacket) {
			p.ClientIdentifier, p.Username = "dev2", reg.Hub+"/dev2/?api-version=2021-04-12"
		}, 5},
		{"no token", func(p *packets.ConnectPacket) { p.Password = []byte("secret") }, 5},
		{"token with a policy", func(p *packets.ConnectPacket) { p.Password = append(p.Password, "&skn=device"...) }, 5},
		{"broken token", func(p *packets.ConnectPacket) { p.Password = p.Password[:40] }, 5},
		{"wrong key", func(p *packets.ConnectPacket) {
			p.Password = []byte(c.hubToken(&registration{Hub: reg.Hub, DeviceID: "dev1", HubKey: make([]byte, 32)}))
		}, 5},
		{"for another device", func(p *packets.ConnectPacket) {
			p.Password = []byte(c.hubToken(&registration{Hub: reg.Hub, DeviceID: "dev", HubKey: reg.HubKey}))
		}, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.T = t
			p := c.connect(reg)
			tt.bend(p)
			l := c.dial()
			if got := l.connack(p); got != tt.code {
				t.Errorf("CONNACK %d, want %d", got, tt.code)
			}
			if tt.code != 0 {
				l.ended(tt.name)
			}
		})
	}
}

// Tokens are good for five minutes beyond their end.
func TestHubTokenExpires(t *testing.T) {
	c, reg := onHub(t, Options{}, "")
	p := c.connect(reg)
	c.clock.move(time.Hour + 5*time.Minute)
	c.dial().mustConnect(p)
	c.clock.move(time.Second)
	if got := c.dial().connack(p); got != 5 {
		t.Errorf("CONNACK %d, want 5", got)
	}
}

func TestHubTopics(t *testing.T) {
	c, reg := onHub(t, Options{}, "")
	for filter, want := range map[string]byte{
		"$iothub/twin/res/#":                      1,
		"$iothub/twin/PATCH/properties/desired/#": 1,
		"$iothub/methods/POST/#":                  1,
		"devices/dev1/messages/devicebound/#":     1,
		"devices/dev2/messages/devicebound/#":     0x80,
		"devices/+/messages/events/#":             0x80,
		"$SYS/#":                                  0x80,
		"#":                                       0x80,
	} {
		if got := c.dial().mustConnect(c.connect(reg)).subscribe(filter, 2); got != want {
			t.Errorf("SUBACK for %s = %#x, want %#x", filter, got, want)
		}
	}
	for _, topic := range []string{"devices/dev1/messages/events/", "devices/dev1/messages/events", "devices/dev1/messages/events/a=b", "$iothub/methods/res/200/?$rid=1"} {
		l := c.dial().mustConnect(c.connect(reg))
		l.publish(topic, "x", 1)
		if got := next[*packets.PubackPacket](l).MessageID; got != 9 {
			t.Errorf("PUBACK of %s for message %d, want 9", topic, got)
		}
	}
	for _, topic := range []string{"devices/dev2/messages/events/", "devices/dev1/messages/devicebound/", "devices/dev10/messages/events/", "x", "$iothub/twin/res/200/"} {
		for qos := range byte(2) {
			l := c.dial().mustConnect(c.connect(reg))
			l.publish(topic, "x", qos)
			l.ended(topic)
		}
	}
	l := c.dial().mustConnect(c.connect(reg))
	l.publish("devices/dev1/messages/events/", "x", 2)
	l.ended("QoS 2")
	if d, _ := c.srv.HubDevice("dev1"); d.Messages != 3 {
		t.Errorf("%d messages were counted, want 3", d.Messages)
	}
}

// The second connection ends the first, whichever way they came.
func TestHubOneConnection(t *testing.T) {
	c, reg := onHub(t, Options{}, "")
	first := c.dialWebSocket(c.srv.Hub()).mustConnect(c.connect(reg))
	second := c.dial().mustConnect(c.connect(reg))
	first.ended("the first connection")
	second.send(packets.NewControlPacket(packets.Pingreq))
	next[*packets.PingrespPacket](second)
	p := c.connect(reg)
	p.Password = []byte("SharedAccessSignature no")
	if got := c.dial().connack(p); got != 5 {
		t.Errorf("CONNACK %d, want 5", got)
	}
	second.send(packets.NewControlPacket(packets.Pingreq)) // who is refused ends nothing
	next[*packets.PingrespPacket](second)
	if d, _ := c.srv.HubDevice("dev1"); d.Connections != 2 {
		t.Errorf("%d connections were counted, want 2", d.Connections)
	}
}

// The twin lives as long as the device stays, and longer than the emulator.
func TestTwinLives(t *testing.T) {
	chip, _ := chips()
	o := Options{StateFile: t.TempDir() + "/state.json", Hub: "localhost"}
	c, reg := onHub(t, o, twinMembers)
	report := func(c *client, reg *registration) {
		t.Helper()
		l := c.dial().mustConnect(c.connect(reg))
		l.subscribe("$iothub/twin/res/#", 0)
		if got := l.ask("$iothub/twin/PATCH/properties/reported/?$rid=1", `{"n":1}`); !strings.Contains(got, "/204/") {
			t.Fatalf("answer = %s, want 204", got)
		}
	}
	report(c, reg)
	if err := c.srv.Close(); err != nil {
		t.Fatal(err)
	}
	o.MQTT = "127.0.0.1:0"
	c = start(t, o)
	version := func() int { return c.srv.state.registrations["dev1"].Twin.Reported.Version }
	if got := version(); got != 2 {
		t.Errorf("version after a restart = %d, want 2", got)
	}
	report(c, c.srv.state.registrations["dev1"])
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
	half.Write([]byte{mqttConnect, 100})
	open := c.dial().mustConnect(c.connect(reg))
	ws := c.dialWebSocket(c.srv.Host())
	if err := c.srv.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	for name, l := range map[string]line{"silent": silent, "half": half, "open": open, "WebSocket": ws} {
		l.ended(name)
	}
}
