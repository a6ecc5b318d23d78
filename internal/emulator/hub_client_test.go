package emulator

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/gorilla/websocket"
)

// line is an MQTT connection, a packet at a time.
type line struct {
	*testing.T
	net.Conn
}

// onHub provisions a device and returns its registration.
func onHub(t *testing.T, o Options, members string) (*client, *registration) {
	t.Helper()
	chip, _ := chips()
	o.MQTT = "127.0.0.1:0"
	c := start(t, o)
	c.enroll("dev1", chip, members)
	c.provision("dev1", chip)
	return c, c.srv.state.registrations["dev1"]
}

// dial opens a TLS connection to the hub.
func (c *client) dial() line {
	c.Helper()
	conn, err := tls.Dial("tcp", c.srv.hub.listener.Addr().String(), &tls.Config{RootCAs: c.srv.Roots(), ServerName: "localhost"})
	if err != nil {
		c.Fatal(err)
	}
	return c.line(conn)
}

// dialWebSocket opens a WebSocket at host:port.
func (c *client) dialWebSocket(addr string) line {
	c.Helper()
	d := websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: c.srv.Roots()}, Subprotocols: []string{"mqtt"}}
	ws, resp, err := d.DialContext(c.Context(), "wss://"+addr+"/$iothub/websocket?iothub-no-client-cert=true", nil)
	if err != nil {
		c.Fatalf("%v: %+v", err, resp)
	}
	return c.line(&webSocket{Conn: ws.NetConn(), ws: ws})
}

// In tests the hub is patient for longer than hangLimit: a connection that ends
// was ended by what the test did, and not by the clock.
func init() { firstPacketTime = time.Hour }

func (c *client) line(conn net.Conn) line {
	c.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(hangLimit))
	return line{c.T, conn}
}

// hubToken signs as a device does.
func (c *client) hubToken(reg *registration) string {
	token := signed(reg.Hub+"/devices/"+reg.DeviceID, "", reg.HubKey, c.clock.Now().Add(time.Hour))
	return strings.TrimSuffix(token, "&skn=")
}

// connect is the CONNECT of a device that does all as it should.
func (c *client) connect(reg *registration) *packets.ConnectPacket {
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion = "MQTT", 4
	p.CleanSession, p.Keepalive = true, 600 // longer than hangLimit, as firstPacketTime
	p.ClientIdentifier = reg.DeviceID
	p.UsernameFlag, p.Username = true, reg.Hub+"/"+reg.DeviceID+"/?api-version=2021-04-12&DeviceClientType="+url.QueryEscape("test/1 (a b)")
	p.PasswordFlag, p.Password = true, []byte(c.hubToken(reg))
	return p
}

func (l line) send(p packets.ControlPacket) {
	l.Helper()
	if err := p.Write(l); err != nil {
		l.Fatal(err)
	}
}

// next reads a packet of type P.
func next[P packets.ControlPacket](l line) P {
	l.Helper()
	got, err := packets.ReadPacket(l)
	if err != nil {
		l.Fatal(err)
	}
	p, ok := got.(P)
	if !ok {
		l.Fatalf("received %v, want a %T", got, p)
	}
	return p
}

// ended checks that the hub closes the connection, without another packet.
func (l line) ended(why string) {
	l.Helper()
	p, err := packets.ReadPacket(l)
	if err == nil {
		l.Errorf("%s: received %v, want the end", why, p)
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		l.Errorf("%s: the connection stays open", why)
	}
}

// connack connects and returns the hub's code.
func (l line) connack(p *packets.ConnectPacket) byte {
	l.Helper()
	l.send(p)
	return next[*packets.ConnackPacket](l).ReturnCode
}

func (l line) mustConnect(p *packets.ConnectPacket) line {
	l.Helper()
	if code := l.connack(p); code != packets.Accepted {
		l.Fatalf("CONNACK %d, want 0", code)
	}
	return l
}

func (l line) subscribe(filter string, qos byte) byte {
	l.Helper()
	p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	p.MessageID, p.Topics, p.Qoss = 7, []string{filter}, []byte{qos}
	l.send(p)
	return next[*packets.SubackPacket](l).ReturnCodes[0]
}

func (l line) publish(topic, payload string, qos byte) {
	l.Helper()
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload, p.Qos, p.MessageID = topic, []byte(payload), qos, 9
	l.send(p)
}

// ask publishes and returns the topic and the payload of the answer.
func (l line) ask(topic, payload string) string {
	l.Helper()
	l.publish(topic, payload, 0)
	p := next[*packets.PublishPacket](l)
	return fmt.Sprintf("%s %s", p.TopicName, p.Payload)
}

var _ io.ReadWriteCloser = line{}
