// Package emulator is a Device Provisioning Service on loopback, for trying,
// training and tests: the device API with real TPM challenges, and the
// enrollment API with the service's ETags, pages and error bodies.
//
// It is a witness, so it is written apart from the client: it shares no wire
// types with internal/dps and wraps keys in its own code. A registration that
// ends in "assigned" here proves that the chip opened the challenge and signed
// with the key inside it.
//
// The one rule: what it holds are toy credentials. Listen on loopback only,
// unless a device on the bench has to reach it.
//
// A Server is made by [New], listens from [Server.Start] and is used over HTTPS
// like the real service; nothing else in the flow calls into it. It has a hub and an
// Entra ID beside it, in packages of their own, and answers for them at the same
// address. docs/emulator.md says what was chosen where the real service is not
// documented.
package emulator

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"tpmdps/internal/emulator/entra"
	"tpmdps/internal/emulator/hub"
	"tpmdps/internal/emulator/rest"
)

// DefaultIDScope is the ID scope of an emulator that was given none.
const DefaultIDScope = "0ne00000E11"

// ErrOptions is returned by [New], wrapped with the reason, for options that
// make no service.
var ErrOptions = errors.New("invalid option")

// Options say how a [Server] behaves. The zero value is a fast, unlimited
// service with its state in memory, on a free port of 127.0.0.1.
type Options struct {
	IDScope string // 11 characters; "" is [DefaultIDScope]
	Listen  string // host:port for HTTPS; "" is 127.0.0.1 and a free port
	MQTT    string // host:port of the hub, for MQTT, WebSockets and its HTTPS; without it none listens; port 0 is a free one

	// HubName is the host by which devices are to come to that hub, without a
	// port; "" is the host of MQTT, and localhost where that is on loopback.
	HubName string

	// Names are more hosts for the certificate, by which clients come to the
	// service or its hub, as through a proxy that resolves them. The emulator
	// itself goes on calling itself by what it listens on.
	Names []string

	Dir       string // keeps the certificate authority across restarts; "" makes a new one each time
	StateFile string // keeps enrollments, registrations and keys across restarts; "" keeps nothing

	Limit int // operations a minute for each kind of request, 429 beyond it; 0 is unlimited
	// LimitCounts is what an operation is to the limit: with [LimitCalls], or "", a
	// bulk operation is one, with [LimitItems] it is one for each of its enrollments.
	LimitCounts string

	// Hub is the host that devices are assigned to when their enrollment
	// names none; "" is the emulator's own, see [Server.Hub].
	Hub string

	// EnrollOnSight enrolls a device that nobody enrolled with the keys it
	// comes with. It is for testing a chip, not for trying DPS.
	EnrollOnSight bool

	AssignDelay time.Duration // how long a registration stays "assigning"
	// RetryAfter is what the Retry-After header says, in whole seconds
	// rounded down; 0 is the 3 s of the real service. Below a second the
	// header retry-after-ms says it, too, which Microsoft's SDKs read.
	RetryAfter time.Duration

	// WholeResources has the service accept SAS tokens for all of it only, as
	// some do; otherwise one for a part of it opens that part.
	WholeResources bool
	// ReadOnlyPolicy leaves the policy EnrollmentRead and nothing else.
	ReadOnlyPolicy bool
	// Role is that of everybody who signs in with Entra ID: contributor,
	// reader (of enrollments) or none; "" is contributor.
	Role string
	// TokenLife is how long their tokens are good; 0 is an hour.
	TokenLife time.Duration

	// Faults are names out of [Faults], such as "disabled" or "throttle=3".
	Faults []string

	Now func() time.Time // the service's clock; nil is time.Now
	// Arrived is called with each request before anything else is done about
	// it, from several goroutines at a time; nil is nobody.
	Arrived func(*http.Request)
	Log     *slog.Logger // one line a request, without secrets; nil is silence
}

