package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/gorilla/websocket"

	"tpmdps/internal/identity"
)

// websocketPath is where a hub listens for MQTT on its port 443.
const websocketPath = "/$iothub/websocket"

// openWebSocket makes the TLS connection one of a WebSocket.
func (c *Connection) openWebSocket(ctx context.Context) (io.ReadWriter, error) {
	dialer := websocket.Dialer{
		NetDialTLSContext: func(context.Context, string, string) (net.Conn, error) { return c.stream, nil },
		Subprotocols:      []string{"mqtt"},
	}
	conn, answer, err := dialer.DialContext(ctx, "wss://"+c.Facts.Address+websocketPath, nil)
	switch {
	case err == nil:
	case answer == nil:
		return nil, dropped(err)
	case answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode >= 500:
		return nil, fmt.Errorf("%w: it answered %s", ErrUnavailable, status(answer))
	default:
		return nil, fmt.Errorf("%w: it answered %s where a WebSocket was to begin", ErrMalformed, status(answer))
	}
	conn.SetReadLimit(maxPacket)
	return &webSocket{conn: conn, message: http.NoBody}, nil
}

// webSocket is the stream of bytes that MQTT needs: packets may begin and end
// anywhere in the messages (MQTT 3.1.1, 6).
type webSocket struct {
	conn    *websocket.Conn
	message io.Reader // what is left of the message that is being read
}

// Read reads from the message at hand, or from the next one.
func (w *webSocket) Read(p []byte) (int, error) {
	for {
		n, err := w.message.Read(p)
		if err != io.EOF {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
		kind, next, err := w.conn.NextReader()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			err = fmt.Errorf("WebSocket closed with %d %s", closed.Code, identity.Printable(closed.Text, 100))
		}
		if err != nil {
			return 0, err
		}
		if kind != websocket.BinaryMessage {
			return 0, fmt.Errorf("%w: it sent text on the WebSocket", ErrMalformed)
		}
		w.message = next
	}
}

// Write sends p as one message.
func (w *webSocket) Write(p []byte) (int, error) {
	if err := w.conn.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func status(answer *http.Response) string { return identity.Printable(answer.Status, 80) }
