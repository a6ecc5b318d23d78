package batch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"tpmdps/internal/chain"
	"tpmdps/internal/disk"
	"tpmdps/internal/enroll"
	"tpmdps/internal/filelock"
	"tpmdps/internal/identity"
)

// ResultsSchema names the layout of a line of the results file.
const ResultsSchema = "tpmdps/results/1"

var (
	// ErrResults is for a file that was not written as a results file, or is damaged before
	// its last line.
	ErrResults = errors.New("not a results file")
	// ErrAtWork is for a results file that another run keeps locked.
	ErrAtWork = errors.New("another run is enrolling this batch")
)

// Stages of a line of the results file.
const (
	StageIntent = "intent" // before it is sent
	StageResult = "result" // what became of it
)

// Results of a machine beside [ResultDone] and [ResultFailed]. After ResultDone, which
// stands also for what a run before did and could not record, and after
// ResultUnchanged, there is no other line for the same wish; after the other two the
// same command tries again.
const (
	ResultUnchanged = "unchanged" // it was as wanted
	ResultSkipped   = "skipped"   // it has no TPM
)

// ResultLine is a line of the results file.
type ResultLine struct {
	Schema         string    `json:"schema"`
	Time           time.Time `json:"time"` // UTC
	Stage          string    `json:"stage"`
	Service        string    `json:"service"`
	Line           int       `json:"line"` // of the batch, where the record begins
	RegistrationID string    `json:"registration_id"`
	DeviceID       string    `json:"device_id"`
	Action         string    `json:"action"`
	Result         string    `json:"result"` // "" of an intent
	Wanted         string    `json:"wanted"` // see enroll.Item.Wanted
	ETag           string    `json:"etag"`
	Reason         string    `json:"reason"` // of a replaced key
	Failure
	// EKVerdict is what was found out about the chip, as records have it; nil of an intent,
	// and where nobody asked.
	EKVerdict *identity.EKVerdict `json:"ek_verdict"`
}

// Failure says what went wrong, for people and for scripts.
type Failure struct {
	Error string `json:"error"`
	Code  int    `json:"code"` // the exit code that the error alone would have; 0 without one
	Name  string `json:"name"`
	Hint  string `json:"hint"`
}

// maxResultLine bounds a line of the results file, in bytes.
const maxResultLine = 64 << 10

// digest stands for an ID, a key or a wish in memory, whatever its length.
type digest [16]byte

func digestOf(text string) digest {
	sum := sha256.Sum256([]byte(text))
	return digest(sum[:16])
}

func idDigest(id string) digest { return digestOf(strings.ToLower(id)) }

// Results is the open results file of a run: what was done to each machine, written as
// soon as it is known, and before that what is about to be done. It is for one
// goroutine. nil means that there is no file.
type Results struct {
	file    *os.File
	service string
	end     int64
	done    map[digest]digest // by ID, what was wanted
	open    map[digest]begun  // by ID, of an intent without result
	now     func() time.Time
}

// begun is what an intent says; the zero value stands for none.
type begun struct {
	action enroll.Action
	reason string
}

// OpenResults opens the results file of a batch for a service, and makes it, with mode
// 0600, where there is none. A last line that is cut off is removed. Errors are
// [ErrResults], [ErrAtWork], or a disk's.
func OpenResults(path, service string) (*Results, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrResults, path)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, disk.At(path, fmt.Errorf("open the results file: %w", err))
	}
	r := &Results{file: f, service: service, done: map[digest]digest{}, open: map[digest]begun{}, now: time.Now}
	if err := r.begin(); err != nil {
		return nil, errors.Join(err, filelock.Close(f))
	}
	return r, nil
}

func (r *Results) begin() error {
	switch free, err := filelock.TryLock(r.file); {
	case errors.Is(err, errors.ErrUnsupported): // a file system without locks
	case err != nil:
		return disk.At(r.file.Name(), err)
	case !free:
		return fmt.Errorf("%w: it keeps %s locked", ErrAtWork, r.file.Name())
	}
	if err := r.read(); err != nil {
		return err
	}
	if err := chain.SyncFolder(r.file.Name()); err != nil {
		return disk.At(r.file.Name(), fmt.Errorf("open the results file: %w", err))
	}
	return nil
}

