package network

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// CutHandshake is an [ErrTLS]: the connection was there, and ended during the
// handshake. It may pass, unlike an answer that is not TLS.
type CutHandshake struct{ Err error }

// Error implements error.
func (e *CutHandshake) Error() string { return fmt.Sprintf("%v: %v", ErrTLS, bare(e.Err)) }

// Unwrap returns both.
func (e *CutHandshake) Unwrap() []error { return []error{ErrTLS, e.Err} }

// WatchHandshakes has a transport name the layer where the connection broke off: of
// one that did during the handshake, net/http says the same as of one that did
// later. A [Route] tells the two apart by itself.
func WatchHandshakes(next http.RoundTripper) http.RoundTripper { return handshakeWatcher{next} }

type handshakeWatcher struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (w handshakeWatcher) RoundTrip(req *http.Request) (*http.Response, error) {
	var cut atomic.Bool
	trace := &httptrace.ClientTrace{TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
		var op *net.OpError
		cut.Store(errors.As(err, &op) && !op.Timeout() || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF))
	}}
	answer, err := w.RoundTripper.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if what, _ := Layer(err); err != nil && cut.Load() && (what == "" || what == connectionBroke) {
		err = &CutHandshake{err}
	}
	return answer, err
}
