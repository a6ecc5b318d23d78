package dps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/net/http/httpguts"

	"tpmdps/internal/network"
)

// ErrFraming marks an answer that is not HTTP as RFC 9112 has it: something other
// than the service wrote it. It wraps [ErrMalformed].
var ErrFraming error = framing{}

type framing struct{}

func (framing) Error() string { return "the answer is not valid HTTP" }
func (framing) Unwrap() error { return ErrMalformed }

// NonRetriable tells azcore's retry policy, that of a sign-in too, to leave it at
// one try.
func (framing) NonRetriable() {}

// CheckFraming wraps what carries requests (nil: that of [NewHTTPClient] without a proxy) so that
// an answer that came and cannot be read as HTTP is an [ErrFraming], and not the
// words of net/http, which has no types for them. A connection that ends stays
// the network's error. Both clients have it by themselves; it is for others that
// go to a service of Azure's, such as the sign-in.
func CheckFraming(next http.RoundTripper) http.RoundTripper {
	return framed{transportOrDefault(next)}
}

type framed struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (f framed) RoundTrip(req *http.Request) (*http.Response, error) {
	var began atomic.Bool
	trace := &httptrace.ClientTrace{GotFirstResponseByte: func() { began.Store(true) }}
	answer, err := f.next.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		return nil, framingError(err, began.Load())
	}
	if reason := foreignHead(answer); reason != "" && began.Load() {
		_ = answer.Body.Close()
		return nil, fmt.Errorf("%w: %s", ErrFraming, reason)
	}
	answer.Body = framedBody{answer.Body}
	return answer, nil
}

// framedBody is a body whose chunks and compression may be broken.
type framedBody struct{ io.ReadCloser }

func (b framedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	return n, framingError(err, true)
}

// foreignHead is what net/http accepts in the head of an answer and no service
// sends; "" for nothing.
func foreignHead(answer *http.Response) string {
	http2 := answer.TLS != nil && answer.TLS.NegotiatedProtocol == "h2"
	switch {
	case answer.ProtoMajor != 1 && !http2:
		return "it claims to be " + show(answer.Proto, 20)
	case answer.StatusCode < 200 || answer.StatusCode > 599:
		return fmt.Sprintf("its status is %d", answer.StatusCode)
	}
	for name, values := range answer.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return "a header is damaged"
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) {
				return "the header " + show(name, 60) + " has a control character"
			}
		}
	}
	return ""
}

// framingError tells an answer that came and is broken from a way that ended.
// net/http has no types for the first, so it is what is left when the other
// causes are ruled out. began says that the answer had begun.
func framingError(err error, began bool) error {
	text := err.Error()
	switch {
	case errors.Is(err, ErrMalformed), errors.Is(err, ErrTooLarge), trusted(err):
		return err
	case strings.Contains(text, "tls: "):
		// Alerts and broken records: most of them have no type either.
		return fmt.Errorf("%w: %w", network.ErrTLS, err)
	case ended(err, text):
		return err
	case began:
		return fmt.Errorf("%w: %s", ErrFraming, framingReason(text))
	case framingWords(text) != "":
		// Before the service was asked anything: the proxy's answer to CONNECT.
		return fmt.Errorf("%w: its own answer is not valid HTTP: %s", network.ErrProxy, framingReason(text))
	}
	return err
}

// trusted reports what has a meaning of its own.
func trusted(err error) bool {
	for _, known := range []error{context.Canceled, context.DeadlineExceeded, network.ErrProxy, network.ErrProxyLogin,
		network.ErrName, network.ErrConnect, network.ErrTLS, network.ErrCertificate, network.ErrValidity, http.ErrBodyReadAfterClose} {
		if errors.Is(err, known) {
			return true
		}
	}
	return isTrustError(err)
}

// ended reports whether the connection broke off, or never was: that may pass.
func ended(err error, text string) bool {
	var way net.Error
	return errors.As(err, &way) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		strings.Contains(text, "unexpected EOF") || strings.Contains(text, "server closed idle connection")
}

// framingReasons are net/http's words for broken answers, and ours.
var framingReasons = []struct{ netHTTP, plain string }{
	{"Content-Length", "its Content-Length is not a single number"},
	{"response headers exceeded", "its headers have no end"},
	{"1xx", "it sends interim answers (1xx) without an end"},
	{"malformed HTTP", "its status line is damaged"},
	{"malformed MIME header", "a header is damaged"},
	{"ransfer encoding", "its Transfer-Encoding is not supported"},
	{"chunk", "its chunks are damaged"},
	{"railer", "its trailer is damaged"},
	{"gzip", "its compression is damaged"},
	{"flate", "its compression is damaged"},
}

func framingWords(text string) string {
	for _, r := range framingReasons {
		if strings.Contains(text, r.netHTTP) {
			return r.plain
		}
	}
	return ""
}

// framingReason adds what the answer begins with, where net/http quotes it: that
// is what tells an SSH server from a web proxy.
func framingReason(text string) string {
	reason := framingWords(text)
	if reason == "" {
		return show(text, 200)
	}
	if at := strings.Index(text, `"`); at >= 0 {
		quoted, _ := strconv.QuotedPrefix(text[at:])
		if begin, err := strconv.Unquote(quoted); err == nil && begin != "" {
			reason += fmt.Sprintf(": %q", show(strings.ToValidUTF8(begin, "?"), 60))
		}
	}
	return reason
}
