package dps

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tpmdps/internal/text"
)

// ErrToken is returned, wrapped with the reason, for a text that is not a SAS
// token. The reason never repeats a signature.
var ErrToken = errors.New("invalid SAS token")

// Token is what a shared access signature says about itself. The signature is
// not in it, so it may be shown.
type Token struct {
	Resource string    // sr, unescaped: the URI without its scheme that it opens, and all below it
	KeyName  string    // skn, the policy; empty in a token of a device's own key
	Expiry   time.Time // se, UTC
}

// Opens reports whether the token's resource is a host, named with or without
// its port, and a path on it, or something above that: it is compared segment by
// segment, in any case.
func (t Token) Opens(host, path string) bool {
	resource := strings.ToLower(strings.TrimRight(strings.TrimPrefix(t.Resource, "https://"), "/"))
	name, _, _ := net.SplitHostPort(host)
	for _, host := range []string{host, name} {
		target := strings.ToLower(host + path)
		if resource != "" && (target == resource || strings.HasPrefix(target, resource+"/")) {
			return true
		}
	}
	return false
}

// Host is the service that the token's resource is of.
func (t Token) Host() string {
	host, _, _ := strings.Cut(strings.TrimPrefix(t.Resource, "https://"), "/")
	return host
}

// hubDomain is where hubs are in the public cloud; others have the same first part.
const hubDomain = ".azure-devices."

// Endpoint is the service API of the DPS that the token is for, so that it is sent
// to no other host. Errors wrap [ErrToken]: the token of a hub, or of a device that
// registers, is for no service API.
func (t Token) Endpoint() (string, error) {
	host := t.Host()
	name, _ := cutPort(host)
	path := strings.TrimPrefix(strings.TrimPrefix(t.Resource, "https://"), host)
	switch {
	case strings.HasPrefix(strings.ToLower(path), "/registrations/") && !strings.Contains(name, "."):
		return "", fmt.Errorf("%w: it is a device's, for its own registration in the ID scope %s", ErrToken, text.Printable(name, 40))
	case strings.Contains(strings.ToLower(name), hubDomain):
		return "", fmt.Errorf("%w: it is for the IoT hub %s, not for a DPS", ErrToken, text.Printable(name, 100))
	case !strings.Contains(name, ".") && !strings.EqualFold(name, "localhost"):
		return "", fmt.Errorf("%w: its resource (sr) %q does not begin with the host of a DPS", ErrToken, text.Printable(t.Resource, 100))
	}
	endpoint, err := ServiceEndpoint(host)
	if err != nil {
		return "", fmt.Errorf("%w: its resource (sr) names no DPS: %w", ErrToken, err)
	}
	return endpoint, nil
}

// cutPort takes the port from a host's name.
func cutPort(host string) (name, port string) {
	if name, port, err := net.SplitHostPort(host); err == nil {
		return name, port
	}
	return host, ""
}

// OfHub reports whether the token is for an IoT Hub, or a device on one.
func (t Token) OfHub() bool { return isHub(t.Host()) }

// ParseToken reads a SAS token, with or without the name of its scheme in
// front, in any dress that [CredentialText] knows. It checks the form alone: whether the signature is right only the
// service knows.
func ParseToken(text string) (Token, error) {
	text, err := CredentialText(text)
	if err != nil {
		return Token{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	t, err := parseToken(text)
	if err != nil {
		return Token{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	return t, nil
}

func parseToken(s string) (Token, error) {
	lower := strings.ToLower(s)
	switch {
	case s == "":
		return Token{}, errors.New("it is empty")
	case len(s) > maxConnectionString:
		return Token{}, fmt.Errorf("%d characters are too many", len(s))
	case strings.Contains(lower, "sharedaccesskey="):
		return Token{}, errors.New("this is a connection string: it holds the key itself; give it as a connection string")
	case strings.HasPrefix(lower, "eyj"), strings.HasPrefix(lower, "bearer "):
		return Token{}, errors.New("this looks like a bearer token of Microsoft Entra ID")
	case strings.ContainsAny(s, "\r\n"):
		return Token{}, errors.New("it is more than one line")
	}
	if strings.HasPrefix(lower, "sharedaccesssignature ") {
		s = strings.TrimSpace(s[len("sharedaccesssignature "):])
	}
	fields, err := tokenFields(s)
	if err != nil {
		return Token{}, err
	}
	for _, name := range []string{"sr", "sig", "se"} {
		if fields[name] == "" {
			return Token{}, fmt.Errorf("its field %s is missing", name)
		}
	}
	seconds, err := strconv.ParseInt(fields["se"], 10, 64)
	if err != nil || seconds < 0 || seconds > maxExpiry {
		return Token{}, errors.New("its expiry (se) is not a time in seconds since 1970")
	}
	return Token{
		Resource: text.Printable(fields["sr"], 300),
		KeyName:  text.Printable(fields["skn"], 80),
		Expiry:   time.Unix(seconds, 0).UTC(),
	}, nil
}

// maxExpiry is the end of the year 9999, the last that RFC 3339 can write.
const maxExpiry = 253402300799

// tokenFields splits the fields, whose names may be in any case.
func tokenFields(text string) (map[string]string, error) {
	fields := map[string]string{}
	for field := range strings.SplitSeq(text, "&") {
		name, value, found := strings.Cut(field, "=")
		name = strings.ToLower(name)
		plain, err := url.QueryUnescape(value)
		switch {
		case !found:
			return nil, errors.New("it does not consist of the fields sr, sig and se")
		case err != nil:
			return nil, errors.New("one of its fields is not escaped as in a URL")
		}
		if _, twice := fields[name]; twice {
			return nil, errors.New("a field appears in it twice: two were pasted together")
		}
		fields[name] = plain
	}
	return fields, nil
}

// EnrollmentsResource is what a token for all individual enrollments of a DPS
// is for, or with a registration ID for that one. A service matches it as the
// beginning of a path, segment by segment; it asks for lower case.
func EnrollmentsResource(host, registrationID string) string {
	resource := host + "/enrollments"
	if registrationID != "" {
		resource += "/" + registrationID
	}
	return strings.ToLower(resource)
}

// Token signs a SAS token for a resource with the key of the policy.
func (cs ConnectionString) Token(resource string, expiry time.Time) (string, error) {
	if cs.sign == nil {
		return "", fmt.Errorf("%w: the connection string is empty", ErrCredential)
	}
	return SASToken(resource, cs.KeyName, expiry, cs.sign)
}
