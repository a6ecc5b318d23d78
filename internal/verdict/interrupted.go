package verdict

import (
	"context"
	"errors"

	"tpmdps/internal/disk"
	"tpmdps/internal/enroll/batch"
	"tpmdps/internal/provision"
)

// Interrupts tells whether an error of a run that was told to stop may come from
// that. What a disk, a service, a file or a chip's key is refused for was there before,
// and is the truer error.
func Interrupts(err error) bool {
	switch {
	case errors.Is(err, batch.ErrOffRecord), errors.Is(err, disk.ErrMachine), errors.Is(err, disk.ErrPlace):
		return false
	case errors.Is(err, context.Canceled):
		return true
	}
	switch Of(err).Code {
	case 2, 14, 15, 22, 31, 40, 41, 50:
		return false
	}
	return true
}

// Interrupted says where the run was when it was told to stop.
func Interrupted(err error) error {
	var step *provision.StepError
	if errors.As(err, &step) {
		return &provision.StepError{Step: step.Step, Err: errInterrupted{}}
	}
	return errInterrupted{}
}

// errInterrupted is [context.Canceled] in plain words.
type errInterrupted struct{}

func (errInterrupted) Error() string { return "interrupted" }
func (errInterrupted) Unwrap() error { return context.Canceled }
