package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"tpmdps/internal/dps"
	"tpmdps/internal/tpm"
)

// How a registration can end other than in an assignment. Errors of this
// package wrap one of them and the [*dps.Error] or [*dps.AnswerError], where
// there is one.
var (
	// ErrNotEnrolled: DPS has no enrollment of this registration ID.
	ErrNotEnrolled = errors.New("not enrolled")
	// ErrDisabled: the enrollment is disabled.
	ErrDisabled = errors.New("the enrollment is disabled")
	// ErrOtherEK: the enrollment names another endorsement key.
	ErrOtherEK = errors.New("the enrollment is for another endorsement key")
	// ErrRefused: DPS refused in another way.
	ErrRefused = errors.New("DPS refused the device")
	// ErrUnavailable: throttled or down, after all retries.
	ErrUnavailable = errors.New("DPS is throttled or unavailable")
	// ErrNotAssigned: the registration ended without an assignment.
	ErrNotAssigned = errors.New("not assigned")
	// ErrAllocation: the custom allocation web hook failed (400207).
	ErrAllocation = errors.New("the custom allocation failed")
	// ErrNoHub: no hub is linked that may accept the device (400208).
	ErrNoHub = errors.New("DPS has no hub for the device")
	// ErrHubUnauthorized: the hub refuses DPS, whose link to it is stale
	// (400209, IotHubUnauthorizedAccess).
	ErrHubUnauthorized = errors.New("the hub refuses DPS")
	// ErrScope: no DPS has the ID scope. Of the enrollment it says nothing.
	ErrScope = errors.New("DPS does not know the ID scope")
	// ErrHubAnswered: the refusal has the form of an IoT Hub's.
	ErrHubAnswered = errors.New("an IoT Hub answered, not a DPS")
	// ErrHubKey: the chip that opened the challenge cannot open the key for its hub.
	// The enrollment has this chip's key, so that is not what is wrong.
	ErrHubKey = errors.New("the key for the hub is not for the chip that opened the challenge")
	// ErrStillAssigning: the run timed out before the service had decided.
	ErrStillAssigning = errors.New("not assigned in time")
	// ErrClock: the clocks differ by more than a token can bridge.
	ErrClock = errors.New("the clock of this machine is wrong")
)

const (
	tokenLifetime = time.Hour
	// warnSkew and maxSkew: the service bridges five minutes (Microsoft's own
	// validator, MaxClockSkew); IoT Edge's tokens live half a minute.
	warnSkew = 2 * time.Minute
	maxSkew  = 5 * time.Minute
	// pollPause is the pause between two polls when the service names none.
	pollPause = 3 * time.Second
)

func (t *trip) registration() dps.Registration {
	return dps.Registration{
		RegistrationID: t.result.RegistrationID,
		EndorsementKey: t.ek.Public,
		StorageRootKey: t.srk.Public,
		Payload:        t.req.Payload,
	}
}

// askChallenge registers without a token. The expected answer is a 401 with a
// challenge in it.
func (t *trip) askChallenge(ctx context.Context) (outcome, error) {
	t.ask(ctx)
	if t.answerErr != nil {
		return outcome{}, meaning(t.answerErr)
	}
	if t.answer.Challenge == nil {
		return outcome{}, fmt.Errorf("%w: it answered %q instead of with a challenge; is this enrollment one for a TPM?", ErrRefused, t.answer.Operation.Status)
	}
	t.challenge = t.answer.Challenge
	return detailf("challenge received for %s", t.result.RegistrationID), nil
}

// sign makes the token for the rest of the trip. The ID is signed in small letters,
// as IoT Edge does (aziot-cloud-client-async, connector.rs): DPS compares it
// without case.
func (t *trip) sign() error {
	var err error
	t.token, err = dps.SASToken(dps.Resource(t.req.IDScope, strings.ToLower(t.result.RegistrationID)), t.challenge.KeyName,
		time.Now().Add(tokenLifetime), t.nonceKey.Sign)
	if err != nil {
		return err
	}
	t.signed(t.token)
	err = t.nonceKey.Close() // the token is all that is needed of it
	t.nonceKey = nil
	return err
}

