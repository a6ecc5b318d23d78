package hub

import (
	"context"
	"fmt"
	"net"
)

// Bounds of what a hub may send, in bytes. The largest honest answer is a twin:
// 32 KiB of desired and 32 KiB of reported values, with names and metadata.
const (
	maxPacket   = 256 << 10
	maxReceived = 1 << 20 // in all
)

// boundedConn ends a connection on which more came than any honest session
// needs, a WebSocket's header included.
type boundedConn struct {
	net.Conn
	left int64
}

// Read fails when the bound is used up.
func (b *boundedConn) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("%w: it has more than %d bytes", ErrMalformed, maxReceived)
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.Conn.Read(p)
	b.left -= int64(n)
	return n, err
}

// during runs work on a connection, and closes the connection when the context
// ends before the work does. The error is then the context's, and what was being
// done: that of a closed connection says less.
func during(ctx context.Context, conn net.Conn, doing string, work func() error) error {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		conn.Close()
		close(closed)
	})
	err := work()
	if !stop() {
		<-closed
	}
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	return err
}
