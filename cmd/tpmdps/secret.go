package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"

	"tpmdps/internal/secretfile"
)

// secretVariables are those of the environment in which this program, or
// azidentity, finds a secret.
var secretVariables = []string{
	"PROVISIONING_CONNECTION_STRING", "TPMDPS_SAS_TOKEN",
	"AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_PASSWORD", "IDENTITY_HEADER", "MSI_SECRET",
}

// secretPolicy says where this run's secrets may be.
func (s *session) secretPolicy() secretfile.Policy {
	return secretfile.Policy{Machine: thisMachine.Machine, AllowRemovable: s.flag.Bool("secret-on-removable-media"), Warn: s.warn}
}

// readPassword reads a hierarchy's password: its bytes count as they are, but for
// encoding and line end.
func (s *session) readPassword(path string) ([]byte, error) {
	password, err := s.readSecret(path)
	if errors.Is(err, secretfile.ErrEmpty) {
		err = fmt.Errorf("%w; leave the flag out for an empty password", err)
	}
	return password, err
}

// readSecret reads a password, a connection string or a token from a file. An empty
// path is no secret.
func (s *session) readSecret(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	if secret, ok := s.secrets[path]; ok {
		return slices.Clone(secret), nil // a pipe gives it once
	}
	f, err := openInput(s.ctx, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	secret, err := s.secretFrom(secretfile.Source{Reader: f, File: f.file(), Path: path}, path)
	if err != nil {
		return nil, err
	}
	if s.secrets == nil {
		s.secrets = map[string][]byte{}
	}
	s.secrets[path] = slices.Clone(secret)
	return secret, nil
}

// readSecretFD reads a secret from a file descriptor that the caller opened: then it
// is in no file and in no environment.
func (s *session) readSecretFD(flag string) ([]byte, error) {
	n := s.flag.Int(flag)
	switch {
	case n == 0:
		return s.readSecretIn()
	case n < 3:
		return nil, fmt.Errorf("%w: --%s %d: give 0, or 3 and above", errUsage, flag, n)
	case runtime.GOOS == "windows":
		return nil, fmt.Errorf("%w: --%s %d: on Windows only 0, standard input, can be passed on", errUsage, flag, n)
	}
	f := os.NewFile(uintptr(n), fmt.Sprintf("file descriptor %d", n))
	defer f.Close()
	return s.secretFrom(secretfile.Source{Reader: newInput(s.ctx, f.Name(), f), File: f}, f.Name())
}

// readSecretIn reads a secret from standard input.
func (s *session) readSecretIn() ([]byte, error) {
	source := secretfile.Source{Reader: s.in}
	if in, ok := s.in.(*input); ok {
		source.File = in.file()
	}
	return s.secretFrom(source, "standard input")
}

// secretFrom reads a secret, and makes it known to whatever is printed.
func (s *session) secretFrom(source secretfile.Source, name string) ([]byte, error) {
	secret, err := s.secretPolicy().Read(source)
	switch {
	case errors.Is(err, errInputWait), errors.Is(err, secretfile.ErrRemovable):
		return nil, err // it names the file itself
	case err != nil:
		return nil, cannotRead(name, err)
	}
	s.learn(string(secret))
	return secret, nil
}