func (o Options) withDefaults() Options {
	if o.IDScope == "" {
		o.IDScope = DefaultIDScope
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.RetryAfter == 0 {
		o.RetryAfter = 3 * time.Second
	}
	if o.Role == "" {
		o.Role = "contributor"
	}
	if o.LimitCounts == "" {
		o.LimitCounts = LimitCalls
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Arrived == nil {
		o.Arrived = func(*http.Request) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) validate() error {
	if !validIDScope(o.IDScope) {
		return fmt.Errorf("ID scope %q: want 0ne and 8 letters or digits", o.IDScope)
	}
	for _, addr := range []string{o.Listen, o.MQTT} {
		if addr == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return fmt.Errorf("listen address: %w", err)
		}
	}
	if o.HubName != "" && !consistsOf(o.HubName, 255, alnum+"-._") {
		return fmt.Errorf("hub name %q: want a host name without a port", rest.Clip(o.HubName))
	}
	if _, known := roleNames[o.Role]; !known {
		return fmt.Errorf("role %q: want contributor, reader or none", rest.Clip(o.Role))
	}
	if o.LimitCounts != LimitCalls && o.LimitCounts != LimitItems {
		return fmt.Errorf("limit counts %q: want %s or %s", rest.Clip(o.LimitCounts), LimitCalls, LimitItems)
	}
	if o.Limit < 0 || o.AssignDelay < 0 || o.RetryAfter < 0 || o.TokenLife < 0 {
		return errors.New("limit and delays cannot be negative")
	}
	return nil
}

// Server is one emulated service. Its methods may be called from several
// goroutines at a time.
type Server struct {
	opts   Options
	faults faults
	ca     *authority
	entra  *entra.Server
	limit  *limiter
	chaos  *chaos // nil without it

	mu       sync.Mutex // guards everything that requests of DPS and hub change: the four fields below
	state    *state
	nonce    nonces
	ops      operations
	listings map[*collection]*listing

	hub      *hub.Server // listens where Options.MQTT says so
	listener net.Listener
	leaf     *x509.Certificate // the certificate; nil before the start
	http     *http.Server
	served   chan error // the end of each http.Serve
	stop     func() bool
	closing  sync.Once
	closeErr error
}

// hubPatience is hub.Options.Patience. Tests change it.
var hubPatience time.Duration

// New makes a server that does not listen yet. It reads Options.StateFile, and
// reads or makes the certificate authority in Options.Dir.
func New(o Options) (*Server, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("emulator: %w: %w", ErrOptions, err)
	}
	f, err := parseFaults(o.Faults)
	if err != nil {
		return nil, fmt.Errorf("emulator: %w: %w", ErrOptions, err)
	}
	f.setUp(&o)
	ca, err := openAuthority(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("emulator: certificate authority: %w", err)
	}
	st, repaired, err := openState(o.StateFile)
	if err != nil {
		return nil, fmt.Errorf("emulator: state: %w", err)
	}
	if repaired != "" {
		o.Log.Warn("state", "file", o.StateFile, "repaired", repaired)
	}
	s := &Server{
		opts:   o,
		faults: f,
		ca:     ca,
		state:  st,
		nonce:  nonces{},
		ops:    operations{},

		listings: map[*collection]*listing{individuals: {}, groups: {}},

		limit: &limiter{perMinute: o.Limit, items: o.LimitCounts == LimitItems},
		chaos: f.newChaos(),
	}
	s.entra = entra.New(entra.Options{Host: s.Host, Key: st.policy.Key, Roles: rolesOf(o.Role), TokenLife: o.TokenLife, Now: o.Now})
	s.hub = hub.New(hub.Options{
		Device:       s.withDevice,
		RefuseTokens: f.on(faultHubSAS),
		Drop:         f.on(faultHubDrop),
		Patience:     hubPatience,
		Now:          o.Now,
		Log:          o.Log,
	})
	return s, nil
}
