package hub

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tpmdps/internal/text"
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
	if answer.status != http.StatusOK {
		return Twin{}, fmt.Errorf("%w: status %d with a twin, where it is 200", ErrMalformed, answer.status)
	}
	twin, err := parseTwin(answer.body)
	s.reported = twin.ReportedVersion
	return twin, err
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
	switch {
	case err != nil:
		return 0, err
	case answer.version <= 0:
		return 0, fmt.Errorf("%w: it accepted the report and gave it no version", ErrMalformed)
	case answer.version < s.reported:
		return 0, fmt.Errorf("%w: the reported properties have version %d after the report, and had %d", ErrMalformed, answer.version, s.reported)
	}
	s.reported = answer.version
	return answer.version, nil
}

// request publishes to a topic and waits for the answer that bears its number.
func (s *Session) request(ctx context.Context, doing, topic string, body []byte) (a answer, err error) {
	err = runWithContext(ctx, s.conn.socket, doing, func() error {
		if err := s.subscribe(); err != nil {
			return err
		}
		id := s.conn.options.requestID()
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
	p.MessageID, p.Topics, p.Qoss = s.conn.options.packetID(), []string{topicAnswers + "#"}, []byte{0}
	if err := s.send(p); err != nil {
		return err
	}
	body, err := s.receive(subackPacket)
	if err != nil {
		return err
	}
	switch id, code := binary.BigEndian.Uint16(body), body[2]; {
	case id != p.MessageID:
		return fmt.Errorf("%w: SUBACK of packet ID %d, where %d was asked", ErrMalformed, id, p.MessageID)
	case code == 0x80:
		return fmt.Errorf("%w: the subscription to the twin (SUBACK %#x)", ErrRefused, code)
	case code > 1: // more than was asked for, or reserved
		return fmt.Errorf("%w: a SUBACK with return code %#x", ErrMalformed, code)
	}
	s.subscribed = true
	return checkNoInput(s.in, "the SUBACK")
}

// await reads the answer to a request. The hub may send nothing else meanwhile:
// no more was subscribed to, and one request is made at a time.
func (s *Session) await(id string) (a answer, err error) {
	body, err := s.receive(publishPacket, func(topic string) error {
		if a, err = parseAnswer(topic, nil); err != nil {
			return err
		}
		if a.id != id {
			return fmt.Errorf("%w: the answer to request %q, where %q was made", ErrMalformed, text.Printable(a.id, 40), id)
		}
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	a.body = body
	if err := a.refusal(); err != nil {
		return answer{}, err
	}
	return a, checkNoInput(s.in, "the answer")
}
