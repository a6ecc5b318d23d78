package hub

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

const (
	// apiVersion is that of the Node SDK; it says which form the twin has.
	apiVersion = "2021-04-12"
	// keepAlive is the longest silence that the hub is told to bear, in
	// seconds: that of the C SDK. A session is over long before, so that no
	// pings are sent.
	keepAlive = 240
	// closeTimeout bounds the farewell.
	closeTimeout = time.Second
)

// Session is an MQTT session that the hub has accepted. Close it.
type Session struct {
	conn       *Connection
	in         *bufio.Reader
	out        io.Writer
	subscribed bool
	reported   int64 // the version of the reported properties that was seen last
}

// Connect logs the device in with a token for an hour, in MQTT 3.1.1. It uses
// up the connection, also when it fails.
//
// Errors: [ErrUnauthorized], [ErrBadUserName], [ErrIdentifier],
// [ErrUnavailable], [ErrDropped], [ErrMalformed], and that of Token.
func (c *Connection) Connect(ctx context.Context) (*Session, error) {
	s := &Session{conn: c}
	err := runWithContext(ctx, c.socket, "log in to "+c.Facts.Address, func() error { return s.connect(ctx) })
	if err != nil {
		c.Close()
		return nil, err
	}
	return s, nil
}

func (s *Session) connect(ctx context.Context) error {
	o, host := &s.conn.options, s.conn.target.host
	token, err := o.Token(host+"/devices/"+o.DeviceID, o.Now().Add(tokenLifetime))
	if err != nil {
		return err
	}
	if err := s.conn.listen(); err != nil {
		return err
	}
	var stream io.ReadWriter = s.conn.stream
	if o.Transport == MQTTWebSocket {
		if stream, err = s.conn.openWebSocket(ctx); err != nil {
			return err
		}
	}
	s.in, s.out = bufio.NewReader(stream), stream
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion = "MQTT", 4
	p.CleanSession = true
	p.Keepalive = keepAlive
	p.ClientIdentifier = o.DeviceID
	p.UsernameFlag, p.Username = true, userName(host, o.DeviceID, o.Application)
	p.PasswordFlag, p.Password = true, []byte(token)
	if err := s.send(p); err != nil {
		return err
	}
	return s.accepted()
}

// listen refuses a hub that talks before it was asked.
func (c *Connection) listen() error {
	begin, err := c.stream.unsolicited(c.options.grace)
	switch {
	case err != nil || len(begin) == 0:
		return err
	case foreign(begin) != "":
		return &NotMQTTError{Answered: foreign(begin)}
	}
	return fmt.Errorf("%w: %s before it was asked anything", ErrMalformed, headerName(begin[0]))
}

// userName has the form that IoT Hub's documentation of MQTT gives.
func userName(host, deviceID, application string) string {
	name := host + "/" + deviceID + "/?api-version=" + apiVersion
	if application != "" {
		name += "&DeviceClientType=" + url.QueryEscape(application)
	}
	return name
}

// refusals are the return codes of a CONNACK (MQTT 3.1.1, 3.2.2.3).
var refusals = map[byte]error{2: ErrIdentifier, 3: ErrUnavailable, 4: ErrBadUserName, 5: ErrUnauthorized}

// accepted waits for the answer to the CONNECT.
func (s *Session) accepted() error {
	body, err := s.receive(connackPacket)
	if err != nil {
		return err
	}
	flags, code := body[0], body[1]
	switch {
	case flags == 1:
		return fmt.Errorf("%w: a CONNACK of a session that is present, although a clean one was asked for (return code %d)", ErrMalformed, code)
	case flags != 0:
		return fmt.Errorf("%w: a CONNACK with flags %#02x (return code %d)", ErrMalformed, flags, code)
	case refusals[code] != nil:
		return fmt.Errorf("%w (CONNACK %d)", refusals[code], code)
	case code != packets.Accepted:
		return fmt.Errorf("%w: CONNACK %d", ErrMalformed, code)
	}
	return checkNoInput(s.in, "the CONNACK")
}

// Close says goodbye and closes the connection.
func (s *Session) Close() error {
	if s == nil || s.conn.closed {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	runWithContext(ctx, s.conn.socket, "", func() error { // the hub may be gone, and need not hear it
		return s.send(packets.NewControlPacket(packets.Disconnect))
	})
	return s.conn.Close()
}

func (s *Session) send(p packets.ControlPacket) error {
	if err := p.Write(s.out); err != nil {
		return dropped(err)
	}
	s.log("sent", strings.ToUpper(strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", p), "*packets."), "Packet")))
	return nil
}

// receive waits for the one packet that may come now. Of a PUBLISH the topic is
// checked before the rest of it is waited for.
func (s *Session) receive(e expected, check ...func(topic string) error) ([]byte, error) {
	length, err := e.next(s.in)
	if err != nil {
		return nil, err
	}
	if e == publishPacket {
		topic, rest, err := readTopic(s.in, length)
		if err != nil {
			return nil, err
		}
		length = rest
		for _, f := range check {
			if err := f(topic); err != nil {
				return nil, err
			}
		}
	}
	body, err := readBody(s.in, length)
	if err != nil {
		return nil, err
	}
	s.log("received", e.name)
	return body, nil
}

// log names a packet. Its text stays out: a CONNECT's holds the token, a
// PUBLISH's the twin.
func (s *Session) log(what, packet string) {
	s.conn.options.Log.Debug("hub "+what, "packet", packet)
}
