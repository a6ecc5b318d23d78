package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/identity"
)

// labels are the operator's notes on a machine, from --label KEY=VALUE. The
// flag has a type of its own because urfave/cli's lists cut values at commas.
type labels map[string]string

func labelFlag(usage string) cli.Flag {
	return &cli.GenericFlag{Name: "label", Value: labels{}, Usage: usage}
}

// Set takes one KEY=VALUE.
func (l labels) Set(text string) error {
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
func (l labels) String() string { return "" }

// labels returns what --label said, never nil.
func (f flags) labels() map[string]string {
	if l, ok := f.c.Generic("label").(labels); ok {
		return l
	}
	return labels{}
}
