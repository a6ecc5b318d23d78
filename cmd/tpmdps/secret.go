package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
	"tpmdps/internal/input"
	"tpmdps/internal/secretfile"
	"tpmdps/internal/tpm"
)

// secretFlags are on the commands that read or write a secret.
func secretFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "secret-on-removable-media", Category: "Secrets:", DisableDefaultText: true, Usage: "allow secrets on removable media; anyone who finds it can read them"},
	}
}

// secrets reads the passwords, connection strings, tokens and keys of a run, and makes
// them known to whatever is printed.
type secrets struct {
	ctx    context.Context
	in     io.Reader
	policy secretfile.Policy // where they may be
	learn  func(...string)
	read   map[string][]byte // by path: a pipe gives it once
}

func newSecrets(ctx context.Context, u *ui, f flags) *secrets {
	return &secrets{
		ctx: ctx, in: u.in, learn: u.learn, read: map[string][]byte{},
		policy: secretfile.Policy{Machine: thisMachine.Machine, AllowRemovable: f.yes("secret-on-removable-media"), Warn: u.warn},
	}
}

// hierarchyAuths are the passwords of the files that the flags name, and for the
// hierarchies that have none, those of IoT Edge's file.
func (r *secrets) hierarchyAuths(o chipOptions) (auths tpm.HierarchyAuths, err error) {
	r.learn(o.configured.EndorsementAuth, o.configured.OwnerAuth)
	endorsement, endorsementErr := r.password(o.endorsementAuthFile)
	owner, ownerErr := r.password(o.ownerAuthFile)
	auths.Endorsement, auths.Owner = endorsement, owner
	if len(endorsement) == 0 {
		auths.Endorsement = []byte(o.configured.EndorsementAuth)
	}
	if len(owner) == 0 {
		auths.Owner = []byte(o.configured.OwnerAuth)
	}
	return auths, cmp.Or(endorsementErr, ownerErr)
}

// password reads a hierarchy's password: its bytes count as they are, but for
// encoding and line end.
func (r *secrets) password(path string) ([]byte, error) {
	password, err := r.file(path)
	if errors.Is(err, secretfile.ErrEmpty) {
		err = fmt.Errorf("%w; leave the flag out for an empty password", err)
	}
	return password, err
}

// file reads a secret from a file. An empty path means none.
func (r *secrets) file(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	if secret, ok := r.read[path]; ok {
		return slices.Clone(secret), nil
	}
	f, err := input.Open(r.ctx, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	secret, err := r.from(secretfile.Source{Reader: f, File: f.File(), Path: path}, path)
	if err != nil {
		return nil, err
	}
	r.read[path] = slices.Clone(secret)
	return secret, nil
}

// descriptor reads a secret from a file descriptor that the caller opened: then it
// is in no file and in no environment. The flag is named in an error.
func (r *secrets) descriptor(flag string, n int) ([]byte, error) {
	switch {
	case n == 0:
		return r.standardInput()
	case n < 3:
		return nil, fmt.Errorf("%w: --%s %d: give 0, or 3 and above", commandline.ErrUsage, flag, n)
	case runtime.GOOS == "windows":
		return nil, fmt.Errorf("%w: --%s %d: on Windows only 0, standard input, can be passed on", commandline.ErrUsage, flag, n)
	}
	f := os.NewFile(uintptr(n), fmt.Sprintf("file descriptor %d", n))
	defer f.Close()
	return r.from(secretfile.Source{Reader: input.NewReader(r.ctx, f.Name(), f), File: f}, f.Name())
}

// standardInput reads a secret from standard input.
func (r *secrets) standardInput() ([]byte, error) {
	source := secretfile.Source{Reader: r.in}
	if in, ok := r.in.(*input.Reader); ok {
		source.File = in.File()
	}
	return r.from(source, "standard input")
}

func (r *secrets) from(source secretfile.Source, name string) ([]byte, error) {
	secret, err := r.policy.Read(source)
	switch {
	case errors.Is(err, input.ErrTimeOver), errors.Is(err, secretfile.ErrRemovable):
		return nil, err // it names the file itself
	case err != nil:
		return nil, input.Unreadable(name, err)
	}
	r.learn(string(secret))
	return secret, nil
}
