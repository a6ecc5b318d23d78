package main

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// bound is a blank at which no line is broken.
const bound = "\u00a0"

// helpWidth is the width of a console.
const helpWidth = 80

// urfave/cli breaks no line of a flag's description, unless all are to lose
// their columns.
func init() {
	cli.HelpPrinter = func(w io.Writer, template string, data any) {
		var b bytes.Buffer
		cli.HelpPrinterCustom(&b, template, data, nil)
		for line := range strings.Lines(b.String()) {
			io.WriteString(w, fold(strings.TrimRight(line, " \n"))+"\n")
		}
	}
}

// column is where the second column of a line begins, if there is one.
var column = regexp.MustCompile(`^ +\S.*?\S {2,}`)

// manual is what the help says of a command besides its flags: paragraphs, then
// examples, then the exit codes.
func (c command) manual() string {
	paragraphs := strings.Split(c.description, "\n\n")
	for i, p := range paragraphs {
		paragraphs[i] = strings.Join(strings.Fields(p), " ") // fold breaks it anew
	}
	if len(c.examples) > 0 {
		paragraphs = append(paragraphs, "Examples:\n  "+strings.Join(c.examples, "\n  "))
	}
	if len(c.subcommands) == 0 {
		paragraphs = append(paragraphs, c.exitStatus())
	}
	return strings.Join(paragraphs, "\n\n")
}

// exitStatus lists the command's exit codes.
func (c command) exitStatus() string {
	var parts []string
	for _, code := range append([]int{0, 1, 2}, append(slices.Clone(c.exits), 130)...) {
		parts = append(parts, fmt.Sprintf("%d%s%s", code, bound, names[code]))
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
	var b strings.Builder
	width := indent
	b.WriteString(line[:indent])
	for i, word := range strings.Split(line[indent:], " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case width+1+n > helpWidth:
			fmt.Fprintf(&b, "\n%*s", indent, "")
			width = indent
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(strings.ReplaceAll(word, bound, " "))
		width += n
	}
	return b.String()
}
