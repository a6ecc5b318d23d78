package entra

import (
	"net/http"
	"strconv"
	"strings"

	"tpmdps/internal/emulator/rest"
)

// appServiceToken is a managed identity's endpoint as App Service, Functions
// and Container Apps have it.
func (s *Server) appServiceToken(r request) (rest.Reply, error) {
	if r.Header.Get("X-IDENTITY-HEADER") != s.IdentityHeader() {
		return rest.Reply{}, deny(http.StatusUnauthorized, "unauthorized", 0, "The X-IDENTITY-HEADER is missing or wrong.")
	}
	return s.identityToken(r)
}

// imdsToken is that of a virtual machine's metadata service. The header shows
// that the request was not forged from outside.
func (s *Server) imdsToken(r request) (rest.Reply, error) {
	if !strings.EqualFold(r.Header.Get("Metadata"), "true") {
		return rest.Reply{}, deny(http.StatusBadRequest, "invalid_request", 0, "Required metadata header not specified")
	}
	return s.identityToken(r)
}

func (s *Server) identityToken(r request) (rest.Reply, error) {
	if id := r.form.Get("client_id"); id != "" && !strings.EqualFold(id, ClientID) {
		return rest.Reply{}, deny(http.StatusBadRequest, "invalid_request", 0, "Identity not found")
	}
	resource := strings.TrimSuffix(r.form.Get("resource"), "/")
	if resource == "" {
		return rest.Reply{}, deny(http.StatusBadRequest, "invalid_resource", 0, "The resource is missing.")
	}
	claims := s.claims(subject{tenant: TenantID, object: appObjectID, app: ClientID}, resource)
	token, err := s.sign(claims)
	if err != nil {
		return rest.Reply{}, err
	}
	return rest.Reply{Status: http.StatusOK, Body: map[string]any{
		"access_token": token, "token_type": "Bearer", "resource": resource, "client_id": ClientID,
		"expires_on": strconv.FormatInt(claims.ExpiresAt.Unix(), 10),
		"expires_in": strconv.Itoa(int(s.opts.TokenLife.Seconds())),
	}}, nil
}
