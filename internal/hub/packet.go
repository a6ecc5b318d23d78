package hub

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// expected is the one packet that a hub may send at a moment: in a session with
// a clean start and without QoS 1, each has one first byte and, but for PUBLISH,
// one length. So whatever else comes is refused at the byte that differs, and not
// when the rest of it has arrived, which may be never. Paho's decoder checks
// neither flags nor lengths, and reads the whole packet first.
type expected struct {
	name   string
	header byte // type and flags: MQTT 3.1.1, 2.2
	length int  // what follows the fixed header; 0: any
}

var (
	connackPacket = expected{"CONNACK", 0x20, 2}
	subackPacket  = expected{"SUBACK", 0x90, 3} // for one topic
	publishPacket = expected{"PUBLISH", 0x30, 0}
)

// maxTopic bounds a topic in bytes. The longest that is read has two IDs in it.
const maxTopic = 512

// next reads the fixed header of the packet that is expected, and returns the
// length of what follows.
func (e expected) next(r *bufio.Reader) (length int, err error) {
	first, err := r.Peek(1)
	if err != nil {
		return 0, dropped(err)
	}
	if first[0] != e.header {
		return 0, e.unexpected(buffered(r))
	}
	header, length, err := peekHeader(r)
	switch {
	case err != nil:
		return 0, err
	case length > maxPacket:
		return 0, fmt.Errorf("%w: a packet of %d bytes", ErrMalformed, length)
	case e.length != 0 && length != e.length:
		return 0, e.wrongLength(length, buffered(r), header)
	}
	_, err = r.Discard(header)
	return length, err
}

// buffered is what has arrived and was not read. It waits for nothing.
func buffered(r *bufio.Reader) []byte {
	b, _ := r.Peek(r.Buffered())
	return b
}

// unexpected is the error for another packet, or for what is not MQTT at all. Only
// what answers first can be that: a peer that sent a CONNACK speaks MQTT.
func (e expected) unexpected(begin []byte) error {
	if e.name == connackPacket.name {
		if what := foreign(begin); what != "" {
			return &NotMQTTError{Answered: what}
		}
	}
	return fmt.Errorf("%w: %s instead of %s", ErrMalformed, headerName(begin[0]), e.name)
}

// wrongLength is the error for a packet of the right type that is too long or too
// short. Of a SUBACK it says the packet ID, where that has arrived.
func (e expected) wrongLength(length int, begin []byte, header int) error {
	if e.name == connackPacket.name {
		if what := other(begin); what != "" {
			return &NotMQTTError{Answered: what}
		}
	}
	if e.name != subackPacket.name || length < 2 {
		return fmt.Errorf("%w: a %s of %d bytes, where it has %d", ErrMalformed, e.name, length, e.length)
	}
	packet := "SUBACK"
	if len(begin) >= header+2 {
		packet = fmt.Sprintf("SUBACK of packet ID %d", binary.BigEndian.Uint16(begin[header:]))
	}
	return fmt.Errorf("%w: %s with %d return codes for one topic", ErrMalformed, packet, length-2)
}

// peekHeader finds the lengths of the next packet's fixed header and of what
// follows it (MQTT 3.1.1, 2.2.3: seven bits a byte, four bytes at most).
func peekHeader(r *bufio.Reader) (header, length int, err error) {
	for header = 2; header <= 5; header++ {
		b, err := r.Peek(header)
		if err != nil {
			return 0, 0, dropped(err)
		}
		last := b[header-1]
		length |= int(last&0x7f) << (7 * (header - 2))
		if last&0x80 == 0 {
			return header, length, nil
		}
	}
	return 0, 0, fmt.Errorf("%w: a packet whose length does not end after four bytes", ErrMalformed)
}

// readTopic reads the topic of a PUBLISH of a length, and returns the length of
// the payload after it. The payload is left where it is, so that a topic that is
// wrong is refused without waiting for it.
func readTopic(r *bufio.Reader, length int) (topic string, payload int, err error) {
	if length < 2 {
		return "", 0, fmt.Errorf("%w: a PUBLISH of %d bytes, without a topic", ErrMalformed, length)
	}
	b, err := r.Peek(2)
	if err != nil {
		return "", 0, dropped(err)
	}
	n := int(binary.BigEndian.Uint16(b))
	switch {
	case n > length-2:
		return "", 0, fmt.Errorf("%w: a topic of %d bytes in a PUBLISH of %d", ErrMalformed, n, length)
	case n > maxTopic:
		return "", 0, fmt.Errorf("%w: a topic of %d bytes", ErrMalformed, n)
	}
	if b, err = r.Peek(2 + n); err != nil {
		return "", 0, dropped(err)
	}
	topic = string(b[2:])
	_, err = r.Discard(2 + n)
	return topic, length - 2 - n, err
}

// readBody reads what follows a header.
func readBody(r *bufio.Reader, length int) ([]byte, error) {
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, dropped(err)
	}
	return body, nil
}

// checkNoInput refuses what a hub has sent although nothing was asked that is not
// answered yet.
func checkNoInput(r *bufio.Reader, after string) error {
	if begin := buffered(r); len(begin) > 0 {
		return fmt.Errorf("%w: %s after %s, where nothing was asked", ErrMalformed, headerName(begin[0]), after)
	}
	return nil
}

// flagsOf are the flags that a packet's type prescribes, which are 0 but for
// these three. Those of PUBLISH are free.
var flagsOf = map[byte]byte{packets.Pubrel: 2, packets.Subscribe: 2, packets.Unsubscribe: 2}

// legalHeader says whether MQTT has a packet with this first byte.
func legalHeader(b byte) bool {
	kind, flags := b>>4, b&0xf
	if kind == packets.Publish {
		return flags&6 != 6 // there is no QoS 3
	}
	return kind > 0 && kind < 15 && flags == flagsOf[kind]
}

// headerName names the packet that begins with a byte. A PUBLISH is read only
// without flags: no more than QoS 0 was subscribed to, and nothing is retained or
// sent again.
func headerName(b byte) string {
	name := packets.PacketNames[b>>4]
	switch {
	case !legalHeader(b):
		return fmt.Sprintf("a packet that MQTT does not have (first byte %#02x)", b)
	case b>>4 == packets.Publish && b != publishPacket.header:
		return fmt.Sprintf("%s with QoS %d and flags %#x", name, b>>1&3, b&0xf)
	}
	return name
}

// dropped gives an error of the connection its meaning. What already has one
// passes.
func dropped(err error) error {
	if errors.Is(err, ErrMalformed) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDropped, err)
}
