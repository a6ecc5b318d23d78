package verdict

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"tpmdps/internal/audit"
	"tpmdps/internal/disk"
	"tpmdps/internal/dps"
	"tpmdps/internal/enroll/batch"
	"tpmdps/internal/filelock"
	"tpmdps/internal/input"
	"tpmdps/internal/provision"
)

// ErrOvertime is for a run that timed out, whatever it waited for then.
var ErrOvertime = errors.New("the time of the run was over")

// hintOvertime is what to do about it.
const hintOvertime = "raise --timeout"

// overtimeError is an error of a run whose time ended it. Text and step are those of
// what was waited for.
type overtimeError struct{ error }

func (e overtimeError) Unwrap() []error { return []error{e.error, ErrOvertime} }

// Hint names what else would help: the end of what kept the run.
func (e overtimeError) Hint() string {
	var late *input.WaitError
	switch {
	case errors.Is(e.error, provision.ErrStillAssigning):
		return hintOvertime + "; if it persists, look at the DPS's linked hubs"
	case errors.Is(e.error, audit.ErrLocked):
		return "wait until the other run is done, or end it; " + hintOvertime
	case errors.Is(e.error, filelock.ErrHeld):
		return "wait until the other program is done, or end it; " + hintOvertime
	case errors.As(e.error, &late) && late.What != "":
		return "the program that writes to it has to end; " + hintOvertime
	}
	return hintOvertime
}

// Overtime marks the error of a run as one of its own time, where it timed out
// and the error comes from that: so that one cause has one exit code, whether the
// chip, the network, a file or another program was waited for. What a service, a
// disk or a file was refused for before stays the truer error.
func Overtime(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, ErrOvertime) || !timeIsOver(ctx) || !ofTime(err) {
		return err
	}
	switch {
	case errors.Is(err, batch.ErrOffRecord), errors.Is(err, disk.ErrMachine), errors.Is(err, disk.ErrPlace),
		errors.Is(err, provision.ErrUnavailable), refusedBefore(err):
		return err
	}
	switch Of(err).Code {
	case 2, 14, 15, 22, 31, 32, 40, 41, 50:
		return err
	}
	return overtimeError{err}
}

// refusedBefore tells whether the service refused a try while there was time: it
// said why nothing came.
func refusedBefore(err error) bool {
	var service *dps.Error
	return errors.As(err, &service)
}

// timeIsOver tells whether a run has used up its time. A connection learns of that by
// its own clock, now and then a moment before the context does.
func timeIsOver(ctx context.Context) bool {
	at, limited := ctx.Deadline()
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || limited && ctx.Err() == nil && !time.Now().Before(at)
}

// ofTime tells whether an error is one of waiting too long.
func ofTime(err error) bool {
	var way net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &way) && way.Timeout()
}
