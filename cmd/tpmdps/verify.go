package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/check"
	"tpmdps/internal/commandline"
	"tpmdps/internal/dps"
	"tpmdps/internal/edge"
	"tpmdps/internal/ektrust/examine"
	"tpmdps/internal/emulator"
	"tpmdps/internal/hub"
	"tpmdps/internal/identity"
	"tpmdps/internal/input"
	"tpmdps/internal/network"
	"tpmdps/internal/provision"
	"tpmdps/internal/text"
	"tpmdps/internal/verdict"
)

func verifyCommand() command {
	return command{
		name:     "verify",
		argument: commandline.Command{FileFlag: "config"},
		usage:    "prove that the chip can provision itself",
		description: "Makes the round trip of a device's first start, layer by layer: the chip, the\n" +
			"network, the clock, the challenge of DPS, the registration and its assignment, the\n" +
			"hub's key, the hub, and the device's twin there. Stops at the first step that\n" +
			"fails. The chip is left as it was, unless --persist is given. A registration is a\n" +
			"real one: DPS creates the device on its hub. --until challenge registers nothing,\n" +
			"--offline needs no network.",
		flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "read scope, registration ID, endpoint, TPM, key index and passwords from IoT Edge's config.toml, `FILE`; flags override it"},
			&cli.BoolFlag{Name: "even-if-provisioned", Usage: "register although IoT Edge runs on this machine"},
			&cli.StringFlag{Name: "id-scope", EnvVars: []string{"IOTHUB_DEVICE_DPS_ID_SCOPE", "PROVISIONING_IDSCOPE"}, Usage: "the `SCOPE` of the DPS, such as 0ne0012AB34"},
			&cli.StringFlag{Name: "registration-id", EnvVars: []string{"PROVISIONING_REGISTRATION_ID"}, Usage: "register under `ID` (default: derived from the chip)"},
			idFormatFlag("derive the ID in `FORMAT`: base32 or hex"),
			&cli.StringFlag{Name: "global-endpoint", EnvVars: []string{"IOTHUB_DEVICE_DPS_ENDPOINT", "PROVISIONING_HOST"}, Usage: "the device endpoint of DPS at `URL`", DefaultText: dps.DefaultDeviceEndpoint},
			&cli.StringFlag{Name: "until", Value: string(provision.UntilTwin), Usage: "stop after `STAGE`: challenge (registers nothing), assigned, connected or twin"},
			&cli.StringFlag{Name: "hub-transport", Value: hub.MQTT, Usage: "reach the hub over `TRANSPORT`: mqtt (port 8883) or mqtt-ws (WebSocket, port 443)"},
			&cli.BoolFlag{Name: "report", Usage: "write the time into the device's twin, as the reported property tpmdps.verified_at"},
			&cli.BoolFlag{Name: "persist", Usage: "keep the hub's key on the chip, where the SDKs and IoT Edge look for it; a key of theirs there is replaced"},
			&cli.StringFlag{Name: "auth-key-index", Value: "0x000100", Usage: "with --persist: keep it at 0x81000000 + `INDEX`"},
			&cli.BoolFlag{Name: "offline", Usage: "test the chip alone, against a service in this process: no network, nothing registered"},
			&cli.StringFlag{Name: "payload", Usage: "send the JSON object in `FILE` to a custom allocation policy"},
		}, trustFlags(), chipFlags(), networkFlags(), secretFlags()),
		examples: []string{
			"sudo tpmdps verify --offline",
			"sudo tpmdps verify --id-scope 0ne0012AB34 --until challenge",
			"sudo tpmdps verify --config /etc/aziot/config.toml",
		},
		exits:   []int{10, 11, 12, 13, 14, 15, 20, 21, 22, 31, 32, 33, 34, 40, 41},
		timeout: 15 * time.Minute, // of which all but the chip's keys has networkLimit
		rules: append(trustRules(),
			rule{flag: "offline", excludes: []string{"persist", "report", "hub-transport", "id-scope", "global-endpoint", "payload"}},
			rule{flag: "persist", only: []string{"auth-key-index"}},
		),
		run: verify,
	}
}

// networkLimit is the time for everything behind the chip's keys, which some
// chips take minutes to derive.
const networkLimit = 2 * time.Minute

// verifyOptions are those of verify.
type verifyOptions struct {
	file     string // IoT Edge's config.toml
	idScope  setting
	endpoint setting
	id       idOptions
	chip     chipOptions
	trust    examine.Sources // the zero value judges no chip
	caFile   string
	keyIndex *uint32 // of --auth-key-index; nil where it was not typed
	payload  string

	until        provision.Goal
	hubTransport string
	report       bool
	persist      bool
	offline      bool
	inUse        bool // also on a machine that is provisioned
	timeLimited  bool // by --timeout
}

