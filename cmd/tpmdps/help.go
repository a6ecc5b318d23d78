package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/text"
	"tpmdps/internal/verdict"
)

// helpWidth is the width of a console.
const helpWidth = 80

// urfave/cli breaks no line of a flag's description, unless all are to lose
// their columns.
func init() {
	cli.HelpFlag = &helpFlag{cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show help", DisableDefaultText: true}}
	cli.HelpPrinter = func(w io.Writer, template string, data any) {
		var b bytes.Buffer
		cli.HelpPrinterCustom(&b, template, data, nil)
		for line := range strings.Lines(b.String()) {
			io.WriteString(w, fold(strings.TrimRight(line, " \n"))+"\n")
		}
	}
}

// helpFlag is the one flag that urfave/cli shares between all command lines. It
// writes into a flag when it adds it to one, so each gets its own.
type helpFlag struct{ cli.BoolFlag }

// Apply implements cli.Flag.
func (f *helpFlag) Apply(set *flag.FlagSet) error {
	own := f.BoolFlag
	return own.Apply(set)
}

// column is where the second column of a line begins, if there is one.
var column = regexp.MustCompile(`^ +\S.*?\S {2,}`)

// manual is what the help says of a command besides its flags: paragraphs, then
// examples, then the exit codes.
func (c command) manual() string {
	paragraphs := unbroken(c.description)
	if len(c.examples) > 0 {
		paragraphs = append(paragraphs, "Examples:\n  "+strings.Join(c.examples, "\n  "))
	}
	if len(c.subcommands) == 0 {
		paragraphs = append(paragraphs, c.exitStatus())
	}
	return strings.Join(paragraphs, "\n\n")
}

// unbroken are the paragraphs of a text, a line each: fold breaks them again.
func unbroken(s string) []string {
	paragraphs := strings.Split(s, "\n\n")
	for i, p := range paragraphs {
		paragraphs[i] = strings.Join(strings.Fields(p), " ")
	}
	return paragraphs
}

// exitStatus lists the command's exit codes.
func (c command) exitStatus() string {
	var parts []string
	for _, code := range append([]int{0, 1, 2}, append(slices.Clone(c.exits), 130)...) {
		parts = append(parts, fmt.Sprintf("%d%s%s", code, text.Bound, verdict.Names[code]))
	}
	return "Exit status: " + strings.Join(parts, ", ") + "."
}

// fold breaks a line of help between words; what follows begins in the column
// of the text.
func fold(line string) string {
	indent := len(line) - len(strings.TrimLeft(line, " "))
	if c := column.FindString(line); c != "" {
		indent = len(c)
	}
	return text.Wrap(line[:indent], line[indent:], helpWidth)
}
