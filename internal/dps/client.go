package dps

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"tpmdps/internal/environment"
)

// ClientOptions are what both clients have in common. The zero value works.
type ClientOptions struct {
	// HTTPClient carries the requests; nil means one that trusts the system's roots
	// and uses no proxy. Only its Transport is used: a redirect is never followed,
	// and time limits are the context's.
	HTTPClient *http.Client
	// Application stands first in the User-Agent; at most 24 characters.
	Application string
	// maxRetries is how often a request is sent again after an answer or an
	// error that may pass; 0 means 3, below 0 means never.
	maxRetries int32
	// RetryDelay is the first pause; it doubles with jitter. 0 means 800 ms.
	// The service's Retry-After goes before it.
	RetryDelay time.Duration
	// Retrying is called before each pause after which a request is sent again, so
	// that nobody wonders why nothing happens; nil means never.
	Retrying func(Retry)
	// Log gets one debug line for each try; nil means none.
	Log *slog.Logger
}

// client is what both APIs have in common: an endpoint, its api-version and the
// pipeline that sends requests there.
type client struct {
	endpoint   string
	apiVersion string
	pipeline   runtime.Pipeline
}

func newClient(endpoint, apiVersion string, auth policy.Policy, o ClientOptions) client {
	if o.HTTPClient == nil {
		o.HTTPClient = NewHTTPClient(nil, environment.Proxies{})
	}
	perRetry := []policy.Policy{&tryPolicy{log: o.Log, notice: newNotice(o)}}
	if auth != nil {
		perRetry = append(perRetry, auth)
	}
	return client{endpoint, apiVersion, runtime.NewPipeline("tpmdps", "v1",
		runtime.PipelineOptions{PerRetry: perRetry, AllowedQueryParameters: []string{"api-version"}},
		&policy.ClientOptions{
			Retry: policy.RetryOptions{
				MaxRetries:  o.maxRetries,
				RetryDelay:  o.RetryDelay,
				TryTimeout:  tryTimeout,
				ShouldRetry: shouldRetry,
			},
			Telemetry: policy.TelemetryOptions{ApplicationID: o.Application},
			Transport: newBoundedTransport(o.HTTPClient),
		})}
}

// request is one operation. Its path starts with a slash and is escaped.
type request struct {
	method string
	path   string
	body   any // nil: none
	header map[string]string
	// subject is whom the answer has to be about.
	subject subject
}

// do sends a request and returns whatever answer came last. An error means that
// there was none, or that it was too large.
func (c *client) do(ctx context.Context, r request) (answer, error) {
	call, err := newCall(ctx, r.body)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s%s: %w", r.method, c.endpoint, r.path, err)
	}
	req, err := c.newRequest(context.WithValue(ctx, callKey{}, call), r, call.body)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s%s: %w", r.method, c.endpoint, r.path, err)
	}
	resp, err := c.pipeline.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s%s: %w", r.method, c.endpoint, r.path, call.explain(r, err))
	}
	return readAnswer(r, resp), nil
}

func (c *client) newRequest(ctx context.Context, r request, body []byte) (*policy.Request, error) {
	req, err := runtime.NewRequest(ctx, r.method, c.endpoint+r.path+"?api-version="+c.apiVersion)
	if err != nil {
		return nil, err
	}
	req.Raw().Header.Set("Accept", "application/json")
	for name, value := range r.header {
		req.Raw().Header.Set(name, value)
	}
	if body == nil {
		return req, nil
	}
	return req, req.SetBody(streaming.NopCloser(bytes.NewReader(body)), "application/json; charset=utf-8")
}

// call is what the tries of one request share, kept in its context because the
// pipeline's policies are shared by all requests.
type call struct {
	ctx      context.Context // without the limit of a try
	body     []byte          // nil: none
	deadline time.Time       // zero: none
	tries    int32           // so far

	// The outcome of the last try.
	answer *http.Response
	err    error
}

