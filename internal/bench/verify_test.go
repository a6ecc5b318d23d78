//go:build linux

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/emulator"
	"tpmdps/internal/softtpm"
	"tpmdps/internal/softtpm/softtpmtest"
)

// registrationID is that of our commands. The Node client enrolls the chip under
// the derived ID, which therefore has to be free.
const registrationID = "bench"

// site is a chip with its bus tapped, and a service behind a door.
type site struct {
	chip    *softtpm.Process
	bus     *softtpmtest.Bus
	server  *emulator.Server
	journal journal
	door    *door
	ca      string // file with the service's CA
}

func newSite(b *testing.B, fixture string) *site {
	b.Helper()
	s := &site{chip: softtpmtest.Start(b, fixture)}
	s.bus = softtpmtest.Tap(b, s.chip)
	var err error
	s.server, err = emulator.New(emulator.Options{RetryAfter: time.Second, Log: s.journal.log()})
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

// BenchmarkVerify counts what a whole registration costs the chip and the
// service, and what it costs by Microsoft's Node client.
func BenchmarkVerify(b *testing.B) {
	for _, bb := range []struct {
		name, what, fixture string
		srk                 bool
	}{
		{"BlankChip", "verify, blank chip", "", false},
		{"EKPersisted", "verify, EK persisted", "persisted", false}, // as most chips come
		{"EKAndSRKPersisted", "verify, EK and SRK persisted", "persisted", true},
	} {
		b.Run(bb.name, func(b *testing.B) {
			s := newSite(b, bb.fixture)
			if bb.srk {
				if err := softtpmtest.PersistSRK(s.chip); err != nil {
					b.Fatal(err)
				}
			}
			s.compareNode(b, bb.what, s.verify(b, bb.what))
		})
	}
}

// verify registers the chip and reports what that took.
func (s *site) verify(b *testing.B, what string) (seen traffic) {
	b.Helper()
	s.tpmdps(b, s.chip.Address(), "enroll", "--registration-id", registrationID).run(b)
	verify := s.tpmdps(b, s.bus.Address(), "verify", "--registration-id", registrationID)
	var requests []string
	var connections int
	for b.Loop() {
		s.bus.Reset()
		s.journal.reset()
		s.door.opened.Store(0)
		verify.run(b)
		seen, requests, connections = sum(s.bus), s.journal.requests(b), int(s.door.opened.Load())
	}
	b.ReportMetric(float64(seen.commands), "TPM-commands")
	b.ReportMetric(float64(seen.writes), "NV-writes")
	b.ReportMetric(float64(len(requests)), "requests")
	b.ReportMetric(float64(connections), "connections")

	report.count(what+": TPM commands", seen.commands, 22)
	report.count(what+": NV writes", seen.writes, 0)
	ek, srk := seen.primaries[tpm2.TPMRHEndorsement], seen.primaries[tpm2.TPMRHOwner]
	report.check(what+": CreatePrimary", fmt.Sprintf("EK %d, SRK %d", ek, srk), "at most 1 each", ek <= 1 && srk <= 1)
	needed := append([]string{"challenge", "register"}, slices.Repeat([]string{"poll"}, max(1, len(requests)-2))...)
	report.check(what+": HTTP requests", fmt.Sprintf("%d  (%s)", len(requests), strings.Join(requests, ", ")),
		"challenge, register, polls", slices.Equal(requests, needed))
	report.check(what+": TLS connections", fmt.Sprint(connections), "1", connections == 1)
	return seen
}
