package emulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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
	var lc net.ListenConfig
	if s.listener, err = lc.Listen(ctx, "tcp", s.opts.Listen); err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	if s.faults.on(faultTCPRefuse) {
		s.listener = refusing(s.listener)
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
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.opts.MQTT)
	if err != nil {
		return err
	}
	if s.faults.on(faultHubRefuse) {
		l = refusing(l)
	}
	return s.hub.Serve(l, conf)
}

// refused stands in for a listener: nothing listens, but a server can run.
type refused struct {
	net.Listener
	done chan struct{}
	once *sync.Once
}

// refusing closes l and stands in for it.
func refusing(l net.Listener) net.Listener {
	l.Close()
	return refused{l, make(chan struct{}), &sync.Once{}}
}

// Accept implements net.Listener.
func (r refused) Accept() (net.Conn, error) {
	<-r.done
	return nil, net.ErrClosed
}

// Close implements net.Listener.
func (r refused) Close() error {
	r.once.Do(func() { close(r.done) })
	return nil
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