func readVerifyOptions(f flags) (o verifyOptions, err error) {
	o = verifyOptions{
		file: f.text("config"), idScope: f.setting("id-scope"), endpoint: f.setting("global-endpoint"),
		chip: readChipOptions(f), caFile: f.text("ca-file"), payload: f.text("payload"),
		until: provision.Goal(f.text("until")), hubTransport: f.text("hub-transport"),
		report: f.yes("report"), persist: f.yes("persist"), offline: f.yes("offline"), inUse: f.yes("even-if-provisioned"),
		timeLimited: f.typed("timeout"),
	}
	if o.id, err = readIDOptions(f); err != nil {
		return o, err
	}
	if o.trust, err = readTrustOptions(f); err != nil {
		return o, err
	}
	if f.typed("auth-key-index") {
		o.keyIndex, err = authKeyIndex(f.text("auth-key-index"))
	}
	return o, cmp.Or(err, o.validate())
}

func (o verifyOptions) validate() error {
	if err := checkGoal(o.until); err != nil {
		return err
	}
	if o.persist && o.until == provision.UntilChallenge || o.report && o.until != provision.UntilTwin {
		return fmt.Errorf("%w: --until %s ends before what --persist or --report is to do", commandline.ErrUsage, o.until)
	}
	if o.hubTransport != hub.MQTT && o.hubTransport != hub.MQTTWebSocket {
		return fmt.Errorf("%w: --hub-transport %q: choose mqtt or mqtt-ws", commandline.ErrUsage, text.Printable(o.hubTransport, 20))
	}
	return nil
}

// checkGoal refuses a value of --until that is not a stage.
func checkGoal(until provision.Goal) error {
	if !slices.Contains(provision.Goals(), until) {
		return fmt.Errorf("%w: --until %q: choose challenge, assigned, connected or twin", commandline.ErrUsage, text.Printable(string(until), 20))
	}
	return nil
}

func verify(s *session, f flags) error {
	o, err := readVerifyOptions(f)
	if err != nil {
		return err
	}
	req, err := tripRequest(s, o)
	if err != nil {
		return err
	}
	if !o.timeLimited {
		req.Limit = networkLimit
	}
	examiner, err := s.openExaminer(o.trust)
	if err != nil {
		return err
	}
	var judged *identity.EKVerdict
	req.Judge = s.judgeInTrip(examiner, o.trust.Asked(), &judged)
	out, err := s.trip(s.ctx, req)
	if out.AssignedHub != "" {
		s.did("the chip was registered and assigned to %s", out.AssignedHub)
	}
	return s.printAfter(err, verifyResult{out, judged})
}

// trip makes the round trip and shows its steps.
func (u *ui) trip(ctx context.Context, req provision.Request) (tripResult, error) {
	if !u.quiet && u.format == "table" {
		req.Observe = u.showStep
	}
	return roundTrip(ctx, req)
}

// roundTrip makes the trip, and puts the hint to the step that failed.
func roundTrip(ctx context.Context, req provision.Request) (tripResult, error) {
	res, err := provision.Run(ctx, req)
	err = verdict.Overtime(ctx, err)
	out := tripResult{Outcome: "pass", Result: res}
	if req.Configured != nil {
		out.otherChip = req.Configured.OtherTCTI
	}
	if err != nil {
		out.Outcome = "fail"
	}
	for _, one := range stepErrors(err) {
		var failed *provision.StepError
		if errors.As(one, &failed) {
			out.hint(failed.Step, lineIn(ctx).Fit(verdict.Of(one).Hint))
		}
	}
	return out, err
}

// stepErrors are the errors of the steps that failed, in order: of a survey there may
// be two. Without one it is the error itself.
func stepErrors(err error) []error {
	if all := splitSteps(err); len(all) > 1 {
		return all
	}
	return []error{err}
}

func splitSteps(err error) (all []error) {
	if _, is := err.(*provision.StepError); is { //nolint:errorlint // goes down the tree itself
		return []error{err}
	}
	if joined, is := err.(interface{ Unwrap() []error }); is { //nolint:errorlint // see above
		for _, one := range joined.Unwrap() {
			all = append(all, splitSteps(one)...)
		}
	}
	return all
}

// showStep prints a step when it has ended. Why one failed is left to the error
// at the end.
func (u *ui) showStep(step provision.Step) {
	switch {
	case step.Status == check.Skipped && step.Detail == "":
		return // the trip ended before it
	case step.Status == check.Fail:
		step.Detail = ""
	}
	u.say("%s", strings.TrimRight(fmt.Sprintf("%-7s %-16s %6d ms  %s", step.Status, step.Name, step.MS, step.Detail), " "))
	if step.Status == check.Warn && step.Hint != "" {
		u.say("        hint: %s", step.Hint)
	}
}

