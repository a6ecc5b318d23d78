package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/dps"
	"tpmdps/internal/identity"
)

// serviceFlags name the DPS and the operator's credential.
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
	endpoint, cred, who, err := credential(s, opts)
	if err != nil {
		return service{}, err
	}
	c, err := s.cloud()
	if err != nil {
		return service{}, err
	}
	if who.endpoint, err = dps.ServiceEndpoint(c.complete(endpoint)); err != nil {
		return service{}, err
	}
	client, err := dps.NewServiceClient(who.endpoint, cred, opts)
	return service{client, who}, err
}

// credential finds the operator's credential, and the DPS it is for.
func credential(s *session, opts dps.ClientOptions) (endpoint string, _ dps.Credential, who operator, err error) {
	if err := s.refuseSecrets(); err != nil {
		return "", dps.Credential{}, who, err
	}
	who.now = time.Now
	switch kind := s.flag.String("auth-type"); kind {
	case "key":
		return keyCredential(s, who)
	case "login":
	default:
		return "", dps.Credential{}, who, fmt.Errorf("%w: --auth-type %q: choose key or login", errUsage, identity.Printable(kind, 20))
	}
	if endpoint = s.flag.String("dps"); endpoint == "" {
		return "", dps.Credential{}, who, fmt.Errorf("%w: --auth-type login needs to know which", errNoDPS)
	}
	if who.login, err = login(s, opts.HTTPClient); err != nil {
		return "", dps.Credential{}, who, err
	}
	return endpoint, dps.Entra(who.login, dps.DefaultScope), who, nil
}

// keyCredential is for a connection string or a token made from one.
func keyCredential(s *session, who operator) (endpoint string, _ dps.Credential, _ operator, err error) {
	endpoint = s.flag.String("dps")
	text, isToken, err := s.keyText()
	if err != nil {
		return "", dps.Credential{}, who, err
	}
	if isToken {
		endpoint, cred, err := sasCredential(s, endpoint, text)
		return endpoint, cred, who, err
	}
	cs, err := dps.ParseConnectionString(text)
	if err != nil {
		return "", dps.Credential{}, who, err
	}
	if endpoint == "" {
		endpoint = "https://" + cs.HostName
	}
	// A token that is made for one DPS is of use to whoever receives it.
	if named, err := dps.ServiceEndpoint(endpoint); err != nil || !strings.EqualFold(named, "https://"+cs.HostName) {
		return "", dps.Credential{}, who, errors.Join(err, fmt.Errorf("%w: --dps (or TPMDPS_DPS) names %s, the connection string is for %s", errUsage, identity.Printable(endpoint, 100), cs.HostName))
	}
	who.policy = identity.Printable(cs.KeyName, 64)
	return endpoint, dps.SharedKey(cs), who, nil
}

// sasCredential takes a ready token. One that has ended is sent all the same:
// this machine's clock may be the one that is wrong.
func sasCredential(s *session, endpoint, text string) (string, dps.Credential, error) {
	if endpoint == "" {
		return "", dps.Credential{}, fmt.Errorf("%w: a SAS token does not say which", errNoDPS)
	}
	if token, err := dps.ParseToken(text); err == nil && time.Until(token.Expiry) < 0 {
		s.say("warning: the SAS token ended %s ago, at %s, by this machine's clock", inWords(time.Since(token.Expiry)), token.Expiry.Format(time.RFC3339))
	}
	return endpoint, dps.SharedAccessToken(text), nil
}
