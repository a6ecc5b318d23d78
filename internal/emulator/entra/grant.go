package entra

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"tpmdps/internal/emulator/rest"
)

// Grants of the token endpoint. MSAL writes the second one without its prefix.
const (
	grantClient     = "client_credentials"
	grantDeviceCode = "urn:ietf:params:oauth:grant-type:device_code"
	grantDeviceMSAL = "device_code"
	grantRefresh    = "refresh_token"
)

// grantToken is the token endpoint.
func (s *Server) grantToken(r request) (rest.Reply, error) {
	switch r.form.Get("grant_type") {
	case grantClient:
		if err := s.checkClient(r); err != nil {
			return rest.Reply{}, err
		}
		return s.tokenFor(r, subject{tenant: r.tenant, object: appObjectID, app: ClientID})
	case grantDeviceCode, grantDeviceMSAL:
		if err := s.redeem(r.form.Get("device_code")); err != nil {
			return rest.Reply{}, err
		}
	case grantRefresh:
		if !s.known(r.form.Get("refresh_token")) {
			return rest.Reply{}, deny(http.StatusBadRequest, "invalid_grant", 70008, "The refresh token has expired.")
		}
	default:
		return rest.Reply{}, deny(http.StatusBadRequest, "unsupported_grant_type", 70003, "The grant type is not supported here.")
	}
	return s.tokenFor(r, subject{tenant: r.tenant, object: userObjectID, app: r.form.Get("client_id"), upn: userName})
}

// tokenFor answers with an access token and, for a user, with what keeps him
// signed in.
func (s *Server) tokenFor(r request, who subject) (rest.Reply, error) {
	scope := r.form.Get("scope")
	audience := audienceOf(scope)
	if audience == "" {
		return rest.Reply{}, deny(http.StatusBadRequest, "invalid_scope", 1002012, "The scope %q has no resource in front of /.default.", rest.Clip(scope))
	}
	access, err := s.sign(s.claims(who, audience))
	if err != nil {
		return rest.Reply{}, err
	}
	body := map[string]any{
		"token_type": "Bearer", "scope": scope, "access_token": access,
		"expires_in": int(s.opts.TokenLife.Seconds()), "ext_expires_in": int(s.opts.TokenLife.Seconds()),
	}
	if who.upn != "" {
		id := s.claims(who, who.app)
		id.Name, id.Roles = who.upn, nil
		if body["id_token"], err = s.sign(id); err != nil {
			return rest.Reply{}, err
		}
		body["client_info"] = clientInfo(who)
		body["refresh_token"] = s.newRefresh()
	}
	return rest.Reply{Status: http.StatusOK, Body: body}, nil
}

// audienceOf returns the resource that a list of scopes is for.
func audienceOf(scopes string) string {
	for scope := range strings.FieldsSeq(scopes) {
		if resource, found := strings.CutSuffix(scope, "/.default"); found {
			return resource
		}
	}
	return ""
}

// clientInfo names the account, which MSAL keeps its tokens under.
func clientInfo(who subject) string {
	data, _ := json.Marshal(map[string]string{"uid": who.object, "utid": who.tenant})
	return base64.RawURLEncoding.EncodeToString(data)
}

// checkClient checks how an application proves itself: with its secret, with
// its certificate or with a token of an issuer that it trusts.
func (s *Server) checkClient(r request) error {
	if id := r.form.Get("client_id"); !strings.EqualFold(id, ClientID) {
		return deny(http.StatusBadRequest, "unauthorized_client", 700016,
			"Application with identifier '%s' was not found in the directory '%s'.", rest.Clip(id), rest.Clip(r.tenant))
	}
	switch assertion, secret := r.form.Get("client_assertion"), r.form.Get("client_secret"); {
	case assertion != "":
		return s.checkAssertion(r.form, s.endpoint()+"/"+r.tenant+"/oauth2/v2.0/token")
	case secret == "":
		return deny(http.StatusUnauthorized, "invalid_client", 7000218,
			"The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	case !hmac.Equal([]byte(secret), []byte(s.ClientSecret())):
		return deny(http.StatusUnauthorized, "invalid_client", 7000215,
			"Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.", ClientID)
	}
	return nil
}

// jwtBearer says that an assertion is a JWT (RFC 7523).
const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// checkAssertion accepts a JWT that the application's certificate signed, made
// for this endpoint, or one of the emulator's own cluster.
func (s *Server) checkAssertion(form url.Values, endpoint string) error {
	if form.Get("client_assertion_type") != jwtBearer {
		return deny(http.StatusBadRequest, "invalid_request", 900144, "The request body must contain client_assertion_type=%s.", jwtBearer)
	}
	var claims jwt.RegisteredClaims
	byCertificate := false
	token, err := jwt.ParseWithClaims(form.Get("client_assertion"), &claims, func(t *jwt.Token) (any, error) {
		var key any
		var err error
		key, byCertificate, err = s.assertionKey(t.Header)
		return key, err
	}, jwt.WithValidMethods([]string{"RS256", "PS256"}), jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.opts.Now))
	switch {
	case err != nil && claims.ExpiresAt != nil && s.opts.Now().After(claims.ExpiresAt.Time),
		err != nil && claims.NotBefore != nil && s.opts.Now().Before(claims.NotBefore.Time):
		return deny(http.StatusUnauthorized, "invalid_client", 700024, "Client assertion is not within its valid time range.")
	case err != nil || !token.Valid:
		return deny(http.StatusUnauthorized, "invalid_client", 700027, "Client assertion failed signature validation.")
	case byCertificate && (claims.Issuer != ClientID || claims.Subject != ClientID || !slices.Contains(claims.Audience, endpoint)):
		return deny(http.StatusUnauthorized, "invalid_client", 700023, "Client assertion audience claim does not match Realm issuer.")
	case !byCertificate && (claims.Issuer != s.clusterIssuer() || claims.Subject != clusterSubject || !slices.Contains(claims.Audience, clusterAudience)):
		return deny(http.StatusUnauthorized, "invalid_client", 700211, "No matching federated identity record found for presented assertion issuer.")
	}
	return nil
}
