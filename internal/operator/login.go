package operator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"tpmdps/internal/dps"
	"tpmdps/internal/network"
	"tpmdps/internal/text"
)

// loginKind is one kind of credential of azidentity.
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
			TenantID: o.tenant, ClientID: o.publicClient, UserPrompt: o.showCode})
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

// CredentialKinds are the names of the kinds of sign-in, the default first.
func CredentialKinds() []string {
	var names []string
	for _, k := range loginKinds {
		names = append(names, k.name)
	}
	return names
}

// loginOptions are what the kinds need of the options and the environment.
type loginOptions struct {
	client       policy.ClientOptions
	private      bool // the authority is not one of Microsoft's
	tenant       string
	clientID     string // AZURE_CLIENT_ID
	publicClient string // the same, where it cannot be a service's
	prompt       func(ctx context.Context, page, code string) error
}

// showCode passes a device code on to the prompt.
func (o loginOptions) showCode(ctx context.Context, m azidentity.DeviceCodeMessage) error {
	return o.prompt(ctx, m.VerificationURL, m.UserCode)
}

// login makes the credential that the options name, whose files are read here.
func login(ctx context.Context, o Options) (*signIn, error) {
	if err := o.Environment.CheckLogin(o.Credential); err != nil {
		return nil, err
	}
	settings, err := o.loginOptions()
	if err != nil {
		return nil, err
	}
	if err := o.checkLoginFiles(o.Environment.Login()); err != nil {
		return nil, err
	}
	kind := loginKinds[slices.IndexFunc(loginKinds, func(k loginKind) bool { return k.name == o.Credential })]
	in := &signIn{kind: kind.name, inform: o.Inform, learn: o.Learn}
	var failed error
	err = o.Await(ctx, "what "+kind.name+" signs in with", func() { in.inner, failed = kind.make(settings) })
	switch {
	case err != nil: // what goes on to run has the sign-in to itself
		return nil, err
	case failed != nil:
		return nil, in.noCredential(failed)
	}
	return in, nil
}

// loginOptions finds out where and as whom to sign in.
func (o Options) loginOptions() (loginOptions, error) {
	c, err := o.cloud()
	if err != nil {
		return loginOptions{}, err
	}
	from := o.Environment.Login()
	checked := *o.Client.HTTPClient
	checked.Transport = dps.CheckFraming(checked.Transport)
	settings := loginOptions{
		client:   policy.ClientOptions{Cloud: c.config, Transport: &checked, Retry: policy.RetryOptions{ShouldRetry: mayRetry}},
		tenant:   from.Tenant,
		clientID: from.ClientID,
		prompt:   o.Prompt,
	}
	if !from.Secret && from.Certificate.Value == "" && from.TokenFile.Value == "" {
		settings.publicClient = from.ClientID
	}
	asksEntra := o.Credential != "cli" && o.Credential != "managed-identity" // the others ask another program
	if host := authorityHost(c, from); asksEntra && !isMicrosoft(host) {
		// Microsoft's directory of authorities does not know it, and would be asked.
		settings.private = true
		o.Warn(fmt.Sprintf("signing in at %s, as AZURE_AUTHORITY_HOST says: it is not one of Microsoft's", text.Printable(host, 80)))
	}
	return settings, nil
}

// mayRetry is azcore's own rule, except for certificates and proxies: what they refuse
// they will refuse a second later as well.
func mayRetry(answer *http.Response, err error) bool {
	var certificate *tls.CertificateVerificationError
	if err != nil {
		return !errors.As(err, &certificate) && !errors.Is(err, network.ErrProxy) && !errors.Is(err, network.ErrProxyLogin)
	}
	return runtime.HasStatusCode(answer, http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
}
