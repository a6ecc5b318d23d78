package network

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
)

// Layer is the layer of the way to a service that an error is of, in words and by
// the name that verify's step for it has; "" for one that came after the way.
func Layer(err error) (what, step string) {
	var name *net.DNSError
	var op *net.OpError
	var record tls.RecordHeaderError
	var verify *tls.CertificateVerificationError
	var alert tls.AlertError
	is := func(layers ...error) bool {
		for _, layer := range layers {
			if errors.Is(err, layer) {
				return true
			}
		}
		return false
	}
	switch {
	case err == nil:
	case is(ErrProxy, ErrProxyLogin):
		return "the proxy refuses the connection", "net.tcp"
	case is(ErrName), errors.As(err, &name):
		return "its name does not resolve", "net.dns"
	case is(ErrValidity, ErrCertificate), errors.As(err, &verify):
		return "its certificate is not accepted", "net.tls"
	case is(ErrTLS), errors.As(err, &record), errors.As(err, &alert):
		return "no TLS connection", "net.tls"
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return "no connection to the proxy", "net.tcp"
	case is(ErrConnect), errors.As(err, &op) && (op.Op == "dial" || op.Op == "socks connect"):
		return "no connection", "net.tcp"
	case is(context.DeadlineExceeded):
		return "no answer in time", ""
	case errors.As(err, &op):
		return connectionBroke, "net.tcp"
	}
	return "", ""
}

const connectionBroke = "the connection broke"
