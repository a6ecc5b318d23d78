// Package operator is who asks the service API of a DPS: the holder of a shared
// access policy's key, of a SAS token made from one, or an account of Microsoft
// Entra ID. It finds the DPS that a credential is for, signs in, and says why the
// service refused the operator.
//
// What the operator has is handed in as values. The one exception is azidentity,
// which reads the variables of its own credentials and starts az.
package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tpmdps/internal/dps"
	"tpmdps/internal/environment"
	"tpmdps/internal/secretfile"
	"tpmdps/internal/text"
)

// What is missing or wrong before anybody is asked.
var (
	// ErrNoDPS: neither the options nor the credential name a DPS.
	ErrNoDPS = errors.New("no DPS named")
	// ErrNoCredential: there is no connection string and no SAS token.
	ErrNoCredential = errors.New("no credential for the service API")
	// ErrOptions: an option has a value that does not exist, or two contradict. Its
	// text is that of all wrong flags, which the program does not print.
	ErrOptions = errors.New("usage")
)

// The kinds of authentication, as az iot dps names them.
const (
	byKey   = "key"
	byLogin = "login"
)

// Options say which DPS is asked, and by whom.
type Options struct {
	// DPS is the service as a name, a host or a URL; "" is the one that the
	// connection string or the token is for.
	DPS string
	// AuthType is "key" or "login".
	AuthType string
	// Credential is the kind of sign-in, one of [CredentialKinds].
	Credential string
	// Cloud is public, usgov or china; "" is the one whose authority the environment
	// names, otherwise the public one.
	Cloud string
	// Key is the connection string or the token, for the AuthType "key".
	Key Key
	// Client has the HTTP client for the service and for the sign-in.
	Client dps.ClientOptions
	// Environment has the settings of a sign-in.
	Environment environment.Variables
	// Files says where the files of a sign-in may be.
	Files secretfile.Policy
	// Warn receives what is not right and does not prevent a request: one sentence.
	Warn func(message string)
	// Inform receives what happens, such as who signed in: one sentence.
	Inform func(message string)
	// Prompt shows the page and the code of a device-code sign-in.
	Prompt func(ctx context.Context, page, code string) error
	// Learn receives each secret before anything can print it.
	Learn func(secrets ...string)
	// Await runs a function that may wait for ever for what is named, such as a pipe,
	// and returns an error when the context ends first.
	Await func(ctx context.Context, what string, f func()) error
}

// Check finds wrong values of the options before a key is read. Errors wrap
// [ErrOptions].
func (o Options) Check() error {
	if _, err := o.cloud(); err != nil {
		return err
	}
	switch o.AuthType {
	case byKey:
		return nil
	case byLogin:
		if !slices.Contains(CredentialKinds(), o.Credential) {
			return fmt.Errorf("%w: --credential %q: choose %s", ErrOptions, text.Printable(o.Credential, 20), strings.Join(CredentialKinds(), ", "))
		}
		return nil
	}
	return fmt.Errorf("%w: --auth-type %q: choose key or login", ErrOptions, text.Printable(o.AuthType, 20))
}

// Operator is the service API of one DPS, and who asks it.
type Operator struct {
	*dps.ServiceClient
	login    *signIn   // nil for a key
	policy   string    // of a connection string; "" for a token
	token    dps.Token // a ready SAS token, otherwise zero
	endpoint string
	now      func() time.Time
}

// Open makes the client that asks for the operator. It connects to nothing; an
// account signs in at the first request. Errors wrap [ErrOptions], [ErrNoDPS],
// [ErrNoCredential], a [Reason], environment.ErrVariable, or are those of dps about
// connection strings, tokens and endpoints.
func Open(ctx context.Context, o Options) (*Operator, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	cloud, err := o.cloud()
	if err != nil {
		return nil, err
	}
	op := &Operator{now: time.Now}
	open := op.useKey
	if o.AuthType == byLogin {
		open = op.useLogin
	}
	endpoint, credential, err := open(ctx, o, cloud.complete(o.DPS))
	if err != nil {
		return nil, err
	}
	if op.endpoint, err = dps.ServiceEndpoint(endpoint); err != nil {
		return nil, err
	}
	op.ServiceClient, err = dps.NewServiceClient(op.endpoint, credential, o.Client)
	return op, err
}

// useLogin has an account of Entra ID ask the DPS.
func (op *Operator) useLogin(ctx context.Context, o Options, endpoint string) (string, dps.Credential, error) {
	if endpoint == "" {
		return "", dps.Credential{}, fmt.Errorf("%w: --auth-type login needs to know which", ErrNoDPS)
	}
	in, err := login(ctx, o)
	if err != nil {
		return "", dps.Credential{}, err
	}
	op.login = in
	return endpoint, dps.Entra(in, dps.DefaultScope), nil
}

// account is who signed in; of a key nothing is known.
func (op *Operator) account() account {
	if op.login == nil {
		return account{}
	}
	return op.login.last()
}

// Host is the host of the DPS that is asked, with its port if one was named.
func (op *Operator) Host() string { return strings.TrimPrefix(op.endpoint, "https://") }

// String names the credential, never what is secret in it.
func (op *Operator) String() string {
	switch {
	case op.login != nil:
		return op.account().String()
	case op.policy != "":
		return "policy " + op.policy
	}
	return "SAS token"
}
