package operator

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"tpmdps/internal/environment"
	"tpmdps/internal/text"
)

// cloudInfo has the names that differ from cloud to cloud. The audience of tokens
// does not: az iot dps asks for the same one in each (azext_iot's constants), and so
// does [dps.DefaultScope].
type cloudInfo struct {
	name   string
	suffix string              // after the NAME of a DPS, from the table of private DNS zones
	config cloud.Configuration // its authority; empty where the environment may name one
}

// clouds begins with the default.
var clouds = []cloudInfo{
	{"public", ".azure-devices-provisioning.net", cloud.AzurePublic},
	{"usgov", ".azure-devices-provisioning.us", cloud.AzureGovernment},
	{"china", ".azure-devices-provisioning.cn", cloud.AzureChina},
}

// cloud is the one that the options name, otherwise the one whose authority
// AZURE_AUTHORITY_HOST names.
func (o Options) cloud() (cloudInfo, error) {
	authority := o.Environment.Login().Authority
	for _, c := range clouds {
		if o.Cloud != "" && c.name == o.Cloud || o.Cloud == "" && sameHost(authority, c.config.ActiveDirectoryAuthorityHost) {
			return c, nil
		}
	}
	if o.Cloud != "" {
		return cloudInfo{}, fmt.Errorf("%w: --cloud %q: choose public, usgov or china", ErrOptions, text.Printable(o.Cloud, 20))
	}
	c := clouds[0]
	c.config = cloud.Configuration{} // azidentity then reads AZURE_AUTHORITY_HOST
	return c, nil
}

func sameHost(a, b string) bool {
	u, err := url.Parse(a)
	v, _ := url.Parse(b)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, v.Host)
}

// isMicrosoft reports whether a host is the authority of one of the clouds.
func isMicrosoft(host string) bool {
	for _, c := range clouds {
		if sameHost("https://"+host, c.config.ActiveDirectoryAuthorityHost) {
			return true
		}
	}
	return false
}

// authorityHost is where azidentity will sign in.
func authorityHost(c cloudInfo, login environment.Login) string {
	authority := cmp.Or(c.config.ActiveDirectoryAuthorityHost, login.Authority, clouds[0].config.ActiveDirectoryAuthorityHost)
	if u, err := url.Parse(authority); err == nil && u.Host != "" {
		return u.Host
	}
	return authority
}

// bareName is what the option for the DPS may have besides hosts and URLs.
var bareName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// complete adds the cloud's domain to the NAME of a DPS; a host is left as it is.
func (c cloudInfo) complete(dps string) string {
	if bareName.MatchString(dps) && !strings.EqualFold(dps, "localhost") {
		return dps + c.suffix
	}
	return dps
}
