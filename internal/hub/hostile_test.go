package hub

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
)

// hostile are answers of what poses as a hub, or is something else. Each is the
// whole of what comes at a stage, and after it the connection stays open: so
// whatever is refused is refused for what came, and not at a time limit.
var hostile = map[string][]struct {
	name, answer string
	want         error
	says         string
}{
	"early": { // before a CONNECT
		{"SSH", "SSH-2.0-OpenSSH_9.2\r\n", ErrNotMQTT, "answered SSH, not MQTT"},
		{"SMTP", "220 mail.test ESMTP Postfix\r\n", ErrNotMQTT, "answered SMTP, not MQTT"},
		{"FTP", "220 ftp.test FTP server ready\r\n", ErrNotMQTT, "answered FTP"},
		{"MySQL", "\x4a\x00\x00\x00\x0a8.0.36\x00", ErrNotMQTT, "answered MySQL"},
		{"POP3", "+OK ready\r\n", ErrNotMQTT, "answered POP3"},
		{"IMAP", "* OK IMAP4rev1\r\n", ErrNotMQTT, "answered IMAP"},
		{"VNC", "RFB 003.008\n", ErrNotMQTT, "answered VNC"},
		{"Telnet", "\xff\xfd\x18\xff\xfd\x20", ErrNotMQTT, "answered Telnet"},
		{"HTTP/2", "\x00\x00\x00\x04\x00\x00\x00\x00\x00", ErrNotMQTT, "answered HTTP/2"},
		{"a CONNACK", accepted, ErrMalformed, "CONNACK before it was asked"},
		{"a refusal", "\x20\x02\x00\x05", ErrMalformed, "CONNACK before it was asked"},
		{"everything at once", accepted + granted + publish(toTwin, smallTwin), ErrMalformed, "CONNACK before it was asked"},
		{"a byte of a CONNACK", "\x20", ErrMalformed, "CONNACK before it was asked"},
	},
	"connack": {
		{"HTTP", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", ErrNotMQTT, "the hub's port answered HTTP (status 400), not MQTT"},
		{"HTTP without a status", "HTTP/1.1\r\n", ErrNotMQTT, "answered HTTP, not MQTT"},
		{"a letter of HTTP", "H", ErrNotMQTT, "answered text, not MQTT"},
		{"a page", "<!DOCTYPE html><html>", ErrNotMQTT, "answered HTML"},
		{"AMQP 1.0", "AMQP\x00\x01\x00\x00", ErrNotMQTT, "answered AMQP, not MQTT"},
		{"AMQP with SASL", "AMQP\x03\x01\x00\x00", ErrNotMQTT, "answered AMQP, not MQTT"},
		{"a TLS alert", "\x15\x03\x03\x00\x02\x02\x28", ErrNotMQTT, "answered a TLS alert"},
		{"TLS", "\x16\x03\x03\x00\x7a", ErrNotMQTT, "answered TLS inside of TLS"},
		{"SMTP that waits", "220 mx ESMTP\r\n", ErrNotMQTT, "answered SMTP"},
		{"Redis", "-ERR unknown command\r\n", ErrNotMQTT, "answered Redis"},
		{"RTSP", "RTSP/1.0 400 Bad Request\r\n", ErrNotMQTT, "answered RTSP"},
		{"JSON", `{"error":"x"}`, ErrNotMQTT, "answered JSON"},
		{"XMPP", "<stream:error/>", ErrNotMQTT, "answered XMPP"},
		{"SOCKS", "\x05\xff", ErrNotMQTT, "answered SOCKS"},
		{"text that begins as a CONNACK", "  hello", ErrNotMQTT, "answered text"},
		{"text that begins as a PUBLISH", "1 2 3", ErrNotMQTT, "answered text"},
		{"text that begins as a PUBACK", "@here", ErrNotMQTT, "answered text"},
		{"zeros", "\x00\x00\x00\x00", ErrNotMQTT, "begins with 00 00 00 00"},
		{"bytes", "\x8f\xde\xad\xbe\xef", ErrNotMQTT, "begins with 8f de ad be"},
		{"a PUBREL with flags", "\x60\x02\x00\x01", ErrNotMQTT, "begins with 60 02"},

		{"its own CONNECT", "\x10\x20\x00\x04MQTT\x04\xc2", ErrMalformed, "CONNECT instead of CONNACK"},
		{"a session that is present", "\x20\x02\x01\x00", ErrMalformed, "a session that is present, although a clean one was asked for"},
		{"a refusal with a session", "\x20\x02\x01\x05", ErrMalformed, "return code 5"},
		{"flags that are reserved", "\x20\x02\x80\x00", ErrMalformed, "flags 0x80"},
		{"a header with flags", "\x22\x02\x00\x00", ErrMalformed, "0x22"},
		{"protocol version", "\x20\x02\x00\x01", ErrMalformed, "CONNACK 1"},
		{"a code that does not exist", "\x20\x02\x00\x06", ErrMalformed, "CONNACK 6"},
		{"a code of MQTT 5", "\x20\x02\x00\x87", ErrMalformed, "CONNACK 135"},
		{"a CONNACK of MQTT 5", "\x20\x03\x00\x00\x00", ErrMalformed, "a CONNACK of 3 bytes"},
		{"a CONNACK of one byte", "\x20\x01", ErrMalformed, "a CONNACK of 1 bytes"},
		{"a long length", "\x20\xff\xff\xff\x7f", ErrMalformed, "268435455"},
		{"a length of five bytes", "\x20\x82\x80\x80\x80\x00", ErrMalformed, "does not end after four bytes"},
		{"an AUTH of MQTT 5", "\xf0\x00", ErrMalformed, "0xf0"},
		{"a PINGRESP", "\xd0\x00", ErrMalformed, "PINGRESP instead of CONNACK"},
		{"a SUBACK", granted, ErrMalformed, "SUBACK instead of CONNACK"},
		{"a twin", publish(toTwin, smallTwin), ErrMalformed, "PUBLISH instead of CONNACK"},
		{"two CONNACKs", accepted + accepted, ErrMalformed, "CONNACK after the CONNACK"},
		{"a SUBACK at once", accepted + granted, ErrMalformed, "SUBACK after the CONNACK"},
		{"a PINGRESP at once", accepted + "\xd0\x00", ErrMalformed, "PINGRESP after the CONNACK"},
		{"a twin at once", accepted + publish(toTwin, smallTwin), ErrMalformed, "PUBLISH after the CONNACK"},
		{"text at once", accepted + "HTTP", ErrMalformed, "0x48"},
	},
	"suback": {
		{"a second CONNACK", accepted, ErrMalformed, "CONNACK instead of SUBACK"},
		{"a PINGRESP", "\xd0\x00", ErrMalformed, "PINGRESP instead of SUBACK"},
		{"a PUBACK", "\x40\x02\x00\x01", ErrMalformed, "PUBACK instead of SUBACK"},
		{"the twin first", publish(toTwin, smallTwin), ErrMalformed, "PUBLISH instead of SUBACK"},
		{"an UNSUBACK", "\xb0\x02\x00\x01", ErrMalformed, "UNSUBACK instead of SUBACK"},
		{"a DISCONNECT", "\xe0\x00", ErrMalformed, "DISCONNECT instead of SUBACK"},
		{"HTTP", "HTTP/1.1 400", ErrMalformed, "0x48"},
		{"flags", "\x92\x03\x00\x01\x00", ErrMalformed, "0x92"},
		{"another packet ID", "\x90\x03\x00\x07\x00", ErrMalformed, "SUBACK of packet ID 7, where 1 was asked"},
		{"packet ID 0", "\x90\x03\x00\x00\x00", ErrMalformed, "SUBACK of packet ID 0, where 1 was asked"},
		{"two codes", "\x90\x04\x00\x01\x00\x00", ErrMalformed, "SUBACK of packet ID 1 with 2 return codes"},
		{"no code", "\x90\x02\x00\x01", ErrMalformed, "SUBACK of packet ID 1 with 0 return codes"},
		{"no packet ID", "\x90\x01\x00", ErrMalformed, "a SUBACK of 1 bytes"},
		{"a long length", "\x90\xff\xff\xff\x7f", ErrMalformed, "268435455"},
		{"a length without an end", "\x90\xff\xff\xff\xff\x7f", ErrMalformed, "does not end"},
		{"refused", "\x90\x03\x00\x01\x80", ErrRefused, "0x80"},
		{"QoS 2", "\x90\x03\x00\x01\x02", ErrMalformed, "return code 0x2"},
		{"a reserved code", "\x90\x03\x00\x01\x7f", ErrMalformed, "return code 0x7f"},
		{"the twin at once", granted + publish(toTwin, smallTwin), ErrMalformed, "PUBLISH after the SUBACK"},
		{"two SUBACKs", granted + granted, ErrMalformed, "SUBACK after the SUBACK"},
	},
	"twin": {
		{"a second SUBACK", granted, ErrMalformed, "SUBACK instead of PUBLISH"},
		{"a second CONNACK", accepted, ErrMalformed, "CONNACK instead of PUBLISH"},
		{"a PUBACK", "\x40\x02\x00\x01", ErrMalformed, "PUBACK instead of PUBLISH"},
		{"a PINGRESP", "\xd0\x00", ErrMalformed, "PINGRESP instead of PUBLISH"},
		{"QoS 1", "\x32", ErrMalformed, "PUBLISH with QoS 1"},
		{"QoS 3", "\x36", ErrMalformed, "0x36"},
		{"retained", "\x31", ErrMalformed, "flags 0x1"},
		{"sent again", "\x38", ErrMalformed, "flags 0x8"},
		{"over the limit", "\x30\x80\x80\x40", ErrMalformed, "1048576"},
		{"no topic", "\x30\x01\x00", ErrMalformed, "without a topic"},
		{"a topic longer than the packet", "\x30\x04\x00\x09ab", ErrMalformed, "topic of 9 bytes"},
		{"a topic without end", "\x30\xff\x7f\x3f\x00", ErrMalformed, "topic of 16128 bytes"},
		{"another request", publish("$iothub/twin/res/200/?$rid=2", smallTwin), ErrMalformed, `the answer to request "2", where "1" was made`},
		{"no request", publish("$iothub/twin/res/200/", smallTwin), ErrMalformed, "the topic"},
		{"two requests", publish("$iothub/twin/res/200/?$rid=2&$rid=1", smallTwin), ErrMalformed, "the topic"},
		{"two statuses", publish("$iothub/twin/res/200/404/?$rid=1", smallTwin), ErrMalformed, "the topic"},
		{"a status with a sign", publish("$iothub/twin/res/+200/?$rid=1", smallTwin), ErrMalformed, "the topic"},
		{"a status of four digits", publish("$iothub/twin/res/0200/?$rid=1", smallTwin), ErrMalformed, "the topic"},
		{"a status of words", publish("$iothub/twin/res/OK/?$rid=1", smallTwin), ErrMalformed, "the topic"},
		{"status 0", publish("$iothub/twin/res/000/?$rid=1", smallTwin), ErrMalformed, "the topic"},
		{"status 302", publish("$iothub/twin/res/302/?$rid=1", smallTwin), ErrRefused, "302"},
		{"status 204 with a twin", publish("$iothub/twin/res/204/?$rid=1", smallTwin), ErrMalformed, "status 204 with a twin"},
		{"a payload that does not come", publish("devices/other/x", strings.Repeat("x", 2000))[:60], ErrMalformed, "devices/other/x"},
		{"another device's topic", publish("$iothub/methods/POST/reboot/?$rid=1", "{}"), ErrMalformed, "methods"},
		{"no document", publish(toTwin, ""), ErrMalformed, "it is empty"},
		{"no JSON", publish(toTwin, "<html>"), ErrMalformed, `unexpected text "<html>"`},
		{"a list", publish(toTwin, "[]"), ErrMalformed, "it is a list, not an object"},
		{"half a document", publish(toTwin, smallTwin[:40]), ErrMalformed, "it ends too early"},
		{"two documents", publish(toTwin, smallTwin+smallTwin), ErrMalformed, "there is more after its end"},
		{"a brace too many", publish(toTwin, smallTwin+"}"), ErrMalformed, "there is more after its end"},
		{"desired twice", publish(toTwin, `{"desired":{"$version":1},"reported":{"$version":1},"desired":{"$version":2}}`), ErrMalformed, "desired appears twice"},
		{"desired in capitals, too", publish(toTwin, `{"desired":{"$version":1},"reported":{"$version":1},"Desired":{"$version":2}}`), ErrMalformed, "Desired appears twice, once as desired"},
		{"a property twice", publish(toTwin, `{"desired":{"$version":1,"a":1,"a":2},"reported":{"$version":1}}`), ErrMalformed, "desired.a appears twice"},
		{"a property twice in a list", publish(toTwin, `{"desired":{"$version":1,"a":[{"b":1,"b":2}]},"reported":{"$version":1}}`), ErrMalformed, "desired.a[0].b appears twice"},
		{"capitals only", publish(toTwin, `{"Desired":{"$version":1},"Reported":{"$version":1}}`), ErrMalformed, "Desired must be spelled desired"},
		{"desired is null", publish(toTwin, `{"desired":null,"reported":{"$version":1}}`), ErrMalformed, "no desired properties"},
		{"reported is missing", publish(toTwin, `{"desired":{"$version":1}}`), ErrMalformed, "no reported properties"},
		{"a version that is null", publish(toTwin, `{"desired":{"$version":null},"reported":{"$version":1}}`), ErrMalformed, "no version"},
		{"a version that is text", publish(toTwin, `{"desired":{"$version":"1"},"reported":{"$version":1}}`), ErrMalformed, "no version"},
		{"a negative version", publish(toTwin, `{"desired":{"$version":-1},"reported":{"$version":1}}`), ErrMalformed, "no version"},
		{"a version with an exponent", publish(toTwin, `{"desired":{"$version":1e0},"reported":{"$version":1}}`), ErrMalformed, "no version"},
		{"a version beyond 64 bits", publish(toTwin, `{"desired":{"$version":9223372036854775808},"reported":{"$version":1}}`), ErrMalformed, "no version"},
		{"a hundred levels", publish(toTwin, `{"desired":{"a":`+strings.Repeat("[", 100)), ErrMalformed, "64 levels"},
		{"no UTF-8", publish(toTwin, "{\"desired\":{\"$version\":1,\"a\":\"\xff\"},\"reported\":{\"$version\":1}}"), ErrMalformed, "a character is not UTF-8"},
		{"two answers", publish(toTwin, smallTwin) + publish(toTwin, smallTwin), ErrMalformed, "PUBLISH after the answer"},
	},
}

const toTwin = "$iothub/twin/res/200/?$rid=1"

// Whatever poses as a hub ends the session at the byte that gives it away.
func TestHostileHubs(t *testing.T) {
	tried := 0
	for stage, rows := range hostile {
		for _, row := range rows {
			for _, transport := range []string{MQTT, MQTTWebSocket} {
				if stage == "early" && transport == MQTTWebSocket {
					continue // of its own: TestHostileWebSockets
				}
				tried++
				t.Run(stage+"/"+row.name+"/"+transport, func(t *testing.T) {
					answers := map[string][]string{"connack": {row.answer}, "suback": {accepted, row.answer}, "twin": {accepted, granted, row.answer}}
					serve := says(answers[stage]...)
					if stage == "early" {
						serve = func(conn net.Conn) {
							conn.Write([]byte(row.answer))
							rest(conn)
						}
					}
					if transport == MQTTWebSocket {
						serve = upgraded(serve)
					}
					o, log := options(t, listen(t, serve))
					o.Transport = transport
					if stage == "early" {
						o.grace = hangLimit
					}
					err := session(t, o)
					if !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.says) {
						t.Errorf("the session ended with %v, want %v with %q", err, row.want, row.says)
					}
					if row.want == ErrMalformed && errors.Is(err, ErrNotMQTT) {
						t.Errorf("%v is said not to be MQTT", err)
					}
					mute(t, err, log)
				})
			}
		}
	}
	if tried < 60 {
		t.Errorf("%d hubs were tried", tried)
	}
}

