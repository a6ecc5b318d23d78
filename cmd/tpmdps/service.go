package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/dps"
	"tpmdps/internal/identity"
)

// serviceFlags name the DPS and the operator's credential. They are made anew for
// each run: urfave/cli keeps the value of a variable in the flag.
func serviceFlags() []cli.Flag {
	return slices.Concat([]cli.Flag{
		&cli.StringFlag{Name: "dps", EnvVars: []string{"TPMDPS_DPS"}, Usage: "the DPS, as `NAME`, host or URL (default: the connection string's)"},
		&cli.StringFlag{Name: "auth-type", Value: "key", Usage: "`TYPE` of credential: key (connection string or SAS token) or login (Microsoft Entra ID)"},
	}, loginFlags(), keyFlags(), tokenFlags())
}

// service is the service API, and who asks it.
type service struct {
	*dps.ServiceClient
	operator operator
}

// serviceClient makes the client of the service API that the flags name.
func serviceClient(s *session) (service, error) {
	opts, err := s.clientOptions()
	if err != nil {
		return service{}, err
	}
	if err := s.refuseSecrets(); err != nil {
		return service{}, err
	}
	c, err := s.cloud()
	if err != nil {
		return service{}, err
	}
	endpoint, cred, who, err := credential(s, c.complete(s.flag.String("dps")), opts)
	if err != nil {
		return service{}, err
	}
	if who.endpoint, err = dps.ServiceEndpoint(endpoint); err != nil {
		return service{}, err
	}
	client, err := dps.NewServiceClient(who.endpoint, cred, opts)
	return service{client, who}, err
}

// credential finds the operator's credential, and the DPS it is for: the one that
// --dps names, or the connection string's.
func credential(s *session, named string, opts dps.ClientOptions) (endpoint string, _ dps.Credential, who operator, err error) {
	who.now = time.Now
	if err := s.oneWay(); err != nil {
		return "", dps.Credential{}, who, err
	}
	switch kind := s.flag.String("auth-type"); kind {
	case "key":
		return keyCredential(s, named, who)
	case "login":
	default:
		return "", dps.Credential{}, who, fmt.Errorf("%w: --auth-type %q: choose key or login", errUsage, identity.Printable(kind, 20))
	}
	if named == "" {
		return "", dps.Credential{}, who, fmt.Errorf("%w: --auth-type login needs to know which", errNoDPS)
	}
	if who.login, err = login(s, opts.HTTPClient); err != nil {
		return "", dps.Credential{}, who, err
	}
	return named, dps.Entra(who.login, dps.DefaultScope), who, nil
}

// oneWay refuses the flags of the other way to ask: who names an account must
// not act with the owner's key because that lies in the environment.
func (s *session) oneWay() error {
	if s.flag.String("auth-type") == "login" {
		return s.excludes("auth-type login", "connection-string-file", "connection-string-fd", "sas-token-file", "sas-token-fd")
	}
	if s.onCommandLine("credential") {
		return fmt.Errorf("%w: --credential is for --auth-type login, which is missing", errUsage)
	}
	return nil
}

// keyCredential is for a connection string or a token made from one.
func keyCredential(s *session, endpoint string, who operator) (string, dps.Credential, operator, error) {
	given, err := s.keyText()
	if err != nil {
		return "", dps.Credential{}, who, err
	}
	if given.isToken {
		if _, err := dps.ParseToken(given.text); err != nil {
			return "", dps.Credential{}, who, given.named(fmt.Errorf("%w: %w", dps.ErrCredential, err))
		}
		return sasCredential(s, endpoint, given.text, who)
	}
	cs, err := dps.ParseConnectionString(given.text)
	if err != nil {
		return "", dps.Credential{}, who, given.named(err)
	}
	if endpoint == "" {
		endpoint = "https://" + cs.HostName
	}
	// A token that is made for one DPS is of use to whoever receives it.
	named, err := dps.ServiceEndpoint(endpoint)
	if err != nil {
		return "", dps.Credential{}, who, err
	}
	if !strings.EqualFold(named, "https://"+cs.HostName) {
		return "", dps.Credential{}, who, &refusal{errOtherDPS, "name that DPS with --dps, or give the connection string of the one that is named",
			fmt.Errorf("--dps (or TPMDPS_DPS) names %s, the connection string is for %s", identity.Printable(strings.TrimPrefix(endpoint, "https://"), 100), cs.HostName)}
	}
	who.policy = identity.Printable(cs.KeyName, 64)
	return endpoint, dps.SharedKey(cs), who, nil
}

// sasCredential takes a ready token, for the DPS that it is for: the token names it,
// and goes to no other host. One that has ended is sent all the same: this machine's
// clock may be the one that is wrong.
func sasCredential(s *session, endpoint, text string, who operator) (_ string, _ dps.Credential, _ operator, err error) {
	cred := dps.SharedAccessToken(text)
	if who.token, err = dps.ParseToken(text); err != nil {
		return "", cred, who, fmt.Errorf("%w: %w", dps.ErrCredential, err)
	}
	if endpoint == "" {
		if endpoint, err = who.token.Endpoint(); err != nil {
			return "", cred, who, fmt.Errorf("%w: %w", dps.ErrCredential, err)
		}
		s.say("DPS %s, which the SAS token is for", strings.TrimPrefix(endpoint, "https://"))
	}
	if endpoint, err = dps.ServiceEndpoint(endpoint); err != nil {
		return "", cred, who, err
	}
	host := strings.TrimPrefix(endpoint, "https://")
	if own := (dps.Token{Resource: who.token.Host()}); !own.Opens(host, "") {
		return "", cred, who, &refusal{errAudience, "name that DPS with --dps, or make a token for this one: tpmdps token mint",
			fmt.Errorf("--dps (or TPMDPS_DPS) names %s, the SAS token is for %s%s; it was not sent", host, who.token.Host(), ofOther(who.token))}
	}
	if time.Until(who.token.Expiry) < 0 {
		s.say("warning: the SAS token ended %s ago, at %s, by this machine's clock", inWords(time.Since(who.token.Expiry)), who.token.Expiry.Format(time.RFC3339))
	}
	return endpoint, cred, who, nil
}

// ofOther says whose a SAS token is that is not one of a DPS's operator.
func ofOther(t dps.Token) string {
	switch {
	case t.OfHub():
		return ", an IoT Hub"
	case strings.Contains(t.Resource, "/registrations/"):
		return ": it is a device's"
	}
	return ""
}
