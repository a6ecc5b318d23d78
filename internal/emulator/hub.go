package emulator

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
)

// firstPacketTime is how long a connection may be silent before it says what it
// is. Tests change it.
var firstPacketTime = 30 * time.Second

// hub is the IoT hub of the emulator: MQTT 3.1.1 over TLS on a port of its own,
// which also takes HTTPS and WebSockets as a real hub does on port 443.
//
// The broker is used for sessions and subscriptions. No message goes from
// device to device, so each is answered, or dropped, in one place (see hubRules).
type hub struct {
	broker   *mqtt.Server
	listener net.Listener
	http     *handover

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil once the hub closes
	ended sync.WaitGroup        // one for each connection, and one for accept
}

// startHub listens for devices.
func (s *Server) startHub(ctx context.Context, conf *tls.Config) (*hub, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.opts.MQTT)
	if err != nil {
		return nil, err
	}
	if s.faults.on(faultHubRefuse) {
		l = refusing(l)
	}
	h := &hub{
		listener: l,
		http:     newHandover(l.Addr()),
		conns:    map[net.Conn]struct{}{},
		broker: mqtt.New(&mqtt.Options{
			Capabilities:           capabilities(),
			Logger:                 slog.New(slog.DiscardHandler), // it would log packets, and with them tokens
			SysTopicResendInterval: int64((24 * time.Hour).Seconds()),
		}),
	}
	err = h.broker.AddHook(&hubRules{server: s, hub: h}, nil)
	if err == nil {
		err = h.broker.Serve() // it has no listeners: only its housekeeping starts
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	h.ended.Add(1)
	go h.accept(conf)
	return h, nil
}

// capabilities are those of an IoT hub, where the broker knows them.
func capabilities() *mqtt.Capabilities {
	c := mqtt.NewDefaultServerCapabilities()
	c.MaximumQos = 1
	c.MaximumPacketSize = maxMessage + 4<<10 // the topic, with the message's properties in it
	c.MaximumClientWritesPending = 16        // answers are written past that queue
	return c
}

func (h *hub) accept(conf *tls.Config) {
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
func (h *hub) serve(conn net.Conn) {
	if !h.track(conn) {
		return
	}
	conn.SetDeadline(time.Now().Add(firstPacketTime))
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
func (h *hub) serveTracked(conn net.Conn) {
	if !h.track(conn) {
		return
	}
	defer h.untrack(conn)
	conn.SetDeadline(time.Now().Add(firstPacketTime))
	h.broker.EstablishConnection(hubID, conn)
	conn.Close()
}

// track notes the connection, or closes it when the hub has closed.
func (h *hub) track(conn net.Conn) bool {
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

func (h *hub) untrack(conn net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, conn)
	h.ended.Done()
}

// close ends all connections and waits for them.
func (h *hub) close() error {
	h.listener.Close()
	h.mu.Lock()
	conns := h.conns
	h.conns = nil
	for conn := range conns {
		conn.Close()
	}
	h.mu.Unlock()
	h.ended.Wait()
	return h.broker.Close()
}