// read learns what earlier runs did, and takes away what is left of a line that a kill
// or a power cut left.
func (r *Results) read() error {
	in := chain.NewLines(r.file, maxResultLine)
	for number := 1; ; number++ {
		raw, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, chain.ErrCut):
			return r.repair(raw, number)
		case err != nil && !errors.Is(err, chain.ErrLong):
			return disk.At(r.file.Name(), fmt.Errorf("read the results file: %w", err))
		}
		if err == nil {
			err = r.learn(raw)
		}
		if err != nil {
			return fmt.Errorf("%w: %s: line %d: %w", ErrResults, r.file.Name(), number, err)
		}
		r.end += int64(len(raw)) + 1
	}
}

// repair removes what a kill or a power cut left of a last line; one that has lost nothing
// but its line end gets that.
func (r *Results) repair(raw []byte, number int) error {
	line, ours := chain.Rest(raw, []byte(`{"schema":"`+ResultsSchema+`"`))
	if !ours {
		return fmt.Errorf("%w: %s: line %d: it was not written by this program", ErrResults, r.file.Name(), number)
	}
	if line != nil {
		if err := r.learn(line); err != nil {
			return fmt.Errorf("%w: %s: line %d: %w", ErrResults, r.file.Name(), number, err)
		}
	}
	if err := chain.Mend(r.file, r.end, line); err != nil {
		return disk.At(r.file.Name(), fmt.Errorf("repair the results file: %w", err))
	}
	if line != nil {
		r.end += int64(len(line)) + 1
	}
	return nil
}

func (r *Results) learn(raw []byte) error {
	var l ResultLine
	if err := json.Unmarshal(raw, &l); err != nil {
		return errors.New("it is not JSON")
	}
	if l.Schema != ResultsSchema {
		return fmt.Errorf("its schema is %.40q, not %s", l.Schema, ResultsSchema)
	}
	if l.Service == r.service {
		r.enter(l)
	}
	return nil
}

// enter keeps what a line says.
func (r *Results) enter(l ResultLine) {
	id := idDigest(l.RegistrationID)
	switch {
	case l.Stage == StageIntent:
		r.open[id] = begun{enroll.Action(l.Action), l.Reason}
		return
	case l.Result == ResultDone, l.Result == ResultUnchanged:
		r.done[id] = digestOf(l.Wanted)
	default:
		delete(r.done, id)
	}
	delete(r.open, id)
}

// isDone tells whether a machine is on record as enrolled in the way that is wanted.
func (r *Results) isDone(id, wanted string) bool {
	if r == nil {
		return false
	}
	done, is := r.done[idDigest(id)]
	return is && done == digestOf(wanted)
}

// begun is what an earlier run sent, or was about to, and of which nothing more is
// known.
func (r *Results) begun(id string) begun {
	if r == nil {
		return begun{}
	}
	return r.open[idDigest(id)]
}

// write appends lines with one write, and returns when they are on the disk.
func (r *Results) write(lines []ResultLine) error {
	if r == nil || len(lines) == 0 {
		return nil
	}
	var all bytes.Buffer
	enc := json.NewEncoder(&all)
	enc.SetEscapeHTML(false)
	for _, l := range lines {
		l.Schema, l.Service, l.Time = ResultsSchema, r.service, r.now().UTC().Truncate(time.Millisecond)
		if err := enc.Encode(l); err != nil {
			return fmt.Errorf("write the results file: %w", err)
		}
		r.enter(l)
	}
	err := chain.InPlace(r.file)
	if err == nil {
		err = chain.Append(r.file, r.end, bytes.TrimSuffix(all.Bytes(), []byte("\n")))
	}
	if err != nil {
		return disk.At(r.file.Name(), fmt.Errorf("write the results file: %w", err))
	}
	r.end += int64(all.Len())
	return nil
}

// Close closes the file and gives its lock back.
func (r *Results) Close() error {
	if r == nil {
		return nil
	}
	return filelock.Close(r.file)
}

// apartFrom refuses a results file that is the trail, too: each would find the lines of
// the other damaged.
func (r *Results) apartFrom(t *Trail) error {
	if r == nil || t == nil || !t.IsFile(r.file) {
		return nil
	}
	return fmt.Errorf("%w: %s is the audit trail, too", ErrResults, r.file.Name())
}

// Name is the path of the file, "" of none.
func (r *Results) Name() string {
	if r == nil {
		return ""
	}
	return r.file.Name()
}

// openContext is a context that lasts a little longer than ctx, for what is under way.
func openContext(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return lasting, func() { stop(); cancel() }
}
