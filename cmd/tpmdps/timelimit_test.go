package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// Where the end of the time is what a test is about, an event ends it, such as
// the arrival of a request that nobody will answer: how fast the machine is does
// not matter then. The program sees a deadline like any other.
func init() { withTimeout = untilEvent }

// timeEnds is the key, in a run's context, of the channel that ends its time.
type timeEnds struct{}

// endingWith is the context of a run whose time is over when ends is closed.
func endingWith(ctx context.Context, ends <-chan struct{}) context.Context {
	return context.WithValue(ctx, timeEnds{}, ends)
}

// untilEvent is context.WithTimeout, unless an event is to end the time.
func untilEvent(parent context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ends, ok := parent.Value(timeEnds{}).(<-chan struct{})
	if !ok {
		return context.WithTimeout(parent, limit)
	}
	ctx, cancel := context.WithCancelCause(parent)
	l := &timeLimit{Context: ctx, deadline: time.Now().Add(limit), done: make(chan struct{})}
	end := func() {
		select {
		case <-ends:
			cancel(context.DeadlineExceeded)
		case <-ctx.Done():
		}
		close(l.done)
	}
	select {
	case <-ends:
		end() // before the run begins
	default:
		go end()
	}
	return l, func() { cancel(context.Canceled) }
}

// timeLimit is a context that has a deadline, and ends at an event.
type timeLimit struct {
	context.Context
	deadline time.Time
	done     chan struct{}
}

func (l *timeLimit) Deadline() (time.Time, bool) { return l.deadline, true }
func (l *timeLimit) Done() <-chan struct{}       { return l.done }

func (l *timeLimit) Err() error {
	select {
	case <-l.done:
	default:
		return nil
	}
	if errors.Is(context.Cause(l.Context), context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return l.Context.Err()
}

// An end by an event cannot be told from that of a clock, and its contexts'
// children end the same way.
func TestTimeEndsAtAnEvent(t *testing.T) {
	ends := make(chan struct{})
	ctx, cancel := withTimeout(endingWith(t.Context(), ends), time.Hour)
	defer cancel()
	child, cancelChild := context.WithTimeout(ctx, time.Minute)
	defer cancelChild()
	if at, ok := ctx.Deadline(); !ok || time.Until(at) < time.Minute || ctx.Err() != nil || child.Err() != nil {
		t.Errorf("before the event: deadline %v, %v, %v", at, ctx.Err(), child.Err())
	}
	close(ends)
	for _, c := range []context.Context{ctx, child} {
		<-c.Done()
		if c.Err() != context.DeadlineExceeded || context.Cause(c) != context.DeadlineExceeded {
			t.Errorf("after the event: %v, because of %v", c.Err(), context.Cause(c))
		}
	}
	ctx, cancel = withTimeout(endingWith(t.Context(), nil), time.Hour)
	cancel()
	if <-ctx.Done(); ctx.Err() != context.Canceled {
		t.Errorf("after a cancel: %v", ctx.Err())
	}
}

// timeEvent names the address of a script's event: see endTime.
const timeEvent = "TPMDPS_TEST_TIME"

// endTime lets a script's next program run out of time when the returned function
// is called, whatever its --timeout: that program holds a connection to here, and
// the end of it is the end of its time.
func endTime(ts *testscript.TestScript) (over func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ended := make(chan struct{})
	over = sync.OnceFunc(func() { close(ended) })
	ts.Defer(func() { l.Close(); over() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { <-ended; conn.Close() }()
		}
	}()
	ts.Setenv(timeEvent, l.Addr().String())
	return over
}

// timed is the context of a script's program.
func timed(ctx context.Context) context.Context {
	address := os.Getenv(timeEvent)
	if address == "" {
		return ctx
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	ends := make(chan struct{})
	go func() { io.Copy(io.Discard, conn); close(ends) }()
	return endingWith(ctx, ends)
}
