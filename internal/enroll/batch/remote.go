package batch

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"tpmdps/internal/dps"
	"tpmdps/internal/enroll"
	"tpmdps/internal/inventory"
	"tpmdps/internal/text"
)

// pageSize is how many enrollments a query gives at once, as DPS does by default.
const pageSize = 100

// maxOthers bounds how many other enrollments of one key are kept.
const maxOthers = 5

// remote is what the service has, as far as the batch is concerned. The enrollments
// themselves are in a temporary file, of which nothing is left when it is closed: in
// memory there are a few bytes for each.
type remote struct {
	file   *os.File
	size   int64
	at     map[digest]place // by registration ID
	others map[digest][]enroll.Other
	whole  bool // all enrollments were looked through
	read   int
}

// place is where an enrollment stands in the file.
type place struct {
	offset int64
	length int32
}

// readRemote looks through all enrollments, or the first most of them, if most is not
// 0. Before each page it waits for its turn.
func readRemote(ctx context.Context, svc *dps.ServiceClient, names *inventory.Duplicates, most int, turn func(context.Context) error) (_ *remote, err error) {
	r := &remote{at: map[digest]place{}, others: map[digest][]enroll.Other{}}
	if r.file, err = os.CreateTemp("", "tpmdps-enrollments-*"); err != nil {
		return nil, fmt.Errorf("look through all enrollments: %w", err)
	}
	_ = os.Remove(r.file.Name()) // where an open file can be removed, nothing is left of it
	if err := r.fill(ctx, svc, names, most, turn); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *remote) fill(ctx context.Context, svc *dps.ServiceClient, names *inventory.Duplicates, most int, turn func(context.Context) error) error {
	if err := turn(ctx); err != nil {
		return err
	}
	for e, err := range svc.Enrollments(ctx, dps.AllEnrollments, pageSize) {
		if err != nil {
			return fmt.Errorf("look through all enrollments: %w", err)
		}
		if most > 0 && r.read == most {
			return nil
		}
		if r.read++; r.read%pageSize == 0 {
			if err := turn(ctx); err != nil {
				return err
			}
		}
		if err := r.add(e, names); err != nil {
			return err
		}
	}
	r.whole = true
	return nil
}

// add keeps an enrollment that the batch has, and that its key is in the batch under
// another ID.
func (r *remote) add(e dps.Enrollment, names *inventory.Duplicates) error {
	if key := keyOf(e); key != "" && names.HasKeyElsewhere(key, e.RegistrationID) {
		if found := r.others[digestOf(key)]; len(found) < maxOthers {
			r.others[digestOf(key)] = append(found, enroll.Other{
				RegistrationID: text.Printable(e.RegistrationID, 128), Disabled: strings.EqualFold(e.ProvisioningStatus, "disabled"),
			})
		}
	}
	if !names.HasID(e.RegistrationID) {
		return nil
	}
	raw, err := json.Marshal(e)
	if err == nil {
		_, err = r.file.WriteAt(raw, r.size)
	}
	if err != nil {
		return fmt.Errorf("look through all enrollments: keep %s: %w", text.Printable(e.RegistrationID, 128), err)
	}
	r.at[idDigest(e.RegistrationID)] = place{r.size, int32(len(raw))}
	r.size += int64(len(raw))
	return nil
}

// keyOf is an enrollment's endorsement key as records have it; "" if it has none.
func keyOf(e dps.Enrollment) string {
	if e.Attestation.TPM == nil {
		return ""
	}
	ek, err := base64.StdEncoding.DecodeString(e.Attestation.TPM.EndorsementKey)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(ek)
}

// enrollment returns what the service had under an ID, or nil; known is false where
// that was not found out.
func (r *remote) enrollment(id string) (e *dps.Enrollment, known bool, err error) {
	at, is := r.at[idDigest(id)]
	if !is {
		return nil, r.whole, nil
	}
	raw := make([]byte, at.length)
	if _, err := io.ReadFull(io.NewSectionReader(r.file, at.offset, int64(at.length)), raw); err != nil {
		return nil, false, fmt.Errorf("read what the service has: %w", err)
	}
	e = &dps.Enrollment{}
	if err := json.Unmarshal(raw, e); err != nil {
		return nil, false, fmt.Errorf("read what the service has: %w", err)
	}
	return e, true, nil
}

// othersOf are the enrollments of a key under other IDs than that of its record.
func (r *remote) othersOf(endorsementKey string) []enroll.Other {
	return r.others[digestOf(endorsementKey)]
}

// Close removes the file.
func (r *remote) Close() error {
	err := r.file.Close()
	_ = os.Remove(r.file.Name()) // it may be gone already
	return err
}

// await waits until a pace allows a request. after tells the time by waiting.
func await(ctx context.Context, p *Pace, after func(time.Duration) <-chan time.Time) error {
	for {
		d := p.Next()
		if d == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-after(d):
		}
	}
}
