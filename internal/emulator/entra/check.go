package entra

import (
	"errors"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// Principal is who an access token is for.
type Principal struct {
	ObjectID string   // of the user or the application
	Roles    []string // what it may do, as Azure calls it
}

// Check reads an access token of the tenant [TenantID] for the audience: the URL of
// a service, as a scope has it in front of /.default. Whatever is wrong with the
// token is an error.
func (s *Server) Check(token, audience string) (Principal, error) {
	key, err := s.signing()
	if err != nil {
		return Principal{}, err
	}
	claims := &accessClaims{}
	// No leeway: issuer and service go by the same clock here.
	_, err = jwt.ParseWithClaims(strings.TrimSpace(token), claims, func(*jwt.Token) (any, error) { return &key.PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(s.opts.Now), jwt.WithExpirationRequired(),
		jwt.WithAudience(audience), jwt.WithIssuer(s.issuer(TenantID)))
	if err != nil {
		return Principal{}, err
	}
	if claims.TenantID != TenantID {
		return Principal{}, errors.New("the token is of another tenant")
	}
	return Principal{ObjectID: claims.ObjectID, Roles: claims.Roles}, nil
}
