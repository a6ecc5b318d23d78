// Package hub opens one MQTT session of a device with its IoT Hub: it proves
// that the key which DPS gave to the chip opens the hub, and reads and reports
// the device's twin.
//
// It comes in the stages that can break apart from each other: [Dial] makes the
// TCP connection, through the proxy where there is one, and the TLS on it;
// [Connection.Connect] shows the hub the token that the chip signed;
// [Session.Twin] asks for the twin.
//
// The one rule: a session is used by one goroutine, for a short time, and
// closed. Nothing runs beside it and nothing is repeated, so that what is
// reported is what happened. A context that ends closes the connection.
//
// A hub is untrusted: what it may send is bounded (a packet, and the whole
// session), every text of it that an error carries has been made printable, and
// the token never appears in an error or a log.
package hub

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"
	"unicode"

	"tpmdps/internal/environment"
	"tpmdps/internal/text"
)

// How a session can fail, once there is a connection.
var (
	// ErrOptions: the options of Dial name no hub, no device or no transport.
	ErrOptions = errors.New("not a hub's address")
	// ErrUnauthorized: the hub does not accept the token, or has no such device
	// or has it disabled (CONNACK 5).
	ErrUnauthorized = errors.New("the hub does not accept the device's token")
	// ErrBadUserName: the hub does not accept the user name, which holds its host
	// name and the device's ID (CONNACK 4).
	ErrBadUserName = errors.New("the hub does not accept the user name")
	// ErrIdentifier: the hub does not accept the client ID, which is the device's
	// ID (CONNACK 2).
	ErrIdentifier = errors.New("the hub does not accept the device's ID")
	// ErrUnavailable: the hub is down or throttles (CONNACK 3, status 429, 5xx).
	ErrUnavailable = errors.New("the hub is throttled or unavailable")
	// ErrDropped: the connection ended without a word. A hub does that to the
	// older of two connections of a device, to a device that is disabled or
	// deleted while it is connected, and to one that breaks its rules.
	ErrDropped = errors.New("the hub dropped the connection")
	// ErrMalformed: what came is not what a hub says.
	ErrMalformed = errors.New("the answer is not a hub's")
	// ErrNotMQTT, besides ErrMalformed: what answers does not speak MQTT, so it is
	// not a hub. What it may be, [NotMQTTError] says.
	ErrNotMQTT = errors.New("the answer is not MQTT")
	// ErrRefused: the hub answered a request with a refusal.
	ErrRefused = errors.New("the hub refused the request")
)

// Transports of an MQTT session.
const (
	MQTT          = "mqtt"    // MQTT on TLS, port 8883
	MQTTWebSocket = "mqtt-ws" // MQTT on WebSocket on TLS, port 443
)

// Options say whose session it is and how it gets there.
type Options struct {
	// Host is the hub as DPS names it (assignedHub), with a port where it is
	// not the transport's own.
	Host string
	// DeviceID is the device's ID on the hub. It is case-sensitive.
	DeviceID string
	// Transport is [MQTT] or [MQTTWebSocket]; empty is MQTT.
	Transport string
	// Application names the program to the hub, such as "tpmdps/1.0".
	Application string
	// Roots are the certificates to trust; nil is the system's.
	Roots *x509.CertPool
	// Proxies say which proxy leads to the hub; the zero value means none.
	Proxies environment.Proxies
	// Token makes a shared access signature for a resource, which it is given
	// unescaped, with the device's key and without a key name.
	Token func(resource string, expiry time.Time) (string, error)
	// Now is the clock that the token's expiry is reckoned from; nil is
	// time.Now.
	Now func() time.Time
	// Log gets a line for each stage and each packet; nil means none.
	Log *slog.Logger

	// packetID and requestID number the requests. A hub cannot guess the numbers,
	// so an answer that has one was made after the request.
	packetID  func() uint16
	requestID func() string
	// grace is how long an answer that nobody asked for may be under way.
	grace time.Duration
}

// tokenLifetime is that of the C and C# SDKs. The hub closes the connection
// when it is over.
const tokenLifetime = time.Hour

func (o *Options) setDefaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.packetID == nil {
		o.packetID = randomPacketID
	}
	if o.requestID == nil {
		o.requestID = rand.Text
	}
	if o.grace == 0 {
		o.grace = 10 * time.Millisecond
	}
}

// randomPacketID is not 0: MQTT 3.1.1, 2.3.1.
func randomPacketID() uint16 {
	var b [2]byte
	rand.Read(b[:]) // it never fails
	return max(1, binary.BigEndian.Uint16(b[:]))
}

// target is where a session goes, taken from the options.
type target struct {
	host string // in the token, the user name and the certificate, without port
	port string
}

// target checks the options, of which host and device come from the network.
func (o *Options) target() (target, error) {
	ports := map[string]string{"": "8883", MQTT: "8883", MQTTWebSocket: "443"}
	port, known := ports[o.Transport]
	if !known {
		return target{}, fmt.Errorf("%w: transport %q: choose %s or %s", ErrOptions, text.Printable(o.Transport, 20), MQTT, MQTTWebSocket)
	}
	if o.DeviceID == "" || len(o.DeviceID) > 128 || strings.ContainsFunc(o.DeviceID, notInID) {
		return target{}, fmt.Errorf("%w: device ID %q", ErrOptions, text.Printable(o.DeviceID, 140))
	}
	u, err := url.Parse("https://" + o.Host)
	if err != nil || u.Host != o.Host || u.Hostname() == "" || len(o.Host) > 260 {
		return target{}, fmt.Errorf("%w: host %q", ErrOptions, text.Printable(o.Host, 140))
	}
	if p := u.Port(); p != "" {
		port = p
	}
	return target{host: u.Hostname(), port: port}, nil
}

// notInID: the slash would make another resource of the token, the rest has no
// place in an MQTT string.
func notInID(r rune) bool { return r == '/' || r == unicode.ReplacementChar || !unicode.IsGraphic(r) }
