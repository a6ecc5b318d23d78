package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/dps"
	"tpmdps/internal/text"
)

// errRemovable is for a secret where it can be lost.
var errRemovable = errors.New("a secret on removable media")

// secretVariables are those of the environment in which this program, or
// azidentity, finds a secret.
var secretVariables = []string{
	"PROVISIONING_CONNECTION_STRING", "TPMDPS_SAS_TOKEN",
	"AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_PASSWORD", "IDENTITY_HEADER", "MSI_SECRET",
}

// errEmptySecret is for a file without a secret.
var errEmptySecret = errors.New("it is empty")

// readPassword reads a hierarchy's password: its bytes count as they are, but for
// encoding and line end.
func (s *session) readPassword(path string) ([]byte, error) {
	password, err := s.readSecret(path)
	if errors.Is(err, errEmptySecret) {
		err = fmt.Errorf("%w; leave the flag out for an empty password", err)
	}
	return password, err
}

// maxSecret bounds a password, a connection string, a token.
const maxSecret = 16 << 10

// readSecret reads a password, a connection string or a token from a file; the
// line end that editors add is no part of it. An empty path is no secret.
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
	if err := s.checkOpen(f.file(), path); err != nil {
		return nil, err
	}
	secret, err := s.secretFrom(f, path)
	if err != nil {
		return nil, err
	}
	if s.secrets == nil {
		s.secrets = map[string][]byte{}
	}
	s.secrets[path] = slices.Clone(secret)
	return secret, nil
}

// checkPlace refuses a secret on a stick: it would be carried away with it.
func (s *session) checkPlace(path string) error {
	medium := removable(path)
	if medium == "" || s.flag.Bool("secret-on-removable-media") {
		return nil
	}
	return fmt.Errorf("%w: %s lies on %s", errRemovable, path, medium)
}

// warnReadable says that others can read a secret. Windows has other rights,
// which the mode does not tell.
func (s *session) warnReadable(info fs.FileInfo, path string) {
	if !info.Mode().IsRegular() || runtime.GOOS == "windows" {
		return
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		s.say("warning: %s: others can read it (mode %04o): chmod 600 %[1]s", path, mode)
	}
}

// checkOpen does both for a file that is open. One of no known place, such as a
// pipe, lies nowhere.
func (s *session) checkOpen(f *os.File, path string) error {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	if err := s.checkPlace(path); err != nil {
		return err
	}
	s.warnReadable(info, path)
	return nil
}

// secretFrom reads a secret, and makes it known to whatever is printed.
func (s *session) secretFrom(r io.Reader, name string) ([]byte, error) {
	secret, err := secretFrom(r, name)
	s.learn(string(secret))
	return secret, err
}

// secretFrom reads what a person, an editor or a secret store has written.
func secretFrom(r io.Reader, name string) ([]byte, error) {
	data, err := readAtMost(r, name, maxSecret)
	if err != nil {
		return nil, err
	}
	secret := bytes.TrimRight(secretText(data), "\r\n")
	switch {
	case len(secret) == 0:
		return nil, fmt.Errorf("%w %s: %w", errInputs, name, errEmptySecret)
	case slices.Contains(secret, 0):
		return nil, fmt.Errorf("%w %s: a zero byte cannot be part of a secret here", errInputs, name)
	}
	return secret, nil
}

// secretText undoes the encoding in which Windows writes a file, where that is
// beyond doubt, and changes nothing else: a password may be any bytes. UTF-16
// without its mark counts if each character is one that a keyboard of the West has.
func secretText(data []byte) []byte {
	decoded, err := text.Decode(data)
	if err != nil || decoded.Encoding == text.Mixed {
		return data
	}
	if decoded.Encoding == text.BareUTF16 && strings.ContainsFunc(string(decoded.UTF8), func(r rune) bool { return r > 0xff }) {
		return data
	}
	return decoded.UTF8
}

// readSecretFD reads a secret from a file descriptor that the caller opened:
// it is in no file and in no environment then.
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
	if err := s.checkDescriptor(f, n); err != nil {
		return nil, err
	}
	return s.secretFrom(newInput(s.ctx, f.Name(), f), f.Name())
}

// readSecretIn reads a secret from standard input.
func (s *session) readSecretIn() ([]byte, error) {
	if in, ok := s.in.(*input); ok && in.file() != nil {
		if err := s.checkDescriptor(in.file(), 0); err != nil {
			return nil, err
		}
	}
	return s.secretFrom(s.in, "standard input")
}

