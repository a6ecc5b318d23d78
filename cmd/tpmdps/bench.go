package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/check"
	"tpmdps/internal/commandline"
	"tpmdps/internal/dps"
	"tpmdps/internal/edge/configfile"
	"tpmdps/internal/ektrust/examine"
	"tpmdps/internal/enroll/batch"
	"tpmdps/internal/hub"
	"tpmdps/internal/identity"
	"tpmdps/internal/inventory"
	"tpmdps/internal/manifest"
	"tpmdps/internal/provision"
	"tpmdps/internal/station"
	"tpmdps/internal/verdict"
)

func benchCommand() command {
	return command{
		name:     "bench",
		argument: commandline.Command{FileFlag: "append"},
		usage:    "do all that a box needs at the bench, and say PASS or FAIL",
		description: "Reads the chip's endorsement key and certificate, proves without a network that the\n" +
			"chip can provision itself, and adds the box to a batch (--append). With --id-scope it\n" +
			"also writes IoT Edge's config.toml. With --online it first enrolls the box in DPS, where\n" +
			"a credential is given as for enroll, registers, and connects to the hub; without a\n" +
			"credential the box has to be enrolled. Stops at the first step that fails; a box that\n" +
			"fails before it is in the batch is not added.",
		flags: slices.Concat(appendFlags(), []cli.Flag{
			idFormatFlag("derive the registration ID in `FORMAT`: base32 or hex"),
			&cli.StringFlag{Name: "registration-id", Usage: "name the box with an `ID` of your own instead, or a template such as line7-{serial}"},
			commandline.LabelFlag("keep the note `KEY=VALUE` in the record; may be given more than once"),
			&cli.StringFlag{Name: "id-scope", Usage: "the `SCOPE` of the DPS, such as 0ne0012AB34; writes IoT Edge's configuration"},
			&cli.StringFlag{Name: "config", Value: configTOML, Usage: "with --id-scope: write or edit `FILE`"},
			&cli.StringFlag{Name: "global-endpoint", EnvVars: []string{"IOTHUB_DEVICE_DPS_ENDPOINT", "PROVISIONING_HOST"}, Usage: "with --id-scope: the device endpoint of DPS at `URL`", DefaultText: dps.DefaultDeviceEndpoint},
			&cli.BoolFlag{Name: "online", Usage: "with --id-scope: enroll the box in DPS where a credential is given, register it, and connect to the hub, as verify does"},
			&cli.BoolFlag{Name: "edge-enabled", Usage: "with --online: enroll the box as an IoT Edge device"},
		}, serviceFlags(), trustFlags(), chipFlags(), networkFlags(), secretFlags()),
		examples: []string{
			"sudo tpmdps bench --append /media/stick/batch.jsonl",
			"sudo tpmdps bench --append batch.jsonl --id-scope 0ne0012AB34",
		},
		exits:   []int{10, 11, 12, 13, 14, 15, 20, 21, 22, 30, 31, 32, 33, 34, 40, 41, 50},
		timeout: 15 * time.Minute,
		rules: append(trustRules(),
			rule{flag: "id-scope", only: []string{"config", "global-endpoint"}},
			rule{flag: "online", only: append(namesOf(serviceFlags()), "ca-file", "edge-enabled")},
			loginRule,
		),
		run: runBench,
	}
}

// benchOptions are those of bench.
type benchOptions struct {
	noting  appendOptions
	labels  map[string]string
	id      idOptions
	chip    chipOptions
	trust   examine.Sources
	idScope setting
	config  configOptions
	offline verifyOptions
	service verifyOptions // with --online
	online  bool
	enroll  enrollOptions // with --online, where a credential is given
}

func readBenchOptions(f flags) (o benchOptions, err error) {
	o = benchOptions{
		labels: f.labels(), chip: readChipOptions(f), idScope: f.setting("id-scope"), online: f.yes("online"),
	}
	if o.noting, err = readAppendOptions(f); err != nil {
		return o, err
	}
	if o.id, err = readIDOptions(f); err != nil {
		return o, err
	}
	if o.trust, err = readTrustOptions(f); err != nil {
		return o, err
	}
	endpoint := f.setting("global-endpoint")
	o.config = configOptions{
		file: f.text("config"), idScope: o.idScope, endpoint: endpoint, id: o.id, backups: atomicfile.Backups, chip: o.chip,
	}
	derived := idOptions{format: o.id.format} // an ID of one's own comes from the record
	o.offline = verifyOptions{chip: o.chip, id: derived, until: provision.UntilTwin, offline: true}
	o.service = verifyOptions{
		chip: o.chip, id: derived, until: provision.UntilTwin, idScope: o.idScope, endpoint: endpoint, caFile: f.text("ca-file"), hubTransport: hub.MQTT,
	}
	if o.enroll.service, err = readServiceOptions(f); err != nil {
		return o, err
	}
	o.enroll.policy.ChosenID = f.typed("registration-id") || f.typed("id-format")
	if f.typed("edge-enabled") {
		enabled := f.yes("edge-enabled")
		o.enroll.settings.EdgeEnabled = &enabled
	}
	return o, o.validate()
}

