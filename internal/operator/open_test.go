package operator

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"tpmdps/internal/dps"
	"tpmdps/internal/environment"
	"tpmdps/internal/secretfile"
)

const (
	testHost      = "plant.azure-devices-provisioning.net"
	testKey       = "c2VjcmV0LW9mLXRoZS1wb2xpY3k="
	testSignature = "c2VjcmV0c2lnbmF0dXJl"
	testCS        = "HostName=" + testHost + ";SharedAccessKeyName=enroller;SharedAccessKey=" + testKey
)

func testToken(resource string, expiry int64) Key {
	return Key{fmt.Sprintf("SharedAccessSignature sr=%s&sig=%s%%3D&se=%d&skn=enroller", resource, testSignature, expiry), true, "a.token"}
}

// heard is what an operator's options were called with.
type heard struct{ informed, warned, learned []string }

// testOptions are complete, and ask nobody.
func testOptions(env ...string) (Options, *heard) {
	h := &heard{}
	warn := func(message string) { h.warned = append(h.warned, message) }
	return Options{
		AuthType: "key", Credential: "default",
		Client:      dps.ClientOptions{HTTPClient: dps.NewHTTPClient(nil, environment.Proxies{})},
		Environment: environment.Of(env, false),
		Files:       secretfile.Policy{Warn: warn},
		Warn:        warn,
		Inform:      func(message string) { h.informed = append(h.informed, message) },
		Learn:       func(secrets ...string) { h.learned = append(h.learned, secrets...) },
		Await:       func(_ context.Context, _ string, f func()) error { f(); return nil },
	}, h
}

// A key opens the DPS that it is for, and goes nowhere else.
func TestOpenByKey(t *testing.T) {
	const later, ended = 4102444800, 1577836800
	cs := Key{testCS, false, "cs"}
	for name, test := range map[string]struct {
		key        Key
		dps, cloud string
		endpoint   string // "" is an error
		is         error
		says       string // in the error, or in what is reported
	}{
		"its own DPS":              {key: cs, endpoint: testHost},
		"by name":                  {key: cs, dps: "plant", endpoint: testHost},
		"by host, in capitals":     {key: cs, dps: "PLANT.azure-devices-provisioning.net", endpoint: testHost},
		"by URL":                   {key: cs, dps: "https://" + testHost, endpoint: testHost},
		"another DPS":              {key: cs, dps: "other", is: otherDPS, says: "names other.azure-devices-provisioning.net, the connection string is for " + testHost},
		"another cloud":            {key: cs, dps: "plant", cloud: "usgov", is: otherDPS, says: "names plant.azure-devices-provisioning.us"},
		"not a DPS":                {key: cs, dps: "ftp://plant", is: dps.ErrEndpoint},
		"in quotes":                {key: Key{`"` + testCS + `"` + "\n", false, "cs"}, endpoint: testHost},
		"a hub's":                  {key: Key{"HostName=p.azure-devices.net;SharedAccessKeyName=o;SharedAccessKey=" + testKey, false, "cs"}, is: dps.ErrConnectionString, says: "cs: "},
		"blanks":                   {key: Key{" \t", false, "cs"}, is: secretfile.ErrEmpty, says: "cannot read cs: it is empty"},
		"two":                      {key: Key{testCS + "\n" + strings.Replace(testCS, "plant", "other", 1), false, "cs"}, is: dps.ErrConnectionString, says: "cs: "},
		"none":                     {is: ErrNoCredential},
		"a token":                  {key: testToken(testHost, later), endpoint: testHost, says: "DPS " + testHost + ", which the SAS token is for"},
		"a token, by name":         {key: testToken(testHost, later), dps: "plant", endpoint: testHost},
		"a token, ended":           {key: testToken(testHost, ended), dps: "plant", endpoint: testHost, says: "the SAS token ended "},
		"a token for another":      {key: testToken(testHost, later), dps: "other", is: otherAudience, says: "the SAS token is for " + testHost + "; it was not sent"},
		"a token of a hub":         {key: testToken("p.azure-devices.net", later), dps: "other", is: otherAudience, says: ", an IoT Hub; it was not sent"},
		"a token of a device":      {key: testToken("0ne0012AB34/registrations/box-7", later), dps: "other", is: otherAudience, says: ": it is a device's; it was not sent"},
		"a token of a hub, alone":  {key: testToken("p.azure-devices.net", later), is: dps.ErrCredential, says: "it is for the IoT hub"},
		"a connection string in a": {key: Key{testCS, true, "a.token"}, is: dps.ErrCredential, says: "a.token: "},
		"a word":                   {key: Key{"plant", true, "a.token"}, is: dps.ErrCredential, says: "a.token: "},
	} {
		o, h := testOptions()
		o.Key, o.DPS, o.Cloud = test.key, test.dps, test.cloud
		op, err := Open(t.Context(), o)
		words := fmt.Sprint(err, h.informed, h.warned)
		switch {
		case test.endpoint == "" && (op != nil || !errors.Is(err, test.is)):
			t.Errorf("%s: Open() = %v, %v, want %v", name, op, err, test.is)
		case test.endpoint != "" && (err != nil || !strings.EqualFold(op.Endpoint(), "https://"+test.endpoint)):
			t.Errorf("%s: Open() = %v, %v, want the operator of %s", name, op, err, test.endpoint)
		case test.endpoint != "" && op.String() != map[bool]string{true: "SAS token", false: "policy enroller"}[test.key.IsToken]:
			t.Errorf("%s: it is called %q", name, op)
		}
		if !strings.Contains(words, test.says) || strings.Contains(words, testKey) || strings.Contains(words, testSignature) {
			t.Errorf("%s: %s, want %q and no secret", name, words, test.says)
		}
		if test.key != (Key{}) && len(h.learned) == 0 {
			t.Errorf("%s: no secret was learned", name)
		}
	}
}

