// Package station is what is done with one box at the bench: steps in a fixed order, until
// the first one that fails. What a step does it is handed as a function; which there are,
// what is found wrong with a box, and what comes next is said here. It prints nothing.
package station

import (
	"context"
	"time"

	"tpmdps/internal/check"
)

// Step is one step as it was observed.
type Step struct {
	// Name is one of the names below.
	Name string `json:"name"`
	// Status is how it ended.
	Status check.Status `json:"status"`
	// MS is how long it took, in milliseconds.
	MS int64 `json:"ms"`
	// Detail is what was seen, in words.
	Detail string `json:"detail"`
	// Hint is what to do about a failure; the package leaves it empty, since the one
	// table of hints is the program's.
	Hint string `json:"hint"`
}

// The steps, in their order.
const (
	EK          = "ek"          // the endorsement key is read, and is one that DPS can use
	Label       = "label"       // the scanned label is this box's
	Certificate = "certificate" // the maker's certificate is for the key
	Chip        = "chip"        // the chip opens a challenge, and signs
	Batch       = "batch"       // the box is in the batch
	Enroll      = "enroll"      // the box is enrolled in DPS
	Service     = "service"     // DPS and the hub accept the chip
	Config      = "config"      // IoT Edge's config.toml is written
)

// Seen is what a step found. Warn tells that somebody should look at it.
type Seen struct {
	Detail string
	Warn   bool
}

// Task is a step to be done. Without Do it was not asked for, and is skipped.
type Task struct {
	Name string
	Do   func(context.Context) (Seen, error)
}

// StepError says which step failed.
type StepError struct {
	Step string
	Err  error
}

// Error gives the step's name and the cause.
func (e *StepError) Error() string { return e.Step + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *StepError) Unwrap() error { return e.Err }

// Run does the tasks one after the other, and returns a step for each. After the first
// that fails the rest are skipped; the error is a [*StepError]. observe is called with
// each step when it has ended; it may be nil.
func Run(ctx context.Context, tasks []Task, observe func(Step)) (steps []Step, failed error) {
	steps = []Step{}
	for _, t := range tasks {
		step := Step{Name: t.Name, Status: check.Skipped}
		if t.Do != nil && failed == nil {
			begin := time.Now()
			seen, err := t.Do(ctx)
			step.MS, step.Status, step.Detail = time.Since(begin).Milliseconds(), check.OK, seen.Detail
			switch {
			case err != nil:
				step.Status, step.Detail, failed = check.Fail, err.Error(), &StepError{t.Name, err}
			case seen.Warn:
				step.Status = check.Warn
			}
		}
		steps = append(steps, step)
		if observe != nil {
			observe(step)
		}
	}
	return steps, failed
}
