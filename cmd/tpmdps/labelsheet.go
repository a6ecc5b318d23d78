package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/commandline"
	"tpmdps/internal/input"
	"tpmdps/internal/inventory"
	"tpmdps/internal/labels"
	"tpmdps/internal/text"
	"tpmdps/internal/verdict"
)

func labelsCommand() command {
	return command{
		name:  "labels",
		usage: "print labels for the machines of a batch",
		description: "Makes a label for each machine of a file that enroll --from reads (- is stdin): a\n" +
			"code of the registration ID for scanners, the ID for people, serial number and\n" +
			"notes. The result is a page for a browser to print at 100 %, or a job for a label\n" +
			"printer: --format zpl. No chip and no network is used.",
		argument: commandline.Command{Argument: "FILE|-"},
		flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Value: labels.HTML, Usage: "write `FORMAT`: html, svg (one sheet only) or zpl"},
			&cli.StringFlag{Name: "code", Value: labels.DataMatrix, Usage: "draw a `CODE`: datamatrix or qr"},
			&cli.StringFlag{Name: "sheet", Value: "a4", Usage: "print on `SHEET`: " + strings.Join(labels.Names(), ", ")},
			&cli.IntFlag{Name: "columns", Usage: "on plain paper, this `NUMBER` of labels side by side", DefaultText: "as many as fit"},
			&cli.Float64Flag{Name: "width", Usage: "width of a label in `MM`", DefaultText: "60, or the sheet's"},
			&cli.Float64Flag{Name: "height", Usage: "height of a label in `MM`", DefaultText: "30, or the sheet's"},
			&cli.IntFlag{Name: "dpi", Value: 203, Usage: "the label printer's `DOTS` per inch: 203, 300 or 600"},
			&cli.StringFlag{Name: "out", Usage: "write to `FILE`, which must not exist; - is stdout", DefaultText: "stdout"},
		},
		examples: []string{"tpmdps labels --out labels.html batch.jsonl", "tpmdps labels --sheet l7160 --code qr --out labels.html batch.jsonl", "tpmdps labels --format zpl --width 50 --height 25 --out job.zpl batch.jsonl"},
		exits:    []int{15, 20, 50},
		rules:    []rule{{flag: "format " + labels.ZPL, only: []string{"dpi"}, excludes: []string{"sheet", "columns"}}},
		run:      printLabels,
	}
}

// labelsOptions say where labels go, and how they look.
type labelsOptions struct {
	out   string // "" is stdout
	label labels.Options
}

func readLabelsOptions(f flags) (o labelsOptions, err error) {
	o = labelsOptions{out: f.text("out"), label: labels.Options{Format: f.text("format"), Code: f.text("code"), Dots: f.number("dpi")}}
	if o.out == "-" {
		o.out = ""
	}
	for _, choice := range []struct {
		flag   string
		values []string
	}{{"format", []string{labels.HTML, labels.SVG, labels.ZPL}}, {"code", []string{labels.DataMatrix, labels.QR}}, {"sheet", labels.Names()}} {
		if v := f.text(choice.flag); !slices.Contains(choice.values, v) {
			return o, fmt.Errorf("%w: --%s %q: choose %s", commandline.ErrUsage, choice.flag, text.Printable(v, 20), strings.Join(choice.values, ", "))
		}
	}
	g := labels.Grid{Columns: f.number("columns"), Width: f.c.Float64("width"), Height: f.c.Float64("height")}
	for _, size := range []struct {
		flag string
		zero bool
	}{{"columns", g.Columns == 0}, {"width", g.Width == 0}, {"height", g.Height == 0}} {
		if size.zero && f.typed(size.flag) {
			return o, fmt.Errorf("%w: --%s 0: give a number above zero, or omit it", commandline.ErrUsage, size.flag)
		}
	}
	if o.label.Format == labels.ZPL {
		if err := labels.CheckDots(o.label.Dots); err != nil {
			return o, fmt.Errorf("%w: --dpi %d: %w", commandline.ErrUsage, o.label.Dots, err)
		}
		o.label.Sheet, err = labels.NewLabel(g)
	} else {
		o.label.Sheet, err = labels.NewSheet(f.text("sheet"), g)
	}
	return o, err
}

