package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/bundle"
	"tpmdps/internal/disk"
	"tpmdps/internal/dps"
	"tpmdps/internal/identity"
	"tpmdps/internal/provision"
)

func supportBundleCommand() command {
	return command{
		name:     "support-bundle",
		fileFlag: "out",
		usage:    "pack what a helper needs to know into one zip without secrets",
		description: "Looks at the chip, the configuration, the way to DPS and the system, and packs what\n" +
			"it sees into a new zip, mode 0600, with a verdict at the top of its README.txt: what\n" +
			"is broken, and what was not looked at. Nothing is changed by looking: nothing is\n" +
			"registered unless --until says so, and the chip is left as it was. What cannot be\n" +
			"had is in the zip as the reason why: a broken machine is no error here, so the exit\n" +
			"code says nothing of it. Passwords, keys and tokens are left out. --list shows what\n" +
			"would go in.",
		flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "out", Aliases: []string{"file"}, Usage: "write to the new `FILE`, - for stdout", DefaultText: "tpmdps-support-HOST-TIME.zip"},
			&cli.BoolFlag{Name: "list", Usage: "show what would go in, and write nothing"},
			&cli.StringFlag{Name: "config", Value: configTOML, Usage: "IoT Edge's config.toml is `FILE`"},
			&cli.StringFlag{Name: "id-scope", EnvVars: []string{"IOTHUB_DEVICE_DPS_ID_SCOPE", "PROVISIONING_IDSCOPE"}, Usage: "ask the DPS of this `SCOPE` for a challenge (default: that of the file)"},
			&cli.StringFlag{Name: "registration-id", EnvVars: []string{"PROVISIONING_REGISTRATION_ID"}, Usage: "ask for a challenge for `ID` (default: that of the file, or derived from the chip)"},
			&cli.StringFlag{Name: "global-endpoint", EnvVars: []string{"IOTHUB_DEVICE_DPS_ENDPOINT", "PROVISIONING_HOST"}, Usage: "the device endpoint of DPS at `URL`", DefaultText: dps.DefaultDeviceEndpoint},
			&cli.StringFlag{Name: "until", Value: string(provision.UntilChallenge), Usage: "go on to `STAGE`, as verify does: challenge, or assigned, connected or twin, which register the device"},
			&cli.BoolFlag{Name: "even-if-provisioned", Usage: "register although IoT Edge runs on this machine"},
			&cli.BoolFlag{Name: "offline", Usage: "use no network: test the chip against a service in this process"},
		}, chipFlags(), networkFlags(), secretFlags()),
		examples: []string{
			"sudo tpmdps support-bundle --list",
			"sudo tpmdps support-bundle",
			"sudo tpmdps support-bundle --until twin",
		},
		exits:   []int{15},
		timeout: 15 * time.Minute, // slow chips take minutes for a key
		rules: []rule{
			{flag: "list", excludes: []string{"out", "until"}},
			{flag: "offline", excludes: []string{"id-scope", "global-endpoint", "until"}},
		},
		run: supportBundle,
	}
}

// errTerminal: a zip on a screen is of no use.
var errTerminal = fmt.Errorf("%w: stdout is a terminal, and the bundle is a zip: tpmdps support-bundle --out - >FILE", errUsage)

// bundleOptions are those of support-bundle.
type bundleOptions struct {
	out                   string // "" for a name that is made, - for stdout
	list, offline         bool
	file                  string // IoT Edge's config.toml
	idScope, id, endpoint setting
	until                 provision.Goal
	inUse                 bool // also on a machine that is provisioned
	chip                  chipOptions
	caFile                string
}

func readBundleOptions(f flags) (bundleOptions, error) {
	o := bundleOptions{
		out: f.text("out"), list: f.yes("list"), offline: f.yes("offline"), file: f.text("config"),
		idScope: f.setting("id-scope"), id: f.setting("registration-id"), endpoint: f.setting("global-endpoint"),
		until: provision.Goal(f.text("until")), inUse: f.yes("even-if-provisioned"),
		chip: readChipOptions(f), caFile: f.text("ca-file"),
	}
	return o, o.validate()
}

// validate checks what was typed. What is wrong in the environment or in the file is
// what a bundle is for.
func (o bundleOptions) validate() error {
	var scope, id, endpoint error
	if o.idScope.typed() {
		scope = identity.CheckIDScope(o.idScope.text)
	}
	if o.id.typed() {
		id = identity.CheckRegistrationID(o.id.text)
	}
	if o.endpoint.typed() {
		_, endpoint = dps.DeviceEndpoint(o.endpoint.text)
	}
	return cmp.Or(scope, id, endpoint, checkGoal(o.until))
}

func supportBundle(s *session, f flags) error {
	o, err := readBundleOptions(f)
	if err != nil {
		return err
	}
	if !o.offline && !o.inUse {
		if err := checkDaemons(o.until); err != nil {
			return err
		}
	}
	now := time.Now().UTC().Truncate(time.Second)
	host, _ := os.Hostname() // without one it is "unknown"
	name := bundle.Name(host, now)
	path, err := s.bundlePath(o, name)
	if err != nil {
		return err
	}
	g, err := newGatherer(s, o)
	if err != nil {
		return err
	}
	parts := g.all(s.ctx)
	if errors.Is(s.ctx.Err(), context.Canceled) {
		return s.ctx.Err()
	}
	data, manifest, err := bundle.Pack(bundle.Bundle{
		Folder: name, Tool: "tpmdps " + version, Created: now, Parts: parts, Redact: g.redactor(),
		Verdict: bundle.Conclude(g.evidence), Registered: g.registered, Flushed: strings.Join(g.flushed, "; "),
	})
	if err != nil {
		return err
	}
	r := bundleResult{Parts: manifest.Parts, Verdict: manifest.Verdict}
	switch path {
	case "":
		r.list = true
		return s.print(r)
	case "-":
		if _, err := unredacted(s.out).Write(data); err != nil {
			return err
		}
		s.say("%s\n%s", r.summary(), strings.Join(r.Verdict.Lines(), "\n"))
		return nil
	}
	if err := atomicfile.Create(path, data, 0o600); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %w", errOverwrite, err)
	} else if err != nil {
		return err
	}
	s.did("the bundle is in %s", path)
	r.File, r.Bytes = path, len(data)
	return s.print(r)
}

// bundlePath is where the zip goes; "" is nowhere. What stands in the way is
// found before minutes are spent with the chip.
func (u *ui) bundlePath(o bundleOptions, name string) (string, error) {
	path := o.out
	if o.list {
		return "", nil
	}
	if path == "-" {
		if isTerminal(u.out) {
			return "", errTerminal
		}
		return path, nil
	}
	if path == "" {
		path = name + ".zip"
	}
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		return "", &disk.Error{Cause: disk.IsFolder, Path: path, Err: fmt.Errorf("write %s: a folder of that name is there", path)}
	} else if err == nil {
		return "", fmt.Errorf("%w: write %s: %w", errOverwrite, path, fs.ErrExist)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil {
		return "", disk.At(path, fmt.Errorf("%w: write %s: %w", errUsage, path, err))
	} else if !info.IsDir() {
		return "", &disk.Error{Cause: disk.NoFolder, Path: path, Err: fmt.Errorf("write %s: %s is not a directory", path, filepath.Dir(path))}
	}
	return path, atomicfile.TryPlace(path)
}
