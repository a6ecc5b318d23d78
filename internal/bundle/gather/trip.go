package gather

import (
	"context"

	"tpmdps/internal/dictionary"
	"tpmdps/internal/edge"
	"tpmdps/internal/identity"
	"tpmdps/internal/provision"
	"tpmdps/internal/tpm"
)

// RoundTrip is verify.json: a round trip, and how far it was to go.
type RoundTrip struct {
	// Mode is how far, as --until names it, or offline where DPS was not asked; Why
	// says why not.
	Mode string `json:"mode"`
	Why  string `json:"why"`
	// ExitCode is how verify would end, 0 and "" where nothing failed.
	ExitCode int    `json:"exit_code"`
	ExitName string `json:"exit_name"`
	Outcome  string `json:"result"` // pass or fail
	provision.Result

	err error // as an error, for the verdict
}

func (g *gatherer) verifySource() source {
	about, limit := "the steps of verify up to the challenge, which registers nothing", keyLimit
	if g.Trip.Until != provision.UntilChallenge {
		about, limit = "the steps of verify up to --until "+string(g.Trip.Until)+", which registers the device", keyLimit+assignLimit
	}
	return source{"verify.json", about, true, limit,
		func(ctx context.Context) (any, error) {
			if g.noAddress != nil {
				return nil, g.noAddress
			}
			req, why, err := g.request()
			if err != nil {
				return nil, err
			}
			out := RoundTrip{Outcome: "pass", Mode: string(req.Until), Why: why}
			if why != "" {
				out.Mode = "offline"
			}
			_ = tpm.Looking(req.TPMOptions, func(opts tpm.Options) error {
				req.TPMOptions = opts
				out.Result, out.err = g.Trip.Run(ctx, req)
				return out.err
			})
			if out.err != nil { // how it failed is in the result
				out.Outcome, out.err = "fail", g.Trip.First(out.err)
				out.ExitCode, _ = g.Verdict(out.err)
				out.ExitName = dictionary.ExitNames()[out.ExitCode]
			}
			if why != "" {
				out.IDScope = "" // it was that of the service in this process
			}
			return out, nil
		}}
}

// request plans the trip: with DPS where a scope is known, and else with a
// service in this process.
func (g *gatherer) request() (req provision.Request, why string, err error) {
	t := g.Trip
	req = provision.Request{
		TPM: g.address, TPMOptions: g.options, Until: t.Until, Limit: dpsLimit,
		IDScope:        t.IDScope.OrFile(g.file.IDScope),
		RegistrationID: t.RegistrationID.OrFile(g.file.RegistrationID),
		IDFrom:         t.IDFrom(g.file.RegistrationID),
	}
	if _, err := identity.FoldRegistrationID(req.RegistrationID); err != nil {
		req.RegistrationID = "" // the one that the chip makes; the check names the other
	}
	if g.file != (edge.Config{}) && !g.unusable { // of a file that cannot be read, nothing is to be compared
		req.Configured, req.Survey = t.Configured(g.file, g.address), true
	}
	if t.Until != provision.UntilChallenge {
		req.Limit = assignLimit
	}
	switch {
	case t.Offline:
		why = "--offline"
	case req.IDScope == "":
		why = "no ID scope is known: --id-scope"
	case identity.CheckIDScope(req.IDScope) != nil:
		why = "the ID scope is not valid"
	default:
		if err := t.Online(&req, t.GlobalEndpoint.OrFile(g.file.GlobalEndpoint)); err != nil {
			why = err.Error()
		}
	}
	if why != "" {
		req.Route, req.Hub, req.Limit, req.Until = nil, nil, 0, provision.UntilChallenge
		req, err = t.InProcess(req)
	}
	return req, why, err
}
