// Package fetch gets EK certificates from the servers of the makers that do not store
// them in the chip, and keeps them in a file beside the batch. Nothing that a server
// says is believed: what comes has to be a certificate for the very key, and is judged
// as one from a chip is.
package fetch

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// Hosts are the servers of Intel (chips before the 11th generation) and AMD.
func Hosts() []string { return []string{"ekop.intel.com", "ftpm.amd.com"} }

// ErrAnswer is wrapped by the error for an answer that is not the certificate of the
// key that it was asked for.
var ErrAnswer = errors.New("the answer is not the certificate of this key")

// Bounds: of an answer, in bytes, of the requests that are under way at once, and of
// the time of a try.
const (
	maxAnswer = 64 << 10
	atOnce    = 4
	tryLimit  = 20 * time.Second
)

// Client asks the makers' servers. It may be used by several goroutines.
type Client struct {
	hosts    []string
	pipeline runtime.Pipeline
	turns    chan struct{}
}

// NewClient makes a client that asks these hosts and no others. Only the transport of
// client is used: a redirect is never followed. delay is the first pause before a
// request is sent again; 0 is azcore's.
func NewClient(client *http.Client, application string, hosts []string, delay time.Duration) *Client {
	return &Client{hosts, runtime.NewPipeline("tpmdps", "v1", runtime.PipelineOptions{}, &policy.ClientOptions{
		Retry:     policy.RetryOptions{MaxRetries: 2, RetryDelay: delay, TryTimeout: tryLimit},
		Telemetry: policy.TelemetryOptions{ApplicationID: application},
		Transport: bounded{client.Transport},
	}), make(chan struct{}, atOnce)}
}

// bounded carries requests and bounds what comes back, also of answers that azcore
// reads to their end by itself.
type bounded struct{ http.RoundTripper }

// Do implements azcore's policy.Transporter.
func (b bounded) Do(req *http.Request) (*http.Response, error) {
	answer, err := b.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(answer.Body, maxAnswer+1), answer.Body}
	return answer, nil
}

// Certificate asks for the certificate of an EK, a marshalled TPM2B_PUBLIC, at an
// address, and returns it in DER. Errors are [ErrAnswer], or of the network.
func (c *Client) Certificate(ctx context.Context, address string, ek []byte) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || !slices.Contains(c.hosts, u.Host) {
		return nil, fmt.Errorf("%s is not an address of a maker that is asked", text.Printable(address, 200))
	}
	select {
	case c.turns <- struct{}{}:
		defer func() { <-c.turns }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	req, err := runtime.NewRequest(ctx, http.MethodGet, address)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", u.Host, err)
	}
	answer, err := c.pipeline.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", u.Host, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	switch {
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: %s answers %d %s", ErrAnswer, u.Host, answer.StatusCode, http.StatusText(answer.StatusCode))
	case err != nil:
		return nil, fmt.Errorf("ask %s: %w", u.Host, err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("%w: %s sent more than %d bytes", ErrAnswer, u.Host, maxAnswer)
	}
	der, err := read(body, ek)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrAnswer, u.Host, err)
	}
	return der, nil
}

// read takes the certificate out of an answer: DER, as AMD sends it, or JSON with
// base64 for addresses, its signs escaped, as Intel does.
func read(body, ek []byte) ([]byte, error) {
	if len(body) == 0 {
		return nil, errors.New("it is empty")
	}
	if body[0] != 0x30 {
		var answer struct {
			Certificate string `json:"certificate"`
		}
		if err := json.Unmarshal(body, &answer); err != nil || answer.Certificate == "" {
			return nil, errors.New("it is neither DER nor JSON with a certificate")
		}
		plain, err := url.QueryUnescape(strings.ReplaceAll(answer.Certificate, "+", "-"))
		if err != nil {
			return nil, errors.New("its base64 cannot be read")
		}
		plain = strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(plain)
		if body, err = base64.RawURLEncoding.DecodeString(plain); err != nil {
			return nil, errors.New("its base64 cannot be read")
		}
	}
	c, err := identity.ParseEKCertificate(body)
	if err != nil {
		return nil, fmt.Errorf("it cannot be read: %s", text.Printable(err.Error(), 200))
	}
	if !c.Facts(ek).KeyMatches {
		return nil, errors.New("it is for another key")
	}
	return c.DER, nil
}
