// Package vmtest runs the real program on a real kernel: Debian's, booted in
// qemu, with a software TPM behind the chip interface that the kernel's own
// driver speaks with. What cannot be had without a kernel is tested here: the
// device nodes and who may open them, the resource manager, SMBIOS, the file systems of
// sticks and what a power cut leaves on them.
//
// A machine boots from memory into internal/vmtest/init, its only process,
// which reads the list of [Step] that was packed beside it, writes an [Outcome]
// for each on the second serial port, and switches the machine off. There is no
// shell, no distribution and no network in it. What must have come out is said
// on this side, one subtest a step.
//
// The rule for its users: the tests carry the build tag vm and run with
// `make test-vm`, which brings what they need. They never skip.
package vmtest

// OutcomePort is the serial port that outcomes are written to. The kernel's messages have the
// first one for themselves.
const OutcomePort = "/dev/ttyS1"

// PlanFile is where the steps lie in the machine's memory: a JSON array.
const PlanFile = "/plan.json"

// ModuleFolder is where kernel modules lie in the machine's memory.
const ModuleFolder = "/modules"

// Stick is where a stick is mounted.
const Stick = "/stick"

// Nobody is a user and a group that own nothing.
const Nobody = 65534

// Step is one command that the machine runs.
type Step struct {
	// Name is unique in a plan.
	Name string `json:"name"`
	// Args are the program and its arguments. A program without a slash is
	// looked up in the root directory.
	Args []string `json:"args"`
	// User runs the command as this user and in this group, and no other; 0 is
	// root.
	User  uint32 `json:"user,omitempty"`
	Group uint32 `json:"group,omitempty"`
	// Beside is a command that is started before the step and told to end, by
	// the end of its standard input, after it. The step waits for its first
	// line.
	Beside []string `json:"beside,omitempty"`
	// Strike hits the command while it runs.
	Strike *Strike `json:"strike,omitempty"`
}

// Signals as Linux numbers them.
const (
	SIGINT   = 2
	SIGKILL  = 9
	SIGWINCH = 28
)

// Strike is a signal at a chosen moment.
type Strike struct {
	Signal int `json:"signal"`
	// After is a text: the signal follows the first line on standard error
	// that it occurs in. Without one it follows DelayMS milliseconds after the
	// start.
	After   string `json:"after,omitempty"`
	DelayMS int    `json:"delay_ms,omitempty"`
	// EveryMS repeats the signal until the command ends.
	EveryMS int `json:"every_ms,omitempty"`
}

// Outcome is what came of a step.
type Outcome struct {
	Name string `json:"name"`
	// Code is the exit code, or as shells have it 128 and the number of the
	// signal that ended the command.
	Code   int    `json:"code"`
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
	// Beside is all that the command beside it wrote.
	Beside string `json:"beside"`
	// Struck counts the signals that were sent.
	Struck int   `json:"struck"`
	MS     int64 `json:"ms"`
	// Error says why the step could not be run to its end.
	Error string `json:"error"`
}