// Wrong values are found without a key, and before a file is read.
func TestCheck(t *testing.T) {
	for name, change := range map[string]func(*Options){
		`--cloud "mars"`:        func(o *Options) { o.Cloud = "mars" },
		`--cloud "Public"`:      func(o *Options) { o.Cloud = "Public" },
		`--auth-type "login "`:  func(o *Options) { o.AuthType = "login " },
		`--auth-type ""`:        func(o *Options) { o.AuthType = "" },
		`--credential "az"`:     func(o *Options) { o.AuthType, o.Credential = "login", "az" },
		`--credential ""`:       func(o *Options) { o.AuthType, o.Credential = "login", "" },
		`--credential "a?[2Jb"`: func(o *Options) { o.AuthType, o.Credential = "login", "a\x1b[2Jb" },
	} {
		o, _ := testOptions()
		change(&o)
		if err := o.Check(); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), "usage: "+name+": choose ") {
			t.Errorf("%s: Check() = %v", name, err)
		}
		if op, err := Open(t.Context(), o); !errors.Is(err, ErrOptions) || op != nil {
			t.Errorf("%s: Open() = %v, %v", name, op, err)
		}
	}
	for _, cloud := range []string{"", "public", "usgov", "china"} {
		for _, kind := range CredentialKinds() {
			o, _ := testOptions()
			o.Cloud, o.AuthType, o.Credential = cloud, "login", kind
			if err := o.Check(); err != nil {
				t.Errorf("--cloud %q --credential %s: %v", cloud, kind, err)
			}
			if _, err := Open(t.Context(), o); !errors.Is(err, ErrNoDPS) {
				t.Errorf("--cloud %q --credential %s, no DPS: %v", cloud, kind, err)
			}
		}
	}
}

// The cloud is the one that is named, otherwise the authority's.
func TestCloudOfOptions(t *testing.T) {
	for _, test := range []struct{ cloud, authority, want string }{
		{"", "", "public"}, {"usgov", "", "usgov"}, {"china", "https://login.microsoftonline.us", "china"},
		{"", "https://login.microsoftonline.us/", "usgov"}, {"", "https://LOGIN.chinacloudapi.cn", "china"}, {"", "https://localhost:8443", "public"},
	} {
		o, _ := testOptions("AZURE_AUTHORITY_HOST=" + test.authority)
		o.Cloud = test.cloud
		if c, err := o.cloud(); err != nil || c.name != test.want {
			t.Errorf("%+v: %s, %v", test, c.name, err)
		}
	}
}

