package main

import (
	"io"
	"os"
	"strings"

	"github.com/fatih/color"
	"github.com/mattn/go-isatty"
	"github.com/rogpeppe/go-internal/diff"

	"tpmdps/internal/edge"
)

// diff is the difference between what the file is, or is made of, and what it
// shall be; secrets are masked.
func (t target) diff(text []byte) string {
	old, name := t.text, t.path
	switch {
	case t.from != "":
		name = t.from
	case !t.exists:
		name = os.DevNull
	}
	a, b := edge.MaskPair(old, text)
	d := string(diff.Diff(name, a, t.path, b))
	_, d, _ = strings.Cut(d, "\n") // the line "diff old new" is no part of the format
	return d
}

// isTerminal tells whether colours are seen by somebody, who wants them
// (https://no-color.org).
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isatty.IsTerminal(f.Fd())
}

// paint colours a unified diff. Whatever the file has of control characters
// does not reach the terminal.
func paint(text string, colors bool) string {
	if !colors {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.Map(func(r rune) rune {
			if r != '\n' && r != '\t' && (r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0) {
				return -1
			}
			return r
		}, line)
		c := color.New()
		switch {
		case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"):
			c = color.New(color.Bold)
		case strings.HasPrefix(line, "+"):
			c = color.New(color.FgGreen)
		case strings.HasPrefix(line, "-"):
			c = color.New(color.FgRed)
		case strings.HasPrefix(line, "@@"):
			c = color.New(color.FgCyan)
		}
		c.EnableColor()
		b.WriteString(c.Sprint(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return b.String()
}
