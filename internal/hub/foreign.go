package hub

import (
	"fmt"

	"tpmdps/internal/network"
)

// NotMQTTError says that something other than a hub answered. It is
// [ErrNotMQTT], and with that [ErrMalformed], too.
type NotMQTTError struct {
	// Answered names what answered, as far as its first bytes tell. Nothing of the
	// answer's text is in it: it may repeat what it was sent, and that is a token.
	Answered string
	// Instead is what was expected; "" is MQTT.
	Instead string
}

func (e *NotMQTTError) Error() string {
	instead := e.Instead
	if instead == "" {
		instead = "MQTT"
	}
	return fmt.Sprintf("the hub's port answered %s, not %s", e.Answered, instead)
}

// Is says that the error is both.
func (e *NotMQTTError) Is(target error) bool { return target == ErrNotMQTT || target == ErrMalformed }

// foreign names what is not MQTT by its begin, of which there may be a byte only.
// It is "" for what may be a packet.
func foreign(begin []byte) string {
	if name := other(begin); name != "" {
		return name
	}
	if legalHeader(begin[0]) {
		return ""
	}
	if begin[0]&0xf0 == 0x20 || begin[0]>>4 == 15 {
		return "" // a CONNACK with flags, or MQTT 5: wrong, but the same family
	}
	return fmt.Sprintf("something that begins with % x", begin[:min(len(begin), 4)])
}

// other names another protocol. A few letters may be a packet as well.
func other(begin []byte) string {
	name := network.Protocol(begin)
	if name == "text" && len(begin) < 4 && legalHeader(begin[0]) {
		return ""
	}
	return name
}