func TestKeyFromEnvironment(t *testing.T) {
	for _, test := range []struct {
		env  []string
		want Key
	}{
		{[]string{"TPMDPS_SAS_TOKEN=a"}, Key{"a", true, "TPMDPS_SAS_TOKEN (from the environment)"}},
		{[]string{"PROVISIONING_CONNECTION_STRING=a=b"}, Key{"a=b", false, "PROVISIONING_CONNECTION_STRING (from the environment)"}},
		{[]string{"PROVISIONING_CONNECTION_STRING=a", "TPMDPS_SAS_TOKEN=b"}, Key{"b", true, "TPMDPS_SAS_TOKEN (from the environment)"}},
		{[]string{"PROVISIONING_CONNECTION_STRING=a", "TPMDPS_SAS_TOKEN="}, Key{"a", false, "PROVISIONING_CONNECTION_STRING (from the environment)"}},
		{[]string{"TPMDPS_SAS_TOKEN=\xff\xfea"}, Key{"a", true, "TPMDPS_SAS_TOKEN (from the environment)"}},
		{[]string{"PROVISIONING_CONNECTION_STRING=\xfe\xffa"}, Key{"a", false, "PROVISIONING_CONNECTION_STRING (from the environment)"}},
		{nil, Key{}}, {[]string{"TPMDPS_SAS_TOKEN=", "PATH=a"}, Key{}},
	} {
		got, err := KeyFromEnvironment(environment.Of(test.env, false))
		if got != test.want || errors.Is(err, ErrNoCredential) != (test.want == Key{}) {
			t.Errorf("%q: %+v, %v, want %+v", test.env, got, err, test.want)
		}
	}
}

// Only a policy's key can make a token.
func TestPolicyKey(t *testing.T) {
	var learned []string
	learn := func(secrets ...string) { learned = append(learned, secrets...) }
	if cs, err := PolicyKey(Key{"'" + testCS + "'", false, "cs"}, learn); err != nil || cs.KeyName != "enroller" || !slices.Contains(learned, testCS) {
		t.Errorf("a connection string: %q, %v, learned %q", cs.KeyName, err, learned)
	}
	for _, test := range []struct {
		key Key
		is  error
	}{
		{Key{}, ErrNoCredential}, {testToken(testHost, 4102444800), ErrNoCredential}, {Key{testCS, true, "a.token"}, ErrNoCredential},
		{Key{"plant", false, "cs"}, dps.ErrConnectionString}, {Key{"\n", false, "cs"}, secretfile.ErrEmpty},
	} {
		if cs, err := PolicyKey(test.key, learn); !errors.Is(err, test.is) || strings.Contains(err.Error(), testKey) || strings.Contains(err.Error(), testSignature) {
			t.Errorf("%.20q: %q, %v, want %v", test.key.Text, cs.KeyName, err, test.is)
		}
	}
}

