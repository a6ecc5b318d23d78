package emulator

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"tpmdps/internal/emulator/rest"
	"tpmdps/internal/emulator/sas"
)

// bearerScheme is the Authorization scheme of access tokens.
const bearerScheme = "Bearer"

// tokenAudience is what a token for the service API has to be made for.
const tokenAudience = "https://azure-devices-provisioning.net"

// Roles that Options.Role names, as Azure calls them. The real service looks up
// who has which; here a token says so.
var roleNames = map[string]string{
	"contributor": "Device Provisioning Service Data Contributor",
	"reader":      "Device Provisioning Service Data Reader",
	"none":        "",
}

// rolesOf lists the roles that stand in the tokens of an Options.Role.
func rolesOf(role string) []string {
	if roleNames[role] == "" {
		return nil
	}
	return []string{roleNames[role]}
}

// authorize checks the operator's credentials on a request of the service API.
// Whatever kinds of credentials there are, they are distinguished here.
func (s *Server) authorize(r *request) error {
	scheme, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case strings.EqualFold(scheme, sas.Scheme) && s.faults.on(faultNoKeys): // whatever it is, it is refused
	case strings.EqualFold(scheme, sas.Scheme):
		return s.authorizeSAS(r, credentials)
	case strings.EqualFold(scheme, bearerScheme):
		return s.authorizeBearer(r, credentials)
	}
	return rest.Refuse(codeUnauthorized, "Unauthorized")
}

// authorizeSAS accepts a token that the policy key signed, for this host or for
// the part of it that is asked for.
func (s *Server) authorizeSAS(r *request, text string) error {
	token, err := sas.Parse(text)
	if err != nil || token.KeyName != s.state.policy.Name || s.opts.ReadOnlyPolicy && !allows(roleNames["reader"], r) {
		return rest.Refuse(codeUnauthorized, "Unauthorized")
	}
	hosts := []string{r.Host}
	if name, _, err := net.SplitHostPort(r.Host); err == nil {
		hosts = append(hosts, name) // some clients sign for the name without the port
	}
	for _, host := range hosts {
		target := host
		if !s.opts.WholeResources {
			target += "/" + strings.Join(r.path, "/")
		}
		if token.Check(s.state.policy.Key, target, s.opts.Now()) == nil {
			return nil
		}
	}
	return rest.Refuse(codeUnauthorized, "Unauthorized")
}

// authorizeBearer accepts an access token of the tenant's, for this service, whose
// role allows the operation. Everything but the role is refused in one word, as
// the service does.
func (s *Server) authorizeBearer(r *request, text string) error {
	who, err := s.entra.Check(text, tokenAudience)
	if err != nil {
		return rest.Refuse(codeUnauthorized, "Unauthorized")
	}
	if slices.ContainsFunc(who.Roles, func(role string) bool { return allows(role, r) }) {
		return nil
	}
	return rest.Refuse(codeForbidden, "Principal %s is not authorized for %s on /%s due to no assigned permissions",
		who.ObjectID, r.Method, rest.Clip(strings.Join(r.path, "/")))
}

// allows says what a role may do. A reader may query, which is a POST, and may
// not see attestation mechanisms, which is one, too.
func allows(role string, r *request) bool {
	switch role {
	case roleNames["contributor"]:
		return true
	case roleNames["reader"]:
		return r.Method == http.MethodGet || strings.EqualFold(r.path[len(r.path)-1], "query")
	}
	return false
}
