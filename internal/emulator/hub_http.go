package emulator

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"

	"tpmdps/internal/emulator/rest"
	"tpmdps/internal/emulator/sas"
)

// webSocketPath is where a hub takes MQTT over HTTPS.
const webSocketPath = "/$iothub/websocket"

var upgrader = websocket.Upgrader{
	Subprotocols: []string{"mqtt"},
	CheckOrigin:  func(*http.Request) bool { return true }, // checkSource has
}

// serveWebSocket runs a device's MQTT connection inside a WebSocket.
func (s *Server) serveWebSocket(w http.ResponseWriter, hr *http.Request) {
	if s.hub == nil {
		rest.Refusal(rest.Refuse(codeNotFound, "No hub listens here."), s.opts.Now()).Write(w, s.opts.Now())
		return
	}
	ws, err := upgrader.Upgrade(w, hr, nil)
	if err != nil {
		s.opts.Log.Info("hub websocket", "refusal", err) // the upgrader has answered
		return
	}
	if ws.Subprotocol() != "mqtt" {
		s.opts.Log.Info("hub websocket", "refusal", "no subprotocol mqtt")
		ws.Close()
		return
	}
	ws.SetReadLimit(maxMessage + 8<<10)
	s.hub.serveTracked(&webSocket{Conn: ws.NetConn(), ws: ws})
}

// webSocket is a WebSocket as a stream of bytes: an MQTT packet may begin in
// one message and end in another.
type webSocket struct {
	net.Conn
	ws      *websocket.Conn
	message io.Reader // what is left of the current one; nil between two
}

// Read implements net.Conn.
func (c *webSocket) Read(b []byte) (int, error) {
	for {
		if c.message == nil {
			kind, r, err := c.ws.NextReader()
			if err != nil {
				return 0, err
			}
			if kind != websocket.BinaryMessage {
				return 0, errors.New("MQTT comes in binary messages")
			}
			c.message = r
		}
		n, err := c.message.Read(b)
		if errors.Is(err, io.EOF) {
			c.message, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Write implements net.Conn.
func (c *webSocket) Write(b []byte) (int, error) {
	if err := c.ws.WriteMessage(websocket.BinaryMessage, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// deviceBound answers a device that asks for messages to it: there never are any.
func (s *Server) deviceBound(r *request) (rest.Reply, error) {
	if _, err := s.device(r); err != nil {
		return rest.Reply{}, err
	}
	return rest.Reply{Status: http.StatusNoContent}, nil
}

// sasText is the token of a request, "" if it has none.
func sasText(r *request) string {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, sas.Scheme) {
		return ""
	}
	return text
}