// signed says that there is a new token.
func (t *trip) signed(token string) {
	if t.req.Signed != nil {
		t.req.Signed(token)
	}
}

// register sends the registration again, with the token that the chip signed.
func (t *trip) register(ctx context.Context) (outcome, error) {
	answer, err := t.req.Service.Register(ctx, t.registration(), t.token)
	switch {
	case err != nil && t.req.Offline && ctx.Err() == nil:
		// The service in this process made the challenge of the chip's own keys.
		return outcome{}, fmt.Errorf("%w: what TPM2_HMAC returned is not a signature of the key from the challenge: %w", tpm.ErrAnswer, err)
	case err != nil:
		return outcome{}, meaning(err)
	case answer.Challenge != nil:
		return outcome{}, fmt.Errorf("%w: it sent a new challenge instead of accepting the chip's signature", ErrRefused)
	}
	if err := t.heard.agree(*answer.Operation, "the answer to the registration"); err != nil {
		return outcome{}, err
	}
	t.operation = *answer.Operation
	return detailf("signature accepted, now %s", t.operation.Status), nil
}

// awaitAssignment polls until the service has decided.
func (t *trip) awaitAssignment(ctx context.Context) (outcome, error) {
	for t.operation.Status == "assigning" {
		if err := t.pause(ctx, t.operation.RetryAfter); err != nil {
			return outcome{}, err
		}
		op, err := t.req.Service.Operation(ctx, t.result.RegistrationID, t.operation.ID, t.token)
		if err != nil {
			return outcome{}, t.unanswered(ctx, meaning(err))
		}
		if err := t.heard.agree(op, "an answer to a poll"); err != nil {
			return outcome{}, err
		}
		t.operation = op
	}
	if err := ended(t.operation); err != nil {
		return outcome{}, err
	}
	state := t.operation.State
	t.result.AssignedHub, t.result.DeviceID, t.result.Substatus = state.AssignedHub, state.DeviceID, state.Substatus
	if t.req.Offline {
		return detailf("device %s gets a key; nothing is registered at DPS", state.DeviceID), nil
	}
	return detailf("device %s on %s%s", state.DeviceID, state.AssignedHub, parenthesised(state.Substatus)), nil
}

func parenthesised(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// pause waits as long as the service asked, and up to a tenth longer, so that
// machines that were switched on together do not stay in step.
func (t *trip) pause(ctx context.Context, asked time.Duration) error {
	if asked <= 0 {
		asked = cmp.Or(t.req.Pause, pollPause)
	}
	wait := asked + time.Duration(rand.Int64N(int64(asked)/10+1))
	t.notifyWaiting(asked)
	start := time.Now()
	defer func() { t.result.WaitedMS += time.Since(start).Milliseconds() }()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return &stillAssigning{t.operation.Status, ctx.Err()}
		}
		return ctx.Err()
	}
}

// stillAssigning is [ErrStillAssigning] at the end of the time.
type stillAssigning struct {
	status string
	cause  error
}

func (e *stillAssigning) Error() string {
	return fmt.Sprintf("%v: timed out while still %s", ErrStillAssigning, e.status)
}

func (e *stillAssigning) Unwrap() []error { return []error{ErrStillAssigning, e.cause} }

// longPause is one that is told of even where it is the first.
const longPause = 10 * time.Second

// notifyWaiting tells of a pause. The first is as it should be: no service assigns at
// once.
func (t *trip) notifyWaiting(asked time.Duration) {
	t.pauses++
	if t.req.Waiting != nil && (asked >= longPause || t.pauses > 1 && t.pauses&(t.pauses-1) == 0) {
		t.req.Waiting(asked)
	}
}

// unanswered is the error of a poll. When the time ends during one, it means what
// it means in the pause before it, unless the service refused a try.
func (t *trip) unanswered(ctx context.Context, err error) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: timed out while still %s: %w", ErrStillAssigning, t.operation.Status, err)
}
