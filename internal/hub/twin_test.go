package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

const granted = "\x90\x03\x00\x01\x00" // SUBACK

// publish is a PUBLISH as a hub sends it.
func publish(topic, body string) string {
	var b strings.Builder
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload = topic, []byte(body)
	p.Write(&b)
	return b.String()
}

const smallTwin = `{"desired":{"$version":7,"$metadata":{},"interval":5},"reported":{"$version":3,"fw":{"a":[1]}}}`

func TestTwinAnswers(t *testing.T) {
	const to = "$iothub/twin/res/"
	tests := []struct {
		name   string
		answer string // to SUBSCRIBE
		twin   string // to the request
		want   error  // nil: the twin
		says   string
	}{
		{"a twin", granted, publish(to+"200/?$rid=1", smallTwin), nil, ""},
		{"another answer before it", granted, publish(to+"200/?$rid=0", "{}") + publish(to+"200/?$rid=1", smallTwin), ErrMalformed, `request "0"`},
		{"QoS 1 granted", "\x90\x03\x00\x01\x01", publish(to+"200/?$rid=1", smallTwin), nil, ""},

		{"subscription refused", "\x90\x03\x00\x01\x80", "", ErrRefused, "0x80"},
		{"subscription of another", "\x90\x03\x00\x02\x00", "", ErrMalformed, ""},
		{"two subscriptions", "\x90\x04\x00\x01\x00\x00", "", ErrMalformed, ""},
		{"no subscription", "\x90\x02\x00\x01", "", ErrMalformed, ""},
		{"empty SUBACK", "\x90\x00", "", ErrMalformed, ""},
		{"another packet", "\xd0\x00", "", ErrMalformed, "PINGRESP instead of SUBACK"},

		{"refused", granted, publish(to+"401/?$rid=1", `{"errorCode":401002,"message":"Unauthorized`+"\x1b"+`"}`), ErrRefused, `401002,"message":"Unauthorized?"`},
		{"not found", granted, publish(to+"404/?$rid=1", ""), ErrRefused, "404"},
		{"throttled", granted, publish(to+"429/?$rid=1", ""), ErrUnavailable, "429"},
		{"down", granted, publish(to+"503/?$rid=1", ""), ErrUnavailable, "503"},

		{"acknowledged only", granted, "\x40\x02\x00\x01", ErrMalformed, "PUBACK"},
		{"QoS 1", granted, "\x32" + publish(to+"200/?$rid=1", smallTwin)[1:], ErrMalformed, ""},
		{"another topic", granted, publish("devices/device-1/messages/devicebound", "x"), ErrMalformed, "devicebound"},
		{"no status", granted, publish(to+"?$rid=1", "x"), ErrMalformed, ""},
		{"a long status", granted, publish(to+"200000/?$rid=1", "x"), ErrMalformed, ""},
		{"a bad version", granted, publish(to+"204/?$rid=1&$version=x", "x"), ErrMalformed, ""},
		{"a topic that is too short", granted, "\x30\x02\x00\xff", ErrMalformed, ""},
		{"an empty topic", granted, "\x30\x02\x00\x00", ErrMalformed, ""},
		{"an empty PUBLISH", granted, "\x30\x00", ErrMalformed, ""},
		{"no JSON", granted, publish(to+"200/?$rid=1", "<html>"), ErrMalformed, ""},
		{"null", granted, publish(to+"200/?$rid=1", "null"), ErrMalformed, ""},
		{"deep JSON", granted, publish(to+"200/?$rid=1", strings.Repeat(`{"desired":`, 20000)), ErrMalformed, ""},
		{"a list", granted, publish(to+"200/?$rid=1", `{"desired":[],"reported":[]}`), ErrMalformed, ""},
		{"no version", granted, publish(to+"200/?$rid=1", `{"desired":{},"reported":{"$version":1}}`), ErrMalformed, "version"},
		{"a broken version", granted, publish(to+"200/?$rid=1", `{"desired":{"$version":"1"},"reported":{}}`), ErrMalformed, "version"},
		{"nothing", granted, "", ErrDropped, ""},
		{"half", granted, publish(to+"200/?$rid=1", smallTwin)[:60], ErrDropped, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, log := options(t, listen(t, func(conn net.Conn) {
				for _, answer := range []string{accepted, tt.answer, tt.twin} {
					if _, err := packets.ReadPacket(conn); err != nil {
						return
					}
					conn.Write([]byte(answer))
				}
			}))
			s, err := open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			twin, err := s.Twin(t.Context())
			mute(t, err, log)
			if !errors.Is(err, tt.want) || tt.says != "" && !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("Twin() = %v, want %v with %q", err, tt.want, tt.says)
			}
			if err != nil {
				return
			}
			got, err := json.Marshal(twin)
			if want := `{"desired":{"interval":5},"reported":{"fw":{"a":[1]}},"desired_version":7,"reported_version":3}`; string(got) != want || err != nil {
				t.Errorf("Twin() = %s, %v, want %s", got, err, want)
			}
		})
	}
}

