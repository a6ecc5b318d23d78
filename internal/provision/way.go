package provision

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tpmdps/internal/dps"
	"tpmdps/internal/network"
)

const noNetwork = "no network is used"

// resolve looks up the name of DPS.
func (t *trip) resolve(ctx context.Context) (outcome, error) {
	if t.req.Route == nil {
		return skip(noNetwork), nil
	}
	addresses, err := t.req.Route.Resolve(ctx)
	if err != nil {
		return outcome{}, err
	}
	const maxShown = 4
	text := strings.Join(addresses[:min(maxShown, len(addresses))], ", ")
	if proxy := t.req.Route.Proxy(); proxy != "" {
		return detailf("the proxy %s is %s", proxy, text), nil
	}
	name, _ := network.SplitHost(t.req.Route.Host(), "")
	return detailf("%s is at %s", name, text), nil
}

// connectTCP connects to DPS, or through the proxy to it.
func (t *trip) connectTCP(ctx context.Context) (outcome, error) {
	if t.req.Route == nil {
		return skip(noNetwork), nil
	}
	address, err := t.req.Route.Connect(ctx)
	if err != nil {
		return outcome{}, err
	}
	if proxy := t.req.Route.Proxy(); proxy != "" {
		return detailf("the proxy %s connected to %s", proxy, t.req.Route.Host()), nil
	}
	return detailf("connected to %s", address), nil
}

// secureTLS does the handshake, and looks at who signed the certificate.
func (t *trip) secureTLS(ctx context.Context) (outcome, error) {
	if t.req.Route == nil {
		return skip(noNetwork), nil
	}
	h, err := t.req.Route.Secure(ctx)
	if err != nil {
		return outcome{}, err
	}
	signers := "itself"
	if len(h.Issuers) > 0 {
		signers = strings.Join(h.Issuers, ", signed by ")
	}
	found := detailf("%s with %s, signed by %s", h.Version, h.Subject, signers)
	return intercepted(found, h), nil
}

// intercepted warns where a proxy that this machine trusts reads along.
func intercepted(found outcome, h network.Handshake) outcome {
	if h.Intercepted == "" {
		return found
	}
	return outcome{warn: true,
		detail: fmt.Sprintf("TLS is intercepted: the certificate is from %q, which is not one of Microsoft's roots", h.Intercepted),
		hint:   "IoT Edge has to trust that authority too, or the proxy must not inspect *.azure-devices-provisioning.net and *.azure-devices.net",
	}
}

// readClock compares the clocks. The service's is in the answer to the first
// request that the trip makes anyway; what else that says, askChallenge judges.
func (t *trip) readClock(ctx context.Context) (outcome, error) {
	if t.req.Route == nil {
		return skip(noNetwork), nil
	}
	t.ask(ctx)
	date := t.answerDate()
	switch {
	case date.IsZero() && network.Broken(t.answerErr):
		return skip("no complete answer came"), nil
	case date.IsZero():
		return skip("the answer has no date"), nil
	}
	t.skew = clockSkew(date, t.askedAt, time.Now()).Round(time.Second)
	switch {
	case t.skew.Abs() > maxSkew:
		return outcome{}, fmt.Errorf("%w: %s", ErrClock, t.clockDetail())
	case t.skew.Abs() > warnSkew:
		return outcome{warn: true, detail: t.clockDetail(),
			hint: "set the clock: IoT Edge's tokens live 30 seconds, and DPS tolerates 5 minutes"}, nil
	}
	return detailf("within %s of the service's", max(t.skew.Abs(), time.Second)), nil
}

// clockSkew is the least by which the service's clock can differ from ours: it
// wrote the date, in whole seconds, some time between the question and the answer.
// A slow network is not a wrong clock.
func clockSkew(date, asked, answered time.Time) time.Duration {
	switch end := date.Add(time.Second); {
	case date.After(answered):
		return date.Sub(answered)
	case end.Before(asked):
		return end.Sub(asked)
	}
	return 0
}

// ask makes the first request, once.
func (t *trip) ask(ctx context.Context) {
	if t.asked {
		return
	}
	t.asked, t.askedAt = true, time.Now()
	t.answer, t.answerErr = t.req.Service.Register(ctx, t.registration(), "")
}

func (t *trip) answerDate() time.Time {
	var refused *dps.Error
	switch {
	case errors.As(t.answerErr, &refused) && refused.Status != http.StatusProxyAuthRequired:
		return refused.Date
	case t.answer.Challenge != nil:
		return t.answer.Challenge.Date
	case t.answer.Operation != nil:
		return t.answer.Operation.Date
	}
	return time.Time{}
}

// clockDetail explains the difference, and whose token it breaks.
func (t *trip) clockDetail() string {
	if t.skew > 0 {
		return fmt.Sprintf("it is %s behind the service's: IoT Edge's tokens, which live 30 seconds, count as expired", t.skew)
	}
	return fmt.Sprintf("it is %s ahead of the service's: tokens are dated in the future, and certificates may count as expired", -t.skew)
}
