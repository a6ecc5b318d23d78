// Package provision makes the round trip that a device makes on its first
// start: it opens the chip, asks DPS for a challenge, solves it in the chip,
// registers, waits for the assignment, and imports the key of the hub into the
// chip. What it returns is what was observed, step by step.
//
// The rule: a step is ok only when its outcome was seen. The trip stops at the
// first step that fails, the ones after it are marked as skipped, and nothing
// is left on the chip whichever way it ends.
//
// It is the stage behind `verify`: it accepts the addresses of a chip and a
// service and returns a [Result], a plain value.
package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tpmdps/internal/check"
	"tpmdps/internal/dps"
	"tpmdps/internal/hub"
	"tpmdps/internal/network"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// Goal is how far the trip goes.
type Goal string

// The goals, each including the ones before it.
const (
	// UntilChallenge stops when the chip has solved the challenge. Nothing is
	// registered, so it changes nothing for a device that is in use.
	UntilChallenge Goal = "challenge"
	// UntilAssigned stops when the chip holds the key of the assigned hub.
	UntilAssigned Goal = "assigned"
	// UntilConnected stops when the hub has taken a token that the chip signed.
	UntilConnected Goal = "connected"
	// UntilTwin stops when the device's twin was read from the hub.
	UntilTwin Goal = "twin"
)

// Goals lists the goals in order.
func Goals() []Goal { return []Goal{UntilChallenge, UntilAssigned, UntilConnected, UntilTwin} }

// Request says which chip is to register where.
type Request struct {
	// TPM and TPMOptions open the chip.
	TPM        tpm.Address
	TPMOptions tpm.Options
	// Service is the device API, IDScope the scope it was made for.
	Service *dps.DeviceClient
	IDScope string
	// Offline: the service is in this process, and wraps its keys for this very
	// chip. A chip that refuses one cannot do it.
	Offline bool
	// RegistrationID is the name to register under; empty means the one that
	// is derived from the chip, in base32.
	RegistrationID string
	// IDFrom is where RegistrationID is from, for people: a file, a flag, or a
	// variable of the environment.
	IDFrom string
	// Configured is IoT Edge's configuration, where the trip is to show that it is
	// right; else nil.
	Configured *Configured
	// Judge says whether the chip's key is one that the operator accepts, as soon as it
	// is found and before anything is sent; nil for any. It leaves the key open.
	Judge func(context.Context, *tpm.Device, *tpm.Key) (Judgement, error)
	// Survey has the trip go on after what it found wrong with Configured, to show the
	// rest as well. It ends with that fault anyway.
	Survey bool
	// HexID derives the hex ID instead, as the documented Linux recipe does.
	HexID bool
	// Payload goes to a custom allocation policy: a JSON object, or nil.
	Payload json.RawMessage
	// Route is the way to the service, which Service's transport takes over;
	// nil skips the steps of the network and the clock.
	Route *network.Route
	// Hub says how the hub is reached; its host, device and token follow from
	// the trip. nil skips the steps of the hub.
	Hub *hub.Options
	// Report leaves the time of the verification in the device's twin, as the
	// reported property tpmdps.verified_at.
	Report bool
	// Persist keeps the hub's key at this persistent handle; 0 keeps nothing.
	Persist uint32
	// Limit bounds everything that follows the chip's keys, which take some
	// chips minutes; 0 bounds nothing.
	Limit time.Duration
	// Until is the goal.
	Until Goal
	// Pause is how long to wait between two polls when the service names no
	// time; 0 is three seconds.
	Pause time.Duration
	// Waiting is called before a pause between two polls, with its length: when it is
	// a long one, and when it is the second, fourth, eighth and so on, so that a wait
	// of many pauses is not silent, and not noisy. It may be nil.
	Waiting func(again time.Duration)
	// Signed is called with each token that the chip signed, before it is sent,
	// for the caller that keeps secrets out of what is printed. It may be nil.
	Signed func(token string)
	// Observe is called with each step when it has ended, in order. It may be
	// nil.
	Observe func(Step)
}

// Step is one step of the trip as it was observed.
type Step struct {
	// Name is fixed; docs/tpmdps.1.md lists them.
	Name string `json:"name"`
	// Status is how it ended.
	Status check.Status `json:"status"`
	// MS is how long it took, in milliseconds.
	MS int64 `json:"ms"`
	// Detail is what was seen, in words.
	Detail string `json:"detail"`
	// Hint is what to do about it; the package leaves it empty for errors,
	// since the one table of hints is the program's.
	Hint string `json:"hint"`
}

// Result is what the trip found out. Fields that were not reached are empty.
type Result struct {
	RegistrationID string `json:"registration_id"`
	IDScope        string `json:"id_scope"`
	AssignedHub    string `json:"assigned_hub"`
	DeviceID       string `json:"device_id"`
	Substatus      string `json:"substatus"`
	// Twin is what the hub holds for the device; nil when it was not read.
	Twin *Twin `json:"twin"`
	// WaitedMS is how long the service asked to wait, of all the time it took.
	WaitedMS int64  `json:"waited_ms"`
	Steps    []Step `json:"steps"`
}

// Twin is the part of a device's twin that is for the device.
type Twin struct {
	DesiredVersion int64                      `json:"desired_version"`
	Desired        map[string]json.RawMessage `json:"desired"`
}

// Judgement is what there is to say of a chip's key that is accepted.
type Judgement struct {
	Detail string // "" for nothing
	Warn   bool
}

// step is one entry of the itinerary: what it is called, the goal that needs
// it first, and how it is done.
type step struct {
	name string
	goal Goal
	run  func(*trip, context.Context) (outcome, error)
}

