// Package entra is the emulator's Microsoft Entra ID, and the endpoints of machines
// that have a managed identity: all places where an operator's program gets an
// access token, with the answers and the error bodies of the real ones.
//
// It is an issuer and nothing more: what a token opens is for the service to
// decide, which asks [Server.Check] who it is for. A Server is used through
// [Server.Answer]; it does not listen.
package entra

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

// What the emulator's own Microsoft Entra ID knows. They are not secrets: their
// zeros show that they belong to nobody.
const (
	// TenantID is the tenant that the service trusts.
	TenantID = "0e100000-0000-4000-8000-000000000001"
	// ClientID is the one application, and the one managed identity.
	ClientID = "0e100000-0000-4000-8000-000000000002"
	// userName is who types the device code.
	userName = "operator@emulator.example"

	appObjectID  = "0e100000-0000-4000-8000-000000000003"
	userObjectID = "0e100000-0000-4000-8000-000000000004"
)

// defaultTokenLife is how long a token is good; Entra ID's live 60 to 90 minutes.
const defaultTokenLife = time.Hour

// Options say what a [Server] has to know of the service that it signs tokens for.
type Options struct {
	Host      func() string    // host:port by which clients reach it; asked for at each request
	Key       []byte           // what its secrets are derived from: they stay the same as long as it does
	Roles     []string         // those in every access token, as Azure calls them
	TokenLife time.Duration    // how long access tokens are good; 0 is an hour
	Now       func() time.Time // the clock
}

// Server is one Entra ID. Its keys are made when they are first needed: most
// servers never sign a token. Its methods may be called from several goroutines at
// a time.
type Server struct {
	opts        Options
	signing     func() (*rsa.PrivateKey, error)
	certificate func() (clientCertificate, error)

	mu      sync.Mutex
	codes   map[string]int  // device codes given out, and how often each was asked for
	refresh map[string]bool // refresh tokens given out
}

// New makes a server.
func New(o Options) *Server {
	if o.TokenLife == 0 {
		o.TokenLife = defaultTokenLife
	}
	return &Server{
		opts:        o,
		signing:     sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }),
		certificate: sync.OnceValues(newClientCertificate),
		codes:       map[string]int{},
		refresh:     map[string]bool{},
	}
}

// signingKeyID is the kid of all tokens.
const signingKeyID = "emulator"

// accessClaims is an access token, in the shape of Entra ID's version 1.0: that
// is what the service's application asks for.
type accessClaims struct {
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
func (c *accessClaims) GetAudience() (jwt.ClaimStrings, error) {
	return jwt.ClaimStrings{c.Audience}, nil
}

// subject is who a token is for.
type subject struct{ tenant, object, app, upn string }

// claims makes the claims that all tokens of a subject have.
func (s *Server) claims(who subject, audience string) *accessClaims {
	now := s.opts.Now()
	c := &accessClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    s.issuer(who.tenant),
			Subject:   who.object,
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now),
			// Written in whole seconds: rounded up, so that a token is never
			// refused before the time that its holder was given.
			ExpiresAt: jwt.NewNumericDate(now.Add(s.opts.TokenLife + time.Second)),
			ID:        rest.NewGUID(),
		},
		Audience: audience, TenantID: who.tenant, ObjectID: who.object, AppID: who.app, UPN: who.upn, Roles: s.opts.Roles, Version: "1.0",
	}
	return c
}

// endpoint is the URL that the addresses of the server begin with.
func (s *Server) endpoint() string { return "https://" + s.opts.Host() }

func (s *Server) issuer(tenant string) string { return s.endpoint() + "/" + tenant + "/" }

// sign makes a JWT of claims.
func (s *Server) sign(claims jwt.Claims) (string, error) {
	key, err := s.signing()
	if err != nil {
		return "", err
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = signingKeyID
	return token.SignedString(key)
}

// ClientSecret returns the application's secret.
func (s *Server) ClientSecret() string { return s.derived("client secret") }

// IdentityHeader returns what a request for a managed identity's token has to
// bring along, so that only those who know the environment get one.
func (s *Server) IdentityHeader() string { return s.derived("identity header") }

// derived makes a secret of Options.Key.
func (s *Server) derived(purpose string) string {
	mac := hmac.New(sha256.New, s.opts.Key)
	mac.Write([]byte("tpmdps emulator: " + purpose))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
