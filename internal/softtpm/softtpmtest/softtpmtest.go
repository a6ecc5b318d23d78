// Package softtpmtest gives tests a software TPM in a known state.
//
// A fixture is a directory below testdata/tpm that holds the state of one chip:
//
//	persisted   from the factory: RSA EK at 0x81010001 with its certificate in
//	            NV, an ECC EK beside it, no SRK, no passwords
//	blank       no EK, no certificate, no SRK, no passwords
//
// The empty fixture name is a blank chip, too, with a seed of its own on every
// start. Everything else a test needs on a chip (an SRK, passwords) is put there
// by the functions below, when the test runs.
//
// How long a chip looks for the primes of an RSA primary key is up to its seed.
// Those of the fixtures were picked, by TPM2_ChangeEPS and TPM2_Clear until the keys of
// the TCG's templates came soon: they take 15 ms of processor time, others 50 on
// average and 100 not seldom. Persisted has the EK that its certificate is for.
//
// The package is for tests only: the product never links it.
package softtpmtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"tpmdps/internal/softtpm"
)

// Start runs a software TPM on a copy of a fixture, made in a temporary
// directory, and stops it when the test is over. A machine without swtpm fails
// the test: the message says what to install.
func Start(tb testing.TB, fixture string) *softtpm.Process {
	tb.Helper()
	return StartWith(tb, fixture, softtpm.Options{})
}

// StartWith is Start with options, of which Dir is set here.
func StartWith(tb testing.TB, fixture string, o softtpm.Options) *softtpm.Process {
	tb.Helper()
	o.Dir = tb.TempDir()
	if err := Copy(o.Dir, fixture); err != nil {
		tb.Fatal(err)
	}
	p, err := softtpm.Start(context.Background(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Stop(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

// Copy puts the state of a fixture into dir, for callers without a testing.TB
// such as the commands of a script.
func Copy(dir, fixture string) error {
	if fixture == "" {
		return nil
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	from := filepath.Join(root, "testdata", "tpm", fixture)
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		return fmt.Errorf("copy TPM fixture: %w", err)
	}
	return nil
}

// moduleRoot is the nearest directory upwards with a go.mod. Tests run in the
// directory of their package, so this needs no path compiled in.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find TPM fixtures: no go.mod above the working directory")
		}
		dir = parent
	}
}
