package network

import (
	"errors"
	"fmt"
	"io"
	"net"
)

// ErrBroken: name, connection and TLS were in order, and the answer did not come to
// its end. Nothing of the way itself is to be looked for.
var ErrBroken = errors.New("the connection broke off during the exchange")

// Broken tells whether an exchange over HTTP ended because the connection did, and
// not because there was none: every layer before it has an error of its own.
func Broken(err error) bool {
	var op *net.OpError
	what, _ := Layer(err)
	if what != "" && what != connectionBroke {
		return false
	}
	return errors.Is(err, ErrBroken) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op) && (op.Op == "read" || op.Op == "write")
}

// AsBroken makes an error that Broken tells an [ErrBroken]; others stay.
func AsBroken(err error) error {
	if !Broken(err) || errors.Is(err, ErrBroken) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}
