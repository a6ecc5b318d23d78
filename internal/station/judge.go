package station

import (
	"cmp"
	"fmt"
	"time"

	"tpmdps/internal/ektrust"
	"tpmdps/internal/ektrust/examine"
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

// JudgeCertificate says whether the maker vouches for the key: by the verdict on it, or
// without one, as far as the chip's own certificate shows. Without roots, a verdict that
// is only unknown says no more than that. A chip without certificate works as well; that
// the policy refuses one is not said here.
func JudgeCertificate(r identity.Record, judged examine.Result, rootless bool) Seen {
	seen := certificate(r)
	line, warn := judged.Line(rootless)
	switch word := verdictOf(judged); {
	case word == "":
		return seen
	case warn && word == ektrust.Absent:
		return Seen{seen.Detail + "; " + line, true}
	case warn:
		return Seen{line, true}
	case word == ektrust.Absent:
		return seen
	case rootless:
		seen.Detail += "; not verified, since no roots were given"
		return seen
	}
	return Seen{line + expired(r), expired(r) != ""}
}

// verdictOf is the verdict in one word, "" without one.
func verdictOf(judged examine.Result) ektrust.Word {
	if judged.Verdict == nil {
		return ""
	}
	return judged.Verdict.Verdict
}

// certificate compares the chip's certificate with its key.
func certificate(r identity.Record) Seen {
	c := r.EKCertificateFacts
	switch {
	case c == nil && len(r.EKCertificateNotes) > 0:
		return Seen{"it cannot be read: " + r.EKCertificateNotes[0], true}
	case c == nil:
		return Seen{"there is none in NV: nobody vouches for this chip", true}
	case !c.KeyMatches:
		return Seen{"it is for another key: the maker does not vouch for this one", true}
	case expired(r) != "":
		return Seen{"matches the key" + expired(r), true}
	}
	return Seen{Detail: fmt.Sprintf("matches the key; issued by %s", cmp.Or(c.Issuer, "an issuer without a name"))}
}

// expired is the end of a sentence on a certificate that has run out, and else "".
func expired(r identity.Record) string {
	if c := r.EKCertificateFacts; c != nil && !r.ReadAt.IsZero() && c.NotAfter.Before(r.ReadAt) {
		return "; expired " + c.NotAfter.Format(time.DateOnly)
	}
	return ""
}
