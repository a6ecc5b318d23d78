package dps

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"tpmdps/internal/text"
)

// ErrConnectionString is returned, wrapped with the reason, for a text that is
// not a connection string of a DPS. The reason never repeats a key.
var ErrConnectionString = errors.New("invalid DPS connection string")

// ConnectionString is an operator's credential for the service API: a shared
// access policy of a DPS. However it is printed, logged or marshalled, the key
// does not appear.
type ConnectionString struct {
	// HostName is the service endpoint's host, with its port if it has one.
	HostName string
	// KeyName is the policy, such as provisioningserviceowner.
	KeyName string
	// sign has the key in its closure, where no printing and no reflection
	// reaches it, in a struct of somebody else's either.
	sign func(data []byte) ([]byte, error)
}

// connectionStringHint says where the right text is.
const connectionStringHint = "the one of a DPS is in the Azure portal under Shared access policies of the Device Provisioning Service, or from: az iot dps connection-string show"

// ParseConnectionString reads HostName=...;SharedAccessKeyName=...;
// SharedAccessKey=... with the names in any case and order, in any dress that
// [CredentialText] knows, since it is pasted. What looks like another service's
// credential is named as such.
func ParseConnectionString(text string) (ConnectionString, error) {
	cs, err := parseConnectionString(text)
	if err != nil {
		return ConnectionString{}, fmt.Errorf("%w: %w", ErrConnectionString, err)
	}
	return cs, nil
}

func parseConnectionString(s string) (ConnectionString, error) {
	s, err := CredentialText(s)
	if err != nil {
		return ConnectionString{}, err
	}
	fields, err := connectionFields(s)
	if err != nil {
		return ConnectionString{}, err
	}
	host, err := endpointHost(fields["hostname"])
	switch {
	case fields["hostname"] == "":
		return ConnectionString{}, errors.New("HostName is missing; " + connectionStringHint)
	case strings.Contains(fields["hostname"], "/") || isDPSName(fields["hostname"]) && !strings.EqualFold(host, "localhost"):
		return ConnectionString{}, fmt.Errorf("HostName is %q, not a host such as NAME%s", text.Printable(fields["hostname"], 80), serviceDomain)
	case isHub(fields["hostname"]):
		return ConnectionString{}, errors.New("this is the connection string of an IoT Hub; " + connectionStringHint)
	case err != nil:
		return ConnectionString{}, fmt.Errorf("HostName %q: %w", text.Printable(fields["hostname"], 80), err)
	case fields["sharedaccesskeyname"] == "":
		return ConnectionString{}, errors.New("SharedAccessKeyName is missing; " + connectionStringHint)
	case fields["sharedaccesskey"] == "":
		return ConnectionString{}, errors.New("SharedAccessKey is missing; " + connectionStringHint)
	}
	key, err := base64.StdEncoding.DecodeString(fields["sharedaccesskey"])
	if err != nil || len(key) == 0 {
		return ConnectionString{}, errors.New("SharedAccessKey is not base64: copy it whole, with the = at its end")
	}
	return ConnectionString{HostName: host, KeyName: fields["sharedaccesskeyname"], sign: hmacSigner(key)}, nil
}

// maxConnectionString bounds what is looked at; a real one has about 200
// characters.
const maxConnectionString = 8 << 10

// connectionFields splits the text; names are in lower case. Texts that are
// something else altogether are recognised here.
func connectionFields(text string) (map[string]string, error) {
	lower := strings.ToLower(text)
	switch {
	case text == "":
		return nil, errors.New("it is empty")
	case len(text) > maxConnectionString:
		return nil, fmt.Errorf("%d characters are too many; %s", len(text), connectionStringHint)
	case strings.HasPrefix(lower, "sharedaccesssignature "):
		return nil, errors.New("this is a SAS token, not a connection string: give it as a token")
	case strings.HasPrefix(lower, "eyj"):
		return nil, errors.New("this looks like a bearer token; " + connectionStringHint)
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(text, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, found := strings.Cut(part, "=") // the first one: base64 ends in more
		name = strings.ToLower(strings.TrimSpace(name))
		if !found {
			return nil, errors.New("a part of it has no \"=\"; " + connectionStringHint)
		}
		if _, twice := fields[name]; twice {
			return nil, errors.New("a name appears in it twice: two were pasted together")
		}
		fields[name] = strings.TrimSpace(value)
	}
	switch {
	case strings.HasPrefix(strings.ToLower(fields["endpoint"]), "sb://"):
		return nil, errors.New("this is the connection string of an Event Hub (or of a hub's built-in endpoint); " + connectionStringHint)
	case fields["deviceid"] != "":
		return nil, errors.New("this is the connection string of a device, which cannot enroll others; " + connectionStringHint)
	case fields["accountname"] != "" || fields["accountkey"] != "":
		return nil, errors.New("this is the connection string of a storage account; " + connectionStringHint)
	}
	return fields, nil
}

func hmacSigner(key []byte) func([]byte) ([]byte, error) {
	return func(data []byte) ([]byte, error) {
		mac := hmac.New(sha256.New, key)
		mac.Write(data)
		return mac.Sum(nil), nil
	}
}

// String shows the host and the policy, not the key.
func (cs ConnectionString) String() string {
	return "HostName=" + cs.HostName + ";SharedAccessKeyName=" + text.Printable(cs.KeyName, 80) + ";SharedAccessKey=[redacted]"
}

// GoString is String, for %#v.
func (cs ConnectionString) GoString() string { return cs.String() }

// MarshalJSON writes String.
func (cs ConnectionString) MarshalJSON() ([]byte, error) { return json.Marshal(cs.String()) }

// LogValue is String, for log/slog.
func (cs ConnectionString) LogValue() slog.Value { return slog.StringValue(cs.String()) }
