package main

import (
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
	"tpmdps/internal/bundle/gather"
	"tpmdps/internal/disk"
	"tpmdps/internal/dps"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/host"
	"tpmdps/internal/hub"
	"tpmdps/internal/identity"
	"tpmdps/internal/provision"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
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
		flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Aliases: []string{"file"}, Usage: "write to the new `FILE`, - for stdout", DefaultText: "tpmdps-support-HOST-TIME.zip"},
			&cli.BoolFlag{Name: "list", Usage: "show what would go in, and write nothing"},
			&cli.StringFlag{Name: "config", Value: configTOML, Usage: "IoT Edge's config.toml is `FILE`"},
			&cli.StringFlag{Name: "id-scope", EnvVars: []string{"IOTHUB_DEVICE_DPS_ID_SCOPE", "PROVISIONING_IDSCOPE"}, Usage: "ask the DPS of this `SCOPE` for a challenge (default: that of the file)"},
			&cli.StringFlag{Name: "registration-id", EnvVars: []string{"PROVISIONING_REGISTRATION_ID"}, Usage: "ask for a challenge for `ID` (default: that of the file, or derived from the chip)"},
			&cli.StringFlag{Name: "global-endpoint", EnvVars: []string{"IOTHUB_DEVICE_DPS_ENDPOINT", "PROVISIONING_HOST"}, Usage: "the device endpoint of DPS at `URL`", DefaultText: dps.DefaultDeviceEndpoint},
			&cli.StringFlag{Name: "until", Value: string(provision.UntilChallenge), Usage: "go on to `STAGE`, as verify does: challenge, or assigned, connected or twin, which register the device"},
			&cli.BoolFlag{Name: "even-if-provisioned", Usage: "register although IoT Edge runs on this machine"},
			&cli.BoolFlag{Name: "offline", Usage: "use no network: test the chip against a service in this process"},
		},
		examples: []string{
			"sudo tpmdps support-bundle --list",
			"sudo tpmdps support-bundle",
			"sudo tpmdps support-bundle --until twin",
		},
		exits:   []int{15},
		timeout: 15 * time.Minute, // slow chips take minutes for a key
		run:     supportBundle,
	}
}

// errTerminal: a zip on a screen is of no use.
var errTerminal = fmt.Errorf("%w: stdout is a terminal, and the bundle is a zip: tpmdps support-bundle --out - >FILE", errUsage)

// bundleOptions are what the operator gave.
type bundleOptions struct {
	path   string // where the zip goes, "-" for stdout; "" where it is only listed
	config string // IoT Edge's configuration
	chip   gather.Chip
	trip   gather.Trip // without its functions
}

// readBundleOptions reads the flags; name is what the bundle is called. What they name
// wrongly ends the run; what else is wrong with the machine is what a bundle is for.
func readBundleOptions(s *session, name string) (o bundleOptions, err error) {
	setting := func(flag string) gather.Setting {
		return gather.Setting{Value: s.flag.String(flag), Overrides: s.onCommandLine(flag)}
	}
	o = bundleOptions{
		config: s.flag.String("config"), chip: gather.Chip{Overrides: s.onCommandLine("tpm")},
		trip: gather.Trip{
			IDScope: setting("id-scope"), RegistrationID: setting("registration-id"), GlobalEndpoint: setting("global-endpoint"),
			Until: provision.Goal(s.flag.String("until")), Offline: s.flag.Bool("offline"),
		},
	}
	if s.flag.Bool("list") {
		err = s.excludes("list", "out", "until")
	} else {
		o.path, err = bundlePath(s.flag.String("out"), name, isTerminal(s.out))
	}
	if err != nil {
		return o, err
	}
	if err := o.validate(); err != nil {
		return o, err
	}
	if o.trip.Offline {
		err = s.excludes("offline", "id-scope", "global-endpoint", "until")
	} else {
		err = checkDaemons(s, o.trip.Until)
	}
	if err != nil {
		return o, err
	}
	o.chip.Address, o.chip.Options, err = s.tpm()
	if errors.Is(err, tpm.ErrAddress) && !o.chip.Overrides {
		o.chip.NoAddress = err
		o.chip.Options, err = s.tpmOptions()
	}
	return o, err
}

// validate checks the flags that say who asks for the challenge, and how far to go.
func (o bundleOptions) validate() error {
	if o.trip.IDScope.Overrides {
		if err := identity.CheckIDScope(o.trip.IDScope.Value); err != nil {
			return err
		}
	}
	if o.trip.RegistrationID.Overrides {
		if err := identity.CheckRegistrationID(o.trip.RegistrationID.Value); err != nil {
			return err
		}
	}
	if o.trip.GlobalEndpoint.Overrides {
		if _, err := dps.DeviceEndpoint(o.trip.GlobalEndpoint.Value); err != nil {
			return err
		}
	}
	if !slices.Contains(provision.Goals(), o.trip.Until) {
		return fmt.Errorf("%w: --until %q: choose challenge, assigned, connected or twin", errUsage, text.Printable(string(o.trip.Until), 20))
	}
	return nil
}

