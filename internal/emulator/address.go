package emulator

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"net"
)

// Ports that a name need not say.
const (
	httpsPort = "443"
	mqttPort  = "8883"
)

// Addr returns the host:port that the started server listens on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// IDScope returns the ID scope that devices have to name.
func (s *Server) IDScope() string { return s.opts.IDScope }

// Host returns the host, and the port unless it is 443, by which the started
// server is addressed: localhost when it listens on loopback.
func (s *Server) Host() string {
	if s.listener == nil { // answering in this process only
		return "localhost"
	}
	addr := s.opts.Listen
	if s.faults.on(faultDNSLess) {
		addr = net.JoinHostPort(lostHost, "")
	}
	return publicName(addr, s.listener.Addr(), httpsPort)
}

// Hub returns the hub that devices are assigned to when their enrollment names
// none: Options.Hub, or the emulator's own with its port unless that is 8883.
// Where no hub listens that is localhost.
func (s *Server) Hub() string {
	if s.opts.Hub != "" || s.hub.Addr() == nil {
		return cmp.Or(s.opts.Hub, s.opts.HubName, "localhost")
	}
	if s.opts.HubName != "" {
		return withPort(s.opts.HubName, s.hub.Addr(), mqttPort)
	}
	return publicName(s.opts.MQTT, s.hub.Addr(), mqttPort)
}

// publicName is how clients call what was asked to listen on addr, and listens at.
func publicName(addr string, at net.Addr, wellKnown string) string {
	host := hostOf(addr)
	if ip := net.ParseIP(host); host == "" || ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		host = "localhost"
	}
	return withPort(host, at, wellKnown)
}

// withPort adds the port of at, unless that is the well-known one.
func withPort(host string, at net.Addr, wellKnown string) string {
	_, port, _ := net.SplitHostPort(at.String())
	if port == wellKnown {
		return host
	}
	return net.JoinHostPort(host, port)
}

// hostOf returns the host of a host:port.
func hostOf(addr string) string {
	host, _, _ := net.SplitHostPort(addr) // New has checked it, unless it is ""
	return host
}

// Endpoint returns the URL of both APIs of the started server.
func (s *Server) Endpoint() string { return "https://" + s.Host() }

// ConnectionString returns the connection string of the started server's
// policy. It is a secret.
func (s *Server) ConnectionString() string {
	p := s.state.policy
	return fmt.Sprintf("HostName=%s;SharedAccessKeyName=%s;SharedAccessKey=%s", s.Host(), p.Name, p.encoded())
}

// Roots returns a pool with the one certificate that clients have to trust.
func (s *Server) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.ca.cert)
	return pool
}

// CAPEM returns the certificate that clients have to trust.
func (s *Server) CAPEM() []byte { return s.ca.certPEM() }

// ClientSecret returns the secret of the one application of the emulator's Entra
// ID. It stays the same as long as the policy key does.
func (s *Server) ClientSecret() string { return s.entra.ClientSecret() }

// IdentityHeader returns what a request for a managed identity's token has to
// bring along, so that only those who know the environment get one. It is a secret.
func (s *Server) IdentityHeader() string { return s.entra.IdentityHeader() }
