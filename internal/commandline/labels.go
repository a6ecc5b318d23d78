package commandline

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/identity"
)

// Labels are the operator's notes on a machine, from --label KEY=VALUE. The
// flag has a type of its own because urfave/cli's lists cut values at commas.
type Labels map[string]string

// LabelFlag is --label, which may be given more than once.
func LabelFlag(usage string) cli.Flag {
	return &cli.GenericFlag{Name: "label", Value: Labels{}, Usage: usage}
}

// Set accepts one KEY=VALUE.
func (l Labels) Set(text string) error {
	key, value, found := strings.Cut(text, "=")
	if !found {
		return errors.New("write it as KEY=VALUE")
	}
	if err := identity.CheckLabel(key, value); err != nil {
		return err
	}
	if _, twice := l[key]; twice {
		return fmt.Errorf("label %q is given twice", key)
	}
	l[key] = value
	return nil
}

// String is empty: there is no default for the help to show.
func (l Labels) String() string { return "" }
