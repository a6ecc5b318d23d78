package hub

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// broker makes the rules of an IoT hub on an MQTT broker that others wrote.
type broker struct {
	mqtt.HookBase
	server  *mqtt.Server
	version int // of the reported properties
}

func newBroker(t *testing.T) *broker {
	t.Helper()
	b := &broker{server: mqtt.New(&mqtt.Options{Logger: slog.New(slog.DiscardHandler)}), version: 1}
	if err := b.server.AddHook(b, nil); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *broker) Provides(event byte) bool {
	return event == mqtt.OnConnectAuthenticate || event == mqtt.OnACLCheck || event == mqtt.OnPublish
}

func (b *broker) OnConnectAuthenticate(cl *mqtt.Client, pk packets.Packet) bool {
	return string(pk.Connect.Password) == "SharedAccessSignature sr=127.0.0.1/devices/"+cl.ID+"&sig="+secret
}

func (b *broker) OnACLCheck(*mqtt.Client, string, bool) bool { return true }

// OnPublish answers as IoT Hub does, and passes the message to nobody.
func (b *broker) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	verb, id, _ := strings.Cut(pk.TopicName, "?$rid=")
	topic, body := "$iothub/twin/res/400/?$rid="+id, ""
	switch verb {
	case "$iothub/twin/GET/":
		topic = "$iothub/twin/res/200/?$rid=" + id
		body = fmt.Sprintf(`{"desired":{"$version":1,"on":true},"reported":{"$version":%d}}`, b.version)
	case "$iothub/twin/PATCH/properties/reported/":
		b.version++
		topic = fmt.Sprintf("$iothub/twin/res/204/?$rid=%s&$version=%d", id, b.version)
	}
	err := cl.WritePacket(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish}, TopicName: topic, Payload: []byte(body)})
	return pk, errors.Join(err, packets.CodeSuccessIgnore)
}

func TestSessionWithABroker(t *testing.T) {
	for _, transport := range []string{MQTT, MQTTWebSocket} {
		t.Run(transport, func(t *testing.T) {
			b := newBroker(t)
			serve := func(conn net.Conn) { b.server.EstablishConnection("hub", conn) }
			if transport == MQTTWebSocket {
				serve = upgraded(serve)
			}
			o, log := options(t, listen(t, serve))
			o.Transport = transport
			s, err := open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			version, err := s.Report(t.Context(), map[string]any{"a": 1})
			if err != nil || version != 2 {
				t.Errorf("Report() = %d, %v, want 2", version, err)
			}
			twin, err := s.Twin(t.Context())
			if err != nil || twin.DesiredVersion != 1 || twin.ReportedVersion != 2 || string(twin.Desired["on"]) != "true" || len(twin.Desired) != 1 {
				t.Errorf("Twin() = %v, %v", twin, err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("Close() = %v", err)
			}
			o.Token = func(string, time.Time) (string, error) { return "SharedAccessSignature sig=" + secret, nil }
			if _, err = open(t.Context(), o); !errors.Is(err, ErrUnauthorized) {
				t.Errorf("Connect() with another token = %v, want ErrUnauthorized", err)
			}
			mute(t, err, log)
		})
	}
}
