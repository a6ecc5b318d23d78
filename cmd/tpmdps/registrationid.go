package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// idFormatFlag chooses one of the two IDs that tools derive from a key.
func idFormatFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "id-format", Value: "base32", Usage: usage}
}

// idTemplates are the templates of --id-format's values.
var idTemplates = map[string]string{"base32": "{ek32}", "hex": "{ekhex}"}

// idOptions say how a registration ID is made: it is given, a template or not, or
// derived from the key in a format.
type idOptions struct {
	given       setting // "" where it is to be derived
	format      string
	formatTyped bool
}

// readIDOptions reads --registration-id and --id-format. A variable of the environment
// gives way to a flag that asks for a derived ID. What is wrong with a template is
// found before a chip is asked.
func readIDOptions(f flags) (idOptions, error) {
	o := idOptions{given: f.setting("registration-id"), format: f.text("id-format"), formatTyped: f.typed("id-format")}
	if o.formatTyped && !o.given.typed() {
		o.given = setting{flag: o.given.flag}
	}
	switch {
	case o.given.text != "" && o.formatTyped:
		return o, fmt.Errorf("%w: --registration-id and --id-format exclude each other", commandline.ErrUsage)
	case o.given.text == "" && idTemplates[o.format] == "":
		return o, fmt.Errorf("%w: --id-format %q: choose base32 or hex", commandline.ErrUsage, text.Printable(o.format, 20))
	}
	return o, o.given.fault(identity.CheckTemplate(o.template()))
}

// template is what an ID is made from.
func (o idOptions) template() string {
	if o.given.text != "" {
		return o.given.text
	}
	return idTemplates[o.format]
}

// of makes the ID of a record.
func (o idOptions) of(r identity.Record) (string, error) {
	id, err := identity.ExpandRegistrationID(o.template(), r)
	return id, o.given.fault(err)
}
