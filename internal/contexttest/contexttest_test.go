package contexttest_test

import (
	"context"
	"errors"
	"testing"

	"tpmdps/internal/contexttest"
)

// A context that expires looks, to all that is derived from it, like one whose
// time ran out.
func TestWithDeadline(t *testing.T) {
	ctx, expire := contexttest.WithDeadline(t)
	child, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	context.AfterFunc(ctx, func() { close(ended) })
	if ctx.Err() != nil || child.Err() != nil {
		t.Fatalf("before it expires: Err() = %v, %v", ctx.Err(), child.Err())
	}
	expire()
	expire()
	<-ctx.Done()
	<-child.Done()
	<-ended
	for name, ctx := range map[string]context.Context{"the context": ctx, "its child": child} {
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) || !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			t.Errorf("%s: Err() = %v, Cause() = %v", name, ctx.Err(), context.Cause(ctx))
		}
	}
}
