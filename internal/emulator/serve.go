package emulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Start listens and returns when requests are answered. The server runs until
// [Server.Close] is called or ctx is done.
func (s *Server) Start(ctx context.Context) (err error) {
	hosts := append([]string{hostOf(s.opts.Listen)}, s.opts.Names...)
	if s.opts.MQTT != "" {
		hosts = append(hosts, hostOf(s.opts.MQTT))
	}
	if s.opts.HubName != "" {
		hosts = append(hosts, s.opts.HubName)
	}
	leaf, err := s.certificate(hosts)
	if err != nil {
		return fmt.Errorf("emulator: server certificate: %w", err)
	}
	s.leaf = leaf.Leaf
	conf := &tls.Config{Certificates: []tls.Certificate{leaf}, MinVersion: tls.VersionTLS12}
	if s.listener, err = s.listen(ctx, s.opts.Listen, faultTCPRefuse); err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	if s.opts.MQTT != "" {
		if err := s.startHub(ctx, conf); err != nil {
			s.listener.Close()
			return fmt.Errorf("emulator: hub: %w", err)
		}
	}
	s.serve(conf)
	// A context that has ended already calls Close while stop is being set.
	set := make(chan struct{})
	s.stop = context.AfterFunc(ctx, func() { <-set; s.Close() })
	close(set)
	return nil
}

// startHub has the hub listen for devices.
func (s *Server) startHub(ctx context.Context, conf *tls.Config) error {
	l, err := s.listen(ctx, s.opts.MQTT, faultHubRefuse)
	if err != nil {
		return err
	}
	return s.hub.Serve(l, conf)
}

// listen listens on an address, unless a fault says that nothing does.
func (s *Server) listen(ctx context.Context, addr, refuses string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil || !s.faults.on(refuses) {
		return l, err
	}
	if err := l.Close(); err != nil {
		return nil, err
	}
	r := &refused{addr: l.Addr(), done: make(chan struct{})}
	r.hold(ctx)
	return r, nil
}

// refused stands in for a listener: nothing listens, but a server can run.
type refused struct {
	addr net.Addr
	held []io.Closer
	done chan struct{}
	once sync.Once
}

// hold has a connection come from the port: who connects to the port is refused, and the
// system gives it to no other program, which would be met there. A port with connections
// that have just ended cannot be held; somebody named it, and it is not given away.
func (r *refused) hold(ctx context.Context) {
	host, _, err := net.SplitHostPort(r.addr.String())
	if err != nil {
		return
	}
	var lc net.ListenConfig
	peer, err := lc.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return
	}
	r.held = append(r.held, peer)
	d := net.Dialer{LocalAddr: r.addr}
	conn, err := d.DialContext(ctx, "tcp", peer.Addr().String())
	if err != nil {
		return
	}
	r.held = append(r.held, conn)
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // at its end the port is free at once
	}
}

// Accept implements net.Listener.
func (r *refused) Accept() (net.Conn, error) {
	<-r.done
	return nil, net.ErrClosed
}

// Addr implements net.Listener.
func (r *refused) Addr() net.Addr { return r.addr }

// Close implements net.Listener.
func (r *refused) Close() (err error) {
	r.once.Do(func() {
		close(r.done)
		for _, c := range r.held {
			err = errors.Join(err, c.Close())
		}
	})
	return err
}

// certificate makes the server's certificate.
func (s *Server) certificate(hosts []string) (tls.Certificate, error) {
	ca := s.ca
	if s.faults.on(faultIntercept) {
		var err error
		if ca, err = newAuthority(interceptor); err != nil {
			return tls.Certificate{}, err
		}
	}
	return ca.issue(hosts...)
}

// serve answers HTTP on the listener, and on the hub's port for those who speak it there.
func (s *Server) serve(conf *tls.Config) {
	var http1 http.Protocols
	http1.SetHTTP1(true) // no SDK speaks HTTP/2 to DPS, and the C one needs Content-Length
	s.http = &http.Server{
		Handler:   s,
		Protocols: &http1,
		TLSConfig: conf,
		ErrorLog:  slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),

		ReadHeaderTimeout: 30 * time.Second,
		ReadTimeout:       time.Minute,
		// Longer than any Retry-After: the C SDK gives up a registration
		// whose connection was closed between two polls.
		IdleTimeout: 10 * time.Minute,
	}
	s.served = make(chan error, 2)
	go func() { s.served <- s.http.ServeTLS(s.listener, "", "") }()
	if s.hub.Addr() != nil {
		go func() { s.served <- s.http.Serve(s.hub.HTTP()) }()
	}
}

// Close stops listening, lets running requests end, and saves the state. A
// server that was never started has nothing to stop; a second Close does nothing.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.closeErr = errors.Join(s.shutdown(), s.save(), s.state.close())
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
	err := s.serveError()
	if s.hub.Addr() != nil {
		err = errors.Join(err, s.serveError(), s.hub.Close())
	}
	return err
}

// serveError waits for the end of one http.Serve, and returns why if it failed.
func (s *Server) serveError() error {
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
