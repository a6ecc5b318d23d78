package hub

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// readPacket reads one packet. The codec makes room for whatever length a
// packet claims, so the claim is checked before it.
func readPacket(r *bufio.Reader) (packets.ControlPacket, error) {
	header, length, err := peekHeader(r)
	if err != nil {
		return nil, err
	}
	if length > maxPacket {
		return nil, fmt.Errorf("%w: a packet of %d bytes", ErrMalformed, length)
	}
	whole := make([]byte, header+length)
	if _, err := io.ReadFull(r, whole); err != nil {
		return nil, dropped(err)
	}
	p, err := packets.ReadPacket(bytes.NewReader(whole))
	if err != nil {
		return nil, fmt.Errorf("%w: packet of type %d: %w", ErrMalformed, whole[0]>>4, err)
	}
	return p, nil
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
	return 0, 0, fmt.Errorf("%w: a packet without a length", ErrMalformed)
}

// packetName is a packet's name in the specification.
func packetName(p packets.ControlPacket) string {
	name := strings.TrimPrefix(fmt.Sprintf("%T", p), "*packets.")
	return strings.ToUpper(strings.TrimSuffix(name, "Packet"))
}

func unexpected(p packets.ControlPacket, instead string) error {
	return fmt.Errorf("%w: %s instead of %s", ErrMalformed, packetName(p), instead)
}

// dropped gives an error of the connection its meaning. What already has one
// passes.
func dropped(err error) error {
	if errors.Is(err, ErrMalformed) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDropped, err)
}
