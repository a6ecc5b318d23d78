//go:build linux

package bench

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
)

// registrationID is that of our commands. The Node client enrolls the chip under
// the derived ID, which therefore has to be free.
const registrationID = "bench"

// Most TPM commands of a registration, and of one that goes on to the hub. A chip
// that derives both keys needs three more, to hold no more than two objects: the EK
// is saved, flushed, and loaded again for the second key.
const (
	mostToAssigned      = 22 + withoutManager
	mostToAssignedBlank = 25 + withoutManager
	mostToTwin          = 26 + withoutManager
)

// withoutManager are the commands that list what is in the memory of a chip without
// a resource manager, which the software TPM is: what a killed run leaves there
// would stay.
const withoutManager = 2

// Most that a registration has the chip do with its private RSA keys, and hold in
// its memory: softtpmtest.Tally.
const (
	mostPrivateOperations = 5
	mostTransients        = 2
)

// BenchmarkVerify counts what a whole registration costs the chip and the
// service, and what it costs by Microsoft's Node client.
func BenchmarkVerify(b *testing.B) {
	for _, chip := range []state{blank, ekPersisted, ekSRKPersisted} {
		b.Run(chip.name, func(b *testing.B) {
			s := newSite(b, chip)
			s.tpmdps(b, s.chip.Address(), "enroll", "--registration-id", registrationID).run(b)
			what := ", " + chip.what
			assigned := s.verifyToAssigned(b, "verify --until assigned"+what)
			s.verifyToTwin(b, "verify"+what)
			s.compareNode(b, "verify --until assigned"+what, assigned)
		})
	}
}

// verifyToAssigned registers the chip and reports what that took.
func (s *site) verifyToAssigned(b *testing.B, what string) (seen traffic) {
	b.Helper()
	verify := s.tpmdps(b, s.bus.Address(), "verify", "--registration-id", registrationID, "--until", "assigned")
	var requests []string
	var connections int
	for b.Loop() {
		s.bus.Reset()
		s.journal.reset()
		s.door.opened.Store(0)
		verify.run(b)
		seen, requests, connections = sum(s.bus), names(s.journal.requests(b)), int(s.door.opened.Load())
	}
	b.ReportMetric(float64(seen.commands), "TPM-commands")
	b.ReportMetric(float64(seen.tally.PrivateOperations), "RSA-operations")
	b.ReportMetric(float64(seen.tally.Transients), "objects")
	b.ReportMetric(float64(seen.writes), "NV-writes")
	b.ReportMetric(float64(len(requests)), "requests")
	b.ReportMetric(float64(connections), "connections")

	most := mostToAssigned
	if seen.primaries[tpm2.TPMRHEndorsement] > 0 {
		most = mostToAssignedBlank
	}
	report.count(what+": TPM commands", seen.commands, most)
	report.count(what+": private RSA operations", seen.tally.PrivateOperations, mostPrivateOperations)
	report.count(what+": objects in the chip's memory", seen.tally.Transients, mostTransients)
	report.count(what+": NV writes", seen.writes, 0)
	ek, srk := seen.primaries[tpm2.TPMRHEndorsement], seen.primaries[tpm2.TPMRHOwner]
	report.check(what+": CreatePrimary", fmt.Sprintf("EK %d, SRK %d", ek, srk), "at most 1 each", ek <= 1 && srk <= 1)
	needed := append([]string{"challenge", "register"}, slices.Repeat([]string{"poll"}, max(1, len(requests)-2))...)
	report.check(what+": HTTP requests", fmt.Sprintf("%d  (%s)", len(requests), strings.Join(requests, ", ")),
		"challenge, register, polls", slices.Equal(requests, needed))
	report.check(what+": TLS connections", fmt.Sprint(connections), "1", connections == 1)
	return seen
}

// verifyToTwin goes on to the hub, with a token that the chip signs.
func (s *site) verifyToTwin(b *testing.B, what string) {
	b.Helper()
	s.bus.Reset()
	s.tpmdps(b, s.bus.Address(), "verify", "--registration-id", registrationID).run(b)
	seen := sum(s.bus)
	b.ReportMetric(float64(seen.commands), "TPM-commands-to-twin")
	report.count(what+": TPM commands", seen.commands, mostToTwin)
	report.count(what+": NV writes", seen.writes, 0)
}
