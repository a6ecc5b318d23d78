package main

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"tpmdps/internal/text"
)

// cloudNames are the names that differ from cloud to cloud. The audience of
// tokens does not: az iot dps asks for the same one in each (azext_iot's
// constants), and so does [dps.DefaultScope].
type cloudNames struct {
	name   string
	suffix string              // behind the NAME of a DPS, from the table of private DNS zones
	config cloud.Configuration // its authority; empty where the environment may name one
}

// clouds begins with the one that counts unless told otherwise.
var clouds = []cloudNames{
	{"public", ".azure-devices-provisioning.net", cloud.AzurePublic},
	{"usgov", ".azure-devices-provisioning.us", cloud.AzureGovernment},
	{"china", ".azure-devices-provisioning.cn", cloud.AzureChina},
}

// cloud finds out which cloud is meant: the one that --cloud names, else the one
// whose authority AZURE_AUTHORITY_HOST names.
func (s *session) cloud() (cloudNames, error) {
	name, authority := s.flag.String("cloud"), variables().Login().Authority
	for _, c := range clouds {
		if s.flag.IsSet("cloud") && c.name == name {
			return c, nil
		}
		if !s.flag.IsSet("cloud") && sameHost(authority, c.config.ActiveDirectoryAuthorityHost) {
			return c, nil
		}
	}
	if s.flag.IsSet("cloud") {
		return cloudNames{}, fmt.Errorf("%w: --cloud %q: choose public, usgov or china", errUsage, text.Printable(name, 20))
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

// ofMicrosoft reports whether a host is the authority of one of the clouds.
func ofMicrosoft(host string) bool {
	for _, c := range clouds {
		if sameHost("https://"+host, c.config.ActiveDirectoryAuthorityHost) {
			return true
		}
	}
	return false
}

// bareName is what --dps may hold besides hosts and URLs.
var bareName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// complete adds the cloud's domain to the NAME of a DPS; a host stays as it is.
func (c cloudNames) complete(dps string) string {
	if bareName.MatchString(dps) && !strings.EqualFold(dps, "localhost") {
		return dps + c.suffix
	}
	return dps
}
