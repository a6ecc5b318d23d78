package network

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"tpmdps/internal/text"
)

// tunnel asks the proxy to connect to the service (RFC 9110, 9.3.6). Name and
// password come from the proxy's URL and are sent to nobody else.
func (r *Route) tunnel(ctx context.Context, conn net.Conn) (_ net.Conn, err error) {
	defer func() {
		if err != nil {
			conn.Close()
		}
	}()
	if r.proxy.Scheme == "https" {
		secured := tls.Client(conn, &tls.Config{ServerName: r.proxy.Hostname(), MinVersion: tls.VersionTLS12})
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("%w: TLS with the proxy itself: %w", ErrProxy, handshakeError(err))
		}
		conn = secured
	}
	// The end of the context ends the exchange, whatever the proxy does.
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if !stop() && err == nil {
			err = ctx.Err()
		}
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("%w: %s: %w", ErrProxy, r.proxy.Host, ctx.Err())
		}
	}()
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: r.Host()}, Host: r.Host(), Header: http.Header{}}
	if user := r.proxy.User; user != nil {
		password, _ := user.Password()
		basic := &http.Request{Header: http.Header{}}
		basic.SetBasicAuth(user.Username(), password)
		req.Header.Set("Proxy-Authorization", basic.Header.Get("Authorization"))
	}
	if err := req.Write(conn); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrProxy, r.proxy.Host, bare(err))
	}
	// One byte at a time, so that nothing of the tunnel's content is swallowed.
	const maxHeader = 64 << 10
	resp, err := http.ReadResponse(bufio.NewReaderSize(io.LimitReader(oneByte{conn}, maxHeader), 16), req)
	if err != nil {
		return nil, fmt.Errorf("%w: %s does not answer in HTTP: %w", ErrProxy, r.proxy.Host, bare(err))
	}
	if err := ProxyAnswer(r.proxy.Host, resp); err != nil {
		return nil, err
	}
	return conn, nil
}

// ProxyAnswer is nil where a proxy that was asked to connect did so, and otherwise
// wraps [ErrProxyLogin] or [ErrProxy].
func ProxyAnswer(proxy string, answer *http.Response) error {
	refused := ErrProxy
	switch answer.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusProxyAuthRequired, http.StatusUnauthorized: // tinyproxy: none, and a wrong one
		refused = ErrProxyLogin
	}
	return fmt.Errorf("%w: %s answered %s", refused, proxy, text.Printable(answer.Status, 80))
}

// oneByte reads as little as it can.
type oneByte struct{ net.Conn }

func (o oneByte) Read(p []byte) (int, error) { return o.Conn.Read(p[:1]) }
