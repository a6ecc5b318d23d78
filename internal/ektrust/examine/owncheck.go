package examine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tpmdps/internal/program"
	"tpmdps/internal/text"
)

// ownLimit is how long the user's own program may take for a chip.
const ownLimit = time.Minute

// maxReason bounds what the program may say, in characters.
const maxReason = 200

// ownCheck is a program of the user's own that accepts a record or does not.
type ownCheck struct {
	path string
	env  []string
}

// newOwnCheck refuses a program that is not there before anything is begun.
func newOwnCheck(path string, env []string) (*ownCheck, error) {
	if !program.Installed(path) {
		return nil, fmt.Errorf("%s: %w: there is no program of that name that can be run", text.Printable(path, maxReason), ErrSource)
	}
	return &ownCheck{path, env}, nil
}

// ask hands the program a record. It returns why the record is not accepted, "" if it
// is: the program ended with 0. What keeps the program from an answer counts as a
// refusal, since it did not accept. The error is for a run that is over.
func (c *ownCheck) ask(ctx context.Context, record []byte) (refusal string, err error) {
	limited, cancel := context.WithTimeout(ctx, ownLimit)
	defer cancel()
	var last string
	err = program.Program{Name: c.path, Env: c.env, Stdin: bytes.NewReader(record)}.Run(limited, func(line string) {
		if line = strings.TrimSpace(line); line != "" {
			last = line
		}
	})
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	name := text.Printable(c.path, maxReason)
	var exit *program.ExitError
	switch {
	case err == nil:
		return "", nil
	case limited.Err() != nil:
		return fmt.Sprintf("%s did not end within %s", name, ownLimit), nil
	case errors.As(err, &exit) && last != "":
		return text.Printable(last, maxReason), nil
	}
	return text.Printable(err.Error(), maxReason), nil
}
