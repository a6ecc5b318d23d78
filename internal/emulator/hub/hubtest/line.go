// Package hubtest is for tests: a device's MQTT connection with a hub, a packet at a
// time, written apart from the hub and from the client.
package hubtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/gorilla/websocket"
)

// HangLimit is when a [Line] gives up: it only ends a hang.
const HangLimit = 2 * time.Minute

// Line is an MQTT connection, a packet at a time. What goes wrong ends the test.
type Line struct {
	*testing.T
	net.Conn
}

// Dial opens a TLS connection to a hub at host:port.
func Dial(t *testing.T, addr string, conf *tls.Config) Line {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, conf)
	if err != nil {
		t.Fatal(err)
	}
	return newLine(t, conn)
}

// DialWebSocket opens a WebSocket at host:port.
func DialWebSocket(t *testing.T, addr string, conf *tls.Config) Line {
	t.Helper()
	d := websocket.Dialer{TLSClientConfig: conf, Subprotocols: []string{"mqtt"}}
	ws, resp, err := d.DialContext(t.Context(), "wss://"+addr+"/$iothub/websocket?iothub-no-client-cert=true", nil)
	if err != nil {
		t.Fatalf("%v: %+v", err, resp)
	}
	return newLine(t, &webSocket{Conn: ws.NetConn(), ws: ws})
}

func newLine(t *testing.T, conn net.Conn) Line {
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(HangLimit))
	return Line{t, conn}
}

// webSocket is a WebSocket as a stream of bytes. It has a message for each write, so
// a packet is read from one or more of them.
type webSocket struct {
	net.Conn
	ws      *websocket.Conn
	message []byte // what is left of the last one
}

// Read implements net.Conn.
func (c *webSocket) Read(b []byte) (n int, err error) {
	for len(c.message) == 0 {
		var kind int
		if kind, c.message, err = c.ws.ReadMessage(); err != nil {
			return 0, err
		}
		if kind != websocket.BinaryMessage {
			return 0, errors.New("MQTT comes in binary messages")
		}
	}
	n = copy(b, c.message)
	c.message = c.message[n:]
	return n, nil
}

// Write implements net.Conn.
func (c *webSocket) Write(b []byte) (int, error) {
	return len(b), c.ws.WriteMessage(websocket.BinaryMessage, b)
}

// Token signs as a device does, until expiry.
func Token(hub, device string, key []byte, expiry time.Time) string {
	sr := url.QueryEscape(hub + "/devices/" + device)
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\n%d", sr, expiry.Unix())
	sig := url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return fmt.Sprintf("SharedAccessSignature sr=%s&sig=%s&se=%d", sr, sig, expiry.Unix())
}

// Connect is the CONNECT of a device that does all as it should.
func Connect(hub, device, token string) *packets.ConnectPacket {
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion = "MQTT", 4
	p.CleanSession, p.Keepalive = true, 600 // longer than HangLimit
	p.ClientIdentifier = device
	p.UsernameFlag, p.Username = true, hub+"/"+device+"/?api-version=2021-04-12&DeviceClientType="+url.QueryEscape("test/1 (a b)")
	p.PasswordFlag, p.Password = true, []byte(token)
	return p
}

// Send writes a packet.
func (l Line) Send(p packets.ControlPacket) {
	l.Helper()
	if err := p.Write(l); err != nil {
		l.Fatal(err)
	}
}

// Next reads a packet of type P.
func Next[P packets.ControlPacket](l Line) P {
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

// Ended checks that the hub closes the connection, without another packet.
func (l Line) Ended(why string) {
	l.Helper()
	p, err := packets.ReadPacket(l)
	if err == nil {
		l.Errorf("%s: received %v, want the end", why, p)
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		l.Errorf("%s: the connection stays open", why)
	}
}

// Connack connects and returns the hub's code.
func (l Line) Connack(p *packets.ConnectPacket) byte {
	l.Helper()
	l.Send(p)
	return Next[*packets.ConnackPacket](l).ReturnCode
}

// MustConnect connects, and returns the connection.
func (l Line) MustConnect(p *packets.ConnectPacket) Line {
	l.Helper()
	if code := l.Connack(p); code != packets.Accepted {
		l.Fatalf("CONNACK %d, want 0", code)
	}
	return l
}

// Subscribe asks for a filter and returns the hub's code.
func (l Line) Subscribe(filter string, qos byte) byte {
	l.Helper()
	p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	p.MessageID, p.Topics, p.Qoss = 7, []string{filter}, []byte{qos}
	l.Send(p)
	return Next[*packets.SubackPacket](l).ReturnCodes[0]
}

// Publish writes a message.
func (l Line) Publish(topic, payload string, qos byte) {
	l.Helper()
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload, p.Qos, p.MessageID = topic, []byte(payload), qos, 9
	l.Send(p)
}

// Ask publishes and returns the topic and the payload of the answer.
func (l Line) Ask(topic, payload string) string {
	l.Helper()
	l.Publish(topic, payload, 0)
	p := Next[*packets.PublishPacket](l)
	return fmt.Sprintf("%s %s", p.TopicName, p.Payload)
}
