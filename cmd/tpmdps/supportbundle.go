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
	"tpmdps/internal/bundle/gather"
	"tpmdps/internal/commandline"
	"tpmdps/internal/disk"
	"tpmdps/internal/dps"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/environment"
	"tpmdps/internal/host"
	"tpmdps/internal/hub"
	"tpmdps/internal/identity"
	"tpmdps/internal/provision"
	"tpmdps/internal/tpm"
	"tpmdps/internal/verdict"
)

func supportBundleCommand() command {
	return command{
		name:     "support-bundle",
		argument: commandline.Command{FileFlag: "out"},
		usage:    "pack what support needs to know into one zip without secrets",
		description: "Looks at the chip, the configuration, the way to DPS and the system, and packs what\n" +
			"it sees into a new zip, mode 0600, with a verdict at the top of its README.txt: what\n" +
			"is broken, and what was not looked at. Nothing is changed by looking: nothing is\n" +
			"registered unless --until says so, and the chip is left as it was. What cannot be\n" +
			"had is in the zip as the reason why: a broken machine does not fail the command: the exit\n" +
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
var errTerminal = fmt.Errorf("%w: stdout is a terminal, and the bundle is a zip: tpmdps support-bundle --out - >FILE", commandline.ErrUsage)

// bundleOptions are those of support-bundle.
type bundleOptions struct {
	out                   string // where the zip goes: "" for a name that is made, "-" for stdout
	list                  bool
	config                string // IoT Edge's configuration
	idScope, id, endpoint setting
	until                 provision.Goal
	inUse                 bool // also on a machine that is provisioned
	offline               bool
	chip                  chipOptions
	caFile                string
}

// readBundleOptions reads the flags. What is typed wrongly ends the run; what else is
// wrong with the machine is what a bundle is for.
func readBundleOptions(f flags) (bundleOptions, error) {
	o := bundleOptions{
		out: f.text("out"), list: f.yes("list"), config: f.text("config"),
		idScope: f.setting("id-scope"), id: f.setting("registration-id"), endpoint: f.setting("global-endpoint"),
		until: provision.Goal(f.text("until")), inUse: f.yes("even-if-provisioned"), offline: f.yes("offline"),
		chip: readChipOptions(f), caFile: f.text("ca-file"),
	}
	return o, o.validate()
}

// validate checks the flags that say who asks for the challenge, and how far to go.
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
	hostname, _ := os.Hostname() // without one it is "unknown"
	name := bundle.Name(hostname, now)
	path := ""
	if !o.list {
		if path, err = bundlePath(o.out, name, isTerminal(s.out)); err != nil {
			return err
		}
	}
	request, err := s.gatherOptions(o)
	if err != nil {
		return err
	}
	request.Name, request.Created = name, now
	data, manifest, err := gather.Bundle(s.ctx, request)
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
		return fmt.Errorf("%w: %w", verdict.ErrOverwrite, err)
	} else if err != nil {
		return err
	}
	s.did("the bundle is in %s", path)
	r.File, r.Bytes = path, len(data)
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
		path = freeName(name, ".zip")
	}
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		return "", &disk.Error{Cause: disk.IsFolder, Path: path, Err: fmt.Errorf("write %s: it is an existing folder", path)}
	} else if err == nil {
		return "", fmt.Errorf("%w: write %s: %w", verdict.ErrOverwrite, path, fs.ErrExist)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil {
		return "", disk.At(path, fmt.Errorf("%w: write %s: %w", commandline.ErrUsage, path, err))
	} else if !info.IsDir() {
		return "", &disk.Error{Cause: disk.NoFolder, Path: path, Err: fmt.Errorf("write %s: %s is not a directory", path, filepath.Dir(path))}
	}
	return path, atomicfile.TryPlace(path)
}

