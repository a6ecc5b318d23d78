package network

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"tpmdps/internal/text"
)

// Handshake is what was seen of the service's TLS.
type Handshake struct {
	// Version is the protocol, such as "TLS 1.3".
	Version string
	// Subject is the name in the service's certificate.
	Subject string
	// Issuers are the names of its signers, the root last.
	Issuers []string
	// Intercepted names the root when it is not one that Microsoft's services
	// have although the host is one of theirs: a proxy that inspects TLS, and
	// that this machine was set to trust.
	Intercepted string
}

// Secure does the TLS handshake on the connection. A certificate that is not
// trusted is [ErrCertificate], with the issuer that was found.
func (r *Route) Secure(ctx context.Context) (Handshake, error) {
	ctx, cancel := context.WithTimeout(ctx, tlsLimit)
	defer cancel()
	watch := &firstRecord{Conn: r.conn}
	conn := tls.Client(watch, r.config)
	if err := conn.HandshakeContext(ctx); err != nil {
		r.conn.Close()
		r.conn = nil
		return Handshake{}, r.throughProxy(handshakeError(cmp.Or(watch.err, err)))
	}
	r.mu.Lock()
	r.ready, r.conn = conn, nil
	r.mu.Unlock()
	return r.facts(conn.ConnectionState()), nil
}

// errNotTLS is what answers with a first byte that TLS does not have.
var errNotTLS = errors.New("what answers does not speak TLS")

// firstRecord looks at the first byte that comes. TLS itself waits for five, and
// then says nothing of what they are.
type firstRecord struct {
	net.Conn
	seen bool
	err  error
}

// Read refuses what is not a record: RFC 8446, 5.1.
func (f *firstRecord) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.Conn.Read(p)
	if n == 0 || f.seen {
		return n, err
	}
	f.seen = true
	const changeCipherSpec, applicationData = 20, 23
	if p[0] >= changeCipherSpec && p[0] <= applicationData {
		return n, err
	}
	what := Protocol(p[:n])
	if what == "" {
		what = fmt.Sprintf("something that begins with % x", p[:min(n, 4)])
	}
	f.err = fmt.Errorf("%w: it answers with %s", errNotTLS, what)
	return 0, f.err
}

func (r *Route) facts(s tls.ConnectionState) Handshake {
	h := Handshake{Version: tls.VersionName(s.Version)}
	if len(s.VerifiedChains) == 0 || len(s.VerifiedChains[0]) == 0 {
		return h
	}
	chain := s.VerifiedChains[0]
	h.Subject = name(chain[0])
	for _, c := range chain[1:] {
		h.Issuers = append(h.Issuers, name(c))
	}
	if root := chain[len(chain)-1]; microsofts(r.host) && !microsoftsRoot(root) {
		h.Intercepted = name(root)
	}
	return h
}

func name(c *x509.Certificate) string {
	return text.Printable(cmp.Or(c.Subject.CommonName, c.Subject.String()), 120)
}

// microsofts says whether a host is one of Azure's own.
func microsofts(host string) bool {
	host = strings.ToLower(host)
	return strings.Contains(host, ".azure-devices.") || strings.Contains(host, ".azure-devices-provisioning.")
}

// microsoftsRoot says whether a root is one that Microsoft names for Azure: its
// own, DigiCert's, and the older Baltimore.
func microsoftsRoot(root *x509.Certificate) bool {
	text := strings.ToLower(root.Subject.String())
	return strings.Contains(text, "digicert") || strings.Contains(text, "microsoft") || strings.Contains(text, "baltimore")
}

// handshakeError tells a certificate from everything else that can fail.
func handshakeError(err error) error {
	var (
		verify  *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		wrong   x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.Is(err, errNotTLS):
		return fmt.Errorf("%w: %w", ErrTLS, err)
	case errors.As(err, &verify) && len(verify.UnverifiedCertificates) > 0:
		leaf := verify.UnverifiedCertificates[0]
		if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
			return fmt.Errorf("%w: it is from %s to %s: %w", ErrValidity, leaf.NotBefore.UTC().Format(time.DateOnly), leaf.NotAfter.UTC().Format(time.DateOnly), verify)
		}
		if errors.As(err, &wrong) {
			return fmt.Errorf("%w: it is for %q: %w", ErrCertificate, name(leaf), verify)
		}
		return fmt.Errorf("%w: it is issued by %q: %w", ErrCertificate, text.Printable(leaf.Issuer.String(), 200), verify)
	case errors.As(err, &record):
		return fmt.Errorf("%w: what answers does not speak TLS: %w", ErrTLS, err)
	case errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed):
		return fmt.Errorf("%w: the connection was closed during the handshake: %w", ErrTLS, err)
	}
	return fmt.Errorf("%w: %w", ErrTLS, bare(err))
}
