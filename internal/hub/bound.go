package hub

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
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
	remaining int64
	unread    []byte   // came, and was not handed on yet
	opening   *opening // while a WebSocket is being opened
}

// Read fails when the bound is used up.
func (b *boundedConn) Read(p []byte) (int, error) {
	if b.opening != nil {
		return b.opening.read(b, p)
	}
	if len(b.unread) > 0 {
		n := copy(p, b.unread)
		b.unread = b.unread[n:]
		return n, nil
	}
	return b.receive(p)
}

// receive reads from the connection, up to the bound.
func (b *boundedConn) receive(p []byte) (int, error) {
	if b.remaining <= 0 {
		return 0, fmt.Errorf("%w: it has more than %d bytes", ErrMalformed, maxReceived)
	}
	if int64(len(p)) > b.remaining {
		p = p[:b.remaining]
	}
	n, err := b.Conn.Read(p)
	b.remaining -= int64(n)
	return n, err
}

// fill reads what is there, and keeps it for Read.
func (b *boundedConn) fill() error {
	room := make([]byte, 4096)
	n, err := b.receive(room)
	b.unread = append(b.unread, room[:n]...)
	if n > 0 {
		return nil
	}
	return err
}

// unsolicited is what a hub says before it was asked: the answer to a token that it
// has not seen says nothing about the token. What is under way is waited for as
// long as grace.
func (b *boundedConn) unsolicited(grace time.Duration) ([]byte, error) {
	if len(b.unread) > 0 {
		return b.unread, nil
	}
	if err := b.SetReadDeadline(time.Now().Add(grace)); err != nil {
		return nil, dropped(err)
	}
	if err := b.fill(); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, dropped(err)
	}
	if err := b.SetReadDeadline(time.Time{}); err != nil {
		return nil, dropped(err)
	}
	return b.unread, nil
}

// runWithContext runs work on a connection, and closes the connection when the context
// ends before the work does. The error is then the context's, and what was being
// done: that of a closed connection says less.
func runWithContext(ctx context.Context, conn net.Conn, doing string, work func() error) error {
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
