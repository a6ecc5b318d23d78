package hub

import (
	"bytes"
	"fmt"
	"io"
)

// maxHead bounds the header of the answer that opens a WebSocket, in bytes.
const maxHead = 16 << 10

// opening watches the answer to the request for a WebSocket, byte by byte: what
// is not HTTP is refused at the first byte that differs, of an answer other than
// 101 no body is waited for, and nothing after the header is read with it.
type opening struct {
	head  []byte
	ended bool // the answer has ended, and opens nothing
	// err is what was refused. The reader of the answer forgets it where part of a
	// line has come.
	err error
}

const httpBegin = "HTTP/1."

// read hands on one byte.
func (o *opening) read(b *boundedConn, p []byte) (int, error) {
	switch {
	case o.err != nil:
		return 0, o.err
	case o.ended:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	case len(o.head) == maxHead:
		o.err = fmt.Errorf("%w: an HTTP header of more than %d bytes", ErrMalformed, maxHead)
		return 0, o.err
	case len(b.unread) == 0:
		if o.err = b.fill(); o.err != nil {
			return 0, o.err
		}
	}
	i := len(o.head)
	o.head = append(o.head, b.unread[0])
	if i < len(httpBegin) && o.head[i] != httpBegin[i] {
		o.err = &NotMQTTError{Answered: notHTTP(append(o.head[:i:i], b.unread...)), Instead: "HTTP"}
		return 0, o.err
	}
	p[0], b.unread = b.unread[0], b.unread[1:]
	if !bytes.HasSuffix(o.head, []byte("\n\r\n")) && !bytes.HasSuffix(o.head, []byte("\n\n")) {
		return 1, nil
	}
	if bytes.HasPrefix(o.head[len(httpBegin)+1:], []byte(" 101")) {
		b.opening = nil
	}
	o.ended = true
	return 1, nil
}

// notHTTP names what answers a request of HTTP.
func notHTTP(begin []byte) string {
	if name := other(begin); name != "" {
		return name
	}
	if begin[0] == connackPacket.header {
		return "MQTT without a WebSocket"
	}
	return fmt.Sprintf("something that begins with % x", begin[:min(len(begin), 4)])
}
