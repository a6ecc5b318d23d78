package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tpmdps/internal/emulator"
	"tpmdps/internal/softtpm/softtpmtest"
)

// What answers on the hub's port, and how verify ends with it. After its answers
// the connection stays open, so that nothing but the answer can end the run.
func TestHostileHubs(t *testing.T) {
	const (
		accepted = "\x20\x02\x00\x00"
		other    = "something other than a hub answered"
		rules    = "what answers breaks the rules of MQTT"
	)
	suback := func(id []byte) string { return "\x90\x03" + string(id) + "\x00" }
	tests := []struct {
		name    string
		answers []string // each to one packet; SUBACK stands for the right one
		step    string
		code    int
		hint    string // how it begins
		says    string
	}{
		{"HTTP", []string{"HTTP/1.1 400 Bad Request\r\n\r\n"}, "hub.connect", 21, other, "the hub's port answered HTTP (status 400), not MQTT"},
		{"AMQP", []string{"AMQP\x00\x01\x00\x00"}, "hub.connect", 21, other, "the hub's port answered AMQP, not MQTT"},
		{"SSH", []string{"SSH-2.0-x\r\n"}, "hub.connect", 21, other, "the hub's port answered SSH, not MQTT"},
		{"SMTP", []string{"220 mx ESMTP\r\n"}, "hub.connect", 21, other, "the hub's port answered SMTP, not MQTT"},
		{"a TLS alert", []string{"\x15\x03\x03\x00\x02\x02\x28"}, "hub.connect", 21, other, "the hub's port answered a TLS alert, not MQTT"},
		{"bytes", []string{"\xde"}, "hub.connect", 21, other, "something that begins with de"},
		{"a session that is present", []string{"\x20\x02\x01\x00"}, "hub.connect", 34, rules, "a session that is present"},
		{"another packet", []string{"\xd0\x00"}, "hub.connect", 34, rules, "PINGRESP instead of CONNACK"},
		{"a code that does not exist", []string{"\x20\x02\x00\x09"}, "hub.connect", 34, rules, "CONNACK 9"},
		{"the SUBACK at once", []string{accepted + "\x90\x03\x00\x01\x00"}, "hub.connect", 34, rules, "SUBACK after the CONNACK"},
		{"another packet ID", []string{accepted, "\x90\x03\x00\x00\x00"}, "hub.twin", 34, rules, "SUBACK of packet ID 0, where "},
		{"a second CONNACK", []string{accepted, accepted}, "hub.twin", 34, rules, "CONNACK instead of SUBACK"},
		{"refused", []string{accepted, "REFUSED"}, "hub.twin", 34, "look at the device on the hub", "SUBACK 0x80"},
		{"a PUBACK", []string{accepted, "SUBACK", "\x40\x02\x00\x01"}, "hub.twin", 34, rules, "PUBACK instead of PUBLISH"},
		{"another request", []string{accepted, "SUBACK", "\x30\x1e\x00\x1c$iothub/twin/res/200/?$rid=1"}, "hub.twin", 34, rules, `the answer to request "1"`},
	}
	certificate, ca := hostileCertificate(t)
	chip := softtpmtest.Start(t, "persisted")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hub := hostileHub(t, certificate, func(conn net.Conn) {
				for _, answer := range tt.answers {
					p, err := packets.ReadPacket(conn)
					if err != nil {
						return
					}
					if s, ok := p.(*packets.SubscribePacket); ok {
						right := suback([]byte{byte(s.MessageID >> 8), byte(s.MessageID)})
						answer = strings.NewReplacer("SUBACK", right, "REFUSED", right[:4]+"\x80").Replace(answer)
					}
					io.WriteString(conn, answer)
				}
				io.Copy(io.Discard, conn)
			})
			out, failed := verifyAgainst(t, chip.Address(), hub, ca)
			if out.Outcome != "fail" || failed.Step != tt.step || failed.Code != tt.code || !strings.HasPrefix(failed.Hint, tt.hint) || !strings.Contains(failed.Error, tt.says) {
				t.Errorf("%s at %s with %d: %s\nhint: %s\nwant %s, %d, %q, %q", out.Outcome, failed.Step, failed.Code, failed.Error, failed.Hint, tt.step, tt.code, tt.says, tt.hint)
			}
		})
	}
}

// verifyAgainst runs verify with a DPS that assigns the chip to a hub. The time
// limit only ends a hang.
func verifyAgainst(t *testing.T, chip, hub string, trusted []byte) (tripResult, failure) {
	t.Helper()
	server, err := emulator.New(emulator.Options{EnrollOnSight: true, RetryAfter: time.Millisecond, Hub: hub})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, append(server.CAPEM(), trusted...), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"tpmdps", "verify", "--tpm", chip, "--id-scope", server.IDScope(),
		"--global-endpoint", server.Endpoint(), "--ca-file", ca, "--timeout", "5m", "-o", "json"}, streams{strings.NewReader(""), &stdout, &stderr})
	var out tripResult
	var failed failure
	if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
		t.Fatalf("exit code %d, stdout %q: %v", code, &stdout, err)
	}
	if err := json.Unmarshal(stderr.Bytes(), &failed); err != nil {
		t.Fatalf("exit code %d, stderr %q: %v", code, &stderr, err)
	}
	if failed.Code != code {
		t.Errorf("exit code %d, the error says %d", code, failed.Code)
	}
	return out, failed
}

// hostileHub listens until the test is over, and returns its address.
func hostileHub(t *testing.T, c tls.Certificate, serve func(net.Conn)) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{c}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			go func() {
				serve(conn)
				conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// hostileCertificate is one for 127.0.0.1, and as the PEM to trust.
func hostileCertificate(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Hostile hub"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
