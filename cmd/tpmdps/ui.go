package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/fatih/color"
	"github.com/mattn/go-isatty"
	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"

	"tpmdps/internal/commandline"
	"tpmdps/internal/disk"
	"tpmdps/internal/provision"
	"tpmdps/internal/redact"
	"tpmdps/internal/station"
	"tpmdps/internal/text"
	"tpmdps/internal/verdict"
)

// streams are the program's own standard streams. The result goes to out and
// nothing else does; everything for people goes to err.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// ui prints what a command has to say, in the format that was asked for.
type ui struct {
	streams
	format string
	quiet  bool
	log    *slog.Logger
	trace  bool // of what goes over HTTP
	// throttled is told of each 429 instead of those who watch; nil for most commands.
	throttled func(after time.Duration)
}

func newUI(s streams, f flags) (*ui, error) {
	u := &ui{
		streams: s,
		format:  f.text("output"),
		quiet:   f.yes("quiet"),
		log:     newLogger(s.err, f.yes("verbose")),
		trace:   f.c.Count("verbose") > 1,
	}
	switch u.format {
	case "table", "json", "jsonl", "tsv", "none":
		return u, nil
	}
	return nil, fmt.Errorf("%w: --output %q: choose table, json, jsonl, tsv or none", commandline.ErrUsage, text.Printable(u.format, 20))
}

