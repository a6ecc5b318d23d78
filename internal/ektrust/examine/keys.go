package examine

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"tpmdps/internal/ektrust"
	"tpmdps/internal/identity"
)

// Keys judges several keys of one chip, each of which a tool may use as its EK: marshalled
// TPM2B_PUBLICs. The certificate in the chip's record counts for the key that it is for
// alone; the others have none. Where it is for none of them it is another chip's, and
// counts as that. A key that DPS cannot use has a result without a verdict.
func (x *Examiner) Keys(ctx context.Context, chip identity.Record, keys [][]byte, now time.Time) ([]Result, error) {
	known := slices.ContainsFunc(keys, func(key []byte) bool { return certifies(chip, key) })
	results := make([]Result, len(keys))
	for i, key := range keys {
		if identity.CheckEndorsementKey(key) != nil {
			continue
		}
		r := chip
		r.EndorsementKey = base64.StdEncoding.EncodeToString(key)
		r.RegistrationIDs = identity.RegistrationIDs(key)
		r.RegistrationID = r.RegistrationIDs.Base32
		if known && !certifies(chip, key) {
			r.EKCertificate, r.EKCertificateFacts, r.EKCertificateChain = nil, nil, []string{}
		}
		var err error
		if results[i], err = x.Record(ctx, r, now); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// certifies tells whether the certificate in a record is for a key.
func certifies(r identity.Record, key []byte) bool {
	if r.EKCertificate == nil {
		return false
	}
	der, err := base64.StdEncoding.DecodeString(*r.EKCertificate)
	if err != nil {
		return false
	}
	stored, err := identity.ParseEKCertificate(der)
	return err == nil && stored.Facts(key).KeyMatches
}

// Refusal is why a chip is refused, fit to end a sentence; "" where it is not.
func (r Result) Refusal() string {
	if err := r.Decision.Err(); errors.Is(err, ektrust.ErrRefused) {
		return err.Error()
	}
	return ""
}
