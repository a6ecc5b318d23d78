package hub

import (
	"bufio"
	"net"
	"sync"
	"time"
)

// mqttConnect is the first byte of every MQTT connection: a CONNECT packet. No
// HTTP method begins with it.
const mqttConnect = 0x10

// peeked is a connection whose first bytes were looked at.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func newPeeked(conn net.Conn) *peeked { return &peeked{conn, bufio.NewReader(conn)} }

// Read implements net.Conn.
func (p *peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

// handover is a net.Listener for connections that another listener accepted.
type handover struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newHandover(addr net.Addr) *handover {
	return &handover{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

// give passes the connection on, or closes it when nobody accepts it any more.
func (h *handover) give(conn net.Conn) {
	conn.SetDeadline(time.Time{})
	select {
	case h.conns <- conn:
	case <-h.done:
		conn.Close()
	}
}

// Accept implements net.Listener.
func (h *handover) Accept() (net.Conn, error) {
	select {
	case conn := <-h.conns:
		return conn, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handover) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// Addr implements net.Listener.
func (h *handover) Addr() net.Addr { return h.addr }
