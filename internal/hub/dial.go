package hub

import (
	"context"
	"errors"
	"net"

	"tpmdps/internal/network"
)

// Facts are what was seen on the way to the hub.
type Facts struct {
	// Address is the hub's host and port.
	Address string
	// Proxy is the proxy's host and port, or "" when none is used.
	Proxy string
	// Resolved are the addresses of the hub, or of the proxy where there is one.
	Resolved []string
	// Remote is the address that answered.
	Remote string
	// TLS is what was agreed on, and with whom.
	TLS network.Handshake
}

// Connection is a TLS connection with a hub that has not been told anything
// yet. Close it, unless a session was made of it.
type Connection struct {
	// Facts are what was seen on the way.
	Facts Facts

	options Options
	target  target
	socket  net.Conn     // below TLS: closing it ends whatever waits
	stream  *boundedConn // TLS
	closed  bool
}

// Dial connects to the hub, by way of the proxy where there is one, and makes
// sure by its certificate that it is the hub.
//
// Errors: [ErrOptions], and those of package network: one for each layer.
func Dial(ctx context.Context, o Options) (*Connection, error) {
	o.setDefaults()
	t, err := o.target()
	if err != nil {
		return nil, err
	}
	route := network.NewRoute(t.host, t.port, o.Roots, o.Proxies)
	defer route.Close()
	facts := Facts{Address: route.Host(), Proxy: route.Proxy()}
	if facts.Resolved, err = route.Resolve(ctx); err != nil {
		return nil, err
	}
	if facts.Remote, err = route.Connect(ctx); err != nil {
		return nil, err
	}
	if facts.TLS, err = route.Secure(ctx); err != nil {
		return nil, err
	}
	conn := route.Take()
	o.Log.Debug("hub", "address", facts.Address, "remote", facts.Remote, "proxy", facts.Proxy, "tls", facts.TLS.Version)
	return &Connection{
		Facts: facts, options: o, target: t,
		socket: conn.NetConn(), stream: &boundedConn{Conn: conn, remaining: maxReceived},
	}, nil
}

// Close gives up a connection of which no session was made. It may be called
// again.
func (c *Connection) Close() error {
	if c == nil || c.closed {
		return nil
	}
	c.closed = true
	if err := c.socket.Close(); !errors.Is(err, net.ErrClosed) { // by the end of a context
		return err
	}
	return nil
}