func (o benchOptions) validate() error {
	switch {
	case o.config.file == configfile.Stdout:
		return fmt.Errorf("%w: bench: --config names a file: stdout is for the result", commandline.ErrUsage)
	case o.online && o.idScope.text == "":
		return fmt.Errorf("%w: --online requires --id-scope", commandline.ErrUsage)
	}
	return nil
}

// bench is a run at the bench: what it needs, and what it has found out.
type bench struct {
	*session
	o       benchOptions
	judges  *examine.Examiner
	batch   *manifest.Batch     // nil without --append
	offline provision.Request   // without its registration ID
	service *provision.Request  // the same; nil without --online
	enroll  *batch.Run          // nil without --online, or without a credential
	config  *configfile.Request // nil without --id-scope

	record  identity.Record
	added   *appended
	written *configfile.Result
}

func runBench(s *session, f flags) (err error) {
	b := &bench{session: s}
	if b.o, err = readBenchOptions(f); err != nil {
		return err
	}
	if err := b.prepare(); err != nil {
		return err
	}
	if b.batch, err = s.openBatch(b.o.noting); err != nil { // before minutes are spent with the chip
		opened := err
		steps, err := station.Run(s.ctx, []station.Task{{Name: station.Batch, Do: func(context.Context) (station.Seen, error) { return station.Seen{}, opened }}}, nil)
		return s.printAfter(err, b.result(steps, err))
	}
	if b.batch != nil {
		defer joinClose(&err, b.batch)
	}
	var observe func(station.Step)
	if !s.quiet && s.format == "table" {
		observe = func(step station.Step) { s.showStep(provision.Step(step)) }
	}
	steps, err := station.Run(s.ctx, b.tasks(), observe)
	err = verdict.Overtime(s.ctx, err)
	return s.printAfter(err, b.result(steps, err))
}

// prepare finds what can be wrong without the chip.
func (b *bench) prepare() (err error) {
	if b.judges, err = b.openExaminer(b.o.trust); err != nil {
		return err
	}
	if b.offline, err = tripRequest(b.session, b.o.offline); err != nil {
		return err
	}
	if b.o.online {
		req, err := tripRequest(b.session, b.o.service)
		if err != nil {
			return err
		}
		req.Limit, b.service = networkLimit, &req
		if err := b.prepareEnroll(); err != nil {
			return err
		}
	}
	if b.o.idScope.text != "" {
		req, err := b.configRequest(b.o.config)
		var bad *configfile.RequestError
		if errors.As(err, &bad) {
			err = fmt.Errorf("%w: %w", commandline.ErrUsage, err)
		}
		if err != nil {
			return err
		}
		req.Record = func(bool) (identity.Record, error) { return b.record, nil }
		b.config = &req
	}
	return nil
}

// tasks are the steps, in their order.
func (b *bench) tasks() []station.Task {
	type do = func(context.Context) (station.Seen, error)
	when := func(asked bool, f do) do {
		if !asked {
			return nil
		}
		return f
	}
	return []station.Task{
		{Name: station.EK, Do: b.read},
		{Name: station.Label, Do: when(b.o.noting.label != "", b.compareLabel)},
		{Name: station.Certificate, Do: b.judgeChip},
		{Name: station.Chip, Do: func(ctx context.Context) (station.Seen, error) { return b.makeTrip(ctx, b.offline) }},
		{Name: station.Batch, Do: when(b.batch != nil, b.append)},
		{Name: station.Enroll, Do: when(b.enroll != nil, b.enrollBox)},
		{Name: station.Service, Do: when(b.service != nil, func(ctx context.Context) (station.Seen, error) { return b.makeTrip(ctx, *b.service) })},
		{Name: station.Config, Do: when(b.config != nil, b.configure)},
	}
}

// read reads the chip.
func (b *bench) read(context.Context) (_ station.Seen, err error) {
	d, err := b.openTPM(b.o.chip)
	if err != nil {
		return station.Seen{}, err
	}
	defer joinClose(&err, d)
	b.record, err = b.boxRecord(d, b.o.id, b.o.labels, appendOptions{operator: b.o.noting.operator})
	return station.JudgeKey(b.record), err
}

