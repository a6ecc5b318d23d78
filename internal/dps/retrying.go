package dps

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"
)

// Retry is a pause before a request is sent again.
type Retry struct {
	// In is how long it is: what the service asked for, or about as long as azcore's
	// policy waits, which varies it at random.
	In time.Duration
	// Host is what was asked, and Why what came of it, in a few words: no body is
	// in it, and no URL.
	Host, Why string
	// Status is that of the answer, 0 if there was none.
	Status int
}

// String is a line for those who wait.
func (r Retry) String() string {
	return fmt.Sprintf("retrying in %s: %s (%s)", Seconds(r.In), r.Why, r.Host)
}

// Seconds writes a pause for people.
func Seconds(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return "a moment"
	case d < 2*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

// The defaults of azcore's policy (policy.RetryOptions), which it does not export.
const (
	defaultRetries    = 3
	defaultRetryDelay = 800 * time.Millisecond
	maxRetryDelay     = time.Minute
)

// noticePolicy foretells the pauses of azcore's retry policy, from the same answer
// and the same options; it neither waits nor repeats anything.
type noticePolicy struct {
	retries  int32 // how many the policy makes
	delay    time.Duration
	retrying func(Retry)
}

func newNotice(o ClientOptions) noticePolicy {
	retries := cmp.Or(o.maxRetries, defaultRetries)
	return noticePolicy{max(retries, 0), cmp.Or(o.RetryDelay, defaultRetryDelay), o.Retrying}
}

// notify tells of the pause that follows a try, if one does: ctx is the request's,
// without the limit of the try.
func (p noticePolicy) notify(ctx context.Context, try int32, host string, resp *http.Response, err error) {
	if p.retrying == nil || ctx.Err() != nil || try > p.retries || !shouldRetry(resp, err) {
		return
	}
	r := Retry{Host: host, Why: "no answer"}
	if err == nil {
		r.Status = resp.StatusCode
		r.Why = fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
		if r.In = retryAfter(resp.Header); r.In > maxRetryDelay {
			return // azcore waits for no such time
		}
	}
	if r.In == 0 {
		r.In = min(p.delay*time.Duration(1<<try-1), maxRetryDelay)
	}
	p.retrying(r)
}
