package hub

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tpmdps/internal/emulator/hub/hubtest"
	"tpmdps/internal/emulator/rest"
)

// site is a hub that listens, with a second address as a DPS has one, and the
// devices that it is handed.
type site struct {
	*testing.T
	srv  *Server
	name string // of the hub
	web  *httptest.Server

	ticks sync.Mutex // guards now, which a hub asks for while it has a device
	now   time.Time

	mu      sync.Mutex
	devices map[string]*Device // by ID
	kept    int                // changes
	saved   error              // what keeping one ends in
}

// start makes a site with the device dev1.
func start(t *testing.T, change func(*Options)) *site {
	t.Helper()
	s := &site{T: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	o := Options{
		Device:   s.device,
		Patience: time.Hour, // more than hubtest.HangLimit: what ends a connection is the test, and not the clock
		Now:      s.clock,
		Log:      slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&o)
	}
	s.srv = New(o)
	s.web = httptest.NewTLSServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.web.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.srv.Serve(l, &tls.Config{Certificates: s.web.TLS.Certificates}); err != nil {
		t.Fatal(err)
	}
	onPort := &http.Server{Handler: http.HandlerFunc(s.serve)}
	go onPort.Serve(s.srv.HTTP())
	srv := s.srv
	t.Cleanup(func() { onPort.Close(); srv.Close() })
	s.name = s.srv.Addr().String()
	s.devices = map[string]*Device{"dev1": {Hub: s.name, ID: "dev1", Key: []byte("the key of dev1"), Twin: NewTwin(nil, nil)}}
	return s
}

// device is Options.Device.
func (s *site) device(name, id string, use func(*Device) (bool, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.devices[id]
	if d != nil && !strings.EqualFold(withoutPort(name), withoutPort(d.Hub)) {
		d = nil
	}
	changed, err := use(d)
	if err != nil || !changed {
		return err
	}
	s.kept++
	return s.saved
}

func (s *site) clock() time.Time {
	s.ticks.Lock()
	defer s.ticks.Unlock()
	return s.now
}

func (s *site) move(d time.Duration) {
	s.ticks.Lock()
	defer s.ticks.Unlock()
	s.now = s.now.Add(d)
}

// serve is the address that has the hub's HTTPS API among others.
func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/$iothub/websocket" {
		s.srv.ServeWebSocket(w, r)
		return
	}
	rep := Refusal(rest.Refuse(codeNotFound, "There is no such resource."), s.clock())
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	for _, rt := range Routes() {
		if rt.Method != r.Method || !rest.Match(rt.Path, path) {
			continue
		}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			rep, err = rt.Handle(s.srv, Request{Request: r, Path: path, Body: body})
		}
		if err != nil {
			rep = Refusal(err, s.clock())
		}
	}
	if err := rep.Write(w, s.clock()); err != nil {
		s.Error(err)
	}
}

// tls trusts the site.
func (s *site) tls() *tls.Config {
	return s.web.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
}

func (s *site) dial() hubtest.Line {
	s.Helper()
	return hubtest.Dial(s.T, s.name, s.tls())
}

func (s *site) dialWebSocket(addr string) hubtest.Line {
	s.Helper()
	return hubtest.DialWebSocket(s.T, addr, s.tls())
}

// token is the one of a device.
func (s *site) token(d *Device) string {
	return hubtest.Token(d.Hub, d.ID, d.Key, s.clock().Add(time.Hour))
}

// connect is the CONNECT of dev1.
func (s *site) connect() *packets.ConnectPacket {
	return hubtest.Connect(s.name, "dev1", s.token(s.devices["dev1"]))
}

// send sends a request of the HTTPS API to host:port, with a token of dev1 unless a
// header says otherwise, and returns status, code and body.
func (s *site) send(addr, method, path, body string, header ...string) (int, string, string) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, "https://"+addr+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Authorization", s.token(s.devices["dev1"]))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.web.Client().Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("iothub-errorcode"), string(data)
}
