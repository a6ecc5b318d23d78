package operator

import "fmt"

// Reason is why an operator could not sign in, or why the service refused one. It
// is an error that knows what to do about it.
type Reason string

// Why nobody could sign in.
const (
	noLogin       Reason = "no credential found"
	wrongTenant   Reason = "the sign-in is for the wrong tenant, or the application is of another"
	loginExpired  Reason = "the sign-in has expired"
	appSecret     Reason = "the application's secret or certificate is refused"
	otherAudience Reason = "the token is for another service"
	loginClock    Reason = "the sign-in is refused because of the time"
	conditional   Reason = "the tenant's rules refuse the sign-in"
	// loginRefused is for a sign-in that was refused for no known reason.
	loginRefused Reason = "the sign-in was refused"
)

// Why the service refuses an operator whose credential is well formed.
const (
	roleMissing   Reason = "the account's role does not allow it"
	policyMissing Reason = "the shared access policy does not allow it"
	tokenExpired  Reason = "the SAS token has expired"
	networkDenied Reason = "the service does not accept requests from this network"
	wrongClock    Reason = "this machine's clock is wrong"
	otherDPS      Reason = "the credential is for another DPS"
)

// reasons are all of them with what to do next. A hint that depends on who was
// refused, and what, is the refusal's own.
var reasons = []struct {
	reason Reason
	hint   string
}{
	{noLogin, "az login, or name the kind with --credential: device-code needs no browser here; environment wants AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"},
	{wrongTenant, "name the tenant of the DPS, not a home tenant, in AZURE_TENANT_ID, or: az login --tenant ID; an application has to be of that tenant, too"},
	{loginExpired, "sign in again: az login, or --credential device-code"},
	{appSecret, "compare with the application's certificates and secrets in the portal: expired, of another application, or the secret's ID instead of its value?"},
	{otherAudience, "the token has to be for https://azure-devices-provisioning.net; the tenant has to know that service"},
	{loginClock, "set this machine's clock: timedatectl; assertions and tokens are valid for minutes only"},
	{conditional, "a rule of the tenant asks for more, such as a second factor: --credential device-code or browser, or ask your Entra ID administrator"},
	{loginRefused, "look up the code (AADSTS and a number) in Microsoft's reference of Entra ID's error codes; -vv shows what was sent and answered"},
	{roleMissing, ""},
	{policyMissing, ""},
	{tokenExpired, ""},
	{networkDenied, "run it from a network that the DPS lets in: see its networking page in the portal for IP filter, public access and private endpoints"},
	{wrongClock, ""},
	{otherDPS, ""},
}

// Reasons lists all of them: first those of a sign-in, then those of the service.
func Reasons() []Reason {
	var all []Reason
	for _, r := range reasons {
		all = append(all, r.reason)
	}
	return all
}

// Error implements error.
func (r Reason) Error() string { return string(r) }

// Hint is what to do next; "" where that depends on who was refused.
func (r Reason) Hint() string {
	for _, known := range reasons {
		if known.reason == r {
			return known.hint
		}
	}
	return ""
}

// refusal is a reason whose hint depends on who was refused, and what.
type refusal struct {
	reason Reason
	hint   string // "" is the reason's own
	err    error
}

// Error implements error.
func (r *refusal) Error() string { return fmt.Sprintf("%v: %v", r.reason, r.err) }

// Hint is what to do next.
func (r *refusal) Hint() string {
	if r.hint != "" {
		return r.hint
	}
	return r.reason.Hint()
}

// Unwrap returns both: the reason and the service's own words.
func (r *refusal) Unwrap() []error { return []error{r.reason, r.err} }
