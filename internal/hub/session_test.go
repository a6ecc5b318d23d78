package hub

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/iotest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tpmdps/internal/contexttest"
)

func TestConnectShowsTheToken(t *testing.T) {
	seen := make(chan *packets.ConnectPacket, 1)
	addr := listen(t, func(conn net.Conn) {
		if p, err := packets.ReadPacket(conn); err == nil {
			seen <- p.(*packets.ConnectPacket)
		}
		conn.Write([]byte(accepted))
		packets.ReadPacket(conn)
	})
	o, log := options(t, addr)
	o.Application = "tpmdps/1.0 (x)"
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	o.Now = func() time.Time { return now }
	var expires time.Time
	token := o.Token
	o.Token = func(resource string, expiry time.Time) (string, error) {
		expires = expiry
		return token(resource, expiry)
	}
	s, err := open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := <-seen
	got := []any{p.ProtocolName, p.ProtocolVersion, p.CleanSession, p.WillFlag, p.ClientIdentifier, p.Username, string(p.Password)}
	want := []any{"MQTT", byte(4), true, false, "device-1",
		"127.0.0.1/device-1/?api-version=2021-04-12&DeviceClientType=tpmdps%2F1.0+%28x%29",
		"SharedAccessSignature sr=127.0.0.1/devices/device-1&sig=" + secret}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("CONNECT has %v, want %v", got[i], want[i])
		}
	}
	if want := now.Add(time.Hour); !expires.Equal(want) {
		t.Errorf("the token expires at %v, want %v", expires, want)
	}
	mute(t, err, log)
}

func TestConnectFails(t *testing.T) {
	tests := []struct {
		name   string
		answer string
		want   error
	}{
		{"bad protocol version", "\x20\x02\x00\x01", ErrMalformed},
		{"identifier", "\x20\x02\x00\x02", ErrIdentifier},
		{"unavailable", "\x20\x02\x00\x03", ErrUnavailable},
		{"user name", "\x20\x02\x00\x04", ErrBadUserName},
		{"not authorized", "\x20\x02\x00\x05", ErrUnauthorized},
		{"a code that does not exist", "\x20\x02\x00\x06", ErrMalformed},
		{"the highest code", "\x20\x02\x00\xff", ErrMalformed},
		{"half an answer", "\x20\x02\x00", ErrDropped},
		{"an empty CONNACK", "\x20\x00", ErrMalformed},
		{"another packet", "\xd0\x00", ErrMalformed},
		{"a packet that does not exist", "\xf0\x00", ErrMalformed},
		{"a packet of 256 MiB", "\x30\xff\xff\xff\x7f", ErrMalformed},
		{"a length without an end", "\x30\xff\xff\xff\xff\xff", ErrMalformed},
		{"a web server", "HTTP/1.1 400 Bad Request\r\n\r\n", ErrNotMQTT},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr := listen(t, func(conn net.Conn) {
				packets.ReadPacket(conn)
				conn.Write([]byte(tt.answer))
			})
			o, log := options(t, addr)
			s, err := open(t.Context(), o)
			if !errors.Is(err, tt.want) || s != nil {
				t.Errorf("Connect() = %v, %v, want %v", s, err, tt.want)
			}
			mute(t, err, log)
		})
	}
}

func TestConnectionIsDropped(t *testing.T) {
	for name, handle := range map[string]func(net.Conn){
		"before it listens": func(net.Conn) {},
		"after it listened": func(conn net.Conn) { packets.ReadPacket(conn) },
		"with a reset": func(conn net.Conn) {
			packets.ReadPacket(conn)
			conn.(interface{ NetConn() net.Conn }).NetConn().(*net.TCPConn).SetLinger(0)
			conn.(interface{ NetConn() net.Conn }).NetConn().Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, log := options(t, listen(t, func(conn net.Conn) {
				conn.(interface{ Handshake() error }).Handshake()
				handle(conn)
			}))
			s, err := open(t.Context(), o)
			if !errors.Is(err, ErrDropped) || s != nil {
				t.Errorf("Connect() = %v, %v, want ErrDropped", s, err)
			}
			mute(t, err, log)
		})
	}
}

func TestTokenThatCannotBeMade(t *testing.T) {
	o, _ := options(t, listen(t, says()))
	broken := errors.New("the chip is gone")
	o.Token = func(string, time.Time) (string, error) { return "", broken }
	if _, err := open(t.Context(), o); !errors.Is(err, broken) {
		t.Errorf("Connect() = %v, want the error of Token", err)
	}
}

