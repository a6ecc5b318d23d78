package operator

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tpmdps/internal/dps"
	"tpmdps/internal/environment"
	"tpmdps/internal/secretfile"
	"tpmdps/internal/text"
)

// Key is a connection string or a SAS token as it was handed in, with whatever
// stands around it.
type Key struct {
	// Text is the secret.
	Text string
	// IsToken tells a SAS token from a connection string.
	IsToken bool
	// Source is where it comes from, for people: a file, a flag, a variable.
	Source string
}

// KeyFromEnvironment finds the key in the environment: TPMDPS_SAS_TOKEN before
// PROVISIONING_CONNECTION_STRING, since a token permits less. The error is
// [ErrNoCredential].
func KeyFromEnvironment(v environment.Variables) (Key, error) {
	const token = "TPMDPS_SAS_TOKEN"
	set, found := v.First(token, "PROVISIONING_CONNECTION_STRING")
	if !found {
		return Key{}, ErrNoCredential
	}
	// Of a file in UTF-16 a shell leaves the mark, and no zero byte.
	value := strings.TrimPrefix(strings.TrimPrefix(set.Value, "\xff\xfe"), "\xfe\xff")
	return Key{value, strings.EqualFold(set.Variable, token), set.Variable + " (from the environment)"}, nil
}

// PolicyKey reads the connection string of a policy, for what a token cannot do.
// learn receives the secret. Errors wrap [ErrNoCredential] for a token, and
// dps.ErrConnectionString.
func PolicyKey(k Key, learn func(secrets ...string)) (dps.ConnectionString, error) {
	bare, err := k.bare(learn)
	if err == nil && k.IsToken {
		err = fmt.Errorf("%w: a SAS token cannot make another one; give the connection string of a policy", ErrNoCredential)
	}
	if err != nil {
		return dps.ConnectionString{}, err
	}
	cs, err := dps.ParseConnectionString(bare)
	return cs, k.explain(err)
}

// bare is the key without what stands around it. It is learned, right or not.
func (k Key) bare(learn func(secrets ...string)) (string, error) {
	if k == (Key{}) {
		return "", ErrNoCredential
	}
	bare, err := dps.CredentialText(k.Text)
	learn(bare)
	switch {
	case err != nil && k.IsToken:
		return "", k.explain(fmt.Errorf("%w: %w: %w", dps.ErrCredential, dps.ErrToken, err))
	case err != nil:
		return "", k.explain(fmt.Errorf("%w: %w", dps.ErrConnectionString, err))
	case bare == "":
		return "", fmt.Errorf("%w: cannot read %s: %w", ErrNoCredential, k.Source, secretfile.ErrEmpty)
	}
	return bare, nil
}

// explain says where a key comes from that is not what it should be.
func (k Key) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", k.Source, err)
}

// useKey has the holder of a connection string, or of a token made from one, ask
// the DPS. It returns the service that the key is for.
func (op *Operator) useKey(_ context.Context, o Options, endpoint string) (string, dps.Credential, error) {
	bare, err := o.Key.bare(o.Learn)
	if err != nil {
		return "", dps.Credential{}, err
	}
	if o.Key.IsToken {
		return op.useToken(o, endpoint, bare)
	}
	cs, err := dps.ParseConnectionString(bare)
	if err != nil {
		return "", dps.Credential{}, o.Key.explain(err)
	}
	own := "https://" + cs.HostName
	if endpoint == "" {
		endpoint = own
	}
	// A token that is made for one DPS is of use to anyone who receives it.
	named, err := dps.ServiceEndpoint(endpoint)
	if err != nil {
		return "", dps.Credential{}, err
	}
	if !strings.EqualFold(named, own) {
		return "", dps.Credential{}, &refusal{otherDPS, "name that DPS with --dps, or give the connection string of the one that is named",
			fmt.Errorf("--dps (or TPMDPS_DPS) names %s, the connection string is for %s", text.Printable(strings.TrimPrefix(endpoint, "https://"), 100), cs.HostName)}
	}
	op.policy = text.Printable(cs.KeyName, 64)
	return endpoint, dps.SharedKey(cs), nil
}

// useToken accepts a ready token for the DPS that it names, and sends it to no other
// host. An expired one is sent anyway: this machine's clock may be wrong.
func (op *Operator) useToken(o Options, endpoint, bare string) (_ string, none dps.Credential, err error) {
	if op.token, err = dps.ParseToken(bare); err != nil {
		return "", none, o.Key.explain(fmt.Errorf("%w: %w", dps.ErrCredential, err))
	}
	if endpoint == "" {
		if endpoint, err = op.token.Endpoint(); err != nil {
			return "", none, fmt.Errorf("%w: %w", dps.ErrCredential, err)
		}
		o.Inform(fmt.Sprintf("DPS %s, which the SAS token is for", strings.TrimPrefix(endpoint, "https://")))
	}
	if endpoint, err = dps.ServiceEndpoint(endpoint); err != nil {
		return "", none, err
	}
	host := strings.TrimPrefix(endpoint, "https://")
	if own := (dps.Token{Resource: op.token.Host()}); !own.Opens(host, "") {
		return "", none, &refusal{otherAudience, "name that DPS with --dps, or make a token for this one: tpmdps token mint",
			fmt.Errorf("--dps (or TPMDPS_DPS) names %s, the SAS token is for %s%s; it was not sent", host, op.token.Host(), tokenOwner(op.token))}
	}
	if expiry := op.token.Expiry; op.now().After(expiry) {
		o.Warn(fmt.Sprintf("the SAS token ended %s ago, at %s, by this machine's clock", text.Duration(op.now().Sub(expiry)), expiry.Format(time.RFC3339)))
	}
	return endpoint, dps.SharedAccessToken(bare), nil
}

// tokenOwner says whose a SAS token is that is not a DPS operator's.
func tokenOwner(t dps.Token) string {
	switch {
	case t.OfHub():
		return ", an IoT Hub"
	case strings.Contains(t.Resource, "/registrations/"):
		return ": it is a device's"
	}
	return ""
}

// Scope says in words what the resource of a SAS token opens.
func Scope(resource string) string {
	host, path, _ := strings.Cut(resource, "/")
	first, rest, _ := strings.Cut(path, "/")
	switch {
	case path == "":
		return "everything that the policy may, on " + host
	case first == "enrollments" && rest == "":
		return "all enrollments of " + host
	case first == "enrollments" && !strings.Contains(rest, "/"):
		return "the enrollment " + rest + " of " + host
	case first == "registrations":
		return "a registration: this is the token of a device"
	}
	if _, after, _ := strings.Cut(resource, "/registrations/"); after != "" {
		return "the registration of " + after + ": this is the token of a device, not of an operator"
	}
	return "/" + path + " of " + host
}
