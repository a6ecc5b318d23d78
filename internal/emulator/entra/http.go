package entra

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strings"

	"tpmdps/internal/emulator/rest"
)

// maxForm is the longest form that is read, in bytes.
const maxForm = 64 << 10

// route is one address of Entra ID, or of a machine that has a managed
// identity.
type route struct {
	method, path string
	handle       func(*Server, request) (rest.Reply, error)
}

var routes = []route{
	{"GET", "common/discovery/instance", (*Server).instanceDiscovery},
	{"GET", "{tenant}/v2.0/.well-known/openid-configuration", (*Server).openIDConfiguration},
	{"GET", "{tenant}/discovery/v2.0/keys", (*Server).signingKeys},
	{"POST", "{tenant}/oauth2/v2.0/token", (*Server).grantToken},
	{"POST", "{tenant}/oauth2/v2.0/devicecode", (*Server).deviceCode},
	{"GET", "msi/token", (*Server).appServiceToken},
	{"GET", "metadata/identity/oauth2/token", (*Server).imdsToken},
	{"GET", "devicelogin", (*Server).deviceLogin},
}

// request is a request for a token, or for what leads to one.
type request struct {
	*http.Request
	tenant string     // the ID, also where the request said "organizations"
	form   url.Values // the query or the body
}

// refusal is a refusal as Entra ID words it. The text has the code in front
// of it, AADSTS and a number, and is what people look for in a search engine.
type refusal struct {
	status int
	name   string // of RFC 6749
	code   int    // after AADSTS; 0 where Entra ID gives none
	text   string
}

func (e *refusal) Error() string { return e.text }

func deny(status int, name string, code int, format string, args ...any) error {
	return &refusal{status, name, code, fmt.Sprintf(format, args...)}
}

// Answer answers a request, whose path is given in unescaped segments. It reports
// false for one that is not for this server. w is only for a body that is too long: its
// connection is closed.
func (s *Server) Answer(w http.ResponseWriter, hr *http.Request, path []string) (rest.Reply, bool) {
	for _, rt := range routes {
		if rt.method != hr.Method || !rest.Match(rt.path, path) {
			continue
		}
		hr.Body = http.MaxBytesReader(w, hr.Body, maxForm)
		r := request{Request: hr, tenant: tenantID(path[0])}
		if err := hr.ParseForm(); err != nil {
			err = deny(http.StatusBadRequest, "invalid_request", 900144, "The request could not be read.")
			return s.refuse(err), true
		}
		r.form = hr.Form
		rep, err := rt.handle(s, r)
		if err != nil {
			rep = s.refuse(err)
		}
		return rep.With("Cache-Control", "no-store"), true
	}
	return rest.Reply{}, false
}

// tenantID resolves the names that stand for whichever tenant a user is of.
func tenantID(name string) string {
	switch strings.ToLower(name) {
	case "common", "organizations", "consumers":
		return TenantID
	}
	return strings.ToLower(name)
}

func (s *Server) refuse(err error) rest.Reply {
	var e *refusal
	if !errors.As(err, &e) {
		e = &refusal{http.StatusInternalServerError, "server_error", 90033, err.Error()}
	}
	trace, text, codes := rest.NewGUID(), e.text, []int{}
	if e.code != 0 {
		codes = append(codes, e.code)
		text = fmt.Sprintf("AADSTS%d: %s Trace ID: %s Timestamp: %s", e.code, e.text, trace, s.opts.Now().UTC().Format("2006-01-02 15:04:05Z"))
	}
	return rest.Reply{Status: e.status, Body: map[string]any{
		"error": e.name, "error_description": text, "error_codes": codes,
		"timestamp": s.opts.Now().UTC().Format("2006-01-02 15:04:05Z"), "trace_id": trace, "correlation_id": rest.NewGUID(),
	}}
}

// instanceDiscovery says that this host is the only one of its cloud.
func (s *Server) instanceDiscovery(r request) (rest.Reply, error) {
	return rest.Reply{Status: http.StatusOK, Body: map[string]any{
		"tenant_discovery_endpoint": s.endpoint() + "/" + TenantID + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata": []any{map[string]any{
			"preferred_network": s.opts.Host(), "preferred_cache": s.opts.Host(), "aliases": []string{s.opts.Host()},
		}},
	}}, nil
}

func (s *Server) openIDConfiguration(r request) (rest.Reply, error) {
	base := s.endpoint() + "/" + r.tenant
	return rest.Reply{Status: http.StatusOK, Body: map[string]any{
		"issuer":                                base + "/v2.0",
		"authorization_endpoint":                base + "/oauth2/v2.0/authorize",
		"token_endpoint":                        base + "/oauth2/v2.0/token",
		"device_authorization_endpoint":         base + "/oauth2/v2.0/devicecode",
		"jwks_uri":                              base + "/discovery/v2.0/keys",
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt"},
	}}, nil
}

// signingKeys publishes the key that signs tokens (RFC 7517).
func (s *Server) signingKeys(r request) (rest.Reply, error) {
	key, err := s.signing()
	if err != nil {
		return rest.Reply{}, err
	}
	return rest.Reply{Status: http.StatusOK, Body: map[string]any{"keys": []any{map[string]string{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": signingKeyID,
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}}}}, nil
}

// deviceLogin is the page that a device code is typed into at the real one.
func (s *Server) deviceLogin(request) (rest.Reply, error) {
	return rest.Reply{Status: http.StatusOK, Body: rest.Page("Nothing to type here: the emulator signs " + userName + " in by itself")}, nil
}
