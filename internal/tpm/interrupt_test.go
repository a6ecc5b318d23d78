package tpm

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// A trip that is interrupted after any of its commands ends with that, and
// leaves nothing on the chip.
func TestInterruptedAfterEachCommand(t *testing.T) {
	const atLeast = 12 // commands: two keys, two sessions, the activation, a signature
	onEach(t, func(t *testing.T, chip *recorder) {
		for n := 1; ; n++ {
			ctx, cancel := context.WithCancel(t.Context())
			sent := 0
			chip.fault = func(int, tpm2.TPMCC) (tpm2.TPMRC, bool) {
				if sent++; sent == n {
					cancel() // the chip answers this one; the next is not sent
				}
				return 0, false
			}
			err := trip(ctx, t, chip, Options{})
			cancel()
			chip.fault = nil
			if left := leftovers(t, chip); len(left) > 0 {
				t.Fatalf("interrupted after command %d: left on the chip: %#x", n, left)
			}
			if sent < n { // it was over before
				if err != nil || n < atLeast {
					t.Errorf("the whole trip = %v with %d commands, want nil with %d at least", err, sent, atLeast)
				}
				return
			}
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("interrupted after command %d: %v, want %v", n, err, context.Canceled)
			}
		}
	})
}

// trip finds the keys, activates a key with them, signs, and closes everything.
func trip(ctx context.Context, tb testing.TB, chip transport.TPM, o Options) (err error) {
	return useWithin(ctx, chip, o, func(d *Device, ek, srk *Key) (err error) {
		key, err := d.Activate(ek, srk, wrap(tb, ek, srk, testKey, "localhost/box-7"))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, key.Close()) }()
		_, err = key.Sign([]byte("text"))
		return err
	})
}

func use(chip transport.TPM, o Options, do func(d *Device, ek, srk *Key) error) error {
	return useWithin(context.Background(), chip, o, do)
}

// useWithin opens a chip and finds its keys, for the time of one function.
func useWithin(ctx context.Context, chip transport.TPM, o Options, do func(d *Device, ek, srk *Key) error) (err error) {
	d, err := newDevice(ctx, chip, o)
	if err != nil {
		return err
	}
	ek, err := d.EK()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ek.Close()) }()
	srk, err := d.SRK()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srk.Close()) }()
	return do(d, ek, srk)
}
