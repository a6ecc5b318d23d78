package operator

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"tpmdps/internal/text"
)

// account is who a token is for, by its own claims. They are shown and not trusted:
// verifying them is left to the service.
type account struct {
	Name     string // of a user
	App      string // application ID
	Object   string // object ID of user, service principal or identity: what a role is assigned to
	Tenant   string
	Audience string
	Expiry   time.Time
}

// String names it in the way that tells people apart.
func (a account) String() string {
	who := cmp.Or(a.Name, "application "+a.App)
	if a.Name == "" && a.App == "" {
		who = cmp.Or(a.Object, "an unnamed account")
	}
	return who + ", tenant " + cmp.Or(a.Tenant, "unknown")
}

// readAccount reads the claims of a token. One that is not a JWT has none.
func readAccount(token string) account {
	var claims struct {
		UPN               string  `json:"upn"`
		UniqueName        string  `json:"unique_name"`
		PreferredUsername string  `json:"preferred_username"`
		AppID             string  `json:"appid"`
		AZP               string  `json:"azp"`
		ObjectID          string  `json:"oid"`
		TenantID          string  `json:"tid"`
		Audience          any     `json:"aud"`
		Expiry            float64 `json:"exp"`
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return account{}
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(data, &claims) != nil {
		return account{}
	}
	audience, _ := claims.Audience.(string)
	a := account{
		Name:     text.Printable(cmp.Or(claims.UPN, claims.PreferredUsername, claims.UniqueName), 120),
		App:      text.Printable(cmp.Or(claims.AppID, claims.AZP), 60),
		Object:   text.Printable(claims.ObjectID, 60),
		Tenant:   text.Printable(claims.TenantID, 60),
		Audience: text.Printable(audience, 120),
	}
	if claims.Expiry > 0 {
		a.Expiry = time.Unix(int64(claims.Expiry), 0).UTC()
	}
	return a
}

// signIn is a credential of azidentity that reports who signed in, and makes its
// errors readable. It implements azcore.TokenCredential.
type signIn struct {
	kind   string
	inner  azcore.TokenCredential
	inform func(message string)
	learn  func(secrets ...string)

	mu      sync.Mutex
	account account // of the last token
	known   bool
}

// GetToken implements azcore.TokenCredential.
func (in *signIn) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := in.inner.GetToken(ctx, o)
	if err != nil {
		return token, in.explain(err)
	}
	in.learn(token.Token)
	in.mu.Lock()
	defer in.mu.Unlock()
	now := readAccount(token.Token)
	if !in.known || now.String() != in.account.String() {
		in.inform("signed in as " + now.String())
	}
	in.account, in.known = now, true
	return token, nil
}

// last returns who the last token was for.
func (in *signIn) last() account {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.account
}