// session goes as far as the twin. Its limit only ends a hang.
func session(t *testing.T, o Options) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
	defer cancel()
	s, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.Twin(ctx)
	return err
}

// A frame from a server: RFC 6455, 5.2.
func frame(first byte, payload string) string {
	switch n := len(payload); {
	case n < 126:
		return string([]byte{first, byte(n)}) + payload
	default:
		return string([]byte{first, 126, byte(n >> 8), byte(n)}) + payload
	}
}

// What is not a WebSocket, or breaks its rules, is refused in the same way.
func TestHostileWebSockets(t *testing.T) {
	const binary, text, closes = 0x82, 0x81, 0x88
	tests := []struct {
		name, before string // instead of the 101; "" is a right one, with ACCEPT as the key
		after        string // the CONNECT has come
		want         error
		says         string
	}{
		{"SSH", "SSH-2.0-OpenSSH_9.2\r\n", "", ErrNotMQTT, "answered SSH, not HTTP"},
		{"SMTP", "220 mx ESMTP\r\n", "", ErrNotMQTT, "answered SMTP, not HTTP"},
		{"AMQP", "AMQP\x00\x01\x00\x00", "", ErrNotMQTT, "answered AMQP, not HTTP"},
		{"a TLS alert", "\x15\x03\x03\x00\x02\x02\x28", "", ErrNotMQTT, "answered a TLS alert, not HTTP"},
		{"MQTT", accepted, "", ErrNotMQTT, "answered MQTT without a WebSocket"},
		{"bytes", "\xde\xad", "", ErrNotMQTT, "begins with de ad"},
		{"a letter that is wrong", "HTTX", "", ErrNotMQTT, "answered text, not HTTP"},
		{"HTTP/2", "HTTP/2.0 101 x\r\n\r\n", "", ErrNotMQTT, "not HTTP"},
		{"broken HTTP", "HTTP/1.1 abc\r\n\r\n", "", ErrNotMQTT, "answered broken HTTP, not a WebSocket"},
		{"a page that stays open", "HTTP/1.1 200 OK\r\n\r\nhello", "", ErrNotMQTT, "answered HTTP 200 OK, not a WebSocket"},
		{"a body that does not come", "HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\n", "", ErrNotMQTT, "404"},
		{"chunks that do not come", "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n", "", ErrNotMQTT, "400"},
		{"a redirect", "HTTP/1.1 307 Temporary Redirect\r\nLocation: https://portal.test/\r\n\r\n", "", ErrNotMQTT, "307"},
		{"continue", "HTTP/1.1 100 Continue\r\n\r\n", "", ErrNotMQTT, "100"},
		{"an IP filter", "HTTP/1.1 403 Forbidden\r\n\r\n", "", ErrRefused, "403"},
		{"unauthorized", "HTTP/1.1 401 Unauthorized\r\n\r\n", "", ErrRefused, "401"},
		{"throttled", "HTTP/1.1 429 Too Many Requests\r\n\r\n", "", ErrUnavailable, "429"},
		{"down", "HTTP/1.1 502 Bad Gateway\r\n\r\n", "", ErrUnavailable, "502"},
		{"a header without an end", "HTTP/1.1 101 x\r\n" + strings.Repeat("X: x\r\n", 4000), "", ErrMalformed, "HTTP header"},
		{"another accept key", switching("c2hhMQ==", "mqtt", ""), "", ErrMalformed, "Sec-WebSocket-Accept"},
		{"no accept key", "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "", ErrMalformed, "Sec-WebSocket-Accept"},
		{"another upgrade", "HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "", ErrMalformed, "Upgrade"},
		{"another protocol", switching("ACCEPT", "AMQPWSB10", ""), "", ErrNotMQTT, `a WebSocket for "AMQPWSB10"`},
		{"no protocol", switching("ACCEPT", "", ""), "", ErrNotMQTT, `a WebSocket for ""`},
		{"an extension", switching("ACCEPT", "mqtt", "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"), "", ErrMalformed, "extension"},
		{"a CONNACK with the 101", switching("ACCEPT", "mqtt", "") + frame(binary, accepted), "", ErrMalformed, "before it was asked"},
		{"text with the 101", switching("ACCEPT", "mqtt", "") + frame(text, "hi"), "", ErrMalformed, "before it was asked"},

		{"text", "", frame(text, accepted), ErrNotMQTT, "text on the WebSocket"},
		{"HTTP in it", "", frame(binary, "HTTP/1.1 400 Bad Request\r\n"), ErrNotMQTT, "answered HTTP (status 400)"},
		{"masked", "", "\x82\x84\x00\x00\x00\x00" + accepted, ErrMalformed, "MASK"},
		{"reserved bits", "", frame(0xc2, accepted), ErrMalformed, "RSV1"},
		{"an opcode that does not exist", "", frame(0x83, accepted), ErrMalformed, "opcode"},
		{"the end of nothing", "", frame(0x80, accepted), ErrMalformed, "continuation"},
		{"two begins", "", frame(0x02, accepted[:1]) + frame(0x02, accepted[1:]), ErrMalformed, "data before FIN"},
		{"a long ping", "", frame(0x89, strings.Repeat("x", 126)), ErrMalformed, "len > 125"},
		{"a ping in pieces", "", frame(0x09, "x"), ErrMalformed, "FIN"},
		{"a frame over the limit", "", "\x82\x7f\x00\x00\x00\x00\x00\x10\x00\x00", ErrMalformed, "limit"},
		{"a length below zero", "", "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", ErrMalformed, ""},
		{"closed by policy", "", frame(closes, "\x03\xf0no"), ErrDropped, "closed with 1008 no"},
		{"closed as gone", "", frame(closes, "\x03\xe9"), ErrDropped, "closed with 1001"},
		{"closed without a code", "", frame(closes, ""), ErrDropped, "closed with 1005"},
		{"closed with a code that cannot be", "", frame(closes, "\x00\x01"), ErrMalformed, "close code"},
		{"closed with half a code", "", frame(closes, "\x03"), ErrDropped, "closed with 1005"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, log := options(t, listen(t, func(conn net.Conn) {
				req, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
				before := tt.before
				if before == "" {
					before = switching("ACCEPT", "mqtt", "")
				}
				conn.Write([]byte(strings.Replace(before, "ACCEPT", base64.StdEncoding.EncodeToString(sum[:]), 1)))
				if tt.before == "" {
					conn.Read(make([]byte, 4096)) // the CONNECT
					conn.Write([]byte(tt.after))
				}
				rest(conn)
			}))
			o.Transport = MQTTWebSocket
			err := session(t, o)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("the session ended with %v, want %v with %q", err, tt.want, tt.says)
			}
			mute(t, err, log)
		})
	}
}

