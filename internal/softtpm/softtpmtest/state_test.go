package softtpmtest_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/softtpm/softtpmtest"
)

func TestSetAuth(t *testing.T) {
	p := softtpmtest.Start(t, "persisted")
	if err := softtpmtest.SetAuth(p, "", "secret"); err != nil {
		t.Fatal(err)
	}
	if err := softtpmtest.PersistSRK(p); !errors.Is(err, tpm2.TPMRCBadAuth) {
		t.Errorf("PersistSRK() without the owner password = %v, want %v", err, tpm2.TPMRCBadAuth)
	}
	if err := softtpmtest.SetAuth(p, "secret", ""); err != nil {
		t.Errorf("SetAuth() of the other hierarchy = %v", err)
	}
	if err := softtpmtest.SetAuth(p, "again", ""); !errors.Is(err, tpm2.TPMRCBadAuth) {
		t.Errorf("SetAuth() of a hierarchy with a password = %v, want %v", err, tpm2.TPMRCBadAuth)
	}
}

func TestPersistLeavesNothingElse(t *testing.T) {
	p := softtpmtest.Start(t, "")
	if err := softtpmtest.PersistSRK(p); err != nil {
		t.Fatal(err)
	}
	if left, err := softtpmtest.Leftovers(p); err != nil || len(left) != 0 {
		t.Errorf("Leftovers() = %#x, %v, want none", left, err)
	}
}

func TestCopy(t *testing.T) {
	dir := t.TempDir()
	if err := softtpmtest.Copy(dir, "persisted"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "tpm2-00.permall")); err != nil {
		t.Error(err)
	}
	if err := softtpmtest.Copy(dir, "no-such-fixture"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Copy() = %v, want %v", err, os.ErrNotExist)
	}
}
