package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/dps"
	"tpmdps/internal/environment"
	"tpmdps/internal/identity"
	"tpmdps/internal/network"
	"tpmdps/internal/tpm"
)

// variables are those of this process.
func variables() environment.Variables {
	return environment.Of(os.Environ(), runtime.GOOS == "windows")
}

// way is what every connection of a run has in common.
type way struct {
	roots   *x509.CertPool // nil: the system's
	proxies environment.Proxies
}

// way reads the proxies and the certificates to trust. It comes before the first
// connection; a setting that cannot be used ends the run here.
func (s *session) way() (w way, err error) {
	env := variables()
	var note string
	if w.proxies, note, err = env.Proxies(); err != nil {
		return w, err
	}
	if note != "" {
		s.say("warning: %s", note)
	}
	w.roots, err = network.RootFiles{
		CAFile: s.flag.String("ca-file"),
		Trust:  env.Trust(),
		Read:   func(path string) ([]byte, error) { return readLimited(s.ctx, path, network.MaxCertificates) },
		System: func() (*x509.CertPool, error) { // SSL_CERT_FILE may name a pipe
			return awaited(s.ctx, "the system's certificates", "", x509.SystemCertPool)
		},
	}.Load()
	return w, err
}

// ofFlags are what can be wrong with a flag that a variable may stand for.
var ofFlags = []struct {
	is   error
	flag string
}{
	{tpm.ErrAddress, "tpm"}, {identity.ErrIDScope, "id-scope"}, {identity.ErrRegistrationID, "registration-id"},
	{dps.ErrEndpoint, "global-endpoint"}, {dps.ErrEndpoint, "dps"},
}

// ofVariable puts the variable's name before an error about a value that stands on no
// command line. It goes by the value, too: a file may have another one.
func (s *session) ofVariable(err error) error {
	for _, of := range ofFlags {
		value := s.flag.String(of.flag)
		if value == "" || !errors.Is(err, of.is) || s.onCommandLine(of.flag) || !strings.Contains(err.Error(), printableStart(value)) {
			continue
		}
		for _, f := range s.flag.Command.Flags {
			known, ok := f.(*cli.StringFlag)
			if !ok || known.Name != of.flag {
				continue
			}
			if from, set := variables().First(known.EnvVars...); set && from.Value == value {
				return fmt.Errorf("%s: %w", from.Variable, err)
			}
		}
	}
	return err
}

// printableStart is the start of a value that an error shows as it is.
func printableStart(value string) string {
	end := strings.IndexFunc(value, func(r rune) bool { return r < '!' || r > '~' || r == '"' || r == '\\' })
	if end < 0 {
		end = len(value)
	}
	return value[:min(end, 12)]
}
