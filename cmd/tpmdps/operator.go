package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/operator"
	"tpmdps/internal/secretfile"
	"tpmdps/internal/text"
)

// serviceFlags name the DPS and the operator's credential. They are made anew for
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
		&cli.StringFlag{Name: "connection-string", Aliases: []string{"login", "l"}, Hidden: true, Usage: "refused: a command line can be read by all"},
	}
}

// tokenFlags say where a ready SAS token is.
func tokenFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "sas-token-file", Usage: "read a SAS token from `FILE` (or set TPMDPS_SAS_TOKEN)"},
		&cli.IntFlag{Name: "sas-token-fd", DefaultText: "none", Usage: "read a SAS token from the open file descriptor `N`"},
		&cli.StringFlag{Name: "sas-token", Hidden: true, Usage: "refused: a command line can be read by all"},
	}
}

// keySources are the flags that name a connection string or a token to be read.
var keySources = []string{"sas-token-file", "sas-token-fd", "connection-string-file", "connection-string-fd"}

// service is the service API, and who asks it.
type service struct{ *operator.Operator }

// serviceClient makes the client of the service API that the flags name.
func serviceClient(s *session) (service, error) {
	o, err := s.operatorOptions()
	if err != nil {
		return service{}, err
	}
	op, err := operator.Open(s.ctx, o)
	if err == nil && o.AuthType == "login" {
		hideFromChildren(o.Credential) // it has read its own
	}
	return service{op}, err
}

// operatorOptions reads the flags, and the key that they or the environment name.
func (s *session) operatorOptions() (o operator.Options, err error) {
	client, err := s.clientOptions()
	if err != nil {
		return o, err
	}
	o = operator.Options{
		DPS: s.flag.String("dps"), AuthType: s.flag.String("auth-type"), Credential: s.flag.String("credential"),
		Client: client, Environment: variables(), Files: s.secretPolicy(), Warn: s.warn,
		Inform: func(message string) { s.say("%s", message) }, Prompt: showDeviceCode(s.err), Learn: s.learn,
		Await: func(ctx context.Context, what string, f func()) error {
			_, err := awaited(ctx, what, "its end did not come", func() (struct{}, error) { f(); return struct{}{}, nil })
			return err
		},
	}
	if s.flag.IsSet("cloud") {
		o.Cloud = s.flag.String("cloud")
	}
	if err := s.refuseSecrets(); err != nil {
		return o, err
	}
	if err := s.checkAuthFlags(o.AuthType); err != nil {
		return o, err
	}
	if err := o.Check(); err != nil || o.AuthType == "login" {
		return o, err
	}
	o.Key, err = s.operatorKey()
	return o, err
}

// checkAuthFlags refuses the flags of the other type of credential: who names an
// account must not act with the owner's key because that is in the environment.
func (s *session) checkAuthFlags(authType string) error {
	if authType == "login" {
		return s.excludes("auth-type login", keySources...)
	}
	if s.onCommandLine("credential") {
		return fmt.Errorf("%w: --credential is for --auth-type login, which is missing", errUsage)
	}
	return nil
}

// refuseSecrets refuses a secret on the command line, whatever it is: it is no
// longer a secret, and the operator must know.
func (s *session) refuseSecrets() error {
	for _, name := range []string{"connection-string", "sas-token"} {
		if s.flag.IsSet(name) {
			return fmt.Errorf("%w: --%s: a command line is seen by every user of this machine and kept in histories and logs; "+
				"use --%[2]s-file, --%[2]s-fd or the environment, and if this machine has other users, renew the key", errUsage, name)
		}
	}
	return nil
}

// operatorKey is the connection string or the SAS token that the command line names,
// otherwise the environment's.
func (s *session) operatorKey() (k operator.Key, err error) {
	named := slices.DeleteFunc(slices.Clone(keySources), func(name string) bool { return !s.flag.IsSet(name) })
	switch len(named) {
	case 0:
		return operator.KeyFromEnvironment(variables())
	case 1:
	default:
		return k, fmt.Errorf("%w: --%s and --%s exclude each other", errUsage, named[0], named[1])
	}
	flag := named[0]
	var secret []byte
	if strings.HasSuffix(flag, "-fd") {
		k.Source = "--" + flag
		secret, err = s.readSecretFD(flag)
	} else {
		k.Source = s.flag.String(flag)
		secret, err = s.readSecret(k.Source)
	}
	if errors.Is(err, secretfile.ErrEmpty) {
		err = fmt.Errorf("%w: %w", operator.ErrNoCredential, err)
	}
	k.Text, k.IsToken = string(secret), strings.HasPrefix(flag, "sas-token")
	return k, err
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