// A sign-in whose settings or files cannot be used is not begun.
func TestOpenByLogin(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct {
		kind string
		env  []string
		is   error  // nil: it is opened
		says string // in the error or in a warning
	}{
		"nothing set":            {"device-code", nil, nil, ""},
		"an authority":           {"device-code", []string{"AZURE_AUTHORITY_HOST=https://localhost:8443"}, nil, "signing in at localhost:8443, as AZURE_AUTHORITY_HOST says: it is not one of Microsoft's"},
		"an authority, by az":    {"cli", []string{"AZURE_AUTHORITY_HOST=https://localhost:8443"}, nil, ""},
		"a wrong tenant":         {"cli", []string{"AZURE_TENANT_ID={a}"}, environment.ErrVariable, "AZURE_TENANT_ID is not usable"},
		"a certificate, missing": {"environment", []string{"AZURE_CLIENT_CERTIFICATE_PATH=" + dir + "/none"}, environment.ErrVariable, "there is no such file"},
		"a certificate, folder":  {"environment", []string{"AZURE_CLIENT_CERTIFICATE_PATH=" + dir}, environment.ErrVariable, "it names a folder"},
		"a token, missing":       {"workload", []string{"AZURE_FEDERATED_TOKEN_FILE=" + dir + "/none"}, environment.ErrVariable, "there is no such file"},
		"a token, not its kind":  {"device-code", []string{"AZURE_FEDERATED_TOKEN_FILE=" + dir + "/none"}, nil, ""},
		"a secret goes first":    {"cli", []string{"AZURE_CLIENT_SECRET=a", "AZURE_CLIENT_CERTIFICATE_PATH=" + dir + "/none"}, nil, ""},
	} {
		o, h := testOptions(test.env...)
		o.AuthType, o.Credential, o.DPS = "login", test.kind, "plant"
		op, err := Open(t.Context(), o)
		words := fmt.Sprint(err, h.warned)
		if !errors.Is(err, test.is) || (op == nil) != (err != nil) || !strings.Contains(words, test.says) || test.is == nil && test.says == "" && len(h.warned) > 0 {
			t.Errorf("%s: Open() = %v, %s, want %v, %q", name, op, words, test.is, test.says)
		}
		if err == nil && op.String() != "an unnamed account, tenant unknown" {
			t.Errorf("%s: it is called %q before it signed in", name, op)
		}
	}

	over := errors.New("the run ended")
	o, _ := testOptions()
	o.AuthType, o.Credential, o.DPS = "login", "device-code", "plant"
	o.Await = func(context.Context, string, func()) error { return over }
	if op, err := Open(t.Context(), o); !errors.Is(err, over) || op != nil {
		t.Errorf("after the end of the run: %v, %v", op, err)
	}
}

// tokens is a credential that has them ready.
type tokens []string

func (ts *tokens) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token := (*ts)[0]
	*ts = (*ts)[1:]
	return azcore.AccessToken{Token: token, ExpiresOn: time.Unix(4102444800, 0)}, nil
}

// Each token is learned; who signed in is reported once for each account.
func TestSignInReportsTheAccount(t *testing.T) {
	jwt := func(name string, n int) string {
		return "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"upn":%q,"tid":"t","n":%d}`, name, n)) + ".c2ln"
	}
	_, h := testOptions()
	all := []string{jwt("a", 1), jwt("a", 2), jwt("b", 3), jwt("b", 4)}
	ready := tokens(slices.Clone(all))
	in := &signIn{kind: "cli", inner: &ready,
		inform: func(message string) { h.informed = append(h.informed, message) },
		learn:  func(secrets ...string) { h.learned = append(h.learned, secrets...) }}
	op := &Operator{login: in}
	for range all {
		if _, err := in.GetToken(t.Context(), policy.TokenRequestOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(h.learned, all) || !slices.Equal(h.informed, []string{"signed in as a, tenant t", "signed in as b, tenant t"}) || op.String() != "b, tenant t" {
		t.Errorf("learned %q, informed %q, operator %q", h.learned, h.informed, op)
	}
}

// Each reason has its row of hints.
func TestReasons(t *testing.T) {
	if all := Reasons(); len(all) != 14 || len(slices.Compact(slices.Sorted(slices.Values(all)))) != 14 {
		t.Errorf("Reasons() = %q", all)
	}
	for code, reason := range aadsts {
		if reason.Hint() == "" {
			t.Errorf("AADSTS%d is %q, which says nothing of what to do", code, reason)
		}
	}
	for _, reason := range Reasons() {
		err := error(&refusal{reason, "", errors.New("x")})
		var knows interface{ Hint() string }
		if !errors.As(err, &knows) || knows.Hint() != reason.Hint() || err.Error() != string(reason)+": x" {
			t.Errorf("%v: %v, hint %q", reason, err, knows.Hint())
		}
		if own := (&refusal{reason, "own", err}); own.Hint() != "own" {
			t.Errorf("%v: hint %q", reason, own.Hint())
		}
	}
}
