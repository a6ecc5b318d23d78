package hub

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"tpmdps/internal/emulator/rest"
)

// Topics of IoT Hub. What is asked for ends in ?$rid=ID, and the answer has the ID.
const (
	twinGet     = "$iothub/twin/GET/"
	twinReport  = "$iothub/twin/PATCH/properties/reported/"
	twinAnswers = "$iothub/twin/res/"
	methodReply = "$iothub/methods/res/"
)

// topicKind says what a message is, by its topic.
type topicKind int

const (
	topicForeign topicKind = iota // not one that a device may publish to
	topicTelemetry
	topicTwinGet
	topicTwinReport
	topicMethodReply
)

func topicOf(device, topic string) topicKind {
	telemetry := "devices/" + device + "/messages/events"
	switch {
	case topic == telemetry, strings.HasPrefix(topic, telemetry+"/"):
		return topicTelemetry
	case strings.HasPrefix(topic, twinGet):
		return topicTwinGet
	case strings.HasPrefix(topic, twinReport):
		return topicTwinReport
	case strings.HasPrefix(topic, methodReply):
		return topicMethodReply
	}
	return topicForeign
}

// maySubscribe reports whether the filter is one of those a hub knows.
func maySubscribe(device, filter string) bool {
	return slices.Contains([]string{
		twinAnswers + "#",
		"$iothub/twin/PATCH/properties/desired/#",
		"$iothub/methods/POST/#",
		"devices/" + device + "/messages/devicebound/#",
	}, filter)
}

// OnPublish acts on a message. It goes to no other client, whatever it is.
func (r *rules) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	switch topicOf(cl.ID, pk.TopicName) {
	case topicTelemetry:
		r.hub.count(cl.ID, func(seen *counts) { seen.messages++ })
	case topicTwinGet:
		r.answer(cl, pk.TopicName, func(t *Twin) (rest.Reply, error) {
			return rest.Reply{Status: http.StatusOK, Body: t.forDevice()}, nil
		})
	case topicTwinReport:
		r.answer(cl, pk.TopicName, func(t *Twin) (rest.Reply, error) {
			return rest.Reply{Status: http.StatusNoContent}, t.report(pk.Payload)
		})
	}
	return pk, packets.CodeSuccessIgnore
}

// answer does to the twin what was asked for, and publishes the outcome. A
// device that has not subscribed to answers gets none.
func (r *rules) answer(cl *mqtt.Client, topic string, ask func(*Twin) (rest.Reply, error)) {
	user, _ := parseUserName(string(cl.Properties.Username)) // it was read when the device connected
	rep, version := r.hub.askTwin(user.hub, cl.ID, ask)
	r.hub.opts.Log.Info("hub twin", "device", cl.ID, "topic", topic, "status", rep.Status)
	if _, ok := cl.State.Subscriptions.Get(twinAnswers + "#"); !ok {
		return
	}
	to := twinAnswers + strconv.Itoa(rep.Status) + "/?$rid=" + requestID(topic)
	var payload []byte
	if rep.Status == http.StatusNoContent {
		to += "&$version=" + strconv.Itoa(version)
	} else {
		payload, _ = json.Marshal(rep.Body) // made of JSON and plain fields
	}
	cl.WritePacket(packets.Packet{ // a client that has gone needs no answer
		FixedHeader: packets.FixedHeader{Type: packets.Publish},
		TopicName:   to,
		Payload:     payload,
	})
}

// requestID returns the $rid of a topic as it stands there.
func requestID(topic string) string {
	_, rest, _ := strings.Cut(topic, "$rid=")
	id, _, _ := strings.Cut(rest, "&")
	return id
}

// askTwin asks a device's twin and keeps what that changed. It returns the
// outcome and the version of the reported properties.
func (h *Server) askTwin(name, device string, ask func(*Twin) (rest.Reply, error)) (rep rest.Reply, version int) {
	err := h.opts.Device(name, device, func(d *Device) (bool, error) {
		if d == nil { // it was deleted meanwhile
			return false, rest.Refuse(codeNotFound, "There is no such device.")
		}
		before := d.Twin.Reported.Version
		var err error
		rep, err = ask(d.Twin)
		version = d.Twin.Reported.Version
		return version != before, err
	})
	if err != nil {
		rep = rest.Refusal(err, h.opts.Now())
	}
	return rep, version
}
