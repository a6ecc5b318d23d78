package dps

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// DefaultScope is what an Entra ID token for DPS is asked for, in every cloud.
const DefaultScope = "https://azure-devices-provisioning.net/.default"

// Life of a token that is made from a connection string, and how long before
// its end the next one is made: enough for a clock that is minutes off.
const (
	sasLife  = time.Hour
	sasRenew = 10 * time.Minute
)

// ErrCredential is returned, wrapped with the reason, for a credential that
// cannot be sent.
var ErrCredential = errors.New("invalid credential")

// Credential is how an operator proves who he is to the service API: made by
// [SharedKey], [SharedAccessToken] or [Entra]. It prints as its kind only.
type Credential struct {
	kind   string
	policy func() policy.Policy // a closure, so that printing a Credential finds no secret
	err    error
}

// SharedKey signs with the key of a connection string. Tokens live for an hour
// and are renewed before they end.
func SharedKey(cs ConnectionString) Credential {
	if cs.sign == nil {
		return Credential{err: fmt.Errorf("%w: the connection string is empty", ErrCredential)}
	}
	return Credential{kind: "shared access policy " + cs.KeyName, policy: func() policy.Policy {
		return &sharedKeyPolicy{cs: cs, now: time.Now}
	}}
}

// SharedAccessToken sends a token that somebody else made, with its fields in
// whatever order: az writes "SharedAccessSignature sr=...", Microsoft's
// documentation "SharedAccessSignature sig=...".
func SharedAccessToken(token string) Credential {
	if text, err := CredentialText(token); err == nil {
		token = text
	}
	if _, err := ParseToken(token); err != nil {
		return Credential{err: fmt.Errorf("%w: %w", ErrCredential, err)}
	}
	if len(token) > len(sasScheme) && strings.EqualFold(token[:len(sasScheme)], sasScheme) {
		token = token[len(sasScheme):]
	}
	token = sasScheme + strings.TrimSpace(token)
	return Credential{kind: "SAS token", policy: func() policy.Policy {
		return runtime.NewSASCredentialPolicy(azcore.NewSASCredential(token), "Authorization", nil)
	}}
}

// Entra signs in with Microsoft Entra ID. An empty scope is [DefaultScope].
func Entra(tc azcore.TokenCredential, scope string) Credential {
	if tc == nil {
		return Credential{err: fmt.Errorf("%w: no Entra ID credential", ErrCredential)}
	}
	if scope == "" {
		scope = DefaultScope
	}
	return Credential{kind: "Microsoft Entra ID", policy: func() policy.Policy {
		return runtime.NewBearerTokenPolicy(tc, []string{scope}, nil)
	}}
}

// String names the kind of credential.
func (c Credential) String() string {
	if c.kind == "" {
		return "no credential"
	}
	return c.kind
}

// GoString is String, for %#v.
func (c Credential) GoString() string { return c.String() }

// MarshalText writes String.
func (c Credential) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// LogValue is String, for log/slog.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// sharedKeyPolicy adds a token to each try, and makes a new one when the last
// is near its end.
type sharedKeyPolicy struct {
	cs  ConnectionString
	now func() time.Time

	mu    sync.Mutex
	token string
	ends  time.Time
}

// Do implements policy.Policy.
func (p *sharedKeyPolicy) Do(req *policy.Request) (*http.Response, error) {
	token, err := p.current()
	if err != nil {
		return nil, err
	}
	req.Raw().Header.Set("Authorization", token)
	return req.Next()
}

func (p *sharedKeyPolicy) current() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.token != "" && now.Before(p.ends.Add(-sasRenew)) {
		return p.token, nil
	}
	ends := now.Add(sasLife)
	token, err := SASToken(p.cs.HostName, p.cs.KeyName, ends, p.cs.sign)
	if err != nil {
		return "", err
	}
	p.token, p.ends = token, ends
	return token, nil
}
