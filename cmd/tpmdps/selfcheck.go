package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
	"tpmdps/internal/input"
	"tpmdps/internal/integrity"
	"tpmdps/internal/sums"
)

func selfCheckCommand() command {
	return command{
		name:  "self-check",
		usage: "check that this program is the one that was released",
		description: "Compares the SHA-256 of this very file with the list SHA256SUMS that is in the\nsame folder, or in the folder above, as on a stick. A file that the list has under\nanother name, as after renaming, passes, and the name is shown.\n\n" +
			"It finds a file that was damaged, mixed up or replaced. It does not find somebody\nwho changed both, the program and the list: for that, check the list's signature\nwith a tool of your own (cosign verify-blob).",
		examples: []string{"tpmdps self-check", "tpmdps self-check --sums /media/stick/SHA256SUMS"},
		flags: []cli.Flag{
			&cli.StringFlag{Name: "sums", Usage: "compare with the list in `FILE` (default: SHA256SUMS beside the program)"},
		},
		exits: []int{20, 50},
		run:   selfCheck,
	}
}

// selfCheck compares the program's own file with the list.
func selfCheck(s *session, f flags) error {
	typed, _ := f.c.App.Metadata[commandline.Typed].([]string)
	file, err := integrity.Executable(strings.Join(typed[:min(1, len(typed))], ""))
	if err != nil {
		return err
	}
	path := f.text("sums")
	if path == "" {
		if path, err = integrity.FindList(file); err != nil {
			return err
		}
	}
	data, err := input.ReadFile(s.ctx, path, sums.MaxSize)
	if err != nil {
		return err
	}
	list, err := sums.Parse(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	sum, err := sums.File(file)
	if err != nil {
		return fmt.Errorf("read the program's own file: %w", err)
	}
	r, err := integrity.Compare(file, sum, path, list)
	return s.printAfter(err, selfCheckResult{resultWord(err), r})
}

func resultWord(err error) string {
	if err != nil {
		return "fail"
	}
	return "pass"
}

// selfCheckResult is what came out.
type selfCheckResult struct {
	Outcome string `json:"result"`
	integrity.Result
}

func (r selfCheckResult) lines() []any { return []any{r} }

func (r selfCheckResult) fields() [][]string {
	return [][]string{{r.Outcome, r.File, r.SHA, r.List, r.Name, r.Listed}}
}

func (r selfCheckResult) show(w io.Writer) error {
	verdict, listed := passed(w), r.Name
	if r.Outcome != "pass" {
		verdict = failed(w)
	}
	if listed == "" {
		listed = "not in it"
	}
	rows := [][]string{{"SHA-256", r.SHA}, {"list", r.List}, {"listed as", listed}}
	if r.Listed != r.SHA && r.Listed != "" {
		rows = append(rows, []string{"with SHA-256", r.Listed})
	}
	if r.SameAs != "" {
		rows = append(rows, []string{"it is listed as", r.SameAs})
	}
	if _, err := fmt.Fprintln(w, verdict+r.File); err != nil {
		return err
	}
	return table(w, nil, rows)
}