// outcome is what a step saw. A warning does not stop the trip, and neither
// does a step that had nothing to do.
type outcome struct {
	detail     string
	warn       bool
	skipped    bool
	reassuring bool // the detail says that nothing is wrong
	hint       string
}

func skip(why string) outcome { return outcome{detail: why, skipped: true} }

func detailf(format string, args ...any) outcome {
	return outcome{detail: fmt.Sprintf(format, args...)}
}

// itinerary is the trip, in order.
var itinerary = []step{
	{"tpm.open", UntilChallenge, (*trip).openTPM},
	{"tpm.capabilities", UntilChallenge, (*trip).checkCapabilities},
	{"tpm.ek", UntilChallenge, (*trip).findEK},
	{"tpm.srk", UntilChallenge, (*trip).findSRK},
	{"net.dns", UntilChallenge, (*trip).resolve},
	{"net.tcp", UntilChallenge, (*trip).connectTCP},
	{"net.tls", UntilChallenge, (*trip).secureTLS},
	{"clock", UntilChallenge, (*trip).readClock},
	{"dps.challenge", UntilChallenge, (*trip).askChallenge},
	{"tpm.activate", UntilChallenge, (*trip).activateChallenge},
	{"dps.register", UntilAssigned, (*trip).register},
	{"dps.assigned", UntilAssigned, (*trip).awaitAssignment},
	{"tpm.hubkey", UntilAssigned, (*trip).importHubKey},
	{"hub.tls", UntilConnected, (*trip).dialHub},
	{"hub.connect", UntilConnected, (*trip).connectHub},
	{"hub.twin", UntilTwin, (*trip).readTwin},
}

// trip is the state that the steps hand on.
type trip struct {
	req    Request
	result Result

	device   *tpm.Device
	ek, srk  *tpm.Key
	nonceKey *tpm.HMACKey
	hubKey   *tpm.HMACKey

	refused   bool // a survey goes on with a password that is not the chip's
	asked     bool // the first request was made
	askedAt   time.Time
	answer    dps.Answer
	answerErr error
	challenge *dps.Challenge
	token     string
	operation dps.Operation
	pauses    int           // between polls, so far
	heard     statements    // what the answers of this registration have said
	skew      time.Duration // the service's clock minus ours

	connection *hub.Connection
	session    *hub.Session
}

// Run makes the trip. The error is that of the step that failed, prefixed with
// its name; the result is what was seen up to then, in any case.
func Run(ctx context.Context, req Request) (_ Result, err error) {
	t := &trip{req: req, result: Result{IDScope: req.IDScope, RegistrationID: req.RegistrationID, Steps: []Step{}}}
	defer func() { err = errors.Join(err, t.close()) }()
	goal := slices.Index(Goals(), req.Until)
	if goal < 0 { // every step would be skipped, and that would pass for success
		return t.result, fmt.Errorf("there is no goal %q", req.Until)
	}
	var noted error // by a survey
	for _, s := range itinerary {
		if err != nil || slices.Index(Goals(), s.goal) > goal {
			t.report(Step{Name: s.name, Status: check.Skipped})
			continue
		}
		if s.name == "net.dns" && req.Limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, req.Limit)
			defer cancel()
		}
		err = t.take(ctx, s)
		if req.Survey && errors.Is(err, ErrConfiguredAuth) {
			noted, err = err, nil
			t.refused = true
		}
	}
	return t.result, errors.Join(noted, err)
}

// take does one step and reports it.
func (t *trip) take(ctx context.Context, s step) error {
	start := time.Now()
	var found outcome
	var err error
	if errors.Is(ctx.Err(), context.Canceled) {
		err = ctx.Err()
	} else {
		found, err = s.run(t, ctx)
		err = t.byID(err)
	}
	if t.refused && errors.Is(err, tpm.ErrAuth) {
		t.report(Step{Name: s.name, Status: check.Skipped, MS: time.Since(start).Milliseconds(), Detail: "it needs the password that tpm.capabilities names"})
		return &StepError{Step: s.name, Err: err, Names: t.names()}
	}
	if t.req.Offline && found.detail != "" && strings.HasPrefix(s.name, "dps.") {
		found.detail = offline + found.detail
	}
	done := Step{Name: s.name, Status: check.OK, MS: time.Since(start).Milliseconds(), Detail: found.detail, Hint: found.hint}
	switch {
	case err != nil:
		done.Status, done.Detail = check.Fail, text.Plain(err.Error())
		err = &StepError{Step: s.name, Err: err, Names: t.names()}
	case found.warn:
		done.Status = check.Warn
	case found.skipped:
		done.Status = check.Skipped
	}
	t.report(done)
	return err
}

// offline stands before what a service in this process said, so that nobody mistakes its answer
// for a registration.
const offline = "offline, the service in this process: "

func (t *trip) report(s Step) {
	t.result.Steps = append(t.result.Steps, s)
	if t.req.Observe != nil {
		t.req.Observe(s)
	}
}

// close gives back everything the trip took, in reverse. How the hub takes the
// good-bye is of no interest.
func (t *trip) close() error {
	switch {
	case t.session != nil:
		t.session.Close()
	case t.connection != nil:
		t.connection.Close()
	}
	if t.req.Route != nil {
		t.req.Route.Close()
	}
	if t.device == nil {
		return nil
	}
	return errors.Join(t.hubKey.Close(), t.nonceKey.Close(), t.srk.Close(), t.ek.Close(), t.device.Close())
}

// StepError is the error of a failed trip: which step, and why.
type StepError struct {
	Step string
	Err  error
	// Names are what the commands in a hint need to act on what the trip was about.
	Names Names
}

// Error gives the step's name and the cause.
func (e *StepError) Error() string { return e.Step + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *StepError) Unwrap() error { return e.Err }
