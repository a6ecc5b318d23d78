package emulator

import (
	"context"
	"net"
	"testing"
)

// A port where nothing listens is held: nobody else gets it, before it is given back, and
// then it is free at once.
func TestRefusedPortsAreHeld(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", ":0", "localhost:0"} {
		srv, err := New(Options{Listen: listen, MQTT: listen, Faults: []string{"tcp-refuse", "hub-refuse"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := srv.Start(context.Background()); err != nil {
			t.Fatalf("%s: %v", listen, err)
		}
		for _, addr := range []string{srv.Addr(), srv.hub.Addr().String()} {
			if conn, err := net.Dial("tcp", addr); err == nil {
				conn.Close()
				t.Errorf("%s: somebody listens on %s", listen, addr)
			}
			if l, err := net.Listen("tcp", addr); err == nil {
				l.Close()
				t.Errorf("%s: another program listens on %s", listen, addr)
			}
		}
		addr := srv.Addr()
		if err := srv.Close(); err != nil {
			t.Errorf("%s: Close() = %v", listen, err)
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Errorf("%s: after Close() %v", listen, err)
			continue
		}
		l.Close()
	}
}

// A port that was named is refused, too, right after a service whose connections linger
// there; one that another program has is an error.
func TestRefusedPortThatWasNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.2:0") // where nobody else looks for a port
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Listen: l.Addr().String(), Faults: []string{"tcp-refuse"}}
	start := func() (*Server, error) {
		srv, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		return srv, srv.Start(context.Background())
	}
	if _, err := start(); err == nil {
		t.Error("the port of another program was taken")
	}
	client, err := net.Dial("tcp", o.Listen)
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server.Close() // first: it is this side that lingers
	_, _ = client.Read(make([]byte, 1))
	client.Close()
	l.Close()
	srv, err := start()
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	if conn, err := net.Dial("tcp", o.Listen); err == nil {
		conn.Close()
		t.Error("somebody listens")
	}
}
