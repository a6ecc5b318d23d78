// Package commandline says what is wrong with a command line, and what was meant by it:
// flags that there are not, that are given twice or have an empty value, arguments that
// stand in the wrong place.
package commandline

import "errors"

// ErrUsage is for a command line that cannot be used.
var ErrUsage = errors.New("usage")

// Typed is the key, in the metadata of a cli.App, of the arguments as they were typed,
// with the program's name: the parser does not tell them.
const Typed = "args"

// Command is what has to be known of a command besides its flags.
type Command struct {
	// Argument is what its one argument stands for, such as FILE; "" where it has none.
	Argument string
	// Optional: it may be left out.
	Optional bool
	// Several: there may be more than one of it.
	Several bool
	// Dashes: the argument may begin with a dash.
	Dashes bool
	// FileFlag is the flag that a file's name without one is most likely meant for.
	FileFlag string
}
