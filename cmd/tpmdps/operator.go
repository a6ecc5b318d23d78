package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
	"tpmdps/internal/dps"
	"tpmdps/internal/input"
	"tpmdps/internal/operator"
	"tpmdps/internal/secretfile"
	"tpmdps/internal/text"
)

// serviceFlags name the DPS and the operator's credential. They are made for
// each run: urfave/cli keeps the value of a variable in the flag.
func serviceFlags() []cli.Flag {
	return slices.Concat([]cli.Flag{
		&cli.StringFlag{Name: "dps", EnvVars: []string{"TPMDPS_DPS"}, Usage: "the DPS, as `NAME`, host or URL (default: the connection string's)"},
		&cli.StringFlag{Name: "auth-type", Value: "key", Usage: "`TYPE` of credential: key (connection string or SAS token) or login (Microsoft Entra ID)"},
		&cli.StringFlag{Name: "credential", Value: "default", Usage: "with --auth-type login, sign in by `KIND`: " + strings.Join(operator.CredentialKinds(), ", ")},
		&cli.StringFlag{Name: "cloud", Value: "public", Usage: "the `CLOUD` of the DPS: public, usgov or china"},
	}, keyFlags(), tokenFlags())
}

// keyFlags say where a connection string is. The last one is there to be refused: az
// accepts it, so people type it.
func keyFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "connection-string-file", Usage: "read the connection string from `FILE` (or set PROVISIONING_CONNECTION_STRING)"},
		&cli.IntFlag{Name: "connection-string-fd", DefaultText: "none", Usage: "read the connection string from the open file descriptor `N`"},
		&cli.StringFlag{Name: "connection-string", Aliases: []string{"login", "l"}, Hidden: true, Usage: "refused: everyone can read a command line"},
	}
}

// tokenFlags say where a ready SAS token is.
func tokenFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "sas-token-file", Usage: "read a SAS token from `FILE` (or set TPMDPS_SAS_TOKEN)"},
		&cli.IntFlag{Name: "sas-token-fd", DefaultText: "none", Usage: "read a SAS token from the open file descriptor `N`"},
		&cli.StringFlag{Name: "sas-token", Hidden: true, Usage: "refused: everyone can read a command line"},
	}
}

// keySources are the flags that name a connection string or a token to be read.
var keySources = []string{"sas-token-file", "sas-token-fd", "connection-string-file", "connection-string-fd"}

// loginRule refuses the flags of the other type of credential: who names an account
// must not act with the owner's key because that is in the environment.
var loginRule = rule{flag: "auth-type login", excludes: keySources, only: []string{"credential"}}

// keyOptions say where the operator's key is: what one of keySources names. With none
// it is in the environment.
type keyOptions struct {
	flag, path string
	descriptor int
}

// readKeyOptions reads the flags of the operator's key. A secret on the command line is
// refused, whatever it is: it is no longer a secret, and the operator must know.
func readKeyOptions(f flags) (o keyOptions, err error) {
	for _, name := range []string{"connection-string", "sas-token"} {
		if f.typed(name) {
			return o, fmt.Errorf("%w: --%s: a command line is seen by every user of this machine and kept in histories and logs; "+
				"use --%[2]s-file, --%[2]s-fd or the environment, and if this machine has other users, renew the key", commandline.ErrUsage, name)
		}
	}
	for _, name := range keySources {
		switch {
		case !f.typed(name):
			continue
		case o.flag != "":
			return o, fmt.Errorf("%w: --%s and --%s exclude each other", commandline.ErrUsage, o.flag, name)
		case strings.HasSuffix(name, "-fd"):
			o.flag, o.descriptor = name, f.number(name)
		default:
			o.flag, o.path = name, f.text(name)
		}
	}
	return o, nil
}

// operatorKey is the connection string or the SAS token that the options name.
func (r *secrets) operatorKey(o keyOptions) (k operator.Key, err error) {
	var secret []byte
	switch {
	case o.flag == "":
		return operator.KeyFromEnvironment(variables())
	case o.path == "":
		k.Source = "--" + o.flag
		secret, err = r.descriptor(o.flag, o.descriptor)
	default:
		k.Source = o.path
		secret, err = r.file(o.path)
	}
	if errors.Is(err, secretfile.ErrEmpty) {
		err = fmt.Errorf("%w: %w", operator.ErrNoCredential, err)
	}
	k.Text, k.IsToken = string(secret), strings.HasPrefix(o.flag, "sas-token")
	return k, err
}

// serviceOptions name the DPS, and who asks its service API.
type serviceOptions struct {
	dps                         setting
	authType, credential, cloud string // cloud is "" where none was named
	key                         keyOptions
	caFile                      string
	named                       bool // by a flag, which says that the service is to be asked
}

func readServiceOptions(f flags) (o serviceOptions, err error) {
	o = serviceOptions{
		dps: f.setting("dps"), authType: f.text("auth-type"), credential: f.text("credential"), caFile: f.text("ca-file"),
		named: slices.ContainsFunc(append([]string{"dps", "auth-type", "credential"}, keySources...), f.typed),
	}
	if f.typed("cloud") {
		o.cloud = f.text("cloud")
	}
	o.key, err = readKeyOptions(f)
	return o, err
}

// service is the service API, and who asks it.
type service struct{ *operator.Operator }

// openService makes the client of the service API.
func (s *session) openService(o serviceOptions) (service, error) {
	w, err := s.way(s.ctx, o.caFile)
	if err != nil {
		return service{}, err
	}
	opts := operator.Options{
		DPS: o.dps.text, AuthType: o.authType, Credential: o.credential, Cloud: o.cloud,
		Client: s.clientOptions(s.ctx, dps.NewHTTPClient(w.roots, w.proxies)), Environment: variables(), Files: s.secrets.policy, Warn: s.warn,
		Inform: func(message string) { s.say("%s", message) }, Prompt: showDeviceCode(s.err), Learn: s.learn,
		Await: func(ctx context.Context, what string, f func()) error {
			_, err := input.Await(ctx, what, "its end did not come", func() (struct{}, error) { f(); return struct{}{}, nil })
			return err
		},
	}
	if err := opts.Check(); err != nil {
		return service{}, err
	}
	if o.authType != "login" {
		if opts.Key, err = s.secrets.operatorKey(o.key); err != nil {
			return service{}, err
		}
	}
	op, err := operator.Open(s.ctx, opts)
	if errors.Is(err, dps.ErrEndpoint) {
		err = o.dps.fault(err)
	}
	if err == nil && o.authType == "login" {
		hideFromChildren(o.credential) // it has read its own
	}
	return service{op}, err
}

// showDeviceCode prints the code so that it can be read from across a bench, and
// copied from a terminal. -q does not silence it: the run would wait for something
// that nobody knows of.
func showDeviceCode(w io.Writer) func(ctx context.Context, page, code string) error {
	return func(_ context.Context, page, code string) error {
		_, err := fmt.Fprintf(w, "\nTo sign in, open this page on any device:\n\n    %s\n\nand enter this code:\n\n    %s\n\n",
			text.Printable(page, 200), text.Printable(code, 40))
		return err
	}
}
