package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/gorilla/websocket"

	"tpmdps/internal/emulator/hub/hubtest"
)

func TestTwin(t *testing.T) {
	c := start(t, nil)
	for name, dial := range map[string]func() hubtest.Line{
		"MQTT":                      c.dial,
		"WebSocket on the hub":      func() hubtest.Line { return c.dialWebSocket(c.name) },
		"WebSocket on another port": func() hubtest.Line { return c.dialWebSocket(c.web.Listener.Addr().String()) },
	} {
		t.Run(name, func(t *testing.T) {
			c.T = t
			c.devices["dev1"].Twin = NewTwin(map[string]json.RawMessage{"line": json.RawMessage("7"), "off": json.RawMessage("null")},
				map[string]json.RawMessage{"speed": json.RawMessage(`{"max":0.12345678901234567890,"min":null}`)})
			l := dial().MustConnect(c.connect())
			if got := l.Subscribe("$iothub/twin/res/#", 0); got != 0 {
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
				if got := l.Ask(step.topic, step.payload); got != step.want {
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
				if got := l.Ask("$iothub/twin/PATCH/properties/reported/?$rid=5", bad.patch); !strings.HasPrefix(got, want) {
					t.Errorf("patch %.40s = %.80s, want %s", bad.patch, got, want)
				}
			}
			d := c.devices["dev1"].Twin
			if tags, err := json.Marshal(d.Tags); err != nil || string(tags) != `{"line":7}` {
				t.Errorf("tags = %s, %v", tags, err)
			}
			if reported, err := json.Marshal(d.forDevice()); err != nil || !strings.Contains(string(reported), `"e":{}`) {
				t.Errorf("twin = %s, %v", reported, err)
			}
		})
	}
}

// A device that has not subscribed to answers hears none; the next one it does.
func TestAnswersSubscribersOnly(t *testing.T) {
	c := start(t, nil)
	l := c.dial().MustConnect(c.connect())
	l.Publish("$iothub/twin/GET/?$rid=1", "", 0)
	l.Subscribe("$iothub/twin/res/#", 0)
	if got := l.Ask("$iothub/twin/GET/?$rid=2", ""); !strings.HasPrefix(got, "$iothub/twin/res/200/?$rid=2 ") {
		t.Errorf("answer = %s, want the second one", got)
	}
}

func TestRefuses(t *testing.T) {
	c := start(t, nil)
	tests := []struct {
		name string
		bend func(*packets.ConnectPacket)
		code byte
	}{
		{"as it should be", func(*packets.ConnectPacket) {}, 0},
		{"older user name", func(p *packets.ConnectPacket) { p.Username = c.name + "/dev1/api-version=2016-11-14" }, 0},
		{"hub without port", func(p *packets.ConnectPacket) { p.Username = "127.0.0.1/dev1/?api-version=2021-04-12" }, 0},
		{"MQTT 3.1", func(p *packets.ConnectPacket) { p.ProtocolName, p.ProtocolVersion = "MQIsdp", 3 }, 1},
		{"client ID", func(p *packets.ConnectPacket) { p.ClientIdentifier = "dev2" }, 2},
		{"no user name", func(p *packets.ConnectPacket) { p.Username = "" }, 4},
		{"no api-version", func(p *packets.ConnectPacket) { p.Username = c.name + "/dev1/" }, 4},
		{"device only", func(p *packets.ConnectPacket) { p.Username = "dev1" }, 4},
		{"a module", func(p *packets.ConnectPacket) { p.Username = c.name + "/dev1/edgeAgent/?api-version=2021-04-12" }, 4},
		{"another hub", func(p *packets.ConnectPacket) { p.Username = "other.azure-devices.net/dev1/?api-version=2021-04-12" }, 5},
		{"unknown device", func(p *packets.ConnectPacket) {
			p.ClientIdentifier, p.Username = "dev2", c.name+"/dev2/?api-version=2021-04-12"
		}, 5},
		{"no token", func(p *packets.ConnectPacket) { p.Password = []byte("secret") }, 5},
		{"token with a policy", func(p *packets.ConnectPacket) { p.Password = append(p.Password, "&skn=device"...) }, 5},
		{"broken token", func(p *packets.ConnectPacket) { p.Password = p.Password[:40] }, 5},
		{"wrong key", func(p *packets.ConnectPacket) {
			p.Password = []byte(c.token(&Device{Hub: c.name, ID: "dev1", Key: make([]byte, 32)}))
		}, 5},
		{"for another device", func(p *packets.ConnectPacket) {
			p.Password = []byte(c.token(&Device{Hub: c.name, ID: "dev", Key: c.devices["dev1"].Key}))
		}, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.T = t
			p := c.connect()
			tt.bend(p)
			l := c.dial()
			if got := l.Connack(p); got != tt.code {
				t.Errorf("CONNACK %d, want %d", got, tt.code)
			}
			if tt.code != 0 {
				l.Ended(tt.name)
			}
		})
	}
}