func TestReport(t *testing.T) {
	type request struct{ topic, body string }
	requests := make(chan request, 2)
	o, _ := options(t, listen(t, func(conn net.Conn) {
		packets.ReadPacket(conn)
		conn.Write([]byte(accepted))
		packets.ReadPacket(conn)
		conn.Write([]byte(granted))
		for i := 1; ; i++ {
			p, err := packets.ReadPacket(conn)
			if err != nil {
				return
			}
			m, ok := p.(*packets.PublishPacket)
			if !ok {
				return
			}
			requests <- request{m.TopicName, string(m.Payload)}
			conn.Write([]byte(publish(fmt.Sprintf("$iothub/twin/res/204/?$rid=%d&$version=%d", i, i+5), "")))
		}
	}))
	s, err := open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(2) {
		version, err := s.Report(t.Context(), map[string]any{"tpmdps": map[string]any{"n": i}})
		if err != nil || version != i+6 {
			t.Errorf("Report() = %d, %v, want %d", version, err, i+6)
		}
	}
	if _, err := s.Report(t.Context(), map[string]any{"f": func() {}}); err == nil {
		t.Error("Report() of a function succeeded")
	}
	s.Close()
	const topic = "$iothub/twin/PATCH/properties/reported/?$rid="
	for _, want := range []request{{topic + "1", `{"tpmdps":{"n":0}}`}, {topic + "2", `{"tpmdps":{"n":1}}`}} {
		if got := <-requests; got != want {
			t.Errorf("request = %v, want %v", got, want)
		}
	}
}

// TestFlood: a hub that talks without end about other things.
func TestFlood(t *testing.T) {
	o, _ := options(t, listen(t, func(conn net.Conn) {
		for _, answer := range []string{accepted, granted} {
			packets.ReadPacket(conn)
			conn.Write([]byte(answer))
		}
		other := []byte(publish("$iothub/twin/res/200/?$rid=0", strings.Repeat("x", 1000)))
		for {
			if _, err := conn.Write(other); err != nil {
				return
			}
		}
	}))
	s, err := open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Twin(t.Context()); !errors.Is(err, ErrMalformed) {
		t.Errorf("Twin() = %v, want ErrMalformed", err)
	}
}

func FuzzTwin(f *testing.F) {
	f.Add("$iothub/twin/res/200/?$rid=1", []byte(smallTwin))
	f.Add("$iothub/twin/res/204/?$rid=1&$version=6", []byte{})
	f.Fuzz(func(t *testing.T, topic string, body []byte) {
		a, err := parseAnswer(topic, body)
		if err == nil && (a.status < 0 || a.status > 1<<16) {
			t.Errorf("status %d", a.status)
		}
		if twin, err := parseTwin(body); err == nil && (twin.Desired == nil || twin.Reported == nil) {
			t.Errorf("a twin without properties of %q", body)
		}
	})
}
