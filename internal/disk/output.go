package disk

import (
	"errors"
	"io"
)

// Output is standard output that remembers whether all of it could be written:
// there are writers, such as that of a help text, who do not look.
type Output struct {
	to     io.Writer
	failed error
}

// NewOutput returns an output to w.
func NewOutput(w io.Writer) *Output { return &Output{to: w} }

// Write implements io.Writer. Its errors have their cause.
func (o *Output) Write(p []byte) (int, error) {
	n, err := o.to.Write(p)
	err = At(Stdout, err)
	var cause *Error
	if o.failed == nil && errors.As(err, &cause) {
		o.failed = err
	}
	return n, err
}

// Unwrap returns what it writes to.
func (o *Output) Unwrap() io.Writer { return o.to }

// Err is why something could not be written; nil where all was, and where the
// reader went away.
func (o *Output) Err() error { return o.failed }
