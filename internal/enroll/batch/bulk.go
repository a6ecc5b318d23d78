package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"tpmdps/internal/enroll"
	"tpmdps/internal/inventory"
)

// inFlight is how many requests are under way at the same time.
const inFlight = 8

// callGrace is how long requests under way may go on after the run was told to end: less
// than an interrupted program lives on.
const callGrace = 10 * time.Second

// Bulk is a run over many machines: one query for all enrollments, then bulk requests,
// several at a time.
type Bulk struct {
	Run
	// Look is what the first reading of the batch found, and Again opens it once more.
	Look  *Look
	Again func() (io.ReadCloser, error)
	// Settings are those for all machines.
	Settings enroll.Settings
	// Results gets a line for each machine; nil means none.
	Results *Results
	// RemoteCheck has keys refused that the service has under another registration ID.
	RemoteCheck bool
	// Pace is that of the requests.
	Pace *Pace
	// Judge says of an error what the results file has of it.
	Judge func(error) Failure
	// Each is called with each outcome when it is on the disk; an error ends the run.
	Each func(Outcome) error
	// Tell is called with how far the run is, whenever there is a Tick.
	Tell func(Progress)
	Tick <-chan time.Time
	// After waits; nil is the machine's clock.
	After func(time.Duration) <-chan time.Time
}

// Progress is how far a run is.
type Progress struct {
	Tally
	// PerMinute is how many machines had an outcome a minute, and Left how long the
	// rest lasts at that rate; 0 where nothing tells.
	PerMinute float64
	Left      time.Duration
}

// String is a line for those who watch.
func (p Progress) String() string {
	line := fmt.Sprintf("%d of %d machines: %s", p.Tried, p.Machines, p.Counts())
	if p.PerMinute > 0 {
		line += fmt.Sprintf("; %.0f a minute, %s left", p.PerMinute, p.Left.Round(time.Second))
	}
	return line
}

// engine is a run that is under way. One goroutine has it; others carry its requests.
type engine struct {
	Bulk
	ctx     context.Context // of the run
	lasting context.Context // of the requests, see openContext
	remote  *remote
	tally   Tally
	began   time.Time

	feeding <-chan fed
	held    *fed // the next machine, where it was waited for
	waiting bool // for the next machine's chip to be judged
	warned  int  // chips that are not as they should be
	ended   bool // all entries were read
	stopped bool // nothing more is sent
	fault   error

	groups  map[string][]work // by bulk mode, less than a request full
	queue   []*call
	flying  int
	asking  int // requests for a plan, queued or under way
	done    chan *call
	pending []Outcome // not yet on the disk, of machines for which nothing is sent
}

// work is a plan that is to be carried out.
type work struct {
	line   int
	item   enroll.Item
	intent int // its line on the trail
}

// call is one request: for the plan of a machine, or with up to ten plans.
type call struct {
	entry    *judged
	works    []work
	intended bool // it is on record
	tries    int

	item    enroll.Item
	applied []enroll.Applied
	err     error
}

// Enroll runs it and returns what became of the machines, and the run's error: see
// [Tally.Conclude].
func (b Bulk) Enroll(ctx context.Context) (Tally, error) {
	if b.After == nil {
		b.After = time.After
	}
	if err := b.Results.apartFrom(b.Trail); err != nil {
		return Tally{Machines: b.Look.Machines}, err
	}
	e := &engine{Bulk: b, ctx: ctx, tally: Tally{Machines: b.Look.Machines, Damaged: b.Look.About.Damaged}, began: time.Now(), groups: map[string][]work{}, done: make(chan *call)}
	lasting, cancel := openContext(ctx, callGrace)
	defer cancel()
	e.lasting = lasting
	if err := e.readRemote(); err != nil {
		return e.tally, b.Service.Explain(err)
	}
	defer e.remote.Close()
	in, err := b.Again()
	if err != nil {
		return e.tally, err
	}
	defer in.Close()
	feeding, stop := context.WithCancel(ctx)
	e.feeding = b.feed(feeding, in)
	e.loop()
	stop()
	for range e.feeding { // until nobody reads the batch any more
	}
	e.warnOfMore()
	return e.tally, e.conclude()
}