// tripRequest plans the trip: what the flags say, and what they leave to the file.
func tripRequest(s *session, o verifyOptions) (req provision.Request, err error) {
	file, err := s.configFile(s.ctx, o)
	if err != nil {
		return req, err
	}
	o.idScope = o.idScope.orFile(o.file, file.IDScope)
	o.endpoint = o.endpoint.orFile(o.file, file.GlobalEndpoint)
	o.id.given = o.id.given.orFile(o.file, file.RegistrationID)
	o.chip = o.chip.orFile(o.file, file)
	req = provision.Request{
		IDScope: o.idScope.text, RegistrationID: o.id.given.text, HexID: o.id.format == "hex", IDFrom: o.id.given.origin(),
		Until: o.until, Report: o.report,
	}
	if err := s.checkID(o.id.given); err != nil {
		return req, err
	}
	if o.persist {
		req.Persist = 0x81000000 + *cmp.Or(o.keyIndex, file.AuthKeyIndex, &defaultKeyIndex)
	}
	if req.TPM, req.TPMOptions, err = s.chip(o.chip); err != nil {
		return req, err
	}
	if o.file != "" {
		req.Configured = configured(o.file, file, req.TPM, o.chip.overruled())
	}
	if o.offline {
		return s.offlineRequest(req)
	}
	return s.onlineRequest(s.ctx, req, o)
}

// defaultKeyIndex is where the SDKs and IoT Edge keep the hub's key.
var defaultKeyIndex uint32 = 0x000100

// onlineRequest makes the trip one to the service and to the hub.
func (u *ui) onlineRequest(ctx context.Context, req provision.Request, o verifyOptions) (provision.Request, error) {
	switch {
	case req.IDScope == "" && o.file != "":
		return req, &edge.FileError{Path: o.file, Err: errors.New("it has no id_scope in [provisioning]; --id-scope gives one for this run")}
	case req.IDScope == "":
		return req, fmt.Errorf("%w: no ID scope: give --id-scope, or set IOTHUB_DEVICE_DPS_ID_SCOPE", commandline.ErrUsage)
	}
	if err := identity.CheckIDScope(req.IDScope); err != nil {
		return req, o.idScope.fault(err)
	}
	u.warnOfScope(req.IDScope)
	endpoint, err := dps.DeviceEndpoint(o.endpoint.text)
	if err != nil {
		return req, o.endpoint.fault(err)
	}
	if req.Payload, err = readObject(ctx, o.payload); err != nil {
		return req, err
	}
	if !o.inUse {
		if err := checkDaemons(req.Until); err != nil {
			return req, err
		}
	}
	w, err := u.toService(ctx, &req, endpoint, o.caFile)
	if err != nil {
		return req, err
	}
	req.Hub = &hub.Options{Transport: o.hubTransport, Application: application(), Roots: w.roots, Proxies: w.proxies, Log: u.log}
	return req, nil
}

// toService plans the way to DPS, and returns what the way to the hub has in common
// with it.
func (u *ui) toService(ctx context.Context, req *provision.Request, endpoint, caFile string) (w way, err error) {
	if endpoint, err = dps.DeviceEndpoint(endpoint); err != nil {
		return w, err
	}
	if w, err = u.way(ctx, caFile); err != nil {
		return w, err
	}
	host, port := network.SplitHost(endpoint, "443")
	req.Route = network.NewRoute(host, port, w.roots, w.proxies)
	req.Signed = func(token string) { u.learn(token) }
	req.Service, err = dps.NewDeviceClient(endpoint, req.IDScope, u.clientOptions(ctx, &http.Client{Transport: req.Route.Transport()}))
	req.Waiting = func(again time.Duration) {
		u.progress("DPS is still assigning; asking again in %s", dps.Seconds(again))
	}
	return w, err
}

// offlineHub is the hub that a chip is assigned to without a network.
const offlineHub = "offline"

// offlineRequest makes the trip one that stays in this process: the emulator
// answers, without a socket, and enrolls the chip when it sees it.
func (u *ui) offlineRequest(req provision.Request) (provision.Request, error) {
	service, err := emulator.New(emulator.Options{EnrollOnSight: true, Hub: offlineHub, RetryAfter: time.Millisecond, Log: u.log})
	if err != nil {
		return req, err
	}
	req.Signed = func(token string) { u.learn(token) }
	req.IDScope, req.Pause, req.Offline = service.IDScope(), time.Millisecond, true
	req.Service, err = dps.NewDeviceClient("https://localhost", req.IDScope, dps.ClientOptions{
		HTTPClient: &http.Client{Transport: u.traced(service.InProcess())}, Log: u.log,
	})
	return req, err
}

// readObject reads a JSON object from a file.
func readObject(ctx context.Context, path string) (json.RawMessage, error) {
	if path == "" {
		return nil, nil
	}
	data, err := input.ReadText(ctx, path, 96<<10) // the size of a message to DPS
	if err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	var fault *text.JSONError
	if err := text.DecodeJSON(data, &object); err == nil && object == nil {
		return nil, fmt.Errorf("%w %s: it is null, not a JSON object", input.ErrUnreadable, path)
	} else if errors.As(err, &fault) {
		return nil, fmt.Errorf("%w %s: it is not a usable JSON object: line %d: %s", input.ErrUnreadable, path, fault.Line, fault.Reason)
	}
	return data, nil
}
