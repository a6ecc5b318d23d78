package main

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/urfave/cli/v2"

	"tpmdps/internal/dps"
	"tpmdps/internal/environment"
	"tpmdps/internal/network"
	"tpmdps/internal/text"
)

// loginFlags say how to sign in to Microsoft Entra ID, and to which cloud's.
func loginFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "credential", Value: "default", Usage: "with --auth-type login, sign in by `KIND`: " + strings.Join(credentialKinds(), ", ")},
		&cli.StringFlag{Name: "cloud", Value: "public", Usage: "the `CLOUD` of the DPS: public, usgov or china"},
	}
}

// loginKind makes one kind of credential of azidentity's.
type loginKind struct {
	name string
	make func(loginOptions) (azcore.TokenCredential, error)
}

// loginKinds is in the order in which the manual lists them.
var loginKinds = []loginKind{
	{"default", func(o loginOptions) (azcore.TokenCredential, error) {
		return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
			ClientOptions: o.client, DisableInstanceDiscovery: o.private, TenantID: o.tenant})
	}},
	{"cli", func(o loginOptions) (azcore.TokenCredential, error) {
		return azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: o.tenant})
	}},
	{"device-code", func(o loginOptions) (azcore.TokenCredential, error) {
		return azidentity.NewDeviceCodeCredential(&azidentity.DeviceCodeCredentialOptions{
			ClientOptions: o.client, DisableInstanceDiscovery: o.private,
			TenantID: o.tenant, ClientID: o.publicClient, UserPrompt: o.prompt})
	}},
	{"browser", func(o loginOptions) (azcore.TokenCredential, error) {
		return azidentity.NewInteractiveBrowserCredential(&azidentity.InteractiveBrowserCredentialOptions{
			ClientOptions: o.client, DisableInstanceDiscovery: o.private,
			TenantID: o.tenant, ClientID: o.publicClient})
	}},
	{"environment", func(o loginOptions) (azcore.TokenCredential, error) {
		return azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{
			ClientOptions: o.client, DisableInstanceDiscovery: o.private})
	}},
	{"managed-identity", func(o loginOptions) (azcore.TokenCredential, error) {
		// Where there is no metadata service, azidentity's own pauses between
		// its tries add up to minutes.
		o.client.Retry = policy.RetryOptions{MaxRetries: 2, RetryDelay: time.Second, TryTimeout: 5 * time.Second}
		mi := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: o.client}
		if o.clientID != "" {
			mi.ID = azidentity.ClientID(o.clientID)
		}
		return azidentity.NewManagedIdentityCredential(mi)
	}},
	{"workload", func(o loginOptions) (azcore.TokenCredential, error) {
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: o.client, DisableInstanceDiscovery: o.private})
	}},
}

func credentialKinds() []string {
	var names []string
	for _, k := range loginKinds {
		names = append(names, k.name)
	}
	return names
}

// loginOptions are what the kinds take from the flags and the environment.
type loginOptions struct {
	client       policy.ClientOptions
	private      bool // the authority is none of Microsoft's
	tenant       string
	clientID     string // AZURE_CLIENT_ID
	publicClient string // the same, where it cannot be a service's
	prompt       devicePrompt
}

// login makes the credential that --credential names.
func login(s *session, transport *http.Client) (*signIn, error) {
	c, err := s.cloud()
	if err != nil {
		return nil, err
	}
	name := s.flag.String("credential")
	i := slices.IndexFunc(loginKinds, func(k loginKind) bool { return k.name == name })
	if i < 0 {
		return nil, fmt.Errorf("%w: --credential %q: choose %s", errUsage, text.Printable(name, 20), strings.Join(credentialKinds(), ", "))
	}
	env := variables()
	if err := env.CheckLogin(name); err != nil {
		return nil, err
	}
	from := env.Login()
	checked := *transport
	checked.Transport = dps.CheckFraming(transport.Transport)
	o := loginOptions{
		client:   policy.ClientOptions{Cloud: c.config, Transport: &checked, Retry: policy.RetryOptions{ShouldRetry: mayPass}},
		tenant:   from.Tenant,
		clientID: from.ClientID,
		prompt:   showDeviceCode(s.err),
	}
	if !from.Secret && from.Certificate.Value == "" && from.TokenFile.Value == "" {
		o.publicClient = o.clientID
	}
	if host := authorityHost(c, from); !ofMicrosoft(host) && name != "cli" && name != "managed-identity" { // which ask others
		// Microsoft's directory of authorities does not know it, and would be asked.
		o.private = true
		s.say("warning: signing in at %s, as AZURE_AUTHORITY_HOST says: it is none of Microsoft's", text.Printable(host, 80))
	}
	if err := s.checkLoginFiles(name, from); err != nil {
		return nil, err
	}
	in := &signIn{kind: name, session: s}
	// A certificate is read here.
	in.inner, err = awaited(s.ctx, "what "+name+" signs in with", "its end did not come", func() (azcore.TokenCredential, error) { return loginKinds[i].make(o) })
	if errors.Is(err, errInputWait) {
		return nil, err
	}
	if err != nil {
		return nil, noCredential(s, name, err)
	}
	hideFromChildren(name)
	return in, nil
}

// authorityHost is where azidentity will sign in.
func authorityHost(c cloudNames, from environment.Login) string {
	text := cmp.Or(c.config.ActiveDirectoryAuthorityHost, from.Authority, clouds[0].config.ActiveDirectoryAuthorityHost)
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		return u.Host
	}
	return text
}

// errSignIn is what a sign-in that was refused for no known reason wraps.
var errSignIn = errors.New("the sign-in was refused")

// mayPass is azcore's own rule, but for certificates and proxies: what they
// refuse they do not take a second later.
func mayPass(answer *http.Response, err error) bool {
	var certificate *tls.CertificateVerificationError
	if err != nil {
		return !errors.As(err, &certificate) && !errors.Is(err, network.ErrProxy) && !errors.Is(err, network.ErrProxyLogin)
	}
	return runtime.HasStatusCode(answer, http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
}
