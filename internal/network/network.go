// Package network goes the way from this machine to a service one layer at a
// time: its name, a connection (through the proxy, where the environment names
// one), TLS. Each layer is a call of its own that returns what was seen, so
// that a failure can be told from the next one.
//
// The rule: the connection that the calls make is the one that is used. A
// [Route] hands it to the first HTTP request through [Route.Transport], so
// looking costs no second handshake.
//
// verify uses it for DPS and for the hub.
package network

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"tpmdps/internal/environment"
	"tpmdps/internal/text"
)

// What can be wrong on the way, layer by layer.
var (
	// ErrName: the name does not resolve.
	ErrName = errors.New("the name does not resolve")
	// ErrConnect: no connection to the address.
	ErrConnect = errors.New("no connection")
	// ErrProxy: the proxy does not connect to the service.
	ErrProxy = errors.New("the proxy refuses the connection")
	// ErrProxyLogin: the proxy wants to know who asks (407, of some 401).
	ErrProxyLogin = errors.New("the proxy wants a login")
	// ErrTLS: what answers does not speak TLS as the service does.
	ErrTLS = errors.New("no TLS connection")
	// ErrValidity: the certificate is not valid at the time that this machine's
	// clock shows.
	ErrValidity = errors.New("the certificate is not valid now, by this machine's clock")
	// ErrCertificate: the certificate is not one that this machine trusts.
	ErrCertificate = errors.New("the certificate is not trusted")
)

// Limits of one layer. The run's own deadline counts as well.
const (
	nameLimit    = 10 * time.Second
	connectLimit = 10 * time.Second
	tlsLimit     = 10 * time.Second
)

// Route is the way to one service. It is for one goroutine until the transport
// takes over.
type Route struct {
	host, port string
	config     *tls.Config
	proxy      *url.URL // nil: none

	addresses []string
	conn      net.Conn

	mu    sync.Mutex
	ready *tls.Conn // made by Secure, taken by the first request
}

// NewRoute plans the way to host:port. roots nil means the system's. The proxy is
// the one that proxies has for this host.
func NewRoute(host, port string, roots *x509.CertPool, proxies environment.Proxies) *Route {
	return &Route{
		host: host, port: port, proxy: proxies.For(&url.URL{Scheme: "https", Host: net.JoinHostPort(host, port)}),
		config: &tls.Config{ServerName: host, RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
}

// Host is the service's name, and its port.
func (r *Route) Host() string { return net.JoinHostPort(r.host, r.port) }

// Proxy is the proxy's host and port, or "" when none is used.
func (r *Route) Proxy() string {
	if r.proxy == nil {
		return ""
	}
	return r.proxy.Host
}

// next is the host and port that this machine itself connects to.
func (r *Route) next() (host, port string) {
	if r.proxy == nil {
		return r.host, r.port
	}
	port = r.proxy.Port()
	if port == "" {
		port = "80"
		if r.proxy.Scheme == "https" {
			port = "443"
		}
	}
	return r.proxy.Hostname(), port
}

// Resolve looks up the name of the service, or of the proxy, which looks up the
// service's itself. It returns the addresses.
func (r *Route) Resolve(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, nameLimit)
	defer cancel()
	host, _ := r.next()
	if net.ParseIP(host) != nil {
		r.addresses = []string{host}
		return r.addresses, nil
	}
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return nil, r.toProxy(fmt.Errorf("%w: %s%s: %w", ErrName, text.Printable(host, 253), r.describeProxy(), bare(err)))
	}
	r.addresses = addresses
	return addresses, nil
}

// Connect makes the connection: to the service, or to the proxy and through it.
// It returns the address it reached.
func (r *Route) Connect(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	host, port := r.next()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return "", r.toProxy(fmt.Errorf("%w to %s%s: %w", ErrConnect, net.JoinHostPort(host, port), r.describeProxy(), bare(err)))
	}
	if r.proxy != nil {
		if conn, err = r.tunnel(ctx, conn); err != nil {
			return "", err
		}
	}
	r.conn = conn
	return conn.RemoteAddr().String(), nil
}

// bare takes operation and address off a network error; the caller says both.
func bare(err error) error {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return errors.New(dns.Err)
	case errors.As(err, &op):
		return op.Err
	}
	return err
}

// Close gives up what was made and not taken.
func (r *Route) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	switch {
	case r.ready != nil:
		err = r.ready.Close()
	case r.conn != nil:
		err = r.conn.Close()
	}
	r.ready, r.conn = nil, nil
	return err
}

// Take returns the TLS connection that the calls made; nil when there is none.
func (r *Route) Take() *tls.Conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	conn := r.ready
	r.ready = nil
	return conn
}

// dial goes the whole way at once, for a request that finds no connection.
func (r *Route) dial(ctx context.Context) (net.Conn, error) {
	fresh := &Route{host: r.host, port: r.port, proxy: r.proxy, config: r.config}
	if _, err := fresh.Connect(ctx); err != nil {
		return nil, err
	}
	if _, err := fresh.Secure(ctx); err != nil {
		return nil, err
	}
	return fresh.Take(), nil
}

// Transport returns an HTTP transport to this service. Its first request goes
// over the connection that is there; when that is gone, another is made. It
// goes nowhere else: a request for another host is refused.
func (r *Route) Transport() *http.Transport {
	return &http.Transport{
		DialTLSContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			if !strings.EqualFold(addr, r.Host()) {
				return nil, fmt.Errorf("%w to %s: this connection leads to %s", ErrConnect, text.Printable(addr, 253), r.Host())
			}
			if conn := r.Take(); conn != nil {
				return conn, nil
			}
			return r.dial(ctx)
		},
		ResponseHeaderTimeout:  30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        5 * time.Minute, // longer than any Retry-After between two polls
	}
}

// SplitHost takes the host and port of an endpoint or of an assigned hub apart;
// port is what counts when it names none.
func SplitHost(text, port string) (string, string) {
	text = strings.TrimPrefix(text, "https://")
	if h, p, err := net.SplitHostPort(text); err == nil {
		if _, err := strconv.ParseUint(p, 10, 16); err == nil {
			return h, p
		}
	}
	return text, port
}
