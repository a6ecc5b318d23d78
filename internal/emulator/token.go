package emulator

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tpmdps/internal/emulator/rest"
)

// What the emulator's own Microsoft Entra ID knows. They are no secrets: their
// zeros say that they are nobody's.
const (
	// TenantID is the tenant that the service trusts.
	TenantID = "0e100000-0000-4000-8000-000000000001"
	// ClientID is the one application, and the one managed identity.
	ClientID = "0e100000-0000-4000-8000-000000000002"
	// UserName is who types the device code.
	UserName = "operator@emulator.example"

	appObjectID  = "0e100000-0000-4000-8000-000000000003"
	userObjectID = "0e100000-0000-4000-8000-000000000004"
)

// tokenAudience is what a token for the service API has to be made for.
const tokenAudience = "https://azure-devices-provisioning.net"

// defaultTokenLife is how long a token is good; Entra ID's live 60 to 90 minutes.
const defaultTokenLife = time.Hour

// Roles that Options.Role names, as Azure calls them. The real service looks up
// who has which; here a token says so.
var roleNames = map[string]string{
	"contributor": "Device Provisioning Service Data Contributor",
	"reader":      "Device Provisioning Service Data Reader",
	"none":        "",
}

// entra is the emulator's Microsoft Entra ID. Its keys are made when they are
// first needed: most servers never sign a token.
type entra struct {
	signing     func() (*rsa.PrivateKey, error)
	certificate func() (clientCertificate, error)

	mu      sync.Mutex
	codes   map[string]int  // device codes given out, and how often each was asked for
	refresh map[string]bool // refresh tokens given out
}

func newEntra() *entra {
	return &entra{
		signing:     sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }),
		certificate: sync.OnceValues(newClientCertificate),
		codes:       map[string]int{},
		refresh:     map[string]bool{},
	}
}

// signingKeyID is the kid of all tokens.
const signingKeyID = "emulator"

// tokenClaims is an access token, in the shape of Entra ID's version 1.0: that
// is what the service's application asks for.
type tokenClaims struct {
	jwt.RegisteredClaims
	Audience string   `json:"aud"` // one text, where RegisteredClaims writes a list
	TenantID string   `json:"tid"`
	ObjectID string   `json:"oid"`
	AppID    string   `json:"appid"`
	UPN      string   `json:"upn,omitempty"`
	Name     string   `json:"preferred_username,omitempty"`
	Roles    []string `json:"roles,omitempty"`
	Version  string   `json:"ver"`
}

// GetAudience implements jwt.Claims.
func (c *tokenClaims) GetAudience() (jwt.ClaimStrings, error) {
	return jwt.ClaimStrings{c.Audience}, nil
}

// subject is who a token is for.
type subject struct{ tenant, object, app, upn string }

// claims makes the claims that all tokens of a subject have.
func (s *Server) claims(who subject, audience string) *tokenClaims {
	now := s.opts.Now()
	c := &tokenClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    s.issuer(who.tenant),
			Subject:   who.object,
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now),
			// Written in whole seconds: rounded up, so that a token is never
			// refused before the time that its holder was told.
			ExpiresAt: jwt.NewNumericDate(now.Add(s.opts.TokenLife + time.Second)),
			ID:        rest.NewGUID(),
		},
		Audience: audience, TenantID: who.tenant, ObjectID: who.object, AppID: who.app, UPN: who.upn, Version: "1.0",
	}
	if role := roleNames[s.opts.Role]; role != "" {
		c.Roles = []string{role}
	}
	return c
}

func (s *Server) issuer(tenant string) string { return s.Endpoint() + "/" + tenant + "/" }

// sign makes a JWT of claims.
func (e *entra) sign(claims jwt.Claims) (string, error) {
	key, err := e.signing()
	if err != nil {
		return "", err
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = signingKeyID
	return token.SignedString(key)
}

// ClientSecret returns the application's secret. It stays the same as long as
// the policy key does.
func (s *Server) ClientSecret() string { return s.derived("client secret") }

// IdentityHeader returns what a request for a managed identity's token has to
// bring along, so that only who knows the environment gets one.
func (s *Server) IdentityHeader() string { return s.derived("identity header") }

// derived makes a secret of the policy key, which is the one that is kept.
func (s *Server) derived(purpose string) string {
	mac := hmac.New(sha256.New, s.state.policy.Key)
	mac.Write([]byte("tpmdps emulator: " + purpose))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