// judgeChip says whether the maker vouches for the key; what the policy refuses ends
// here, and is not in the batch.
func (b *bench) judgeChip(context.Context) (station.Seen, error) {
	result, err := b.assess(b.judges, &b.record)
	return station.JudgeCertificate(b.record, result, b.judges.Rootless()), err
}

// compareLabel compares the scanned label with what was read.
func (b *bench) compareLabel(context.Context) (station.Seen, error) {
	return station.Seen{Detail: "it is this box's"}, manifest.CheckLabel(b.o.noting.label, b.record)
}

// prepareEnroll opens the service API, if there is a credential for it.
func (b *bench) prepareEnroll() error {
	o := b.o.enroll
	_, inVariable := variables().First("PROVISIONING_CONNECTION_STRING", "TPMDPS_SAS_TOKEN")
	if !o.service.named && !inVariable {
		b.say("no credential for DPS is given, so nothing is enrolled: the box has to be enrolled already")
		return nil
	}
	svc, err := b.openService(o.service)
	if err != nil {
		return err
	}
	b.enroll = &batch.Run{Service: svc.Operator, Policy: o.policy, Warn: b.warn, Stops: func(error) bool { return true }}
	return nil
}

// enrollBox enrolls the box. What is enrolled otherwise, or for another key, is left
// alone.
func (b *bench) enrollBox(ctx context.Context) (station.Seen, error) {
	entry := inventory.Entry{Record: b.record, Settings: b.o.enroll.settings}
	b.enroll.Guard = batch.NewGuard(b.enroll.Service.ServiceClient, []inventory.Entry{entry}, batch.NewPace(batch.DefaultRate, nil)).ForOne(b.warn)
	done := b.enroll.Enroll(ctx, entry)
	switch {
	case done.Err != nil:
		return station.Seen{}, done.Err
	case !done.Item.Writes():
		return station.Seen{Detail: "it is enrolled already"}, nil
	}
	b.did("%s was enrolled (%s)", done.Item.RegistrationID, done.Item.Action)
	return station.Seen{Detail: "it was enrolled"}, nil
}

// makeTrip proves that the chip can provision itself.
func (b *bench) makeTrip(ctx context.Context, req provision.Request) (station.Seen, error) {
	if b.o.id.given.text != "" {
		req.RegistrationID, req.IDFrom = b.record.RegistrationID, b.o.id.given.origin()
	}
	out, err := roundTrip(ctx, req)
	if out.AssignedHub != "" && out.AssignedHub != offlineHub {
		b.did("the chip was registered and assigned to %s", out.AssignedHub)
	}
	if err != nil {
		return station.Seen{}, err
	}
	for _, step := range out.Steps {
		if step.Status == check.Warn {
			return station.Seen{Detail: step.Name + ": " + step.Detail, Warn: true}, nil
		}
	}
	return station.Seen{Detail: out.proved(out.last().Name)}, nil
}

// append adds the box to the batch.
func (b *bench) append(context.Context) (seen station.Seen, err error) {
	if b.added, err = b.appendTo(b.batch, b.o.noting, b.record); err != nil {
		return seen, err
	}
	seen.Detail = fmt.Sprintf("%s, line %d", b.added.File, b.added.Line)
	switch {
	case b.added.otherBox != nil: // a box that passes is in the batch
		return seen, b.added.otherBox
	case b.added.but != "":
		return station.Seen{Detail: b.added.but, Warn: true}, nil
	case b.added.Already:
		seen.Detail = fmt.Sprintf("already in this batch: %s, line %d", b.added.File, b.added.Line)
	}
	return seen, nil
}

// configure writes IoT Edge's configuration.
func (b *bench) configure(context.Context) (station.Seen, error) {
	target, r, err := b.planConfig(b.o.config, *b.config)
	if err == nil && r.RegistrationID != b.record.RegistrationID {
		err = fmt.Errorf("%w: %s has %s, and this box is %s", configfile.ErrOtherID, r.File, r.RegistrationID, b.record.RegistrationID)
	}
	if err == nil {
		r, err = b.saveConfig(target, r)
	}
	if err != nil {
		return station.Seen{}, err
	}
	b.written = &r
	fault := target.Fault(r)
	if fault != "" {
		return station.Seen{Detail: fault, Warn: true}, nil
	}
	if r.Action == configfile.Unchanged {
		return station.Seen{Detail: r.File + " has these settings already"}, nil
	}
	return station.Seen{Detail: fmt.Sprintf("%s was written (%s)", r.File, r.Action)}, nil
}
