package entra

import (
	"crypto/rand"
	"net/http"

	"tpmdps/internal/emulator/rest"
)

// codeLetters are those of a user code: none that looks like another.
const codeLetters = "BCDFGHJKLMNPQRSTVWXZ"

// deviceCode begins the device code flow (RFC 8628).
func (s *Server) deviceCode(r request) (rest.Reply, error) {
	device := rand.Text()
	s.mu.Lock()
	s.codes[device] = 0
	s.mu.Unlock()
	user, url := userCode(), s.endpoint()+"/devicelogin"
	return rest.Reply{Status: http.StatusOK, Body: map[string]any{
		"device_code": device, "user_code": user, "verification_uri": url,
		"expires_in": 900, "interval": 1,
		"message": "To sign in, use a web browser to open the page " + url + " and enter the code " + user + " to authenticate.",
	}}, nil
}

func userCode() string {
	var b [9]byte
	rand.Read(b[:])
	for i := range b {
		b[i] = codeLetters[int(b[i])%len(codeLetters)]
	}
	return string(b[:])
}

// redeem turns a device code into a sign-in: at the second time, for at the
// first the user is still typing.
func (s *Server) redeem(code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked, found := s.codes[code]
	switch {
	case !found:
		return deny(http.StatusBadRequest, "invalid_grant", 70020, "The provided value for the input parameter 'device_code' is not valid.")
	case asked == 0:
		s.codes[code]++
		return deny(http.StatusBadRequest, "authorization_pending", 70016, "OAuth 2.0 device flow error. Authorization is pending. Continue polling.")
	}
	delete(s.codes, code)
	return nil
}

func (s *Server) newRefresh() string {
	token := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh[token] = true
	return token
}

func (s *Server) known(refresh string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh[refresh]
}
