package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
	"tpmdps/internal/stick"
	"tpmdps/internal/verdict"
)

// defaultBoxes is for how many boxes a stick has to have room: some shifts.
const defaultBoxes = 1000

func stickCommand() command {
	return command{
		name:        "stick",
		usage:       "make and check the stick for the bench",
		description: "A stick has tpmdps for every system, a start script for Linux and one for Windows, an\nempty batch, a README for technicians, and the sums of all that does not change.",
		subcommands: []command{{
			name:  "init",
			usage: "make a stick of a release, or renew one",
			description: "Copies the programs from the archives of a release (--from: a folder with them, as make\n" +
				"snapshot makes it, or one archive), after comparing each with the SHA256SUMS beside it.\n" +
				"The folder has to exist. What an earlier run wrote is brought up to date; a batch, and\n" +
				"whatever else lies there, is left alone.",
			argument: commandline.Command{Argument: "DIR"},
			flags: []cli.Flag{
				&cli.StringSliceFlag{Name: "from", Usage: "the release in `PATH`: a folder of archives, or an archive (.tar.gz, .zip); may be given more than once"},
			},
			examples: []string{"tpmdps stick init --from dist /media/stick"},
			exits:    []int{15, 20, 50},
			run:      initStick,
		}, {
			name:  "check",
			usage: "say whether a stick is as it was made",
			description: "Compares all files with their sums, reads the batch to its end, tries to write, looks\n" +
				"for room for more boxes, and searches for secrets, which belong on no stick. What it\n" +
				"finds is named with file and line, and never shown. Without DIR it is the stick that\n" +
				"this program was started from.",
			argument: commandline.Command{Argument: "[DIR]", Optional: true},
			flags: []cli.Flag{
				&cli.IntFlag{Name: "boxes", Value: defaultBoxes, Usage: "require room for this `NUMBER` of boxes"},
			},
			examples: []string{"tpmdps stick check /media/stick"},
			exits:    []int{15, 20, 50},
			run:      checkStick,
		}},
	}
}

// stickInitOptions are those of stick init.
type stickInitOptions struct{ from []string }

func readStickInitOptions(f flags) (stickInitOptions, error) {
	o := stickInitOptions{from: f.list("from")}
	if len(o.from) == 0 {
		return o, fmt.Errorf("%w: stick init: --from PATH is missing: the folder of a release, or its archives", commandline.ErrUsage)
	}
	return o, nil
}

func initStick(s *session, f flags) error {
	o, err := readStickInitOptions(f)
	if err != nil {
		return err
	}
	release, err := stick.Read(s.ctx, o.from)
	if err != nil {
		return err
	}
	unchecked := 0
	for _, a := range release.Archives {
		if !a.Checked {
			unchecked++
		}
	}
	if unchecked > 0 {
		s.warn(fmt.Sprintf("no SHA256SUMS lies beside %d of %d archives: whether they are those that were released was not checked", unchecked, len(release.Archives)))
	}
	changes, err := stick.Init(s.ctx, s.arg, release)
	for _, c := range changes {
		switch c.Action {
		case stick.Created, stick.Updated:
			s.did("%s was %s", c.File, c.Action)
		case stick.Kept:
			if c.File != stick.BatchFile {
				s.warn(c.File + " is of an earlier release, and this one has none for that system")
			}
		}
	}
	if err != nil {
		return err
	}
	return s.print(stickInitResult{
		Stick: s.arg, Archives: release.Archives, Files: changes, Next: "take it out with the system's own command, put it in again, and: " + lineWith("stick check", s.arg),
	})
}

// stickCheckOptions are those of stick check.
type stickCheckOptions struct {
	dir   string
	boxes int
}

func readStickCheckOptions(f flags, dir string) (stickCheckOptions, error) {
	o := stickCheckOptions{dir: dir, boxes: f.number("boxes")}
	if o.boxes < 1 {
		return o, fmt.Errorf("%w: --boxes %d: give a number above zero", commandline.ErrUsage, o.boxes)
	}
	if from, set := variables().First(stick.Variable); o.dir == "" && set {
		o.dir = filepath.Clean(from.Value)
	}
	if o.dir == "" {
		program, err := os.Executable()
		if err != nil || stick.Of(program) == "" {
			return o, fmt.Errorf("%w: stick check: this program does not lie on a stick: name it: tpmdps stick check DIR", commandline.ErrUsage)
		}
		o.dir = filepath.FromSlash(stick.Of(program))
	}
	return o, nil
}

func checkStick(s *session, f flags) error {
	o, err := readStickCheckOptions(f, s.arg)
	if err != nil {
		return err
	}
	report, err := stick.Check(s.ctx, o.dir, o.boxes)
	if err != nil && len(report.Steps) == 0 {
		return err // nothing was found out
	}
	err = verdict.Overtime(s.ctx, err)
	r := stickCheckResult{Outcome: "pass", Stick: o.dir, Report: report, Next: "at each box: sudo sh start.sh, on Windows .\\start.cmd; README.txt says more"}
	if err != nil {
		r.Outcome, r.Next = "fail", lineIn(s.ctx).Fit(verdict.Of(err).Hint)
	}
	return s.printAfter(err, r)
}
