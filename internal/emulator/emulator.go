// Package emulator is a Device Provisioning Service on loopback, for trying,
// training and tests: the device API with real TPM challenges, and the
// enrollment API with the service's ETags, pages and error bodies.
//
// It is a witness, so it is written apart from the client: it shares no wire
// types with internal/dps and wraps keys in its own code. A registration that
// ends in "assigned" here proves that the chip opened the challenge and signed
// with the key inside it.
//
// The one rule: what it holds are toy credentials. Listen on loopback only,
// unless a device on the bench has to reach it.
//
// A Server is made by [New], listens from [Server.Start] and is used over HTTPS
// like the real service; nothing else in the flow calls into it. docs/emulator.md
// says what was chosen where the real service is not documented.
package emulator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// DefaultIDScope is the ID scope of an emulator that was given none.
const DefaultIDScope = "0ne00000E11"

// ErrOptions is returned by [New], wrapped with the reason, for options that
// make no service.
var ErrOptions = errors.New("invalid option")

// Options say how a [Server] behaves. The zero value is a fast, unlimited
// service with its state in memory, on a free port of 127.0.0.1.
type Options struct {
	IDScope string // 11 characters; "" is [DefaultIDScope]
	Listen  string // host:port for HTTPS; "" is 127.0.0.1 and a free port
	MQTT    string // host:port of the hub's MQTT: only named in the answers so far, nothing listens

	Dir       string // keeps the certificate authority across restarts; "" makes a new one each time
	StateFile string // keeps enrollments, registrations and keys across restarts; "" keeps nothing

	Limit int // operations a minute for each kind of request, 429 beyond it; 0 is no limit

	// Hub is the host that devices are assigned to when their enrollment
	// names none; "" is localhost, with MQTT's port when that is not 8883.
	Hub string

	// EnrollOnSight enrolls a device that nobody enrolled with the keys it
	// comes with. It is for testing a chip, not for trying DPS.
	EnrollOnSight bool

	AssignDelay time.Duration // how long a registration stays "assigning"
	// RetryAfter is what the Retry-After header says, in whole seconds
	// rounded down; 0 is the 3 s of the real service.
	RetryAfter time.Duration

	Now func() time.Time // the service's clock; nil is time.Now
	Log *slog.Logger     // one line a request, without secrets; nil is silence
}

func (o Options) withDefaults() Options {
	if o.IDScope == "" {
		o.IDScope = DefaultIDScope
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.RetryAfter == 0 {
		o.RetryAfter = 3 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Hub == "" {
		o.Hub = "localhost"
		if _, port, err := net.SplitHostPort(o.MQTT); err == nil && port != "8883" {
			o.Hub = net.JoinHostPort(o.Hub, port)
		}
	}
	return o
}

func (o Options) validate() error {
	if !validIDScope(o.IDScope) {
		return fmt.Errorf("ID scope %q: want 0ne and 8 letters or digits", o.IDScope)
	}
	for _, addr := range []string{o.Listen, o.MQTT} {
		if addr == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return fmt.Errorf("listen address: %w", err)
		}
	}
	if o.Limit < 0 || o.AssignDelay < 0 || o.RetryAfter < 0 {
		return errors.New("limit and delays cannot be negative")
	}
	return nil
}

// Server is one emulated service. Its methods may be called from several
// goroutines at a time.
type Server struct {
	opts Options
	ca   *authority

	mu    sync.Mutex // guards everything the requests change: the fields below
	state *state
	nonce nonces
	ops   operations
	limit limiter

	listener net.Listener
	http     *http.Server
	served   chan error // the end of http.Serve
	stop     func() bool
	closing  sync.Once
	closeErr error
}

// New makes a server that does not listen yet. It reads Options.StateFile, and
// reads or makes the certificate authority in Options.Dir.
func New(o Options) (*Server, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("emulator: %w: %w", ErrOptions, err)
	}
	ca, err := openAuthority(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("emulator: certificate authority: %w", err)
	}
	st, err := openState(o.StateFile)
	if err != nil {
		return nil, fmt.Errorf("emulator: state: %w", err)
	}
	return &Server{
		opts:  o,
		ca:    ca,
		state: st,
		nonce: nonces{},
		ops:   operations{},
		limit: limiter{perMinute: o.Limit},
	}, nil
}

// Start listens and returns when requests are answered. The server runs until
// [Server.Close] is called or ctx is done.
func (s *Server) Start(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.opts.Listen)
	if err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	host, _, _ := net.SplitHostPort(s.opts.Listen)
	leaf, err := s.ca.issue(host)
	if err != nil {
		l.Close()
		return fmt.Errorf("emulator: server certificate: %w", err)
	}
	var http1 http.Protocols
	http1.SetHTTP1(true) // no SDK speaks HTTP/2 to DPS, and the C one needs Content-Length
	s.http = &http.Server{
		Handler:   s,
		Protocols: &http1,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{leaf}, MinVersion: tls.VersionTLS12},
		ErrorLog:  slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),

		ReadHeaderTimeout: 30 * time.Second,
		ReadTimeout:       time.Minute,
		// Longer than any Retry-After: the C SDK gives up a registration
		// whose connection was closed between two polls.
		IdleTimeout: 10 * time.Minute,
	}
	s.listener = l
	s.served = make(chan error, 1)
	go func() { s.served <- s.http.ServeTLS(l, "", "") }()
	s.stop = context.AfterFunc(ctx, func() { s.Close() })
	return nil
}

// Close stops listening, lets running requests end, and saves the state. A
// server that was never started has nothing to stop; a second Close does nothing.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.closeErr = errors.Join(s.shutdown(), s.save())
	})
	return s.closeErr
}

func (s *Server) shutdown() error {
	if s.http == nil {
		return nil
	}
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		s.http.Close() // a client that hangs in the middle of a request
	}
	if err := <-s.served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("emulator: serve: %w", err)
	}
	return nil
}

func (s *Server) save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.save()
}

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
	host, _, _ := net.SplitHostPort(s.opts.Listen)
	if ip := net.ParseIP(host); host == "" || ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		host = "localhost"
	}
	_, port, _ := net.SplitHostPort(s.Addr())
	if port == "443" {
		return host
	}
	return net.JoinHostPort(host, port)
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
