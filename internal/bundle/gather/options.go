package gather

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"tpmdps/internal/bundle"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/configfile"
	"tpmdps/internal/edge/drift"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/host"
	"tpmdps/internal/identity"
	"tpmdps/internal/provision"
	"tpmdps/internal/redact"
	"tpmdps/internal/tpm"
)

// Options say which machine is looked at, and how far. No function in it may be nil.
type Options struct {
	// Name is that of the bundle, see [bundle.Name]; Created is its time.
	Name    string
	Created time.Time
	// Tool is the program with its version, Build the facts of its build, as JSON.
	Tool  string
	Build any

	// Machine has the system's files.
	Machine host.Machine
	// Environment has the variables of [Variables] that are set; SecretVariables are
	// the names of those that are set and hold secrets.
	Environment     map[string]string
	SecretVariables []string

	// ConfigFile is the path of IoT Edge's configuration, ReadConfig reads it, and how
	// it is kept. Apply is the command that puts it into effect.
	ConfigFile string
	ReadConfig func() ([]byte, lint.Options, error)
	Apply      string

	Chip Chip
	// FromFile adds to the way to the chip what the configuration says of it. The
	// options count where it returns an error, too: they have the file's passwords.
	FromFile func(tpm.Address, tpm.Options, edge.Config) (tpm.Address, tpm.Options, error)
	// Record reads the chip's record, and the machine around the chip.
	Record func(*tpm.Device) (identity.Record, error)
	// Device is the one that IoT Edge on this machine was given; nil, and why.
	Device func(context.Context) (*drift.DeviceInfo, string)

	Trip Trip

	// Verdict is the exit code and the hint with which an error would end a command;
	// Fix is that hint whatever the command line was.
	Verdict func(error) (code int, hint string)
	Fix     func(error) string
	// Amend changes, in place, the commands in fixes and hints to those that the
	// operator has to type.
	Amend func(checkup.Result)

	// Learn makes secrets known, and Known has all that are.
	Learn func(secrets ...string)
	Known *redact.Set

	// Gathered is called after each part.
	Gathered func(name string, status bundle.Status, took time.Duration)
	Log      *slog.Logger
}

// Chip is the way to the chip that the operator named.
type Chip struct {
	Address tpm.Address
	Options tpm.Options
	// NoAddress is why there is no address; else nil.
	NoAddress error
	// Overrides: it was named by a flag, which goes before the configuration.
	Overrides bool
}

// Trip is how the round trip of verify is made.
type Trip struct {
	IDScope, RegistrationID, GlobalEndpoint configfile.Setting
	// Until is how far it goes. Offline keeps it in this process.
	Until   provision.Goal
	Offline bool

	// IDFrom is where the registration ID is from, for people: see
	// [provision.Request]. inFile is that of the configuration.
	IDFrom func(inFile string) string
	// Configured is what the configuration says of a chip.
	Configured func(edge.Config, tpm.Address) *provision.Configured
	// Online adds to a request the DPS at an endpoint, and the hub where the trip goes
	// so far; InProcess adds a service in this process.
	Online    func(req *provision.Request, endpoint string) error
	InProcess func(provision.Request) (provision.Request, error)
	// Run makes the trip, and adds hints to the steps that failed; First is the error of
	// the first of them.
	Run   func(context.Context, provision.Request) (provision.Result, error)
	First func(error) error
}

// Bundle gathers the parts and packs them. The error is for what ends the whole run:
// that it was interrupted, or a part that cannot be packed.
func Bundle(ctx context.Context, o Options) (zip []byte, manifest bundle.Manifest, err error) {
	g := newGatherer(o)
	parts := g.all(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, manifest, ctx.Err()
	}
	return bundle.Pack(bundle.Bundle{
		Folder: o.Name, Tool: o.Tool, Created: o.Created, Parts: parts, Redact: g.redactor(),
		Verdict: bundle.Conclude(g.evidence), Registered: g.registered, Flushed: strings.Join(g.flushed, "; "),
	})
}
