package environment

import (
	"net/url"
	"slices"
	"strings"
)

// Login is what the environment says of a sign-in to Microsoft Entra ID. Secrets are
// not in it: who signs in reads them.
type Login struct {
	// Authority is AZURE_AUTHORITY_HOST, a URL; "" is the cloud's own.
	Authority string
	// Tenant is AZURE_TENANT_ID.
	Tenant string
	// ClientID is AZURE_CLIENT_ID.
	ClientID string
	// Secret tells whether AZURE_CLIENT_SECRET is set.
	Secret bool
	// Certificate is AZURE_CLIENT_CERTIFICATE_PATH, a file.
	Certificate Setting
	// TokenFile is AZURE_FEDERATED_TOKEN_FILE.
	TokenFile Setting
}

// Login reads the variables of a sign-in without looking at what they hold.
func (v Variables) Login() Login {
	l := Login{
		Authority: v.value("AZURE_AUTHORITY_HOST"),
		Tenant:    v.value("AZURE_TENANT_ID"),
		ClientID:  v.value("AZURE_CLIENT_ID"),
		Secret:    v.value("AZURE_CLIENT_SECRET") != "",
	}
	l.Certificate, _ = v.First("AZURE_CLIENT_CERTIFICATE_PATH")
	l.TokenFile, _ = v.First("AZURE_FEDERATED_TOKEN_FILE")
	return l
}

// loginRule is how one variable of a sign-in has to look, and for which kinds of
// credential it counts; none means all that ask Entra ID themselves.
type loginRule struct {
	variable string
	kinds    []string
	usable   func(string) bool
	reason   string
	advice   string
}

const idForm = "it is not an ID: letters, digits, dots and hyphens"

// The kinds that read further variables. The others get what they need from the
// program, or ask another one, such as az.
var (
	byEnvironment = []string{"environment", "default"}
	byMachine     = []string{"managed-identity", "default"}
	notByAz       = []string{"default", "device-code", "browser", "environment", "workload"}
)

// loginRules are azidentity's own rules, where it has some, and say for the rest what
// it would pass on as it is, or take for something else in silence.
var loginRules = []loginRule{
	{"AZURE_AUTHORITY_HOST", notByAz, authority, "it is not the URL of a sign-in host", "such as https://login.microsoftonline.com; without it the public cloud's is used"},
	{"AZURE_TENANT_ID", nil, plainID, idForm, "az account show --query tenantId prints it"},
	{"AZURE_CLIENT_ID", nil, plainID, idForm, "it is the application (client) ID on the application's overview page in the portal"},
	{"AZURE_ADDITIONALLY_ALLOWED_TENANTS", byEnvironment, tenants, "one of its tenants is not an ID", "write tenant IDs separated by semicolons, or * for all"},
	{"AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", byEnvironment, isBool, "it is not one of true, 1, false and 0", "true also sends the certificate's chain"},
	{"AZURE_REGIONAL_AUTHORITY_NAME", []string{"environment", "default", "workload"}, plainID, "it is not the name of a region", "such as westeurope; without it there is no regional sign-in"},
	{"AZURE_TOKEN_CREDENTIALS", []string{"default"}, tokenCredentials, "it is not one of the kinds that Azure's SDKs have", "dev, prod, or one of " + strings.Join(credentialNames[2:], ", ") + "; or leave it out"},
	{"IDENTITY_ENDPOINT", byMachine, endpoint, "it is not a URL", "the host that runs this sets it; unset it if it was set by hand"},
	{"IMDS_ENDPOINT", byMachine, endpoint, "it is not a URL", "the host that runs this sets it; unset it if it was set by hand"},
	{"MSI_ENDPOINT", byMachine, endpoint, "it is not a URL", "the host that runs this sets it; unset it if it was set by hand"},
}

// CheckLogin looks at the variables that count for one kind of credential, before
// anything is asked.
func (v Variables) CheckLogin(kind string) error {
	for _, rule := range loginRules {
		s, set := v.First(rule.variable)
		if !set || rule.kinds != nil && !slices.Contains(rule.kinds, kind) {
			continue
		}
		if reason := dressed(s.Value); reason != "" {
			return s.invalid(reason, howToSet)
		}
		if !rule.usable(s.Value) {
			return s.invalid(rule.reason, rule.advice)
		}
	}
	return nil
}

// plainID is azidentity's rule for a tenant.
func plainID(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.')
	})
}

func tenants(text string) bool {
	return !slices.ContainsFunc(strings.Split(text, ";"), func(one string) bool { return one != "*" && !plainID(one) })
}

func isBool(text string) bool {
	return slices.Contains([]string{"1", "0", "true", "false"}, strings.ToLower(text))
}

var credentialNames = []string{"dev", "prod", "EnvironmentCredential", "WorkloadIdentityCredential", "ManagedIdentityCredential",
	"AzureCLICredential", "AzureDeveloperCLICredential", "AzurePowerShellCredential"}

func tokenCredentials(text string) bool {
	return text == "dev" || text == "prod" ||
		slices.ContainsFunc(credentialNames[2:], func(name string) bool { return strings.EqualFold(name, text) })
}

func authority(text string) bool {
	u, err := url.Parse(text)
	return err == nil && strings.EqualFold(u.Scheme, "https") && plainURL(u)
}

func endpoint(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (strings.EqualFold(u.Scheme, "https") || strings.EqualFold(u.Scheme, "http")) && plainURL(u)
}

func plainURL(u *url.URL) bool {
	host, ok := u.Hostname(), true
	if !strings.ContainsRune(host, ':') { // IPv6
		_, ok = hostName(host)
	}
	return ok && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}
