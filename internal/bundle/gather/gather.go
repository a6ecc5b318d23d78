// Package gather finds out what is wrong with a machine, for somebody who helps from
// afar: it gathers the parts of a support bundle, has the verdict made of them, and has
// both packed by internal/bundle.
//
// The rule: whatever a part fails of, even of hanging or of a fault of this program,
// costs that part, and the bundle says why it is missing. A machine on which nothing
// works has a bundle, too. Nothing is changed by looking, except that the round trip
// registers the device where it is asked to.
//
// It is the stage after all others. What it needs it is handed in [Options].
package gather

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"tpmdps/internal/bundle"
	"tpmdps/internal/edge"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// gatherer collects the parts of a bundle, one after the other: there is one
// chip, and a slow one is not faster for being asked twice at a time.
type gatherer struct {
	Options
	grace time.Duration // see cleanupGrace

	address   tpm.Address
	options   tpm.Options
	noAddress error // why there is no address
	file      edge.Config
	parts     []bundle.Part

	evidence   bundle.Evidence // for the verdict
	flushed    []string        // what of a killed run was taken off the chip
	registered bool            // by the round trip
	unusable   bool            // verify --config could not use the file
}

// source is one part of a bundle, and how it is had.
type source struct {
	name, about string
	identifying bool
	// limit is the part's own time. What takes longer costs this part.
	limit  time.Duration
	gather func(context.Context) (any, error)
}

// The time that a part may take. The longest is for chips that take minutes to
// derive a key.
const (
	fileLimit   = 15 * time.Second
	chipLimit   = time.Minute
	keyLimit    = 4 * time.Minute
	dpsLimit    = time.Minute     // of keyLimit, for what comes after the chip's keys
	assignLimit = 2 * time.Minute // instead of dpsLimit, for a trip that registers
)

// cleanupGrace is what a part gets beyond its time, so that a chip that is at work
// can be cleaned up; tests wait less.
const cleanupGrace = 16 * time.Second

func newGatherer(o Options) *gatherer {
	g := &gatherer{Options: o, grace: cleanupGrace, address: o.Chip.Address, options: o.Chip.Options, noAddress: o.Chip.NoAddress}
	g.options.Flushed = func(what string) {
		g.flushed = append(g.flushed, what)
		if o.Chip.Options.Flushed != nil {
			o.Chip.Options.Flushed(what)
		}
	}
	return g
}

// all gathers every part. What needs neither chip nor network goes first, so
// that it is there whatever becomes of these.
func (g *gatherer) all(ctx context.Context) []bundle.Part {
	for _, part := range g.machineSources() {
		g.add(ctx, part)
	}
	file, _ := g.add(ctx, g.configSource()).(configFile)
	report := file.report()
	if file.data != nil {
		_, bad := edge.Parse(file.data)
		g.unusable = bad != nil
	}
	g.takeFrom(report.Config)
	g.add(ctx, g.propertiesSource())
	g.add(ctx, g.handlesSource())
	record, _ := g.add(ctx, g.recordSource()).(identity.Record)
	g.add(ctx, g.checkSource(file, report, record))
	g.add(ctx, g.verifySource())
	return g.parts
}

// takeFrom takes from the file what IoT Edge takes from it: the way to the chip
// and the passwords. A way that is not valid is left to the check.
func (g *gatherer) takeFrom(file edge.Config) {
	g.file = file
	addr, opts, err := g.FromFile(g.address, g.options, file)
	if err != nil {
		addr = g.address
	} else if file.TCTI != "" && !g.Chip.Overrides {
		g.noAddress = nil
	}
	g.address, g.options = addr, opts
}

// absentError is the reason of a part that this machine does not have.
type absentError string

func (e absentError) Error() string { return string(e) }

// add gathers a part and returns its value; nil when it was not to be had.
func (g *gatherer) add(ctx context.Context, from source) any {
	start := time.Now()
	value, data, err := from.take(ctx, g.grace)
	p := bundle.Part{Name: from.name, About: from.about, Identifying: from.identifying, Status: bundle.OK, Data: data}
	var absent absentError
	switch {
	case err == nil:
	case errors.As(err, &absent), errors.Is(err, fs.ErrNotExist), errors.Is(err, errors.ErrUnsupported), errors.Is(err, tpm.ErrNoDevice):
		p.Status, p.Reason, value = bundle.Absent, g.withHint(err), nil
	default:
		p.Status, p.Reason, value = bundle.Failed, g.withHint(err), nil
	}
	g.parts = append(g.parts, p)
	g.judgePart(p, value, err)
	g.Gathered(p.Name, p.Status, time.Since(start))
	return value
}

// withHint adds to a refusal of the chip what there is to do about it, as the
// commands say it.
func (g *gatherer) withHint(err error) string {
	var refused *tpm.ResponseError
	if errors.As(err, &refused) {
		if hint := g.Fix(err); hint != "" {
			return text.Plain(err.Error()) + "; hint: " + hint
		}
	}
	return text.Plain(err.Error())
}

// take runs a source within its time, and a grace in which it can clean up. One that
// does not come back is abandoned: whatever it is stuck in, the others are to be had.
func (from source) take(ctx context.Context, grace time.Duration) (value any, data []byte, err error) {
	if ctx.Err() != nil {
		return nil, nil, errors.New("the time of the whole run was over")
	}
	ctx, cancel := context.WithTimeout(ctx, from.limit)
	defer cancel()
	type answer struct {
		value any
		data  []byte
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if cause := recover(); cause != nil {
				a = answer{err: fmt.Errorf("a fault of this program: %v", cause)}
			}
			done <- a
		}()
		if a.value, a.err = from.gather(ctx); a.err == nil {
			a.data, a.err = asFile(a.value)
		}
	}()
	select {
	case a := <-done:
		return a.value, a.data, a.err
	case <-ctx.Done():
	}
	select {
	case a := <-done:
		return a.value, a.data, a.err
	case <-time.After(grace):
		return nil, nil, fmt.Errorf("it did not come to an end within %s", from.limit)
	}
}

// textFile is a value that is not JSON in the zip.
type textFile interface{ text() []byte }

// asFile is a value as a file of the zip.
func asFile(value any) ([]byte, error) {
	if t, ok := value.(textFile); ok {
		return t.text(), nil
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(value)
	return out.Bytes(), err
}
