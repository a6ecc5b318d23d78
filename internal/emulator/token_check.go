package emulator

import (
	"net/http"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"tpmdps/internal/emulator/rest"
)

// bearerScheme is the Authorization scheme of access tokens.
const bearerScheme = "Bearer"

// authorizeBearer takes an access token of the tenant's, for this service, whose
// role allows the operation. Everything but the role is refused in one word, as
// the service does.
func (s *Server) authorizeBearer(r *request, text string) error {
	claims, err := s.readToken(text)
	if err != nil || claims.TenantID != TenantID {
		return rest.Refuse(codeUnauthorized, "Unauthorized")
	}
	if slices.ContainsFunc(claims.Roles, func(role string) bool { return allows(role, r) }) {
		return nil
	}
	return rest.Refuse(codeForbidden, "Principal %s is not authorized for %s on /%s due to no assigned permissions",
		claims.ObjectID, r.Method, rest.Clip(strings.Join(r.path, "/")))
}

func (s *Server) readToken(text string) (*tokenClaims, error) {
	key, err := s.entra.signing()
	if err != nil {
		return nil, err
	}
	claims := &tokenClaims{}
	// No leeway: issuer and service go by the same clock here.
	_, err = jwt.ParseWithClaims(strings.TrimSpace(text), claims, func(*jwt.Token) (any, error) { return &key.PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(s.opts.Now), jwt.WithExpirationRequired(),
		jwt.WithAudience(tokenAudience), jwt.WithIssuer(s.issuer(TenantID)))
	return claims, err
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
