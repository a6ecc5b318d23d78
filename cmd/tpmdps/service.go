package main

import (
	"fmt"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/urfave/cli/v2"

	"tpmdps/internal/dps"
	"tpmdps/internal/identity"
)

// serviceFlags name the DPS and the operator's credential.
var serviceFlags = []cli.Flag{
	&cli.StringFlag{Name: "dps", EnvVars: []string{"TPMDPS_DPS"}, Usage: "the DPS, as `NAME`, host or URL (default: the connection string's)"},
	&cli.StringFlag{Name: "auth-type", Value: "key", Usage: "`TYPE` of credential: key (connection string or SAS token) or login (Microsoft Entra ID)"},
	&cli.StringFlag{Name: "connection-string-file", Usage: "read the connection string from `FILE` (or set PROVISIONING_CONNECTION_STRING)"},
	&cli.StringFlag{Name: "sas-token-file", Usage: "read a SAS token from `FILE`"},
}

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
	if path := s.flag.String("sas-token-file"); path != "" {
		if endpoint == "" {
			return "", dps.Credential{}, fmt.Errorf("%w: a SAS token does not say which", errNoDPS)
		}
		token, err := readSecret(path)
		return endpoint, dps.SharedAccessToken(string(token)), err
	}
	text, err := connectionString(s)
	if err != nil {
		return "", dps.Credential{}, err
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

// connectionString reads it from the file, or from the environment. There is no
// flag for the text itself: a command line is seen by every user of the
// machine, and is kept in histories and logs.
func connectionString(s *session) (string, error) {
	if path := s.flag.String("connection-string-file"); path != "" {
		text, err := readSecret(path)
		return string(text), err
	}
	if text := os.Getenv("PROVISIONING_CONNECTION_STRING"); text != "" {
		return text, nil
	}
	return "", errCredential
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
