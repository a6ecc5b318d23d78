package hub

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// secret stands in every token; it must come out nowhere.
const secret = "c2lnbmVkIGJ5IHRoZSBjaGlw"

// certificates is a hub's certificate, and the pool in which it is trusted.
var certificates = sync.OnceValues(func() (*tls.Config, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		DNSNames: []string{"localhost", "hub.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
})

// hangLimit is when a test that waits gives up.
const hangLimit = 2 * time.Minute

// listen serves TLS connections with handle until the test is over, and returns
// the address. The test fails if a goroutine of its is left then.
func listen(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	before := runtime.NumGoroutine()
	config, _ := certificates()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			handle(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		// The end of a goroutine is no event that could be waited for, so they
		// are counted again and again. The limit only ends a hang: nothing that
		// is on its way out needs minutes.
		for hang := time.Now().Add(hangLimit); runtime.NumGoroutine() > before; runtime.Gosched() {
			if time.Now().After(hang) {
				stacks := make([]byte, 64<<10)
				t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
				return
			}
		}
	})
	return l.Addr().String()
}

// options are those of a session with a hub of listen, and the log that it
// writes.
func options(t *testing.T, addr string) (Options, *bytes.Buffer) {
	t.Helper()
	_, roots := certificates()
	var log bytes.Buffer
	requests := 0
	return Options{
		packetID:  func() uint16 { return 1 },
		requestID: func() string { requests++; return strconv.Itoa(requests) },
		Host:      addr, DeviceID: "device-1", Application: "tpmdps/1.0", Roots: roots,
		Token: func(resource string, expiry time.Time) (string, error) {
			return "SharedAccessSignature sr=" + resource + "&sig=" + secret, nil
		},
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}, &log
}

// open dials and connects.
func open(ctx context.Context, o Options) (*Session, error) {
	c, err := Dial(ctx, o)
	if err != nil {
		return nil, err
	}
	return c.Connect(ctx)
}

// mute fails the test if the secret stands in an error or a log.
func mute(t *testing.T, err error, log *bytes.Buffer) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("the token is in the error: %v", err)
	}
	if strings.Contains(log.String(), secret) {
		t.Errorf("the token is in the log: %s", log)
	}
}

// says is a hub that reads a packet and writes bytes, as often as it has some.
func says(answers ...string) func(net.Conn) {
	return func(conn net.Conn) {
		for _, answer := range answers {
			if _, err := packets.ReadPacket(conn); err != nil {
				return
			}
			conn.Write([]byte(answer))
		}
		rest(conn)
	}
}

// rest reads until the client closes.
func rest(conn net.Conn) { io.Copy(io.Discard, conn) }

const accepted = "\x20\x02\x00\x00" // CONNACK

func TestOptions(t *testing.T) {
	tests := []struct {
		name, host, device, transport string
		want                          target // zero: refused
	}{
		{"a hub", "h.azure-devices.net", "d", "", target{"h.azure-devices.net", "8883"}},
		{"WebSocket", "h.azure-devices.net", "d", MQTTWebSocket, target{"h.azure-devices.net", "443"}},
		{"a port", "localhost:18883", "d", MQTT, target{"localhost", "18883"}},
		{"an address", "[::1]:1", "d", "", target{"::1", "1"}},
		{"all that an ID may hold", "h", `a-:.+%_#*?!(),=@;$'Z9`, "", target{"h", "8883"}},
		{"no host", "", "d", "", target{}},
		{"only a port", ":8883", "d", "", target{}},
		{"a URL", "https://h", "d", "", target{}},
		{"a path", "h/d", "d", "", target{}},
		{"a user", "u@h", "d", "", target{}},
		{"a line", "h\r\nx", "d", "", target{}},
		{"a long name", strings.Repeat("h", 300), "d", "", target{}},
		{"no device", "h", "", "", target{}},
		{"a module", "h", "d/m", "", target{}},
		{"a control character", "h", "d\x00", "", target{}},
		{"a long ID", "h", strings.Repeat("d", 129), "", target{}},
		{"AMQP", "h", "d", "amqp", target{}},
	}
	for _, tt := range tests {
		o := Options{Host: tt.host, DeviceID: tt.device, Transport: tt.transport}
		got, err := o.target()
		if got != tt.want || (err == nil) != (tt.want != target{}) {
			t.Errorf("%s: target() = %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
}
