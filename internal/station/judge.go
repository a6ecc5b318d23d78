package station

import (
	"cmp"
	"fmt"
	"time"

	"tpmdps/internal/identity"
)

// JudgeKey says where the endorsement key is from. That it is one that DPS can use was
// found out when it was read.
func JudgeKey(r identity.Record) Seen {
	if r.EKHandle == "" {
		return Seen{Detail: "derived from the TCG L-1 template, not stored on the chip"}
	}
	return Seen{Detail: "persistent, at " + r.EKHandle}
}

// JudgeCertificate says whether the maker vouches for the key, as far as the chip's own
// certificate shows: its signature is not checked. A chip without one works as well, so
// nothing that is wrong with it ends the run.
func JudgeCertificate(r identity.Record) Seen {
	c := r.EKCertificateFacts
	switch {
	case c == nil && len(r.EKCertificateNotes) > 0:
		return Seen{"it cannot be read: " + r.EKCertificateNotes[0], true}
	case c == nil:
		return Seen{"there is none in NV: nobody vouches for this chip", true}
	case !c.KeyMatches:
		return Seen{"it is for another key: the maker does not vouch for this one", true}
	case !r.ReadAt.IsZero() && c.NotAfter.Before(r.ReadAt):
		return Seen{"matches the key; expired " + c.NotAfter.Format(time.DateOnly), true}
	}
	return Seen{Detail: fmt.Sprintf("matches the key; issued by %s", cmp.Or(c.Issuer, "an issuer without a name"))}
}