// TestSlowHub: whatever the hub is slow at, the context ends it. The deadline
// comes when the hub is at that, and from then on the hub waits for ever, so
// nothing but the deadline can end the session.
func TestSlowHub(t *testing.T) {
	hubs := map[string]func(conn net.Conn, expire func()){
		"says nothing": func(conn net.Conn, expire func()) { slowAfter(conn, expire) },
		"a byte now and then": func(conn net.Conn, expire func()) {
			packets.ReadPacket(conn)
			answer := []byte("\x20\x82\x80\x80\x00\x00") // one byte is missing
			for i := range answer {
				if i == len(answer)/2 {
					expire()
				}
				conn.Write(answer[i : i+1])
			}
			rest(conn)
		},
		"no twin":         func(conn net.Conn, expire func()) { slowAfter(conn, expire, accepted, granted) },
		"no subscription": func(conn net.Conn, expire func()) { slowAfter(conn, expire, accepted) },
	}
	for name, handle := range hubs {
		for _, transport := range []string{MQTT, MQTTWebSocket} {
			t.Run(name+" "+transport, func(t *testing.T) {
				ctx, expire := contexttest.WithDeadline(t)
				serve := func(conn net.Conn) { handle(conn, expire) }
				if transport == MQTTWebSocket {
					serve = upgraded(serve)
				}
				o, log := options(t, listen(t, serve))
				t.Cleanup(expire) // before listen counts goroutines
				o.Transport = transport
				s, err := open(ctx, o)
				if err == nil {
					_, err = s.Twin(ctx)
					if err := s.Close(); err != nil {
						t.Errorf("Close() = %v", err)
					}
				}
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error = %v, want the deadline's", err)
				}
				mute(t, err, log)
			})
		}
	}
}

// slowAfter is a hub that reads a packet and writes an answer as often as it has
// some. When it has read the packet after them, it calls slow and is silent.
func slowAfter(conn net.Conn, slow func(), answers ...string) {
	for _, answer := range answers {
		packets.ReadPacket(conn)
		conn.Write([]byte(answer))
	}
	packets.ReadPacket(conn)
	slow()
	rest(conn)
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr := listen(t, func(conn net.Conn) {
		packets.ReadPacket(conn)
		cancel()
		packets.ReadPacket(conn)
	})
	o, _ := options(t, addr)
	c, err := Dial(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Connect(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Connect() = %v, want context.Canceled", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

func TestCloseSaysGoodbye(t *testing.T) {
	last := make(chan packets.ControlPacket, 1)
	addr := listen(t, func(conn net.Conn) {
		packets.ReadPacket(conn)
		conn.Write([]byte(accepted))
		p, _ := packets.ReadPacket(conn)
		last <- p
	})
	o, _ := options(t, addr)
	s, err := open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	}
	if _, ok := (<-last).(*packets.DisconnectPacket); !ok {
		t.Error("the hub got no DISCONNECT")
	}
	if _, err := s.Twin(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Twin() after Close() = %v, want net.ErrClosed", err)
	}
	var none *Session
	if err := none.Close(); err != nil {
		t.Errorf("Close() of no session = %v", err)
	}
}

// At each moment one first byte is right. Each of the others ends the session by
// itself: nothing more is read.
func TestEveryFirstByte(t *testing.T) {
	waits := errors.New("the session waits for more")
	stages := map[string]struct {
		right byte
		do    func(*Session) error
	}{
		"connack": {0x20, (*Session).accepted},
		"suback":  {0x90, (*Session).subscribe},
		"twin":    {0x30, func(s *Session) error { _, err := s.await("1"); return err }},
	}
	for name, stage := range stages {
		for first := range 256 {
			s := scripted(nil)
			s.in = bufio.NewReader(io.MultiReader(bytes.NewReader([]byte{byte(first)}), iotest.ErrReader(waits)))
			err := stage.do(s)
			if waited := errors.Is(err, waits); waited != (byte(first) == stage.right) || !waited && !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: first byte %#02x: %v", name, first, err)
			}
			if errors.Is(err, ErrNotMQTT) && (name != "connack" || legalHeader(byte(first))) {
				t.Errorf("%s: first byte %#02x is said not to be MQTT: %v", name, first, err)
			}
		}
	}
}

func FuzzPackets(f *testing.F) {
	for _, seed := range []string{accepted, "\x90\x03\x00\x01\x00", "\x90\x05\x00\x01\x00\x00\x00", "\x30\x04\x00\x02ab", "\x30\xff\xff\xff\x7f", "\x34\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := scripted(data)
		s.accepted()
		s = scripted(data)
		s.subscribe()
		if a, err := s.await("1"); err == nil && (a.id != "1" || a.status/100 != 2) {
			t.Errorf("await() = %+v", a)
		}
	})
}

// scripted is a session that reads data and sends to nobody.
func scripted(data []byte) *Session {
	o := Options{packetID: func() uint16 { return 1 }}
	o.setDefaults()
	return &Session{conn: &Connection{options: o}, in: bufio.NewReader(bytes.NewReader(data)), out: io.Discard}
}
