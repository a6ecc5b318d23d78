package emulator

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"tpmdps/internal/challenge"
	"tpmdps/internal/emulator/rest"
	"tpmdps/internal/emulator/sas"
)

// maxPublicText bounds the base64 text of a key: an EK is 424 characters.
const maxPublicText = 2048

// parseKey reads the base64 text of a TPM2B_PUBLIC.
func parseKey(text string) (*challenge.Key, error) {
	if len(text) > maxPublicText {
		return nil, fmt.Errorf("%d characters are too many for an RSA 2048 key", len(text))
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	return challenge.ParseKey(raw)
}

// challengeBody is the body of the 401 that asks a device to prove itself. A member
// "status" in it would make the C SDK mistake it for an answer.
type challengeBody struct {
	Message                      string  `json:"message"`
	AuthenticationKey            string  `json:"authenticationKey"`
	UnencryptedAuthenticationKey *string `json:"unencryptedAuthenticationKey"`
	KeyName                      string  `json:"keyName"`
}

// checkKeys compares the chip's EK with the enrolled one, and returns its SRK: any
// will do, the EK is the identity. IoT Edge sends them with its first request
// only, so without them the SRK of the last challenge stands.
func (s *Server) checkKeys(e *enrollment, body deviceRegistration) (*challenge.Key, error) {
	if body.TPM == nil {
		if srk := s.nonce.last(fold(e.RegistrationID)); srk != nil {
			return srk, nil
		}
		return nil, rest.Refuse(codeBadRequest, "The registration has no tpm member.")
	}
	ek, err := parseKey(body.TPM.EndorsementKey)
	if err != nil || !ek.Same(e.ek) {
		return nil, errEndorsementKey
	}
	srk, err := parseKey(body.TPM.StorageRootKey)
	if err != nil {
		return nil, rest.Refuse(codeBadRequest, "Storage root key is invalid.")
	}
	return srk, nil
}

// challenge wraps a fresh nonce for the chip.
func (s *Server) challenge(e *enrollment, srk *challenge.Key) (rest.Reply, error) {
	n := s.nonce.add(fold(e.RegistrationID), e.ek, srk, s.opts.Now())
	key, err := s.wrap(e.ek, srk, n.key, s.Host()+"/"+e.RegistrationID, faultBadBlob)
	if err != nil {
		return rest.Reply{}, err
	}
	return rest.Reply{Status: http.StatusUnauthorized, Body: challengeBody{
		Message:           "Authorization required, resend request using supplied key",
		AuthenticationKey: key,
		KeyName:           "registration",
	}}, nil
}

// wrap returns a new credential as it stands in JSON, or one that the named
// fault has spoilt.
func (s *Server) wrap(ek, srk *challenge.Key, key []byte, text, fault string) (string, error) {
	blob, err := challenge.Make(ek, srk, key, text)
	if err != nil {
		return "", err
	}
	if s.faults.on(fault) {
		blob[4] ^= 1 // after two sizes: the HMAC that the chip checks first
	}
	return base64.StdEncoding.EncodeToString(blob), nil
}

// authenticate checks the token of a device and returns the nonce it signed with.
func (s *Server) authenticate(r *request, e *enrollment) (*nonce, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token, err := sas.Parse(text)
	if err != nil || !strings.EqualFold(scheme, sas.Scheme) {
		return nil, rest.Refuse(codeUnauthorized, "Unauthorized")
	}
	// A token for the registration opens what lies below it, too.
	target := strings.Join(r.path, "/")
	n, ok := s.nonce.find(fold(e.RegistrationID), e.ek, token, target, s.opts.Now())
	if !ok {
		return nil, rest.Refuse(codeUnauthorized, "Unauthorized")
	}
	return n, nil
}
