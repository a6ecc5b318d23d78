package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
	"tpmdps/internal/disk"
	"tpmdps/internal/input"
	"tpmdps/internal/manifest"
)

func batchCommand() command {
	skip := &cli.BoolFlag{Name: "skip-damaged", Usage: "leave out the lines that are damaged, and name them"}
	one := commandline.Command{Argument: "FILE"}
	return command{
		name:        "batch",
		usage:       "check, list, merge and export batches",
		description: "A batch is the file that read-ek --append and bench write: a line for each box, in a\nchain in which a lost, changed or moved line is found.",
		subcommands: []command{{
			name:  "verify",
			usage: "find the first line of a batch that is damaged",
			description: "Each line has its number, the SHA-256 of the line before it and one of itself. These\n" +
				"sums have no key: anyone who can write to the file can compute them again, and only\n" +
				"the head that was noted at the end of the shift (--head) shows that, or that the end\n" +
				"was cut off.",
			argument: one,
			flags:    []cli.Flag{&cli.StringFlag{Name: "head", Usage: "require the line that was noted, `N:HASH`, as read-ek --append prints it"}},
			examples: []string{"tpmdps batch verify batch.jsonl"},
			exits:    []int{15, 20, 50},
			run:      verifyBatch,
		}, {
			name:        "list",
			usage:       "list the boxes of a batch",
			description: "Shows registration ID, host name, serial number and labels of each box. Also for a\nplain list of records.",
			argument:    one,
			flags:       []cli.Flag{skip},
			exits:       []int{20, 50},
			run:         listBatch,
		}, {
			name:  "merge",
			usage: "make one batch of several",
			description: "Writes a new batch with each box of the files once, with its last reading. Two boxes\n" +
				"with one registration ID or serial number, and one box with two registration IDs,\n" +
				"are listed, and nothing is written. Also makes a batch of a plain list.",
			argument: commandline.Command{Argument: "FILE", Several: true},
			flags: []cli.Flag{
				&cli.StringFlag{Name: "out", Usage: "write the new batch to `FILE`, which must not exist"}, skip,
			},
			examples: []string{"tpmdps batch merge --out shift.jsonl stick1.jsonl stick2.jsonl"},
			exits:    []int{15, 20, 50},
			run:      mergeBatches,
		}, {
			name:  "export",
			usage: "write a batch as a table for a spreadsheet",
			description: "Prints CSV, whatever -o says, or writes it to a file with --out. Cells that a\n" +
				"spreadsheet would run as a formula get an apostrophe in front.",
			argument: one,
			flags: []cli.Flag{
				&cli.StringFlag{Name: "out", Usage: "write to `FILE`, which must not exist, instead of stdout"}, skip,
			},
			examples: []string{"tpmdps batch export --out shift.csv batch.jsonl"},
			exits:    []int{15, 20, 50},
			run:      exportBatch,
		}},
	}
}

func verifyBatch(s *session, f flags) error {
	noted := strings.TrimSpace(f.text("head"))
	if err := checkHead(noted, "read-ek --append"); err != nil {
		return err
	}
	var report manifest.Report
	err := whileItGrows(s.ctx, s.arg, manifest.ErrDamaged, func(r io.Reader) (err error) {
		report, err = manifest.Verify(r, manifest.Options{Head: noted})
		return err
	})
	if err != nil && report.Head.Hash == "" || errors.Is(err, manifest.ErrPlain) {
		return ofFile(s.arg, err) // nothing was found out
	}
	if err == nil && report.Lines == 0 {
		s.warn(s.arg + " is empty: if boxes were read into it, their lines are gone")
	}
	return s.printAfter(ofFile(s.arg, err), batchReport{
		File: s.arg, Lines: report.Lines, Boxes: report.Boxes, Head: report.Head.String(), FirstBad: report.Bad, HeadLine: report.HeadLine,
	})
}

// ofFile names the file in an error that does not name it.
func ofFile(path string, err error) error {
	if err == nil || errors.Is(err, input.ErrUnreadable) || errors.Is(err, manifest.ErrExists) || strings.Contains(err.Error(), path) {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

func listBatch(s *session, f flags) error {
	skip := f.yes("skip-damaged")
	out := batchList{Boxes: []batchBox{}, Skipped: []string{}}
	err := readOnce(s.ctx, s.arg, func(r io.Reader) error {
		for l, err := range manifest.Lines(r) {
			var damage *manifest.DamageError
			if err != nil {
				if !skip || !errors.As(err, &damage) {
					return err
				}
				out.Skipped = append(out.Skipped, s.leftOut(s.arg, err))
				if !damage.Usable {
					continue
				}
			}
			out.add(l)
		}
		return nil
	})
	return s.printAfter(ofFile(s.arg, err), out)
}

// leftOut says which line is damaged, and whether it is used anyway.
func (u *ui) leftOut(file string, err error) string {
	var damage *manifest.DamageError
	became := "left out"
	if errors.As(err, &damage) && damage.Usable {
		became = "used anyway: the line itself is as it was written"
	}
	said := fmt.Sprintf("%v (%s)", ofFile(file, err), became)
	u.warn(said)
	return said
}

func (u *ui) allLeftOut(file string, errs []error) []string {
	all := []string{}
	for _, err := range errs {
		all = append(all, u.leftOut(file, err))
	}
	return all
}

func mergeBatches(s *session, f flags) (err error) {
	out, skip := f.text("out"), f.yes("skip-damaged")
	if out == "" {
		return fmt.Errorf("%w: batch merge: --out FILE is missing: the name of the new batch", commandline.ErrUsage)
	}
	var sources []manifest.Source
	for _, path := range s.args {
		file, err := openTwice(s.ctx, path)
		if err != nil {
			return err
		}
		defer file.Close()
		sources = append(sources, manifest.Source{Name: path, R: file.File()})
	}
	m, err := manifest.Merge(out, sources, skip)
	if err == nil {
		s.did("%s was written", out)
	}
	r := mergeResult{File: out, Boxes: m.Boxes, Duplicates: m.Duplicates, Head: m.Head.String(), Conflicts: []batchConflict{}, Skipped: s.allLeftOut("", m.Skipped)}
	if err != nil {
		r.File, r.Boxes, r.Head = "", 0, ""
	}
	for _, c := range m.Clashes {
		r.Conflicts = append(r.Conflicts, batchConflict{c.First.String(), c.Second.String(), c.What, c.Value})
	}
	return s.printAfter(err, r)
}

// openTwice opens a file that is read from its begin more than once: not a pipe.
func openTwice(ctx context.Context, path string) (*input.Reader, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		err := fmt.Errorf("%w: %s: it is read twice, so it has to be a file", commandline.ErrUsage, path)
		if info.IsDir() {
			err = input.NotFile(path, info.Mode())
		}
		return nil, err
	}
	return input.Open(ctx, path)
}

func exportBatch(s *session, f flags) (err error) {
	out, skip := f.text("out"), f.yes("skip-damaged")
	file, err := openTwice(s.ctx, s.arg)
	if err != nil {
		return err
	}
	defer file.Close()
	var done manifest.Exported
	if out == "" {
		done, err = manifest.Export(s.out, file.File(), skip)
		s.allLeftOut(s.arg, done.Skipped)
		return errors.Join(ofFile(s.arg, err), flush(s.out))
	}
	if done, err = manifest.ExportFile(out, file.File(), skip); err != nil {
		return disk.At(s.arg, ofFile(s.arg, err))
	}
	s.did("%s was written", out)
	return s.print(exportResult{File: out, Rows: done.Rows, Skipped: s.allLeftOut(s.arg, done.Skipped)})
}