// checkDescriptor looks where a redirection leads to: a shell opens what lies on
// a stick as willingly as this program.
func (s *session) checkDescriptor(f *os.File, n int) error {
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", n))
	if err != nil || !filepath.IsAbs(path) { // not on Linux, or a pipe
		return nil
	}
	return s.checkOpen(f, path)
}

// keyFlags say where a connection string or a SAS token is. The last ones are
// there to be refused: az takes them, so people type them.
func keyFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "connection-string-file", Usage: "read the connection string from `FILE` (or set PROVISIONING_CONNECTION_STRING)"},
		&cli.IntFlag{Name: "connection-string-fd", DefaultText: "none", Usage: "read the connection string from the open file descriptor `N`"},
		&cli.StringFlag{Name: "connection-string", Aliases: []string{"login", "l"}, Hidden: true, Usage: "refused: a command line can be read by all"},
	}
}

// tokenFlags are those of a ready SAS token.
func tokenFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "sas-token-file", Usage: "read a SAS token from `FILE` (or set TPMDPS_SAS_TOKEN)"},
		&cli.IntFlag{Name: "sas-token-fd", DefaultText: "none", Usage: "read a SAS token from the open file descriptor `N`"},
		&cli.StringFlag{Name: "sas-token", Hidden: true, Usage: "refused: a command line can be read by all"},
	}
}

// refuseSecrets refuses a secret on the command line, whatever it is: it is
// out already, and the operator must know.
func (s *session) refuseSecrets() error {
	for _, name := range []string{"connection-string", "sas-token"} {
		if s.flag.IsSet(name) {
			return fmt.Errorf("%w: --%s: a command line is seen by every user of this machine and kept in histories and logs; "+
				"use --%[2]s-file, --%[2]s-fd or the environment, and if this machine has other users, renew the key", errUsage, name)
		}
	}
	return nil
}

// handedIn is a connection string or a SAS token that was handed in.
type handedIn struct {
	text    string
	isToken bool
	from    string // the file or variable, for people
}

// named says where a credential is from that is not what it is given for.
func (h handedIn) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", h.from, err)
}

// keyText is a connection string or a SAS token, and which of them. What is
// named on the command line goes before the environment, a token before a
// connection string: it is the narrower one.
func (s *session) keyText() (handedIn, error) {
	var named []string
	for _, name := range []string{"sas-token-file", "sas-token-fd", "connection-string-file", "connection-string-fd"} {
		if s.flag.IsSet(name) {
			named = append(named, name)
		}
	}
	switch {
	case len(named) > 1:
		return handedIn{}, fmt.Errorf("%w: --%s and --%s exclude each other", errUsage, named[0], named[1])
	case len(named) == 1:
		return s.keyFile(named[0])
	}
	for _, name := range []string{"TPMDPS_SAS_TOKEN", "PROVISIONING_CONNECTION_STRING"} {
		if text := os.Getenv(name); text != "" {
			// A shell leaves of a file in UTF-16 its mark and no zero byte.
			text = strings.TrimPrefix(strings.TrimPrefix(text, "\xff\xfe"), "\xfe\xff")
			return s.undress(handedIn{text, name == "TPMDPS_SAS_TOKEN", name + " (from the environment)"})
		}
	}
	return handedIn{}, errCredential
}

// keyFile reads it from the file or the file descriptor that a flag names.
func (s *session) keyFile(flag string) (h handedIn, err error) {
	h.isToken = strings.HasPrefix(flag, "sas-token")
	var secret []byte
	if strings.HasSuffix(flag, "-fd") {
		h.from = "--" + flag
		secret, err = s.readSecretFD(flag)
	} else {
		h.from = s.flag.String(flag)
		secret, err = s.readSecret(h.from)
	}
	switch {
	case errors.Is(err, errEmptySecret):
		return h, fmt.Errorf("%w: %w", errCredential, err)
	case err != nil:
		return h, err
	}
	h.text = string(secret)
	return s.undress(h)
}

// undress takes off what stands around a credential, and makes what is left known to
// whatever is printed.
func (s *session) undress(h handedIn) (handedIn, error) {
	text, err := dps.CredentialText(h.text)
	s.learn(text)
	switch {
	case err != nil && h.isToken:
		return h, h.named(fmt.Errorf("%w: %w: %w", dps.ErrCredential, dps.ErrToken, err))
	case err != nil:
		return h, h.named(fmt.Errorf("%w: %w", dps.ErrConnectionString, err))
	case text == "":
		return h, fmt.Errorf("%w: %w %s: %w", errCredential, errInputs, h.from, errEmptySecret)
	}
	h.text = text
	return h, nil
}
