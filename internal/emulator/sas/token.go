// Package sas reads and checks shared access signatures, the tokens of Azure IoT, and
// makes the pairs of keys that sign them. It is written apart from the client, whose
// signatures it judges.
package sas

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// clockSkew is how long a token is accepted after its expiry. IoT Edge depends on
// it: its tokens live 30 s and are used for the whole registration.
const clockSkew = 5 * time.Minute

// Scheme is the Authorization scheme of shared access signatures.
const Scheme = "SharedAccessSignature"

// Token is a shared access signature as it came.
type Token struct {
	audience  string // sr, still escaped: it is signed as it is written
	expiry    string // se, seconds since 1970
	KeyName   string // skn, the policy whose key signed; "" for a device
	signature []byte // sig
}

// Parse reads the text after the scheme: fields in any order, their names
// in any case, as Microsoft's own validator has it.
func Parse(text string) (Token, error) {
	var t Token
	for field := range strings.SplitSeq(strings.TrimSpace(text), "&") {
		name, value, ok := strings.Cut(field, "=")
		if !ok {
			return Token{}, errors.New("a field of the token has no value")
		}
		plain, err := url.QueryUnescape(value)
		if err != nil {
			return Token{}, fmt.Errorf("token field %q: %w", name, err)
		}
		switch strings.ToLower(name) {
		case "sr":
			t.audience = value
		case "se":
			t.expiry = plain
		case "skn":
			t.KeyName = plain
		case "sig":
			// A plus that nobody escaped came back as a space.
			t.signature, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(plain, " ", "+"))
			if err != nil {
				return Token{}, fmt.Errorf("token signature: %w", err)
			}
		}
	}
	if t.audience == "" || t.expiry == "" || len(t.signature) == 0 {
		return Token{}, errors.New("the token lacks sr, se or sig")
	}
	return t, nil
}

// Check reports why the token does not open target at the time now. The target
// is a path without a slash in front; the audience has to be a leading part of it.
func (t Token) Check(key []byte, target string, now time.Time) error {
	seconds, err := strconv.ParseInt(t.expiry, 10, 64)
	if err != nil {
		return errors.New("the token's expiry is not a number")
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\n%s", t.audience, t.expiry)
	if !hmac.Equal(mac.Sum(nil), t.signature) {
		return errors.New("the token's signature is wrong")
	}
	if now.After(time.Unix(seconds, 0).Add(clockSkew)) {
		return errors.New("the token has expired")
	}
	audience, err := url.QueryUnescape(t.audience)
	if err != nil {
		return fmt.Errorf("token audience: %w", err)
	}
	if !covers(target, audience) {
		return errors.New("the token is for another resource")
	}
	return nil
}

// covers reports whether target is audience or lies below it, in any case.
func covers(target, audience string) bool {
	audience = strings.ToLower(strings.TrimRight(audience, "/"))
	target = strings.ToLower(target)
	return audience != "" && (target == audience || strings.HasPrefix(target, audience+"/"))
}