// Tokens are good for five minutes beyond their end.
func TestTokenExpires(t *testing.T) {
	c := start(t, nil)
	p := c.connect()
	c.move(time.Hour + 5*time.Minute)
	c.dial().MustConnect(p)
	c.move(time.Second)
	if got := c.dial().Connack(p); got != 5 {
		t.Errorf("CONNACK %d, want 5", got)
	}
}

func TestTopics(t *testing.T) {
	c := start(t, nil)
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
		if got := c.dial().MustConnect(c.connect()).Subscribe(filter, 2); got != want {
			t.Errorf("SUBACK for %s = %#x, want %#x", filter, got, want)
		}
	}
	for _, topic := range []string{"devices/dev1/messages/events/", "devices/dev1/messages/events", "devices/dev1/messages/events/a=b", "$iothub/methods/res/200/?$rid=1"} {
		l := c.dial().MustConnect(c.connect())
		l.Publish(topic, "x", 1)
		if got := hubtest.Next[*packets.PubackPacket](l).MessageID; got != 9 {
			t.Errorf("PUBACK of %s for message %d, want 9", topic, got)
		}
	}
	for _, topic := range []string{"devices/dev2/messages/events/", "devices/dev1/messages/devicebound/", "devices/dev10/messages/events/", "x", "$iothub/twin/res/200/"} {
		for qos := range byte(2) {
			l := c.dial().MustConnect(c.connect())
			l.Publish(topic, "x", qos)
			l.Ended(topic)
		}
	}
	l := c.dial().MustConnect(c.connect())
	l.Publish("devices/dev1/messages/events/", "x", 2)
	l.Ended("QoS 2")
	if _, messages := c.srv.Traffic("dev1"); messages != 3 {
		t.Errorf("%d messages were counted, want 3", messages)
	}
}

// The second connection ends the first, whichever way they came.
func TestOneConnection(t *testing.T) {
	c := start(t, nil)
	first := c.dialWebSocket(c.name).MustConnect(c.connect())
	first.Send(packets.NewControlPacket(packets.Pingreq)) // it is counted when it was answered
	hubtest.Next[*packets.PingrespPacket](first)
	second := c.dial().MustConnect(c.connect())
	first.Ended("the first connection")
	second.Send(packets.NewControlPacket(packets.Pingreq))
	hubtest.Next[*packets.PingrespPacket](second)
	p := c.connect()
	p.Password = []byte("SharedAccessSignature no")
	if got := c.dial().Connack(p); got != 5 {
		t.Errorf("CONNACK %d, want 5", got)
	}
	second.Send(packets.NewControlPacket(packets.Pingreq)) // who is refused ends nothing
	hubtest.Next[*packets.PingrespPacket](second)
	if connections, _ := c.srv.Traffic("dev1"); connections != 2 {
		t.Errorf("%d connections were counted, want 2", connections)
	}
}