// freeName is a name that nothing in this folder has, when two bundles are made in one
// second: with -2 after it, and so on.
func freeName(name, ending string) string {
	path := name + ending
	for n := 2; n < 100; n++ {
		if _, err := os.Lstat(path); err != nil {
			break
		}
		path = fmt.Sprintf("%s-%d%s", name, n, ending)
	}
	return path
}

// machineRoot is where the system's files are; tests have others.
var machineRoot = "/"

// gathered are the words for what became of a part: one that is there may well say
// that something is broken.
var gathered = map[bundle.Status]string{bundle.OK: "packed", bundle.Absent: "absent", bundle.Failed: "failed"}

// gatherOptions add to the operator's options what the session does for the stage. An
// address of the chip that was not typed, and is wrong, is a part of the bundle.
func (s *session) gatherOptions(o bundleOptions) (g gather.Options, err error) {
	g = gather.Options{
		Tool: "tpmdps " + version, Build: buildFacts(), Machine: host.Machine{Root: machineRoot},
		ConfigFile: o.config, Apply: here().ApplyCommand(o.config), Trip: s.gatherTrip(s.ctx, o),
		Chip:       gather.Chip{Overrides: o.chip.address.typed()},
		ReadConfig: func() ([]byte, lint.Options, error) { return s.readForCheck(s.ctx, o.config) },
		FromFile: func(_ tpm.Address, opts tpm.Options, file edge.Config) (tpm.Address, tpm.Options, error) {
			addr, fromFile, err := s.chip(o.chip.orFile(o.config, file))
			fromFile.Flushed = opts.Flushed
			return addr, fromFile, err
		},
		Record:  s.judgedRecord,
		Device:  deviceHere,
		Verdict: func(err error) (int, string) { return verdict.Of(err).Code, hintFor(s.ctx, err) },
		Fix:     func(err error) string { return verdict.Of(err).Hint },
		Amend:   func(found checkup.Result) { keepFlagsIn(lineIn(s.ctx), found) },
		Learn:   s.learn, Known: s.known(), Log: s.log,
		Gathered: func(name string, status bundle.Status, took time.Duration) {
			if s.format == "table" {
				s.say("%-7s %-16s %6d ms", gathered[status], name, took.Milliseconds())
			}
		},
	}
	g.Environment, g.SecretVariables = bundleEnvironment(os.LookupEnv)
	g.Chip.Address, g.Chip.Options, err = s.chip(o.chip)
	if errors.Is(err, tpm.ErrAddress) && !g.Chip.Overrides {
		g.Chip.NoAddress, err = err, nil
	}
	return g, err
}

// gatherTrip is how the round trip is made.
func (u *ui) gatherTrip(ctx context.Context, o bundleOptions) gather.Trip {
	return gather.Trip{
		IDScope: fileSetting(o.idScope), RegistrationID: fileSetting(o.id), GlobalEndpoint: fileSetting(o.endpoint),
		Until: o.until, Offline: o.offline,
		IDFrom: func(inFile string) string { return o.id.orFile(o.config, inFile).origin() },
		Configured: func(file edge.Config, chip tpm.Address) *provision.Configured {
			return configured(o.config, file, chip, o.chip.overruled())
		},
		Online: func(req *provision.Request, endpoint string) error {
			w, err := u.toService(ctx, req, endpoint, o.caFile)
			if err == nil && req.Until != provision.UntilChallenge {
				req.Hub = &hub.Options{Transport: hub.MQTT, Application: application(), Roots: w.roots, Proxies: w.proxies, Log: u.log}
			}
			return err
		},
		InProcess: u.offlineRequest,
		Run: func(ctx context.Context, req provision.Request) (provision.Result, error) {
			out, err := roundTrip(ctx, req)
			return out.Result, err
		},
		First: func(err error) error { return stepErrors(err)[0] },
	}
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
	for _, name := range environment.Secrets {
		if _, ok := lookup(name); ok {
			secrets = append(secrets, name)
		}
	}
	return values, secrets
}
