package checkup

import (
	"fmt"

	"tpmdps/internal/edge"
	"tpmdps/internal/text"
)

// goneChip is a chip that the file names and that this machine does not have.
type goneChip struct {
	file, tcti string
	err        error
}

// Error says what the file and the machine disagree about.
func (g *goneChip) Error() string {
	return fmt.Sprintf("%s: %v", g.summary(), g.err)
}

// summary is what the last line says of it.
func (g *goneChip) summary() string {
	return fmt.Sprintf("this machine has no chip at %s, which %s names", text.Printable(g.tcti, 100), g.file)
}

// Unwrap returns the reason.
func (g *goneChip) Unwrap() error { return g.err }

// Hint leads to the file, not to another chip.
func (g *goneChip) Hint() string {
	return "correct the tcti: tpmdps config --tcti TCTI" + edge.FileFlag(g.file) + "; if the file is for another machine, check it there"
}
