package host

import "golang.org/x/sys/unix"

// synchronized asks the kernel whether a time service keeps its clock:
// adjtimex(2), which changes nothing when it is told nothing.
func synchronized() string {
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return "unknown"
	}
	if t.Status&unix.STA_UNSYNC != 0 {
		return "no"
	}
	return "yes"
}