func printLabels(s *session, f flags) error {
	o, err := readLabelsOptions(f)
	if err != nil {
		return err
	}
	draw := func(w io.Writer) (done labels.Written, err error) {
		return s.labelled(s.ctx, s.arg, func(machines iter.Seq2[inventory.Entry, error]) (labels.Written, error) {
			return labels.Write(w, machines, o.label)
		})
	}
	if o.out == "" {
		if info, err := os.Stat(s.arg); err == nil && info.Mode().IsRegular() && !input.FromShell(s.arg) {
			// It can be read twice, so no printer begins in vain.
			if _, err := s.labelled(s.ctx, s.arg, labels.Check); err != nil {
				return err
			}
		}
		done, err := draw(s.out)
		if err != nil {
			return errors.Join(err, flush(s.out))
		}
		s.say("%s", labelsResult{Labels: done.Labels, Sheets: done.Sheets, Repeated: done.Repeated, Others: done.Others}.summary())
		return flush(s.out)
	}
	var done labels.Written
	err = atomicfile.CreateFrom(o.out, 0o644, func(w io.Writer) (err error) {
		done, err = draw(w)
		return err
	})
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %w", verdict.ErrOverwrite, err)
	} else if err != nil {
		return err
	}
	s.did("the labels are in %s", o.out)
	return s.print(labelsResult{File: o.out, Format: o.label.Format, Code: o.label.Code, Labels: done.Labels, Sheets: done.Sheets, Repeated: done.Repeated, Others: done.Others})
}

// labelled reads an inventory for use, machine by machine.
func (u *ui) labelled(ctx context.Context, from string, use func(iter.Seq2[inventory.Entry, error]) (labels.Written, error)) (done labels.Written, err error) {
	source := u.in
	if from != "-" {
		file, err := input.Open(ctx, from)
		if err != nil {
			return done, err
		}
		defer file.Close()
		source = file
	}
	var about inventory.Inventory
	done, err = use(func(yield func(inventory.Entry, error) bool) {
		for e, err := range inventory.Stream(source, inventory.Options{}, &about) {
			if err != nil && ctx.Err() == nil && !errors.Is(err, input.ErrUnreadable) {
				err = fmt.Errorf("%w: %s, %w", inventory.ErrDamaged, from, err)
			}
			if !yield(e, err) {
				return
			}
		}
	})
	u.learn(about.Secrets...)
	switch {
	case err != nil:
		return done, err
	case done.Labels == 0 && done.Others > 0:
		return done, fmt.Errorf("%w: %s: %w in it, but %d of another kind", inventory.ErrDamaged, from, inventory.ErrNoTPM, done.Others)
	case done.Labels == 0:
		return done, fmt.Errorf("%w: %s: there is no record in it", inventory.ErrDamaged, from)
	}
	return done, nil
}

// labelsResult says what was written to a file.
type labelsResult struct {
	File     string `json:"file"`
	Format   string `json:"format"`
	Code     string `json:"code"`
	Labels   int    `json:"labels"`
	Sheets   int    `json:"sheets"`
	Repeated int    `json:"repeated"`
	Others   int    `json:"others"`
}

func (r labelsResult) lines() []any { return []any{r} }

func (r labelsResult) fields() [][]string {
	return [][]string{{r.File, r.Format, r.Code, strconv.Itoa(r.Labels), strconv.Itoa(r.Sheets), strconv.Itoa(r.Repeated), strconv.Itoa(r.Others)}}
}

func (r labelsResult) show(w io.Writer) error {
	_, err := fmt.Fprintf(w, "wrote %s: %s\n", text.Printable(r.File, 400), r.summary())
	return err
}

// summary is what was made, for people.
func (r labelsResult) summary() string {
	out := text.Count(r.Labels, "label")
	if r.Sheets > 0 {
		out += " on " + text.Count(r.Sheets, "sheet")
	}
	if r.Repeated > 0 {
		out += fmt.Sprintf("; %d more of the same machines left out", r.Repeated)
	}
	if r.Others > 0 {
		out += fmt.Sprintf("; %d without a TPM left out", r.Others)
	}
	return out
}

func qrFlag() cli.Flag {
	return &cli.BoolFlag{Name: "qr", Usage: "draw the registration ID on the terminal, too, as a QR code for a scanner"}
}

// qrDrawer returns what draws an ID if --qr is given. Anything but a terminal would get
// colours and blocks that nobody can scan; that is found before a chip is asked.
func (s *session) qrDrawer(f flags) (func(id string) error, error) {
	switch {
	case !f.yes("qr"):
		return func(string) error { return nil }, nil
	case s.format != "table":
		return nil, fmt.Errorf("%w: --qr and --output %s exclude each other", commandline.ErrUsage, s.format)
	case !isTerminal(s.out):
		return nil, fmt.Errorf("%w: --qr draws on a terminal, and stdout is not a terminal; for paper: tpmdps labels", commandline.ErrUsage)
	}
	return func(id string) error {
		if err := labels.Terminal(s.out, id); err != nil {
			return err
		}
		return flush(s.out)
	}, nil
}
