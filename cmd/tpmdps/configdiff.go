package main

import (
	"io"
	"os"
	"strings"

	"github.com/fatih/color"
	"github.com/rogpeppe/go-internal/diff"

	"tpmdps/internal/edge/mask"
	"tpmdps/internal/text"
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
	a, b := mask.Pair(old, text)
	d := string(diff.Diff(name, a, t.path, b))
	_, d, _ = strings.Cut(d, "\n") // the line "diff old new" is no part of the format
	return d
}

// forPeople is a diff as it is shown. On a terminal, control characters of the
// file are left out, and lines are coloured unless somebody wants none.
func forPeople(w io.Writer, diff string) string {
	if !isTerminal(w) {
		return diff
	}
	diff = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && !text.Visible(r) {
			return -1
		}
		return r
	}, diff)
	if !wantsColor(w) {
		return diff
	}
	return paint(diff)
}

// paint colours a unified diff.
func paint(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
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
