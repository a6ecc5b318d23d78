package dps

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"

	"tpmdps/internal/environment"
	"tpmdps/internal/network"
)

// NewHTTPClient makes the client that both APIs are meant to share: TLS 1.2 or
// later, checked against roots (nil: the system's), through the proxy that
// proxies has for the service, with limits for every phase of a request. It
// follows no redirects, and keeps its connection, so that a run needs one TLS
// handshake for each host.
func NewHTTPClient(roots *x509.CertPool, proxies environment.Proxies) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout}
	return &http.Client{
		CheckRedirect: showRedirect,
		// Its own TLSClientConfig keeps this at HTTP/1.1, which is what every
		// device SDK speaks to DPS and what inspecting proxies handle best.
		Transport: &http.Transport{
			Proxy:                  func(req *http.Request) (*url.URL, error) { return proxies.For(req.URL), nil },
			OnProxyConnectResponse: checkProxy,
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			TLSHandshakeTimeout:    tlsTimeout,
			ResponseHeaderTimeout:  headerTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost:    1,
			// Longer than any Retry-After between two polls.
			IdleConnTimeout: headerTimeout * 10,
		},
	}
}

// transportOrDefault is a transport, or one without a proxy. That of net/http reads the
// environment by itself.
func transportOrDefault(transport http.RoundTripper) http.RoundTripper {
	if transport == nil {
		return NewHTTPClient(nil, environment.Proxies{}).Transport
	}
	return transport
}

// showRedirect makes a 3xx an answer like any other. Following it would take
// the Authorization header along wherever net/http thinks it is safe.
func showRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// checkProxy gives a refused CONNECT a type; net/http would return only the
// status text.
func checkProxy(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	return network.ProxyAnswer(proxy.Host, answer)
}

// boundedTransport is the pipeline's last policy. The bound has to be here:
// azcore reads the body of every answer of 400 and above to its end, whatever
// the caller asked for (policy_body_download.go). It goes below http.Client,
// which would follow redirects, and fail on one that it cannot parse.
type boundedTransport struct{ http.RoundTripper }

func newBoundedTransport(client *http.Client) boundedTransport {
	return boundedTransport{network.WatchHandshakes(CheckFraming(client.Transport))}
}

// Do implements azcore's policy.Transporter.
func (t boundedTransport) Do(req *http.Request) (*http.Response, error) {
	answer, err := t.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	answer.Body = &boundedBody{ReadCloser: answer.Body, left: maxBody}
	return answer, nil
}

type boundedBody struct {
	io.ReadCloser
	left int64 // bytes that may still come; negative: one too many came
}

// Read fails with ErrTooLarge as soon as more than the bound has come.
func (b *boundedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n, ErrTooLarge
	}
	return n, err
}

// isTransient reports whether the same request may succeed when it is sent again
// after an error that was not an answer. Trust and addressing do not change within
// seconds: a person who waits at the bench should hear of them at once.
func isTransient(err error) bool {
	var lookup *net.DNSError
	var cut *network.CutHandshake
	switch {
	case errors.As(err, &cut):
		return true
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrMalformed), errors.Is(err, network.ErrProxy), errors.Is(err, network.ErrProxyLogin),
		errors.Is(err, network.ErrTLS), isTrustError(err):
		return false
	case errors.As(err, &lookup):
		return !lookup.IsNotFound
	}
	return true
}

// isTrustError reports whether TLS came to its end without trust: a certificate
// that is not accepted, no TLS at all, an alert.
func isTrustError(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		record       tls.RecordHeaderError
		alert        tls.AlertError
	)
	return errors.As(err, &verification) || errors.As(err, &record) || errors.As(err, &alert)
}