// A WebSocket has to be one for MQTT, and what is not one is refused.
func TestWebSocketNeedsSubprotocol(t *testing.T) {
	c := start(t, nil)
	if status, _, body := c.send(c.name, "GET", "/$iothub/websocket", ""); status != 400 || !strings.Contains(body, "Bad Request") {
		t.Errorf("no WebSocket: %d %s", status, body)
	}
	d := websocket.Dialer{TLSClientConfig: c.tls()}
	ws, _, err := d.DialContext(t.Context(), "wss://"+c.name+"/$iothub/websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if _, _, err := ws.ReadMessage(); err == nil {
		t.Error("a WebSocket without subprotocol stays open")
	}
	d.Subprotocols = []string{"mqtt"}
	if ws, _, err = d.DialContext(t.Context(), "wss://"+c.name+"/$iothub/websocket", nil); err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if err := ws.WriteMessage(websocket.TextMessage, []byte("text")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.ReadMessage(); err == nil {
		t.Error("a WebSocket with text in it stays open")
	}
}

// Whatever state a client is in, it does not keep the hub from closing: none
// of these would end by itself before the test is given up.
func TestCloses(t *testing.T) {
	c := start(t, nil)
	silent := c.dial()
	half := c.dial()
	half.Write([]byte{mqttConnect, 100})
	open := c.dial().MustConnect(c.connect())
	ws := c.dialWebSocket(c.web.Listener.Addr().String())
	if err := c.srv.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	for name, l := range map[string]hubtest.Line{"silent": silent, "half": half, "open": open, "WebSocket": ws} {
		l.Ended(name)
	}
}

// A hub that does not listen refuses everybody, and has nothing to close.
func TestNoHub(t *testing.T) {
	c := start(t, nil)
	c.srv = New(c.srv.opts)
	addr := c.web.Listener.Addr().String()
	if status, _, body := c.send(addr, "GET", "/$iothub/websocket", ""); status != 404 || !strings.Contains(body, `"errorCode":404000`) {
		t.Errorf("WebSocket: %d %s", status, body)
	}
	if status, code, _ := c.send(addr, "GET", "/devices/dev1/messages/devicebound", ""); status != 401 || code != "IotHubUnauthorizedAccess" {
		t.Errorf("HTTPS: %d %s", status, code)
	}
	if got := c.srv.Addr(); got != nil {
		t.Errorf("Addr() = %v, want nil", got)
	}
	if err := c.srv.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

// Faults that a hub can be made with.
func TestOptions(t *testing.T) {
	c := start(t, func(o *Options) { o.RefuseTokens = true })
	if got := c.dial().Connack(c.connect()); got != packets.ErrRefusedNotAuthorised {
		t.Errorf("CONNACK %d, want 5", got)
	}
	if status, code, _ := c.send(c.name, "GET", "/devices/dev1/modules", ""); status != 401 || code != "IotHubUnauthorizedAccess" {
		t.Errorf("HTTPS: %d %s", status, code)
	}
	c = start(t, func(o *Options) { o.Drop = true })
	c.dial().MustConnect(c.connect()).Ended("after the CONNACK")
	c = start(t, func(o *Options) { o.Patience = time.Nanosecond })
	silent, err := net.Dial("tcp", c.name)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	silent.SetDeadline(time.Now().Add(hubtest.HangLimit))
	if _, err := io.ReadAll(silent); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a silent connection stays open")
	}
	if got := New(Options{}).opts.Patience; got != 30*time.Second {
		t.Errorf("patience = %v, want 30 s", got)
	}
}

// A change that could not be kept is an error, and so is a device that has gone.
func TestTwinIsNotKept(t *testing.T) {
	c := start(t, nil)
	l := c.dial().MustConnect(c.connect())
	l.Subscribe("$iothub/twin/res/#", 0)
	const report = "$iothub/twin/PATCH/properties/reported/?$rid=1"
	if l.Ask(report, `{"n":1}`); c.kept != 1 {
		t.Errorf("%d changes were kept, want 1", c.kept)
	}
	if l.Ask("$iothub/twin/GET/?$rid=1", ""); c.kept != 1 {
		t.Errorf("%d changes were kept after a reading, want 1", c.kept)
	}
	c.mu.Lock()
	c.saved = errors.New("the disk is full")
	c.mu.Unlock()
	if got := l.Ask(report, `{"n":2}`); !strings.Contains(got, "/500/") || !strings.Contains(got, "the disk is full") {
		t.Errorf("answer = %s, want 500", got)
	}
	c.mu.Lock()
	delete(c.devices, "dev1")
	c.mu.Unlock()
	if got := l.Ask(report, `{"n":3}`); !strings.Contains(got, "/404/") || !strings.Contains(got, `"errorCode":404000`) {
		t.Errorf("answer = %s, want 404", got)
	}
}
