package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"

	"tpmdps/internal/text"
)

// websocketPath is where a hub listens for MQTT on its port 443.
const websocketPath = "/$iothub/websocket"

// openWebSocket makes the TLS connection one of a WebSocket.
func (c *Connection) openWebSocket(ctx context.Context) (io.ReadWriter, error) {
	dialer := websocket.Dialer{
		NetDialTLSContext: func(context.Context, string, string) (net.Conn, error) { return c.stream, nil },
		Subprotocols:      []string{"mqtt"},
	}
	watch := &opening{}
	c.stream.opening = watch
	conn, answer, err := dialer.DialContext(ctx, "wss://"+c.Facts.Address+websocketPath, nil)
	c.stream.opening = nil
	switch {
	case err != nil && watch.err != nil:
		return nil, notOpened(watch.err)
	case err != nil && answer == nil:
		return nil, notOpened(err)
	case err != nil:
		return nil, refusedWebSocket(answer)
	}
	if chosen := conn.Subprotocol(); chosen != "mqtt" {
		return nil, &NotMQTTError{Answered: fmt.Sprintf("a WebSocket for %q", text.Printable(chosen, 40))}
	}
	if answer.Header.Get("Sec-Websocket-Extensions") != "" {
		return nil, fmt.Errorf("%w: its WebSocket has an extension that was not asked for", ErrMalformed)
	}
	if begin, err := c.stream.unsolicited(c.options.grace); err != nil || isData(begin) {
		return nil, cmp.Or(err, fmt.Errorf("%w: it sent data on the WebSocket before it was asked anything", ErrMalformed))
	}
	conn.SetReadLimit(maxPacket)
	return &webSocket{conn: conn, message: http.NoBody}, nil
}

// isData says whether a frame carries data: RFC 6455, 5.2. Pings may come at any
// time.
func isData(frame []byte) bool { return len(frame) > 0 && frame[0]&0xf < websocket.CloseMessage }

// notOpened is the error where no HTTP answer came. What net/http says of a broken
// one quotes it, so it stays out.
func notOpened(err error) error {
	if errors.Is(err, ErrMalformed) || ofConnection(err) {
		return dropped(err)
	}
	return &NotMQTTError{Answered: "broken HTTP", Instead: "a WebSocket"}
}

// ofConnection says whether an error is the connection's, and not that of what
// came on it.
func ofConnection(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// refusedWebSocket is the error of an answer that opens no WebSocket. A hub
// answers 401 or 403 to an address that its IP filter keeps out.
func refusedWebSocket(answer *http.Response) error {
	switch code := answer.StatusCode; {
	case code == http.StatusSwitchingProtocols:
		return fmt.Errorf("%w: its 101 does not match the request for a WebSocket (Upgrade, Connection, Sec-WebSocket-Accept or an extension)", ErrMalformed)
	case code == http.StatusTooManyRequests || code >= 500:
		return fmt.Errorf("%w: it answered %s", ErrUnavailable, status(answer))
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fmt.Errorf("%w: it answered %s to the request for a WebSocket", ErrRefused, status(answer))
	}
	return &NotMQTTError{Answered: "HTTP " + status(answer), Instead: "a WebSocket"}
}

// webSocket is the stream of bytes that MQTT needs: packets may begin and end
// anywhere in the messages (MQTT 3.1.1, 6).
type webSocket struct {
	conn    *websocket.Conn
	message io.Reader // what is left of the message that is being read
	begun   bool      // a message of MQTT came
}

// Read reads from the message at hand, or from the next one.
func (w *webSocket) Read(p []byte) (int, error) {
	for {
		n, err := w.message.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, brokenFrame(err)
		}
		if n > 0 {
			return n, nil
		}
		kind, next, err := w.conn.NextReader()
		switch {
		case err != nil:
			return 0, brokenFrame(err)
		case kind != websocket.BinaryMessage && !w.begun:
			return 0, &NotMQTTError{Answered: "text on the WebSocket"}
		case kind != websocket.BinaryMessage:
			return 0, fmt.Errorf("%w: it sent text on the WebSocket", ErrMalformed)
		}
		w.message, w.begun = next, true
	}
}

// brokenFrame tells a WebSocket that was closed from one that breaks its rules:
// masked or oversized frames, reserved bits, fragments of nothing. The codec names
// those in errors that have no type.
func brokenFrame(err error) error {
	var closed *websocket.CloseError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &closed) && closed.Code == websocket.CloseAbnormalClosure:
		return fmt.Errorf("the connection ended inside the WebSocket, which was not closed: %w", io.ErrUnexpectedEOF)
	case errors.As(err, &closed):
		return fmt.Errorf("WebSocket closed with %d %s", closed.Code, text.Printable(closed.Text, 100))
	case !ofConnection(err) && strings.HasPrefix(err.Error(), "websocket: "):
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return err
}

// Write sends p as one message.
func (w *webSocket) Write(p []byte) (int, error) {
	if err := w.conn.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func status(answer *http.Response) string { return text.Printable(answer.Status, 80) }
