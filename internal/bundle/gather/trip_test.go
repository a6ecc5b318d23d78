package gather

import (
	"errors"
	"testing"
	"time"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/configfile"
	"tpmdps/internal/hub"
	"tpmdps/internal/provision"
	"tpmdps/internal/tpm"
)

// Which of flag, file and variable has a setting, how far the trip goes, and when it
// stays in this process.
func TestRequest(t *testing.T) {
	const scope, other = "0ne0012AB34", "0ne0099ZZ99"
	file := edge.Config{IDScope: other, RegistrationID: "of-the-file", GlobalEndpoint: "https://file.example"}
	flag := func(value string) configfile.Setting { return configfile.Setting{Text: value} }
	variable := func(value string) configfile.Setting {
		return configfile.Setting{Text: value, From: configfile.Environment}
	}
	unusable := errors.New("the proxy's address is none")
	for name, tt := range map[string]struct {
		trip     Trip
		file     edge.Config
		unusable bool
		online   error
		scope    string // of the request
		id       string
		endpoint string // that was asked for, "" for none
		why      string
		limit    time.Duration
		hub      bool
		survey   bool
	}{
		"variables alone":          {Trip{IDScope: variable(scope), RegistrationID: variable("own"), GlobalEndpoint: variable("https://v.example"), Until: provision.UntilChallenge}, edge.Config{}, false, nil, scope, "own", "https://v.example", "", dpsLimit, false, false},
		"file before variables":    {Trip{IDScope: variable(scope), RegistrationID: variable("own"), GlobalEndpoint: variable("https://v.example"), Until: provision.UntilChallenge}, file, false, nil, other, "of-the-file", "https://file.example", "", dpsLimit, false, true},
		"flags before the file":    {Trip{IDScope: flag(scope), RegistrationID: flag("own"), GlobalEndpoint: flag("https://f.example"), Until: provision.UntilChallenge}, file, false, nil, scope, "own", "https://f.example", "", dpsLimit, false, true},
		"a file that is unusable":  {Trip{IDScope: flag(scope), Until: provision.UntilChallenge}, file, true, nil, scope, "of-the-file", "https://file.example", "", dpsLimit, false, false},
		"to the twin":              {Trip{IDScope: flag(scope), Until: provision.UntilTwin}, edge.Config{}, false, nil, scope, "", "", "", assignLimit, true, false},
		"no scope":                 {Trip{Until: provision.UntilTwin}, edge.Config{}, false, nil, "offline", "", "", "no ID scope is known: --id-scope", 0, false, false},
		"a scope that is none":     {Trip{IDScope: variable("a b"), Until: provision.UntilTwin}, edge.Config{}, false, nil, "offline", "", "", "the ID scope is not valid", 0, false, false},
		"offline":                  {Trip{IDScope: variable(scope), Until: provision.UntilChallenge, Offline: true}, edge.Config{}, false, nil, "offline", "", "", "--offline", 0, false, false},
		"no way to the service":    {Trip{IDScope: flag(scope), Until: provision.UntilTwin}, edge.Config{}, false, unusable, "offline", "", "", unusable.Error(), 0, false, false},
		"an ID that none would do": {Trip{IDScope: flag(scope), RegistrationID: variable("not an ID"), Until: provision.UntilChallenge}, edge.Config{}, false, nil, scope, "", "", "", dpsLimit, false, false},
	} {
		asked, conf := "", &provision.Configured{}
		tt.trip.IDFrom = func(inFile string) string { return "from:" + inFile }
		tt.trip.Configured = func(edge.Config, tpm.Address) *provision.Configured { return conf }
		tt.trip.Online = func(req *provision.Request, endpoint string) error {
			asked = endpoint
			if req.Until != provision.UntilChallenge {
				req.Hub = &hub.Options{}
			}
			return tt.online
		}
		tt.trip.InProcess = func(req provision.Request) (provision.Request, error) {
			req.IDScope = "offline"
			return req, nil
		}
		g := newGatherer(Options{Trip: tt.trip})
		g.file, g.unusable = tt.file, tt.unusable
		req, why, err := g.request()
		until := tt.trip.Until
		if tt.why != "" {
			until = provision.UntilChallenge
		}
		if err != nil || why != tt.why || req.IDScope != tt.scope || req.RegistrationID != tt.id || asked != tt.endpoint || req.Limit != tt.limit ||
			(req.Hub != nil) != tt.hub || req.Survey != tt.survey || (req.Configured == conf) != tt.survey || req.Until != until || req.IDFrom != "from:"+tt.file.RegistrationID {
			t.Errorf("%s: %+v, %q, %v, asked %q", name, req, why, err, asked)
		}
	}
}
