// Package contexttest makes contexts whose deadline comes when a test says so.
//
// The rule: what has to happen before a deadline is an event, such as a request
// that has arrived, and the deadline is that event. So a test of what a deadline
// does waits for no clock and passes on any machine.
//
// The package is for tests only: the product never links it.
package contexttest

import (
	"context"
	"sync"
	"testing"
)

// WithDeadline returns a context that ends, with context.DeadlineExceeded, when
// expire is called, and with the test at the latest. expire may be called again
// and from any goroutine.
func WithDeadline(tb testing.TB) (ctx context.Context, expire func()) {
	d := deadline{context.Background(), make(chan struct{})}
	expire = sync.OnceFunc(func() { close(d.expired) })
	tb.Cleanup(expire)
	return d, expire
}

// deadline is a context that can expire. It names no time: a caller that asks for one
// would wait for the clock after all.
type deadline struct {
	context.Context // carries no values and never ends
	expired         chan struct{}
}

// Done implements context.Context.
func (d deadline) Done() <-chan struct{} { return d.expired }

// Err implements context.Context.
func (d deadline) Err() error {
	select {
	case <-d.expired:
		return context.DeadlineExceeded
	default:
		return nil
	}
}
