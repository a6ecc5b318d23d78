package hub

import (
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/gorilla/websocket"

	"tpmdps/internal/emulator/rest"
)

var upgrader = websocket.Upgrader{
	Subprotocols: []string{"mqtt"},
	CheckOrigin:  func(*http.Request) bool { return true }, // see ServeWebSocket
}

// ServeWebSocket runs a device's MQTT connection inside a WebSocket. It must not be
// called for a page of another site: where a request comes from was checked before.
func (h *Server) ServeWebSocket(w http.ResponseWriter, hr *http.Request) {
	if h.listener == nil {
		rest.Refusal(rest.Refuse(codeNotFound, "No hub listens here."), h.opts.Now()).Write(w, h.opts.Now())
		return
	}
	ws, err := upgrader.Upgrade(w, hr, nil)
	if err != nil {
		h.opts.Log.Info("hub websocket", "refusal", err) // the upgrader has answered
		return
	}
	if ws.Subprotocol() != "mqtt" {
		h.opts.Log.Info("hub websocket", "refusal", "no subprotocol mqtt")
		ws.Close()
		return
	}
	ws.SetReadLimit(maxMessage + 8<<10)
	h.serveTracked(&webSocket{Conn: ws.NetConn(), ws: ws})
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