// readRemote looks through all enrollments; without the check for other IDs of a key
// only as long as that costs less than to ask for each machine.
func (e *engine) readRemote() (err error) {
	most := 0
	if !e.RemoteCheck {
		most = pageSize * e.Look.Records
	}
	turn := func(ctx context.Context) error { return await(ctx, e.Pace, e.After) }
	e.remote, err = readRemote(e.ctx, e.Service.ServiceClient, &e.Look.names, most, turn)
	return err
}

func (e *engine) conclude() error {
	left := e.tally.Machines - e.tally.Tried
	switch ended := e.ctx.Err(); {
	case e.fault != nil:
		return errors.Join(e.tally.offRecord, e.fault)
	case ended != nil && left > 0 && !e.tally.stops && e.tally.offRecord == nil:
		return fmt.Errorf("stopped: %d of %d done, %d failed, %d not tried; the same command then continues from there: %w",
			e.tally.Tried-e.tally.Failed-e.tally.Skipped, e.tally.Machines, e.tally.Failed, left, ended)
	default:
		return e.tally.Conclude(ended)
	}
}

// loop goes on until everything that was begun has come back.
func (e *engine) loop() {
	cancelled := e.ctx.Done()
	for {
		e.stopped = e.stopped || e.ctx.Err() != nil
		more := e.read()
		if e.stopped {
			e.drop()
		}
		idle := e.flying == 0 && len(e.queue) == 0 && !more
		if idle || len(e.pending) >= pageSize {
			e.flush()
		}
		if idle {
			return
		}
		var turn <-chan time.Time
		if len(e.queue) > 0 && e.flying < inFlight {
			d := e.Pace.Next()
			if d == 0 {
				e.send()
				continue
			}
			turn = e.After(d)
		}
		var feeding <-chan fed
		if e.waiting {
			feeding = e.feeding
		}
		if more && !e.waiting && turn == nil && e.flying < inFlight {
			select {
			case c := <-e.done:
				e.receive(c)
			case <-e.Tick:
				e.tell()
			default:
			}
			continue
		}
		select {
		case c := <-e.done:
			e.receive(c)
		case f, open := <-feeding:
			e.hold(f, open)
		case <-turn:
		case <-e.Tick:
			e.tell()
		case <-cancelled:
			e.stopped, cancelled = true, nil
		}
	}
}

// read plans for the next machines, and tells whether there are more to be read now.
func (e *engine) read() bool {
	e.waiting = false
	for n := 0; n < pageSize && len(e.queue) < 2*inFlight && !e.ended && !e.waiting && !e.stopped; n++ {
		next, is := e.pull()
		switch {
		case !is:
		case next.err != nil:
			e.end(fmt.Errorf("%w: read again: %w", inventory.ErrDamaged, next.err))
		case e.ctx.Err() != nil: // the chip may not have been judged to the end
			e.stopped = true
		default:
			e.plan(next.judged)
		}
	}
	if e.ended && e.asking == 0 {
		for mode, works := range e.groups {
			if len(works) > 0 {
				e.queue = append(e.queue, &call{works: works})
			}
			delete(e.groups, mode)
		}
	}
	return !e.ended && !e.stopped && len(e.queue) < 2*inFlight
}

// end stops the run for a reason that lies in none of the machines.
func (e *engine) end(fault error) { e.fault, e.stopped = errors.Join(e.fault, fault), true }

// drop forgets what was not sent. What was refused for its rate and is on record as
// begun gets that as its outcome.
func (e *engine) drop() {
	queue := e.queue
	e.queue, e.groups, e.asking = nil, map[string][]work{}, 0
	for _, c := range queue {
		if c.intended {
			e.finish(c.works, e.outcomes(c))
		}
	}
}

func (e *engine) tell() {
	if e.Tell == nil {
		return
	}
	p := Progress{Tally: e.tally}
	if minutes := time.Since(e.began).Minutes(); minutes > 0 && e.tally.Tried > 0 {
		p.PerMinute = float64(e.tally.Tried) / minutes
		p.Left = time.Duration(float64(e.tally.Machines-e.tally.Tried) / p.PerMinute * float64(time.Minute))
	}
	e.Tell(p)
}
