package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tpmdps/internal/identity"
)

// Topics of the twin, of IoT Hub's documentation of MQTT.
const (
	topicAnswers = "$iothub/twin/res/"
	topicGet     = "$iothub/twin/GET/?$rid="
	topicReport  = "$iothub/twin/PATCH/properties/reported/?$rid="
)

// Twin is what the hub keeps of a device and shows to it.
type Twin struct {
	// Desired are the properties that the back end wants, without $version.
	Desired map[string]json.RawMessage `json:"desired"`
	// Reported are the properties that the device has told.
	Reported map[string]json.RawMessage `json:"reported"`
	// DesiredVersion and ReportedVersion count the changes.
	DesiredVersion  int64 `json:"desired_version"`
	ReportedVersion int64 `json:"reported_version"`
}

// Twin reads the device's twin.
//
// Errors: [ErrRefused], [ErrUnavailable], [ErrDropped], [ErrMalformed].
func (s *Session) Twin(ctx context.Context) (Twin, error) {
	answer, err := s.request(ctx, "read the twin", topicGet, nil)
	if err != nil {
		return Twin{}, err
	}
	return parseTwin(answer.body)
}

// Report sets reported properties, those with the value nil being removed, and
// returns the version that the hub gave to them. All others stay as they are.
//
// Errors: as those of [Session.Twin].
func (s *Session) Report(ctx context.Context, properties map[string]any) (version int64, err error) {
	patch, err := json.Marshal(properties)
	if err != nil {
		return 0, fmt.Errorf("report to the twin: %w", err)
	}
	answer, err := s.request(ctx, "report to the twin", topicReport, patch)
	return answer.version, err
}

func parseTwin(body []byte) (Twin, error) {
	var t Twin
	if err := json.Unmarshal(body, &t); err != nil {
		return Twin{}, fmt.Errorf("%w: the twin: %w", ErrMalformed, err)
	}
	var err error
	if t.DesiredVersion, err = takeVersion(t.Desired); err != nil {
		return Twin{}, err
	}
	if t.ReportedVersion, err = takeVersion(t.Reported); err != nil {
		return Twin{}, err
	}
	return t, nil
}

// takeVersion takes out of the properties what the hub put in. They always have
// a version, also when there is nothing else.
func takeVersion(properties map[string]json.RawMessage) (version int64, err error) {
	if json.Unmarshal(properties["$version"], &version) != nil {
		return 0, fmt.Errorf("%w: a twin without a version", ErrMalformed)
	}
	delete(properties, "$version")
	delete(properties, "$metadata")
	return version, nil
}

// request publishes to a topic and waits for the answer that bears its number.
func (s *Session) request(ctx context.Context, doing, topic string, body []byte) (a answer, err error) {
	err = during(ctx, s.conn.socket, doing, func() error {
		if err := s.subscribe(); err != nil {
			return err
		}
		s.requests++
		id := strconv.Itoa(s.requests)
		p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		p.TopicName, p.Payload = topic+id, body
		if err := s.send(p); err != nil {
			return err
		}
		var err error
		a, err = s.await(id)
		return err
	})
	return a, err
}

// subscribe asks for the answers, once a session.
func (s *Session) subscribe() error {
	if s.subscribed {
		return nil
	}
	p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	p.MessageID, p.Topics, p.Qoss = 1, []string{topicAnswers + "#"}, []byte{0}
	if err := s.send(p); err != nil {
		return err
	}
	received, err := s.receive()
	if err != nil {
		return err
	}
	granted, ok := received.(*packets.SubackPacket)
	switch {
	case !ok || granted.MessageID != p.MessageID || len(granted.ReturnCodes) != 1:
		return unexpected(received, "SUBACK")
	case granted.ReturnCodes[0] > 1: // 0x80, or more than was asked for
		return fmt.Errorf("%w: the subscription to the twin (SUBACK %#x)", ErrRefused, granted.ReturnCodes[0])
	}
	s.subscribed = true
	return nil
}

// await reads packets until the answer to a request comes. The hub may send
// other things meanwhile, such as answers to requests that were given up.
func (s *Session) await(id string) (answer, error) {
	for {
		received, err := s.receive()
		if err != nil {
			return answer{}, err
		}
		p, ok := received.(*packets.PublishPacket)
		if !ok || p.Qos != 0 { // no more was subscribed to
			return answer{}, unexpected(received, "the answer")
		}
		a, err := parseAnswer(p.TopicName, p.Payload)
		if err != nil {
			return answer{}, err
		}
		if a.id == id {
			return a, a.refusal()
		}
	}
}

// answer is one to a request about the twin.
type answer struct {
	status  int
	id      string
	version int64 // of the reported properties, after a report
	body    []byte
}

// parseAnswer reads "$iothub/twin/res/204/?$rid=1&$version=6".
func parseAnswer(topic string, body []byte) (answer, error) {
	malformed := fmt.Errorf("%w: the topic %q", ErrMalformed, identity.Printable(topic, 100))
	rest, found := strings.CutPrefix(topic, topicAnswers)
	status, query, cut := strings.Cut(rest, "/?")
	if !found || !cut {
		return answer{}, malformed
	}
	code, err := strconv.ParseUint(status, 10, 16)
	if err != nil {
		return answer{}, malformed
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return answer{}, malformed
	}
	a := answer{status: int(code), id: values.Get("$rid"), body: body}
	if v := values.Get("$version"); v != "" {
		if a.version, err = strconv.ParseInt(v, 10, 64); err != nil {
			return answer{}, malformed
		}
	}
	return a, nil
}

// refusal is the error of a status other than success.
func (a answer) refusal() error {
	switch {
	case a.status/100 == 2:
		return nil
	case a.status == http.StatusTooManyRequests || a.status >= 500:
		return fmt.Errorf("%w: status %d: %s", ErrUnavailable, a.status, identity.Printable(string(a.body), 300))
	}
	return fmt.Errorf("%w: status %d: %s", ErrRefused, a.status, identity.Printable(string(a.body), 300))
}