func supportBundle(s *session) error {
	now := time.Now().UTC().Truncate(time.Second)
	hostname, _ := os.Hostname() // without one it is "unknown"
	name := bundle.Name(hostname, now)
	o, err := readBundleOptions(s, name)
	if err != nil {
		return err
	}
	request := gatherOptions(s, o)
	request.Name, request.Created = name, now
	data, manifest, err := gather.Bundle(s.ctx, request)
	if err != nil {
		return err
	}
	r := bundleResult{Parts: manifest.Parts, Verdict: manifest.Verdict}
	switch o.path {
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
	if err := atomicfile.Create(o.path, data, 0o600); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %w", errOverwrite, err)
	} else if err != nil {
		return err
	}
	s.did("the bundle is in %s", o.path)
	r.File, r.Bytes = o.path, len(data)
	return s.print(r)
}

// bundlePath is where the zip goes. What stands in the way is found before minutes are
// spent with the chip.
func bundlePath(path, name string, terminal bool) (string, error) {
	switch {
	case path == "-" && terminal:
		return "", errTerminal
	case path == "-":
		return path, nil
	case path == "":
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

// machineRoot is where the system's files are; tests have others.
var machineRoot = "/"

// gathered are the words for what became of a part: one that is there may well say
// that something is broken.
var gathered = map[bundle.Status]string{bundle.OK: "packed", bundle.Absent: "absent", bundle.Failed: "failed"}

// gatherOptions add to the operator's options what the session does for the stage.
func gatherOptions(s *session, o bundleOptions) gather.Options {
	o.chip.Options.Flushed = func(what string) { s.say("%s", what) }
	o.trip.IDFrom = s.idFrom
	o.trip.Configured = func(file edge.Config, chip tpm.Address) *provision.Configured {
		return s.configured(o.config, file, chip)
	}
	o.trip.Online = func(req *provision.Request, endpoint string) error { return toServiceAndHub(s, req, endpoint) }
	o.trip.InProcess = func(req provision.Request) (provision.Request, error) { return offlineRequest(s, req) }
	o.trip.Run = func(ctx context.Context, req provision.Request) (provision.Result, error) {
		out, err := roundTrip(ctx, req)
		return out.Result, err
	}
	o.trip.First = func(err error) error { return stepErrors(err)[0] }
	g := gather.Options{
		Tool: "tpmdps " + version, Build: buildFacts(), Machine: host.Machine{Root: machineRoot},
		ConfigFile: o.config, Apply: here().ApplyCommand(o.config), Chip: o.chip, Trip: o.trip,
		ReadConfig: func() ([]byte, lint.Options, error) { return readForCheck(s, o.config) },
		FromFile:   s.orFile,
		Record:     func(d *tpm.Device) (identity.Record, error) { return localRecord(s, d) },
		Device:     deviceHere,
		Verdict:    func(err error) (int, string) { return verdict(err).code, s.hintFor(err) },
		Fix:        func(err error) string { return verdict(err).hint },
		Amend:      func(found checkup.Result) { lineIn(s.ctx).keepFlagsIn(checkResult{found}) },
		Learn:      s.learn, Known: s.known(), Log: s.log,
		Gathered: func(name string, status bundle.Status, took time.Duration) {
			if s.format == "table" {
				s.say("%-7s %-16s %6d ms", gathered[status], name, took.Milliseconds())
			}
		},
	}
	g.Environment, g.SecretVariables = bundleEnvironment(os.LookupEnv)
	return g
}

// toServiceAndHub plans the way to DPS, and to the hub where the trip goes so far.
func toServiceAndHub(s *session, req *provision.Request, endpoint string) error {
	w, err := toService(s, req, endpoint)
	if err == nil && req.Until != provision.UntilChallenge {
		req.Hub = &hub.Options{Transport: hub.MQTT, Application: application(), Roots: w.roots, Proxies: w.proxies, Log: s.log}
	}
	return err
}

// bundleEnvironment are the variables that a bundle shows, and the names of those that
// hold secrets, as far as they are set.
func bundleEnvironment(lookup func(string) (string, bool)) (values map[string]string, secrets []string) {
	values = map[string]string{}
	for _, name := range gather.Variables() {
		if value, ok := lookup(name); ok {
			values[name] = value
		}
	}
	for _, name := range secretVariables {
		if _, ok := lookup(name); ok {
			secrets = append(secrets, name)
		}
	}
	return values, secrets
}