// isTerminal tells whether a person sees what is written to w.
func isTerminal(w io.Writer) bool {
	w = unredacted(w)
	if out, ok := w.(*disk.Output); ok {
		w = out.Unwrap()
	}
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// unredacted is the stream itself, for questions about it, and for what is a secret
// by intent, or no text.
func unredacted(w io.Writer) io.Writer {
	if r, ok := w.(*redact.Writer); ok {
		return r.Unwrap()
	}
	return w
}

// flush passes on what the redacting writer keeps.
func flush(w io.Writer) error {
	if r, ok := w.(*redact.Writer); ok {
		return r.Flush()
	}
	return nil
}

// wantsColor tells whether what is written to w may be coloured: somebody sees it
// who has not asked for none (https://no-color.org).
func wantsColor(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// result is what a command found out. Each of its shapes is made of the same
// value.
type result interface {
	// lines are the objects of JSON lines: one for a single result.
	lines() []any
	// fields are the rows of tab-separated values, without a header.
	fields() [][]string
	// show prints it for people.
	show(w io.Writer) error
}

// asLines are the lines of a result that is a list.
func asLines[T any](items []T) []any {
	var all []any
	for _, item := range items {
		all = append(all, item)
	}
	return all
}

// print writes the result to stdout, all of it: nothing is kept back until there
// is more.
func (u *ui) print(r result) error {
	if err := u.printTo(u.out, r); err != nil {
		return err
	}
	return flush(u.out)
}

// printAfter prints the result of a run that ended with err, or with nil. Of two
// errors the run's own counts: that the result could not be printed came later.
func (u *ui) printAfter(err error, r result) error {
	printed := u.print(r)
	if err == nil || printed == nil {
		return cmp.Or(err, printed)
	}
	return fmt.Errorf("%w; its result could not be printed: %s", err, printed.Error())
}

// printSecret is print for a result that is a secret by intent.
func (u *ui) printSecret(r result) error { return u.printTo(unredacted(u.out), r) }

func (u *ui) printTo(w io.Writer, r result) error {
	switch u.format {
	case "json":
		return encode(w, r, "  ")
	case "jsonl":
		for _, line := range r.lines() {
			if err := encode(w, line, ""); err != nil {
				return err
			}
		}
	case "tsv":
		for _, row := range r.fields() {
			if _, err := fmt.Fprintln(w, strings.Join(clean(row), "\t")); err != nil {
				return err
			}
		}
	case "table":
		return r.show(w)
	}
	return nil
}

// clean keeps a row of tab-separated values on one line.
func clean(row []string) []string {
	out := make([]string, len(row))
	for i, s := range row {
		out[i] = strings.Map(func(r rune) rune {
			if r == '\t' || r == '\n' || r == '\r' {
				return ' '
			}
			return r
		}, s)
	}
	return out
}

// encode writes JSON, which stays JSON when a secret is taken out of it.
func encode(w io.Writer, v any, indent string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	if r, ok := w.(*redact.Writer); ok {
		return r.WriteJSON(b.Bytes())
	}
	_, err := w.Write(b.Bytes())
	return err
}

// encodeInside writes JSON as a part of an indented document, without a line end.
func encodeInside(w io.Writer, v any, prefix string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	part := bytes.TrimRight(b.Bytes(), "\n")
	if r, ok := w.(*redact.Writer); ok {
		return r.WriteJSON(part)
	}
	_, err := w.Write(part)
	return err
}

// say prints a line for people.
func (u *ui) say(format string, args ...any) {
	if u.quiet {
		return
	}
	args = slices.Clone(args)
	for i, arg := range args {
		if err, is := arg.(error); is {
			args[i] = text.Plain(err.Error())
		}
	}
	fmt.Fprintf(u.err, format+"\n", args...)
}

// warn prints a warning for people.
func (u *ui) warn(message string) { u.say("warning: %s", message) }

// progress prints a line for those who watch; with JSON, where stderr is for one
// error in JSON, there are none.
func (u *ui) progress(format string, args ...any) {
	if u.format != "json" && u.format != "jsonl" {
		u.say(format, args...)
	}
}

// table prints rows in aligned columns without lines, which is readable, and
// can be copied from. A nil header prints none.
func table(w io.Writer, header []string, rows [][]string) error {
	var b bytes.Buffer
	t := tablewriter.NewTable(&b,
		tablewriter.WithRendition(tw.Rendition{
			Borders:  tw.BorderNone,
			Symbols:  tw.NewSymbols(tw.StyleNone),
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		}),
		tablewriter.WithHeaderAlignment(tw.AlignLeft),
		tablewriter.WithRowAlignment(tw.AlignLeft),
		tablewriter.WithPadding(tw.Padding{Right: "  ", Overwrite: true}),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithTrimSpace(tw.Off),
	)
	if header != nil {
		t.Header(header)
	}
	if err := t.Bulk(rows); err != nil {
		return err
	}
	if err := t.Render(); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// passed and failed begin a verdict. On a terminal they are to be seen from the
// other side of the bench.
func passed(w io.Writer) string { return banner(w, "PASS", color.Bold, color.FgBlack, color.BgGreen) }
func failed(w io.Writer) string { return banner(w, "FAIL", color.Bold, color.FgHiWhite, color.BgRed) }

func banner(w io.Writer, word string, look ...color.Attribute) string {
	if !wantsColor(w) {
		return word + "  "
	}
	c := color.New(look...)
	c.EnableColor()
	return c.Sprint(" "+word+" ") + " "
}

// failure is an error as scripts read it.
type failure struct {
	Error string `json:"error"`
	Code  int    `json:"code"`
	Name  string `json:"name"`
	Step  string `json:"step"`
	Hint  string `json:"hint"`
	verdict.Served
	RetryAfter int64 `json:"retry_after_s"`
	Retryable  bool  `json:"retryable"`
}

// printError writes the one error of the run to stderr: a line of what
// happened and a line of what to do, or one JSON object.
func (s streams) printError(err error, v verdict.Verdict, asJSON bool) {
	said := strings.TrimPrefix(strings.ReplaceAll(text.Plain(err.Error()), "\n", "; "), commandline.ErrUsage.Error()+": ")
	said = text.Printable(said, 4000) // a certificate's or a file's text may be in it
	if asJSON {
		f := failure{Error: said, Code: v.Code, Name: verdict.Names[v.Code], Hint: v.Hint, Served: verdict.ServedIn(err)}
		f.Retryable, f.RetryAfter = verdict.Retry(err, v.Code)
		f.Step = failedStep(err)
		encode(s.err, f, "")
		return
	}
	fmt.Fprintf(s.err, "tpmdps: %s\n", said)
	if v.Hint != "" {
		fmt.Fprintf(s.err, "tpmdps: hint: %s\n", v.Hint)
	}
}

// failedStep is the step of bench, else of verify, that failed; "" where there is none.
func failedStep(err error) string {
	var atBench *station.StepError
	var step *provision.StepError
	switch {
	case errors.As(err, &atBench):
		return atBench.Step
	case errors.As(err, &step):
		return step.Step
	}
	return ""
}

// outputFlag is -o as it can be spelt, also after other short flags.
var outputFlag = regexp.MustCompile(`^(--?o|--?output|-[qv]+o)$`)

// wantsJSON looks for -o json in the bare arguments, because an error in the
// flags themselves must be told in the right form too.
func wantsJSON(args []string) bool {
	for i, arg := range args {
		name, value, inline := strings.Cut(arg, "=")
		if !outputFlag.MatchString(name) {
			continue
		}
		if !inline && i+1 < len(args) {
			value = args[i+1]
		}
		return value == "json" || value == "jsonl"
	}
	return false
}
