package main

import (
	"bytes"
	"context"
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
	o       bundleOptions
	s       *session
	address tpm.Address
	options tpm.Options
	nowhere error // why there is no address
	file    edge.Config
	parts   []bundle.Part

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
	quickly   = 15 * time.Second
	chipLimit = time.Minute
	keyLimit  = 4 * time.Minute
	awayLimit = time.Minute // of keyLimit, for what is behind the chip's keys
)

// cleanupGrace is what a part gets beyond its time, so that a chip that is at work
// can be cleaned up; tests wait less.
var cleanupGrace = 16 * time.Second

// newGatherer finds the chip. What is wrong with its address is a part of the bundle,
// unless it was typed.
func newGatherer(s *session, o bundleOptions) (*gatherer, error) {
	g := &gatherer{s: s, o: o}
	var err error
	g.address, g.options, err = s.chip(o.chip)
	if errors.Is(err, tpm.ErrAddress) && !o.chip.address.typed() {
		g.nowhere, err = err, nil
	}
	g.options.Flushed = func(what string) {
		g.flushed = append(g.flushed, what)
		s.say("%s", what)
	}
	return g, err
}

// all gathers every part. What needs neither chip nor network goes first, so
// that it is there whatever becomes of these.
func (g *gatherer) all(ctx context.Context) []bundle.Part {
	for _, part := range g.machineSources() {
		g.add(ctx, part)
	}
	file, _ := g.add(ctx, g.configSource()).(readConfig)
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
// and the passwords. A way that is none is left to the check.
func (g *gatherer) takeFrom(file edge.Config) {
	g.file = file
	chip := g.o.chip.orFile(g.o.file, file)
	addr, opts, err := g.s.chip(chip)
	if err == nil {
		g.address = addr
		if chip.address.from == inFile {
			g.nowhere = nil
		}
	}
	opts.Flushed = g.options.Flushed
	g.options = opts
}

// gathered are the words for what became of a part: one that is there may well say
// that something is broken.
var gathered = map[bundle.Status]string{bundle.OK: "packed", bundle.Absent: "absent", bundle.Failed: "failed"}

// notHere is the reason of a part that this machine has not.
type notHere string

func (n notHere) Error() string { return string(n) }

// add gathers a part and returns its value; nil when it was not to be had.
func (g *gatherer) add(ctx context.Context, from source) any {
	start := time.Now()
	value, data, err := from.take(ctx)
	p := bundle.Part{Name: from.name, About: from.about, Identifying: from.identifying, Status: bundle.OK, Data: data}
	var none notHere
	switch {
	case err == nil:
	case errors.As(err, &none), errors.Is(err, fs.ErrNotExist), errors.Is(err, errors.ErrUnsupported), errors.Is(err, tpm.ErrNoDevice):
		p.Status, p.Reason, value = bundle.Absent, withHint(err), nil
	default:
		p.Status, p.Reason, value = bundle.Failed, withHint(err), nil
	}
	g.parts = append(g.parts, p)
	g.judgePart(p, value, err)
	if g.s.format == "table" {
		g.s.say("%-7s %-16s %6d ms", gathered[p.Status], p.Name, time.Since(start).Milliseconds())
	}
	return value
}

// withHint adds to a refusal of the chip what there is to do about it, as the
// commands say it.
func withHint(err error) string {
	var refused *tpm.ResponseError
	if hint := verdict(err).hint; errors.As(err, &refused) && hint != "" {
		return text.Plain(err.Error()) + "; hint: " + hint
	}
	return text.Plain(err.Error())
}

// take runs a source within its time. One that does not come back is left
// behind: whatever it is stuck in, the others are to be had.
func (from source) take(ctx context.Context) (value any, data []byte, err error) {
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
	case <-time.After(cleanupGrace):
		return nil, nil, fmt.Errorf("it did not come to an end within %s", from.limit)
	}
}

// bundled is a value that is no JSON in the zip.
type bundled interface{ bundled() []byte }

func asFile(value any) ([]byte, error) {
	if b, ok := value.(bundled); ok {
		return b.bundled(), nil
	}
	var out bytes.Buffer
	err := encode(&out, value, "  ")
	return out.Bytes(), err
}
