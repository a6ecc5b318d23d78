// Package check names how a check came out: a step of the round trip, or a comparison
// between the chip, its files and its enrollment. The package is pure.
package check

// Status is how a check came out, as JSON has it.
type Status string

// The ways a check comes out.
const (
	OK      Status = "ok"
	Warn    Status = "warn" // it works, and somebody should look at it
	Fail    Status = "fail"
	Skipped Status = "skipped" // it could not be made, or had nothing to do
)
