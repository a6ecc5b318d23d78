package hub

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/gorilla/websocket"
)

// upgraded answers an upgrade to a WebSocket, and gives what is in it to handle.
func upgraded(handle func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		if ws, err := upgrade(conn); err == nil {
			handle(inWebSocket{conn, &webSocket{conn: ws, message: http.NoBody}})
		}
	}
}

// inWebSocket is a connection inside a WebSocket.
type inWebSocket struct {
	net.Conn
	ws *webSocket
}

func (c inWebSocket) Read(p []byte) (int, error)  { return c.ws.Read(p) }
func (c inWebSocket) Write(p []byte) (int, error) { return c.ws.Write(p) }

// upgrade takes a connection only where a hub does, and only for MQTT.
func upgrade(conn net.Conn) (*websocket.Conn, error) {
	r := bufio.NewReader(conn)
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil, err
	}
	if req.URL.Path != "/$iothub/websocket" || req.Header.Get("Sec-WebSocket-Protocol") != "mqtt" {
		conn.Write([]byte("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
		return nil, errors.New("no hub's WebSocket")
	}
	u := websocket.Upgrader{Subprotocols: []string{"mqtt"}}
	return u.Upgrade(hijacked{nil, conn, bufio.NewReadWriter(r, bufio.NewWriter(conn))}, req, nil)
}

type hijacked struct {
	http.ResponseWriter
	conn net.Conn
	rw   *bufio.ReadWriter
}

func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.conn, h.rw, nil }

func TestWebSocketRefused(t *testing.T) {
	tests := []struct {
		name, answer string
		want         error
		says         string
	}{
		{"a page", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", ErrMalformed, "200 OK"},
		{"no such place", "HTTP/1.1 404 Not Found\r\n\r\n", ErrMalformed, "404"},
		{"a redirect", "HTTP/1.1 302 Found\r\nLocation: https://elsewhere.test/\r\n\r\n", ErrMalformed, "302"},
		{"throttled", "HTTP/1.1 429 Too Many Requests\r\n\r\n", ErrUnavailable, "429"},
		{"down", "HTTP/1.1 503 Service\x1b[31m Unavailable\r\n\r\n", ErrUnavailable, "503 Service?[31m"},
		{"no HTTP", "\x20\x02\x00\x00\r\n\r\n", ErrNotMQTT, "MQTT without a WebSocket"},
		{"nothing", "", ErrDropped, ""},
		{"a header without an end", "HTTP/1.1 101 Switching\r\n" + strings.Repeat("X-Header: x\r\n", maxReceived/10), ErrMalformed, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, log := options(t, listen(t, func(conn net.Conn) {
				http.ReadRequest(bufio.NewReader(conn))
				conn.Write([]byte(tt.answer))
			}))
			o.Transport = MQTTWebSocket
			_, err := open(t.Context(), o)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Connect() = %v, want %v with %q", err, tt.want, tt.says)
			}
			mute(t, err, log)
		})
	}
}

func TestWebSocketBreaks(t *testing.T) {
	tests := []struct {
		name  string
		after func(*websocket.Conn) // the CONNECT
		want  error
		says  string
	}{
		{"text", func(ws *websocket.Conn) { ws.WriteMessage(websocket.TextMessage, []byte(accepted)) }, ErrMalformed, "text"},
		{"closed", func(ws *websocket.Conn) {
			ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1008, "go\x1baway"))
		}, ErrDropped, "1008 go?away"},
		{"gone", func(*websocket.Conn) {}, ErrDropped, ""},
		{"a message above the bound", func(ws *websocket.Conn) {
			ws.WriteMessage(websocket.BinaryMessage, []byte("\x30\x80\x80\x0f"+strings.Repeat("x", maxPacket)))
		}, ErrMalformed, "limit"},
		{"pongs without end", func(ws *websocket.Conn) {
			for range maxReceived {
				if ws.WriteMessage(websocket.PongMessage, make([]byte, 125)) != nil {
					return
				}
			}
		}, ErrMalformed, "bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, log := options(t, listen(t, func(conn net.Conn) {
				ws, err := upgrade(conn)
				if err != nil {
					return
				}
				packets.ReadPacket(&webSocket{conn: ws, message: http.NoBody})
				tt.after(ws)
			}))
			o.Transport = MQTTWebSocket
			_, err := open(t.Context(), o)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Connect() = %v, want %v with %q", err, tt.want, tt.says)
			}
			mute(t, err, log)
		})
	}
}

// TestPacketsAcrossMessages: packets may begin and end anywhere in messages.
func TestPacketsAcrossMessages(t *testing.T) {
	o, _ := options(t, listen(t, func(conn net.Conn) {
		ws, err := upgrade(conn)
		if err != nil {
			return
		}
		in := &webSocket{conn: ws, message: http.NoBody}
		for _, all := range []string{accepted, granted, publish("$iothub/twin/res/200/?$rid=1", smallTwin)} {
			packets.ReadPacket(in)
			for _, end := range []int{1, 0, 3, len(all) - 4} {
				ws.WriteMessage(websocket.BinaryMessage, []byte(all[:end]))
				all = all[end:]
			}
		}
		rest(conn)
	}))
	o.Transport = MQTTWebSocket
	s, err := open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if twin, err := s.Twin(t.Context()); err != nil || twin.DesiredVersion != 7 {
		t.Errorf("Twin() = %v, %v, want version 7", twin, err)
	}
}
