package emulator

import (
	"net"
	"strings"

	"tpmdps/internal/emulator/rest"
	"tpmdps/internal/emulator/sas"
)

// authorize checks the operator's credentials on a request of the service API.
// Whatever kinds of credentials there are, they are told apart here.
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

// authorizeSAS takes a token that the policy key signed, for this host or for
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
