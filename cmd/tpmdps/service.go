package main

import (
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/urfave/cli/v2"

	"tpmdps/internal/dps"
	"tpmdps/internal/identity"
)

// serviceFlags name the DPS and the operator's credential.
var serviceFlags = append(append([]cli.Flag{
	&cli.StringFlag{Name: "dps", EnvVars: []string{"TPMDPS_DPS"}, Usage: "the DPS, as `NAME`, host or URL (default: the connection string's)"},
	&cli.StringFlag{Name: "auth-type", Value: "key", Usage: "`TYPE` of credential: key (connection string or SAS token) or login (Microsoft Entra ID)"},
}, keyFlags()...), tokenFlags()...)

// serviceClient makes the client of the service API that the flags name.
func serviceClient(s *session) (*dps.ServiceClient, error) {
	opts, err := s.clientOptions()
	if err != nil {
		return nil, err
	}
	endpoint, cred, err := credential(s, opts)
	if err != nil {
		return nil, err
	}
	if endpoint, err = dps.ServiceEndpoint(endpoint); err != nil {
		return nil, err
	}
	return dps.NewServiceClient(endpoint, cred, opts)
}

// credential finds the operator's credential, and the DPS it is for.
func credential(s *session, opts dps.ClientOptions) (endpoint string, _ dps.Credential, err error) {
	endpoint = s.flag.String("dps")
	if err := s.refuseSecrets(); err != nil {
		return "", dps.Credential{}, err
	}
	switch kind := s.flag.String("auth-type"); kind {
	case "key":
	case "login":
		if endpoint == "" {
			return "", dps.Credential{}, fmt.Errorf("%w: --auth-type login needs to know which", errNoDPS)
		}
		cred, err := login(opts)
		return endpoint, cred, err
	default:
		return "", dps.Credential{}, fmt.Errorf("%w: --auth-type %q: choose key or login", errUsage, identity.Printable(kind, 20))
	}
	text, isToken, err := s.keyText()
	if err != nil {
		return "", dps.Credential{}, err
	}
	if isToken {
		return sasCredential(s, endpoint, text)
	}
	cs, err := dps.ParseConnectionString(text)
	if err != nil {
		return "", dps.Credential{}, err
	}
	if endpoint == "" {
		endpoint = "https://" + cs.HostName
	}
	return endpoint, dps.SharedKey(cs), nil
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

// login is azidentity's default chain: environment, workload identity, managed
// identity, the az and azd command lines.
func login(opts dps.ClientOptions) (dps.Credential, error) {
	cred, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
		ClientOptions: policy.ClientOptions{Transport: opts.HTTPClient},
	})
	if err != nil {
		return dps.Credential{}, fmt.Errorf("%w: %w", errCredential, err)
	}
	return dps.Entra(cred, ""), nil
}