// switching is an answer that opens a WebSocket.
func switching(accept, protocol, more string) string {
	if protocol != "" {
		protocol = "Sec-WebSocket-Protocol: " + protocol + "\r\n"
	}
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + accept + "\r\n" + protocol + more + "\r\n"
}

// An answer that has the number of a request was made after it: a hub cannot know
// the numbers before.
func TestRequestNumbers(t *testing.T) {
	seen := map[any]bool{}
	const runs = 64
	for range runs {
		o := Options{}
		o.setDefaults()
		if o.packetID() == 0 {
			t.Error("packet ID 0")
		}
		seen[o.packetID()], seen[o.requestID()] = true, true
	}
	if len(seen) < 2*runs-8 { // some packet IDs may be alike
		t.Errorf("%d numbers in %d sessions", len(seen), runs)
	}
}

// A report is answered with a version, and with none that was before.
func TestReportVersions(t *testing.T) {
	for version, want := range map[string]string{"": "gave it no version", "&$version=0": "gave it no version", "&$version=2": "had 3", "&$version=-1": "the topic", "&$version=04": "the topic", "&$version=": "the topic", "&$version=4&$version=5": "the topic"} {
		o, _ := options(t, listen(t, func(conn net.Conn) {
			says(accepted, granted, publish(toTwin, smallTwin), publish("$iothub/twin/res/204/?$rid=2"+version, ""))(conn)
		}))
		s, err := open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Twin(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Report(t.Context(), map[string]any{"a": 1}); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: Report() = %d, %v, want %q", version, n, err, want)
		}
		s.Close()
	}
}
