package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"tpmdps/internal/commandline"
	"tpmdps/internal/dictionary"
	"tpmdps/internal/hint"
	"tpmdps/internal/input"
	"tpmdps/internal/operator"
	"tpmdps/internal/text"
	"tpmdps/internal/verdict"
)

func explainCommand() command {
	return command{
		name:  "explain",
		usage: "explain an error code or a log line",
		description: "Looks up a code, or what is in a line of a log (in quotes), or in a whole log on\n" +
			"stdin (-), where the likeliest cause comes first. No chip and no network is used.\n" +
			"Known are " + strings.Join(dictionary.Kinds(), ",\n") + ".",
		argument: commandline.Command{Argument: "CODE|TEXT|-", Dashes: true},
		examples: []string{"tpmdps explain 0x9a2", "tpmdps explain -2144861184", "tpmdps explain 'tcti:IO failure'", "journalctl -u aziot-tpmd -b | tpmdps explain -"},
		exits:    []int{20},
		run:      explain,
	}
}

// maxLog is how much of a log on stdin counts. UTF-16 has two bytes for each that the
// dictionary looks at.
const maxLog = 2 * dictionary.MaxText

func explain(s *session, _ flags) error {
	pasted := s.arg
	if pasted == "-" {
		data, err := lastOf(s.in, maxLog)
		if err != nil {
			return err
		}
		if pasted = string(text.Lenient(data)); strings.TrimSpace(pasted) == "" {
			return fmt.Errorf("%w standard input: it is empty", input.ErrUnreadable)
		}
	}
	entries := dictionary.Explain(pasted, ownMessages()...)
	if s.arg != "-" && isFile(s.arg) && (len(entries) == 0 || strings.ContainsAny(s.arg, `/\`)) {
		return fmt.Errorf("%w: %q is a file; explain reads a log on stdin: tpmdps explain - < FILE", commandline.ErrUsage, text.Printable(s.arg, 80))
	}
	if len(entries) == 0 {
		return fmt.Errorf("%w: nothing is known about %q; tpmdps explain --help says what is", commandline.ErrUsage, text.Printable(strings.TrimSpace(pasted), 80))
	}
	return s.print(explainResult{Entries: entries, log: strings.Contains(strings.TrimSpace(pasted), "\n")})
}

// lastOf reads to the end and keeps the last bytes, an even number of them, so that
// UTF-16 stays whole. Of a log, what happened last counts; it may be of any length.
func lastOf(r io.Reader, limit int) ([]byte, error) {
	kept := make([]byte, 0, 2*limit)
	for {
		n, err := r.Read(kept[len(kept):cap(kept)])
		kept = kept[:len(kept)+n]
		switch {
		case errors.Is(err, input.ErrTimeOver):
			return nil, err // it names the file itself
		case errors.Is(err, io.EOF):
			return kept[(max(0, len(kept)-limit)+1)&^1:], nil
		case err != nil:
			return nil, input.Unreadable("stdin", err)
		}
		if len(kept) == cap(kept) {
			kept = kept[:copy(kept, kept[len(kept)-limit:])]
		}
	}
}

// isFile tells whether there is a file of this name.
func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// ownMessages are the errors of this program, from the table that gives them their
// codes and hints.
func ownMessages() []dictionary.Message {
	var all []dictionary.Message
	for _, e := range verdict.Table() {
		if e.Is != commandline.ErrUsage && e.Is != operator.ErrOptions { // which are not printed
			all = append(all, dictionary.Message{Text: e.Is.Error(), Code: e.Code, Do: e.Hint})
		}
	}
	return all
}

// explainResult is what was found in a text, the likeliest first.
type explainResult struct {
	Entries []dictionary.Entry `json:"entries"`
	log     bool               // of several lines
}

func (r explainResult) lines() []any {
	return asLines(r.Entries)
}

func (r explainResult) fields() [][]string {
	var rows [][]string
	for _, e := range r.Entries {
		rows = append(rows, []string{e.Kind, e.Code, e.Name, e.Means, e.Why, e.Do, strings.Join(e.Sources, "; ")})
	}
	return rows
}

// show prints a paragraph for each entry, because sentences in columns cannot
// be read.
func (r explainResult) show(w io.Writer) error {
	for i, e := range r.Entries {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if i == 1 && r.log {
			fmt.Fprint(w, "Also in the log, and less likely to be the cause:\n\n")
		}
		fmt.Fprintln(w, strings.TrimSpace(e.Kind+" "+e.Code+"  "+e.Name))
		for _, part := range []struct{ label, says string }{
			{"means", e.Means}, {"why", e.Why}, {"do", e.Do}, {"from", strings.Join(e.Sources, "; ")},
		} {
			if part.says == "" {
				continue
			}
			if _, err := fmt.Fprintln(w, text.Wrap(fmt.Sprintf("  %-7s", part.label), hint.Bind(part.says), helpWidth)); err != nil {
				return err
			}
		}
	}
	return nil
}
