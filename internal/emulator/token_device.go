package emulator

import (
	"crypto/rand"
	"net/http"

	"tpmdps/internal/emulator/rest"
)

// codeLetters are those of a user code: none that looks like another.
const codeLetters = "BCDFGHJKLMNPQRSTVWXZ"

// deviceCode begins the device code flow (RFC 8628).
func (s *Server) deviceCode(r tokenRequest) (rest.Reply, error) {
	device := rand.Text()
	s.entra.mu.Lock()
	s.entra.codes[device] = 0
	s.entra.mu.Unlock()
	user, url := userCode(), s.Endpoint()+"/devicelogin"
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
func (e *entra) redeem(code string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	asked, found := e.codes[code]
	switch {
	case !found:
		return deny(http.StatusBadRequest, "invalid_grant", 70020, "The provided value for the input parameter 'device_code' is not valid.")
	case asked == 0:
		e.codes[code]++
		return deny(http.StatusBadRequest, "authorization_pending", 70016, "OAuth 2.0 device flow error. Authorization is pending. Continue polling.")
	}
	delete(e.codes, code)
	return nil
}

func (e *entra) newRefresh() string {
	token := rand.Text()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refresh[token] = true
	return token
}

func (e *entra) known(refresh string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.refresh[refresh]
}
