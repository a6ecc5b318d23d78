package batch

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tpmdps/internal/dps"
	"tpmdps/internal/enroll"
	"tpmdps/internal/inventory"
)

// mostForOne bounds how many enrollments are looked through for one machine: ten requests.
const mostForOne = 10 * pageSize

// Guard finds the keys of machines among all enrollments of the service, where they may
// have any registration ID: DPS accepts any number of enrollments of one key. It looks
// once, when it is first asked. A nil Guard finds nothing.
type Guard struct {
	svc   *dps.ServiceClient
	names inventory.Duplicates
	pace  *Pace
	most  int // 0 means all
	warn  func(string)

	looked bool
	found  map[digest][]enroll.Other
}

// NewGuard is the guard of machines that are enrolled one after the other.
func NewGuard(svc *dps.ServiceClient, entries []inventory.Entry, p *Pace) *Guard {
	g := &Guard{svc: svc, pace: p}
	for _, e := range entries {
		g.names.Add(e)
	}
	return g
}

// ForOne bounds the search, which would otherwise cost more than what it is for: where
// there are too many enrollments, or the credential may not list them, warn is told what
// is not known, and the run goes on. It looks only where an enrollment would be made.
func (g *Guard) ForOne(warn func(string)) *Guard {
	g.most, g.warn = mostForOne, warn
	return g
}

// check refuses the plan that gives an enrollment a key which the service has under
// another ID, and enters those IDs in a plan that gives it to none.
func (g *Guard) check(ctx context.Context, e inventory.Entry, item *enroll.Item) error {
	gives := item.Action == enroll.Create || item.Action == enroll.ReplaceEK
	if g == nil || g.most > 0 && !gives {
		return nil
	}
	if err := g.look(ctx); err != nil {
		return err
	}
	others := g.found[digestOf(e.Record.EndorsementKey)]
	if len(others) > 0 && gives {
		return &enroll.SecondError{ID: item.RegistrationID, Other: others[0], Searched: true}
	}
	for _, o := range others {
		if !slices.ContainsFunc(item.Others, func(have enroll.Other) bool { return strings.EqualFold(have.RegistrationID, o.RegistrationID) }) {
			item.Others = append(item.Others, o)
		}
	}
	return nil
}

// look looks through the enrollments, unless that was done.
func (g *Guard) look(ctx context.Context) error {
	if g.looked {
		return nil
	}
	const unknown = "; whether it has this key under another registration ID is not known"
	turn := func(ctx context.Context) error { return await(ctx, g.pace, time.After) }
	r, err := readRemote(ctx, g.svc, &g.names, g.most, turn)
	switch {
	case g.most > 0 && (dps.HasStatus(err, http.StatusUnauthorized) || dps.HasStatus(err, http.StatusForbidden)):
		g.looked = true
		g.warn("the credential may not list the enrollments of the DPS" + unknown)
		return nil
	case err != nil:
		return err
	}
	g.looked, g.found = true, r.others
	if !r.whole && len(r.others) == 0 {
		g.warn(fmt.Sprintf("the DPS has more than %d enrollments, and not all were looked through%s", g.most, unknown))
	}
	return r.Close()
}
