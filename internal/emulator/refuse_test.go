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
