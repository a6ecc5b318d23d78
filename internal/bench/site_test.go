//go:build linux

package bench

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/emulator"
	"tpmdps/internal/softtpm"
	"tpmdps/internal/softtpm/softtpmtest"
)

// state is that of a chip when somebody comes to it: which keys are at their
// handles.
type state struct {
	name, what string
	ek, srk    bool
}

var (
	blank          = state{"BlankChip", "blank chip", false, false}
	ekPersisted    = state{"EKPersisted", "EK persisted", true, false} // as most chips come
	ekSRKPersisted = state{"EKAndSRKPersisted", "EK and SRK persisted", true, true}
)

// site is a chip with its bus tapped, and a service with its hub, of which DPS
// is behind a door.
type site struct {
	chip    *softtpm.Process
	bus     *softtpmtest.Bus
	server  *emulator.Server
	journal *journal
	door    *door
	ca      string // file with the service's CA
}

func newSite(b *testing.B, chip state) *site {
	b.Helper()
	s := &site{journal: newJournal()}
	s.plug(b, chip)
	var err error
	s.server, err = emulator.New(emulator.Options{RetryAfter: time.Second, MQTT: "127.0.0.1:0", Log: s.journal.log()})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.server.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.server.Close(); err != nil {
			b.Error(err)
		}
	})
	if s.door, err = openDoor(b, "127.0.0.1:0", s.server.Addr()); err != nil {
		b.Fatal(err)
	}
	s.ca = filepath.Join(b.TempDir(), "ca.pem")
	if err := os.WriteFile(s.ca, s.server.CAPEM(), 0o600); err != nil {
		b.Fatal(err)
	}
	return s
}

// plug puts a new chip in, with a seed of its own.
func (s *site) plug(b *testing.B, chip state) {
	b.Helper()
	s.chip = softtpmtest.Start(b, "")
	var err error
	if chip.ek {
		err = softtpmtest.PersistPrimary(s.chip, tpm2.TPMRHEndorsement, tpm2.RSAEKTemplate, 0x81010001)
	}
	if chip.srk {
		err = errors.Join(err, softtpmtest.PersistSRK(s.chip))
	}
	if err != nil {
		b.Fatal(err)
	}
	s.bus = softtpmtest.Tap(b, s.chip)
}

// tpmdps is a command of ours at this site, with the chip at an address.
func (s *site) tpmdps(b *testing.B, chip, command string, args ...string) job {
	return job{
		env: []string{
			"TPMDPS_TPM=" + chip,
			"SSL_CERT_FILE=" + s.ca,
			"PROVISIONING_CONNECTION_STRING=" + s.server.ConnectionString(),
			"IOTHUB_DEVICE_DPS_ENDPOINT=https://" + s.door.Addr().String(),
			"IOTHUB_DEVICE_DPS_ID_SCOPE=" + s.server.IDScope(),
		},
		dir:  b.TempDir(),
		args: append([]string{program(b), command}, args...),
	}
}