func newCall(ctx context.Context, body any) (*call, error) {
	c := &call{ctx: ctx}
	c.deadline, _ = ctx.Deadline()
	if body == nil {
		return c, nil
	}
	var err error
	if c.body, err = json.Marshal(body); err != nil {
		return nil, fmt.Errorf("write the request's body: %w", err)
	}
	return c, nil
}

// openBody gives a try a reader of its own. azcore rewinds a single one, which
// net/http may still be reading for a try that just broke.
func (c *call) openBody() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(c.body)), nil
}

type callKey struct{}

// explain adds to an error what the tries before it met: when the time runs out
// between two tries, azcore returns the bare context error, and the 503 that
// was waited for would be lost. Both causes can be asked for.
func (c *call) explain(r request, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return err
	}
	switch {
	case c.answer != nil && repeated(c.answer):
		// Not an answer that came in the very moment, nor one whose body did not: they
		// refuse nothing.
		return fmt.Errorf("%w; the last answer was: %w", contextEnded{err}, refusal(readAnswer(r, c.answer)))
	case c.err != nil && !errors.Is(c.err, err):
		return fmt.Errorf("%w; before that: %w", contextEnded{err}, c.err)
	}
	return contextEnded{err}
}

// contextEnded is the end of a context in plain words.
type contextEnded struct{ cause error }

func (o contextEnded) Error() string {
	if errors.Is(o.cause, context.Canceled) {
		return "interrupted"
	}
	return "timed out before an answer came"
}

func (o contextEnded) Unwrap() error { return o.cause }

// repeated tells whether an answer is one after which the request is sent again.
func repeated(resp *http.Response) bool {
	return runtime.HasStatusCode(resp, http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout)
}

// shouldRetry decides in azcore's stead, which knows neither hopeless transport
// errors nor the caller's deadline: a Retry-After that ends after it would be
// waited for in vain, so the answer is returned at once.
func shouldRetry(resp *http.Response, err error) bool {
	if err != nil {
		return isTransient(err)
	}
	if !repeated(resp) {
		return false
	}
	if resp.Request == nil {
		return true
	}
	call, _ := resp.Request.Context().Value(callKey{}).(*call)
	return call == nil || call.deadline.IsZero() || time.Until(call.deadline) > retryAfter(resp.Header)
}

// tryPolicy sees every try: it gives it its body, logs it and keeps its outcome.
// Headers are not logged, so neither is a token.
type tryPolicy struct {
	log    *slog.Logger
	notice noticePolicy
}

// Do implements policy.Policy.
func (p *tryPolicy) Do(req *policy.Request) (*http.Response, error) {
	raw := req.Raw()
	call, ok := raw.Context().Value(callKey{}).(*call)
	if !ok {
		return req.Next() // no request of a client here comes without one
	}
	if call.body != nil {
		raw.Body, _ = call.openBody()
		raw.GetBody = call.openBody
	}
	start := time.Now()
	resp, err := req.Next()
	switch {
	case err == nil && (raw.Context().Err() == nil || repeated(resp)):
		call.answer, call.err = resp, nil
	case err == nil: // it came in the very moment in which the call was over
	case raw.Context().Err() == nil: // a try that was cut short says nothing new
		call.answer, call.err = nil, err
	}
	p.write(raw, resp, err, time.Since(start))
	call.tries++
	p.notice.notify(call.ctx, call.tries, raw.URL.Host, resp, err)
	return resp, err
}

func (p *tryPolicy) write(req *http.Request, resp *http.Response, err error, took time.Duration) {
	ctx := req.Context()
	if p.log == nil || !p.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", req.Method),
		slog.String("url", req.URL.Redacted()),
		slog.Int64("ms", took.Milliseconds()),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", show(err.Error(), 300)))
	} else {
		attrs = append(attrs, slog.Int("status", resp.StatusCode),
			slog.String("request_id", show(resp.Header.Get("x-ms-request-id"), 80)))
	}
	p.log.LogAttrs(ctx, slog.LevelDebug, "request", attrs...)
}
