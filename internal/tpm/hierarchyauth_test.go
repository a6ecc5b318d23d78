package tpm

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
)

// Each password is proved, or refused, without crossing the bus, without being
// counted, and with nothing left on the chip.
func TestProveHierarchyAuth(t *testing.T) {
	const password = "tpmdps-canary-proof"
	tests := []struct {
		name, auth string
		want       error
	}{
		{"right", password, nil},
		{"right with zeros behind", password + "\x00\x00", nil},
		{"wrong", "tpmdps-canary-other", ErrAuth},
		{"its begin", password[:8], ErrAuth},
		{"more than it", password + "x", ErrAuth},
		{"as long as a password can be", strings.Repeat("p", maxAuth), ErrAuth},
		{"longer than any", strings.Repeat("p", maxAuth+1), ErrAuth},
		{"far longer", strings.Repeat("p", 70_000), ErrAuth},
		{"zeros", "\x00\x00", ErrAuth},
		{"none", "", ErrAuth},
	}
	onEach(t, func(t *testing.T, chip *recorder) {
		setPasswords(t, chip, password)
		before := open(t, chip, Options{})
		counted := func() uint32 {
			p, err := before.properties()
			if err != nil {
				t.Fatal(err)
			}
			return p.lockoutCounter
		}
		start := counted()
		for _, h := range []Hierarchy{HierarchyOwner, HierarchyEndorsement} {
			for _, tt := range tests {
				t.Run(fmt.Sprint(h, "/", tt.name), func(t *testing.T) {
					chip.bytes, chip.sent = nil, nil
					d := open(t, chip, Options{})
					err := d.proveHierarchyAuth(h, []byte(tt.auth))
					if !errors.Is(err, tt.want) {
						t.Errorf("proveHierarchyAuth() = %v, want %v", err, tt.want)
					}
					var auth *AuthError
					if errors.As(err, &auth) && auth.Handle != uint32(h) {
						t.Errorf("the password is said to be of %#x", auth.Handle)
					}
					if n := len(chip.sent); chip.count(tpm2.TPMCCPolicySecret) > 1 || n > 12 {
						t.Errorf("%d commands: %v", n, chip.sent)
					}
					if long := strings.TrimRight(tt.auth, "\x00"); len(long) > 4 && bytes.Contains(chip.bytes, []byte(long)) {
						t.Error("the password crossed the bus")
					}
					if err != nil && strings.Contains(err.Error(), "canary") {
						t.Errorf("the password is in the error: %v", err)
					}
					if left := leftovers(t, chip); len(left) > 0 {
						t.Errorf("left on the chip: %#x", left)
					}
				})
			}
		}
		if now := counted(); now != start {
			t.Errorf("the chip counted %d wrong passwords", now-start)
		}
	})
}

// Whatever refuses on the way, nothing is left, and only a refused password is
// said to be one.
func TestProveHierarchyAuthIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		setPasswords(t, chip, "right")
		for _, cc := range []tpm2.TPMCC{tpm2.TPMCCCreatePrimary, tpm2.TPMCCStartAuthSession, tpm2.TPMCCPolicySecret} {
			for n := 1; n <= 2; n++ {
				chip.sent = nil
				chip.fault = func(count int, sent tpm2.TPMCC) (tpm2.TPMRC, bool) {
					return tpm2.TPMRCSessionMemory, sent == cc && count == n
				}
				err := open(t, chip, Options{}).proveHierarchyAuth(HierarchyOwner, []byte("right"))
				if reached := chip.count(cc) >= n; reached != errors.Is(err, ErrResources) {
					t.Errorf("%v refused at its command %d: %v", cc, n, err)
				}
				chip.fault = nil
				if left := leftovers(t, chip); len(left) > 0 {
					t.Errorf("%v: left on the chip: %#x", cc, left)
				}
			}
		}
	})
}

// Passwords that somebody was told, against what the chip has.
func TestCompareHierarchyAuths(t *testing.T) {
	endorsement := func(given, set bool) AuthFault { return AuthFault{HierarchyEndorsement, given, set} }
	owner := func(given, set bool) AuthFault { return AuthFault{HierarchyOwner, given, set} }
	tests := []struct {
		set   string
		given HierarchyAuths
		want  []AuthFault
	}{
		{"", HierarchyAuths{}, nil},
		{"", HierarchyAuths{Owner: []byte("x")}, []AuthFault{owner(true, false)}},
		{"", HierarchyAuths{Owner: []byte("\x00")}, nil},
		{"s", HierarchyAuths{}, []AuthFault{endorsement(false, true), owner(false, true)}},
		{"s", HierarchyAuths{Endorsement: []byte("s")}, []AuthFault{owner(false, true)}},
		{"s", HierarchyAuths{Endorsement: []byte("s"), Owner: []byte("s")}, nil},
		{"s", HierarchyAuths{Endorsement: []byte("s"), Owner: []byte("t")}, []AuthFault{owner(true, true)}},
		{"s", HierarchyAuths{Endorsement: []byte("t"), Owner: []byte("s")}, []AuthFault{endorsement(true, true)}},
	}
	for i, tt := range tests {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			onEach(t, func(t *testing.T, chip *recorder) {
				if tt.set != "" {
					setPasswords(t, chip, tt.set)
				}
				chip.sent = nil
				got, err := open(t, chip, Options{}).CompareHierarchyAuths(tt.given)
				if err != nil || !slices.Equal(got, tt.want) {
					t.Errorf("CompareHierarchyAuths() = %+v, %v, want %+v", got, err, tt.want)
				}
				if len(tt.given.Owner)+len(tt.given.Endorsement) == 0 && chip.count(tpm2.TPMCCPolicySecret) > 0 {
					t.Error("an empty password was tried")
				}
			})
		})
	}
}

// A password for a hierarchy that has none is refused with these words, whichever
// way it was given; a wrong one for a hierarchy with a password is not.
func TestPasswordForAHierarchyWithoutOne(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		try := map[string]func() error{
			"endorsement, proved": func() error {
				return open(t, chip, Options{}).proveHierarchyAuth(HierarchyEndorsement, []byte("given"))
			},
			"owner, proved": func() error { return open(t, chip, Options{}).proveHierarchyAuth(HierarchyOwner, []byte("given")) },
			"endorsement":   func() error { return twoKeys(t, chip, Options{EndorsementAuth: []byte("given")}, false) },
			"owner":         func() error { return twoKeys(t, chip, Options{OwnerAuth: []byte("given")}, false) },
		}
		for name, refuse := range try {
			err := refuse()
			var auth *AuthError
			if !errors.As(err, &auth) || !auth.None || !strings.Contains(err.Error(), "it has none") {
				t.Errorf("%s, without a password: %v", name, err)
			}
		}
		setPasswords(t, chip, "right")
		for name, refuse := range try {
			err := refuse()
			var auth *AuthError
			if !errors.As(err, &auth) || auth.None || strings.Contains(err.Error(), "it has none") {
				t.Errorf("%s, with a password: %v", name, err)
			}
		}
	})
}
