package main

import (
	"crypto/x509"
	"errors"
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
				return &variableFault{from.Variable, of.flag, err}
			}
		}
	}
	return err
}

// checkVariables refuses a variable that stands for a flag of this command and has
// something around its value, such as the line end of a batch file: what is named
// then is not what was meant. That of the chip counts where a chip is used.
func (s *session) checkVariables(usesChip bool) error {
	for _, f := range s.flag.Command.Flags {
		known, ok := f.(*cli.StringFlag)
		if !ok || len(known.EnvVars) == 0 || s.onCommandLine(known.Name) || known.Name == "tpm" && !usesChip {
			continue
		}
		from, set := variables().First(known.EnvVars...)
		if !set {
			continue
		}
		if err := from.Bare(); err != nil {
			return err
		}
	}
	return nil
}

// variableFault is an error of a value that stands in a variable. Its hint does not
// name the flag, which was not given.
type variableFault struct {
	variable, flag string
	err            error
}

func (e *variableFault) Error() string { return e.variable + ": " + e.err.Error() }
func (e *variableFault) Unwrap() error { return e.err }

// Hint is what to do about the variable; "" where the error's own hint names no flag.
func (e *variableFault) Hint() string {
	switch e.flag {
	case "tpm":
		return "for example " + e.variable + "=/dev/tpmrm0"
	case "registration-id":
		return "take the variable out to use the ID that is derived from the chip"
	}
	return ""
}

// printableStart is the start of a value that an error shows as it is.
func printableStart(value string) string {
	end := strings.IndexFunc(value, func(r rune) bool { return r < '!' || r > '~' || r == '"' || r == '\\' })
	if end < 0 {
		end = len(value)
	}
	return value[:min(end, 12)]
}
