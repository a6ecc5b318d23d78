package hub

import (
	"net/url"
	"strings"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"tpmdps/internal/emulator/sas"
)

const (
	hubID = "hub"
	// maxKeepalive is the longest keepalive in seconds: IoT Hub ends what is
	// silent for one and a half times that, 29 minutes and 27 seconds.
	maxKeepalive = 1177
	maxMessage   = 256 << 10 // bytes
)

// rules makes an IoT hub of a broker: who may connect, and what becomes of
// each packet.
type rules struct {
	mqtt.HookBase
	hub *Server
}

// ID implements mqtt.Hook.
func (r *rules) ID() string { return hubID }

// Provides implements mqtt.Hook.
func (r *rules) Provides(event byte) bool {
	switch event {
	case mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnSessionEstablish, mqtt.OnSessionEstablished,
		mqtt.OnPacketRead, mqtt.OnACLCheck, mqtt.OnPublish, mqtt.OnDisconnect:
		return true
	}
	return false
}

// OnConnect refuses with the CONNACK codes of IoT Hub.
func (r *rules) OnConnect(cl *mqtt.Client, pk packets.Packet) error {
	code, why := r.admit(pk)
	r.hub.opts.Log.Info("hub connect", "device", cl.ID, "refusal", why)
	if code != packets.CodeSuccess {
		r.hub.broker.SendConnack(cl, code, false, nil) // a client that has gone needs none
		return code
	}
	if k := &cl.State.Keepalive; *k == 0 || *k > maxKeepalive {
		*k = maxKeepalive
	}
	cl.Properties.Will = mqtt.Will{} // it would be telemetry, which is dropped
	return nil
}

// admit returns the answer to a CONNECT, and a reason for the log.
func (r *rules) admit(pk packets.Packet) (code packets.Code, why string) {
	if pk.ProtocolVersion != 4 {
		return packets.ErrUnsupportedProtocolVersion, "not MQTT 3.1.1"
	}
	user, ok := parseUserName(string(pk.Connect.Username))
	if !ok {
		return packets.ErrMalformedUsername, "user name is not HUB/DEVICE/?api-version=DATE"
	}
	if user.device != pk.Connect.ClientIdentifier {
		return packets.ErrClientIdentifierNotValid, "client ID is not the device ID"
	}
	scheme, text, _ := strings.Cut(string(pk.Connect.Password), " ")
	if !strings.EqualFold(scheme, sas.Scheme) {
		return packets.ErrBadUsernameOrPassword, "password is not a token"
	}
	err := r.hub.opts.Device(user.hub, user.device, func(d *Device) (bool, error) { return false, r.hub.authenticate(d, text) })
	if err != nil {
		return packets.ErrBadUsernameOrPassword, err.Error()
	}
	return packets.CodeSuccess, ""
}

// userName is the MQTT user name of a device: {hub}/{device}/?api-version=...
type userName struct{ hub, device string }

// parseUserName also accepts the older form without a question mark.
func parseUserName(text string) (userName, bool) {
	parts := strings.SplitN(text, "/", 3)
	if len(parts) < 3 || parts[0] == "" || parts[1] == "" {
		return userName{}, false
	}
	query, err := url.ParseQuery(strings.TrimPrefix(parts[2], "?"))
	if err != nil || !validAPIVersion(query.Get("api-version")) {
		return userName{}, false
	}
	return userName{hub: parts[0], device: parts[1]}, true
}

// validAPIVersion reports whether version is a date, maybe with "-preview" after it,
// since MQTT is spoken.
func validAPIVersion(version string) bool { return version >= "2016" && version < "3" }

// OnConnectAuthenticate implements mqtt.Hook. OnConnect has decided.
func (r *rules) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }

// OnSessionEstablish ends the device's other connection. The broker would do
// so too, but with a DISCONNECT packet, which no server sends in MQTT 3.1.1.
func (r *rules) OnSessionEstablish(cl *mqtt.Client, _ packets.Packet) {
	if old, ok := r.hub.broker.Clients.Get(cl.ID); ok {
		old.Stop(packets.ErrSessionTakenOver)
	}
}

// OnSessionEstablished comes after the CONNACK.
func (r *rules) OnSessionEstablished(cl *mqtt.Client, _ packets.Packet) {
	if r.hub.opts.Drop {
		cl.Stop(packets.ErrServerUnavailable)
	}
	r.hub.count(cl.ID, func(seen *counts) { seen.connections++ })
}

// OnDisconnect implements mqtt.Hook.
func (r *rules) OnDisconnect(cl *mqtt.Client, err error, _ bool) {
	r.hub.opts.Log.Info("hub disconnect", "device", cl.ID, "cause", err)
}

// OnPacketRead ends the connection of a device that breaks the hub's rules.
func (r *rules) OnPacketRead(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if pk.FixedHeader.Type != packets.Publish {
		return pk, nil
	}
	if pk.FixedHeader.Qos > 1 || topicOf(cl.ID, pk.TopicName) == topicForeign {
		r.hub.opts.Log.Info("hub packet refused", "device", cl.ID, "topic", pk.TopicName, "qos", pk.FixedHeader.Qos)
		return pk, packets.ErrRejectPacket
	}
	return pk, nil
}

// OnACLCheck answers for subscriptions: messages were checked when they were read.
func (r *rules) OnACLCheck(cl *mqtt.Client, filter string, write bool) bool {
	return write || maySubscribe(cl.ID, filter)
}
