//go:build cgo

package tpm

import (
	"testing"

	"github.com/google/go-tpm-tools/simulator"
	"github.com/google/go-tpm/tpm2/transport"
)

func init() { implementations["simulator"] = openSimulator }

// openSimulator starts the reference implementation in this process. There is
// one at a time; the next one waits until this test is over.
func openSimulator(tb testing.TB) transport.TPM {
	sim, err := simulator.Get()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := sim.Close(); err != nil {
			tb.Error(err)
		}
	})
	return transport.FromReadWriter(sim)
}
