package network

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"testing"
)

// Each layer is told from the next one, however deep the error is wrapped.
func TestLayer(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for i, test := range []struct {
		err   error
		step  string
		named bool
	}{
		{nil, "", false},
		{dial(&net.DNSError{Err: "no such host", Name: "h"}), "net.dns", true},
		{fmt.Errorf("%w: h", ErrName), "net.dns", true},
		{dial(syscall.ECONNREFUSED), "net.tcp", true},
		{dial(syscall.EHOSTUNREACH), "net.tcp", true},
		{dial(context.DeadlineExceeded), "net.tcp", true},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, "net.tcp", true},
		{&net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}, "net.tcp", true},
		{fmt.Errorf("%w: 403", ErrProxy), "net.tcp", true},
		{ErrProxyLogin, "net.tcp", true},
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, "net.tls", true},
		{&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}, "net.tls", true},
		{tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, "net.tls", true},
		{ErrTLS, "net.tls", true},
		{ErrValidity, "net.tls", true},
		{context.DeadlineExceeded, "", true},
		{io.EOF, "", false},
		{errors.New("401 Unauthorized"), "", false},
	} {
		for _, err := range []error{test.err, fmt.Errorf("GET x: %w", test.err), &url.Error{Op: "Get", URL: "x", Err: test.err}} {
			if test.err == nil && err != nil {
				continue
			}
			what, step := Layer(err)
			if step != test.step || (what != "") != test.named {
				t.Errorf("%d: Layer(%v) = %q, %q; want %q", i, err, what, step, test.step)
			}
		}
	}
}
