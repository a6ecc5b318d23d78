// Package hub is the IoT hub of the emulator: MQTT 3.1.1 as devices speak it, also
// over WebSockets, the twins of devices, and the part of the HTTPS API that IoT Edge
// uses.
//
// It keeps no device: they are its user's, who hands them in one at a time (see
// [Options]). A [Server] is made by [New], listens from [Server.Serve], and answers
// what came by HTTPS through [Routes] and [Server.ServeWebSocket].
package hub

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
)

// Options say what a [Server] is to know.
type Options struct {
	// Device calls use with the device of that ID on the hub of that name, or with
	// nil where there is none. No other call uses devices meanwhile. When use
	// returns true and no error, what it changed is kept before Device returns.
	// The error is that of use, or of keeping.
	Device func(name, id string, use func(*Device) (bool, error)) error

	RefuseTokens bool // all tokens are refused, also good ones
	Drop         bool // every MQTT connection ends after its CONNACK

	Patience time.Duration    // how long a connection may be silent before it says what it is; 0 is 30 s
	Now      func() time.Time // the clock
	Log      *slog.Logger     // a line for each connection and request of a device, without secrets
}

// defaultPatience is the one of a server that was given none.
const defaultPatience = 30 * time.Second

// Server is one hub, with a port of its own, which also accepts HTTPS and
// WebSockets as a real hub does on port 443. Its methods may be called from several
// goroutines at a time, after [Server.Serve] has returned.
//
// The broker is used for sessions and subscriptions. No message goes from
// device to device, so each is answered, or dropped, in one place (see rules).
type Server struct {
	opts     Options
	broker   *mqtt.Server
	listener net.Listener // nil where the hub does not listen
	http     *handover

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil before the hub listens, and once it closes
	seen  map[string]counts     // by device ID
	ended sync.WaitGroup        // one for each connection, and one for accept
}

// New makes a hub that does not listen: it knows no device yet.
func New(o Options) *Server {
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	return &Server{opts: o, seen: map[string]counts{}}
}

// Serve has the hub listen on l, whose connections begin with TLS, and returns. The
// hub closes l, also when it fails.
func (h *Server) Serve(l net.Listener, conf *tls.Config) error {
	broker := mqtt.New(&mqtt.Options{
		Capabilities:           capabilities(),
		Logger:                 slog.New(slog.DiscardHandler), // it would log packets, and with them tokens
		SysTopicResendInterval: int64((24 * time.Hour).Seconds()),
	})
	err := broker.AddHook(&rules{hub: h}, nil)
	if err == nil {
		err = broker.Serve() // it has no listeners: only its housekeeping starts
	}
	if err != nil {
		return errors.Join(err, l.Close())
	}
	h.broker, h.listener, h.http, h.conns = broker, l, newHandover(l.Addr()), map[net.Conn]struct{}{}
	h.ended.Add(1)
	go h.accept(conf)
	return nil
}

// Addr is what the hub listens on, or nil where it does not.
func (h *Server) Addr() net.Addr {
	if h.listener == nil {
		return nil
	}
	return h.listener.Addr()
}

// HTTP has the connections to the hub's port that do not speak MQTT, without their
// TLS. Somebody has to serve it, or these connections wait.
func (h *Server) HTTP() net.Listener { return h.http }

// capabilities are those of an IoT hub, where the broker knows them.
func capabilities() *mqtt.Capabilities {
	c := mqtt.NewDefaultServerCapabilities()
	c.MaximumQos = 1
	c.MaximumPacketSize = maxMessage + 4<<10 // the topic, with the message's properties in it
	c.MaximumClientWritesPending = 16        // answers are written past that queue
	return c
}

func (h *Server) accept(conf *tls.Config) {
	defer h.ended.Done()
	for {
		conn, err := h.listener.Accept()
		if err != nil {
			return // closed
		}
		go h.serve(tls.Server(conn, conf))
	}
}

// serve tells MQTT from HTTP by the first byte and runs the connection to its end.
func (h *Server) serve(conn net.Conn) {
	if !h.track(conn) {
		return
	}
	conn.SetDeadline(time.Now().Add(h.opts.Patience))
	first := newPeeked(conn)
	b, err := first.r.Peek(1)
	if err == nil && b[0] != mqttConnect {
		h.untrack(conn)
		h.http.give(first)
		return
	}
	defer h.untrack(conn)
	if err == nil {
		h.broker.EstablishConnection(hubID, first) // the rules have logged why it ended
	}
	conn.Close()
}

// serveTracked runs an MQTT connection that came by another way.
func (h *Server) serveTracked(conn net.Conn) {
	if !h.track(conn) {
		return
	}
	defer h.untrack(conn)
	conn.SetDeadline(time.Now().Add(h.opts.Patience))
	h.broker.EstablishConnection(hubID, conn)
	conn.Close()
}

// track notes the connection, or closes it when the hub has closed.
func (h *Server) track(conn net.Conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns == nil {
		conn.Close()
		return false
	}
	h.conns[conn] = struct{}{}
	h.ended.Add(1)
	return true
}

func (h *Server) untrack(conn net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, conn)
	h.ended.Done()
}

// Close ends all connections and waits for them. A hub that does not listen, or was
// closed before, has nothing to close.
func (h *Server) Close() error {
	h.mu.Lock()
	conns := h.conns
	h.conns = nil
	h.mu.Unlock()
	if conns == nil {
		return nil
	}
	h.listener.Close()
	for conn := range conns {
		conn.Close()
	}
	h.ended.Wait()
	return h.broker.Close()
}
