package environment

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// No secret goes to a program that this one starts: not under a known name, not under
// one of Azure's, in whatever letters, and not as the login of a proxy.
func TestWithoutSecrets(t *testing.T) {
	const canary = "cAnArY"
	for _, entry := range []string{
		"PROVISIONING_CONNECTION_STRING=" + canary, "azure_client_secret=" + canary, "Msi_Secret=" + canary, "IDENTITY_HEADER=" + canary, "ARM_ACCESS_KEY=" + canary, "DPS_SYMMETRIC_KEY=" + canary,
		"TPMDPS_OWNER_PASSWORD=" + canary, "IOTHUB_DEVICE_CONNECTIONSTRING=" + canary, "AZURE_X_SAS_TOKEN_Y=" + canary,
		"HTTPS_PROXY=http://me:" + canary + "@[proxy", "ftp_proxy=http://" + canary + "@pro xy", "HTTPS_PROXY=me:" + canary + "@proxy:x",
	} {
		for _, variables := range [][]string{{entry}, {"A=1", entry, "B=2"}} {
			got := Of(variables, false).WithoutSecrets()
			if strings.Contains(strings.Join(got, "\n"), canary) || len(variables) == 3 && (!slices.Contains(got, "A=1") || !slices.Contains(got, "B=2")) {
				t.Errorf("%q: %q", variables, got)
			}
		}
	}
	for entry, want := range map[string]string{
		"HTTPS_PROXY=http://me:sesame@proxy:3128": "HTTPS_PROXY=http://proxy:3128", "http_proxy=me:sesame@proxy:3128": "http_proxy=proxy:3128", "HTTPS_PROXY=http://me:se@same@proxy": "HTTPS_PROXY=http://proxy",
		"HTTPS_PROXY=http://proxy:3128": "HTTPS_PROXY=http://proxy:3128", "HTTPS_PROXY=": "HTTPS_PROXY=", "NO_PROXY=localhost,.plant": "NO_PROXY=localhost,.plant", "no_proxy=a b": "no_proxy=a b",
		"PATH=/bin": "PATH=/bin", "AZURE_CLIENT_ID=x": "AZURE_CLIENT_ID=x", "MY_PASSWORD=x": "MY_PASSWORD=x", "ODD": "ODD", "A=b=c": "A=b=c", "PROXY=me:x@y": "PROXY=me:x@y",
	} {
		if got := Of([]string{entry}, false).WithoutSecrets(); len(got) != 1 || got[0] != want {
			t.Errorf("%q becomes %q, want %q", entry, got, want)
		}
	}
	for _, name := range Secrets {
		if !IsSecret(name) || !IsSecret(strings.ToLower(name)) {
			t.Errorf("%s passes for no secret", name)
		}
	}
}

func TestSplitLogin(t *testing.T) {
	for address, want := range map[string][3]string{
		"http://me:sesame@proxy:3128": {"http://", "me:sesame", "proxy:3128"}, "me@proxy": {"", "me", "proxy"}, "http://a@b@c": {"http://", "a@b", "c"},
		"http://proxy": {"", "", "http://proxy"}, "": {}, "@proxy": {"", "", "proxy"}, "http://@proxy": {"http://", "", "proxy"},
	} {
		scheme, login, rest := SplitLogin(address)
		if got := [3]string{scheme, login, rest}; got != want {
			t.Errorf("SplitLogin(%q) = %q, want %q", address, got, want)
		}
	}
}

func TestTrust(t *testing.T) {
	folders := strings.Join([]string{"/a", "", "/b"}, string(filepath.ListSeparator))
	got := Of([]string{"SSL_CERT_FILE=/f.pem", "SSL_CERT_DIR=" + folders}, false).Trust()
	if got.File != (Setting{"SSL_CERT_FILE", "/f.pem"}) || got.Folders.Variable != "SSL_CERT_DIR" || !slices.Equal(got.Folders.List(), []string{"/a", "/b"}) {
		t.Errorf("%+v", got)
	}
	if got := Of(nil, false).Trust(); got != (Trust{}) || got.Folders.List() != nil {
		t.Errorf("nothing set is %+v", got)
	}
	cause := errors.New("not a PEM file")
	var wrong *Error
	err := got.File.Invalid("it holds no certificate", "name a PEM file", cause)
	if !errors.As(err, &wrong) || wrong.Hint() != "name a PEM file" || err.Error() != "SSL_CERT_FILE is not usable: it holds no certificate" || !errors.Is(err, cause) || !errors.Is(err, ErrVariable) {
		t.Errorf("%v", err)
	}
	for value, bare := range map[string]bool{"/f.pem": true, "/a b": true, `"/f.pem"`: false, "'/f.pem'": false, " /f.pem": false, "/f.pem\n": false} {
		s := Setting{"SSL_CERT_FILE", value}
		err := s.Bare()
		if (err == nil) != bare || (s.Dressed() == "") != bare || err != nil && (!errors.Is(err, ErrVariable) || strings.Contains(err.Error(), "f.pem")) {
			t.Errorf("%q: %v, %q", value, err, s.Dressed())
		}
	}
}

// Each variable of a sign-in is judged for the credentials that read it, and no error
// shows its value.
func TestCheckLogin(t *testing.T) {
	for entry, kinds := range map[string]string{ // that are refused with it
		"AZURE_AUTHORITY_HOST=http://login.microsoftonline.com": "default device-code browser environment workload", "AZURE_AUTHORITY_HOST=canary": "default device-code browser environment workload",
		"AZURE_AUTHORITY_HOST=https://u:canary@h": "default device-code", "AZURE_AUTHORITY_HOST=https://h?canary": "default", "AZURE_AUTHORITY_HOST=https://login.microsoftonline.com": "",
		"AZURE_TENANT_ID=can ary": "default cli managed-identity", "AZURE_TENANT_ID=plant.example": "", "AZURE_CLIENT_ID='canary'": "cli default", "AZURE_CLIENT_ID=0-a": "",
		"AZURE_ADDITIONALLY_ALLOWED_TENANTS=a;can ary": "environment default", "AZURE_ADDITIONALLY_ALLOWED_TENANTS=a;*": "",
		"AZURE_CLIENT_SEND_CERTIFICATE_CHAIN=canary": "environment default", "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN=TRUE": "", "AZURE_REGIONAL_AUTHORITY_NAME=can/ary": "environment workload", "AZURE_REGIONAL_AUTHORITY_NAME=westeurope": "",
		"AZURE_TOKEN_CREDENTIALS=canary": "default", "AZURE_TOKEN_CREDENTIALS=Dev": "default", "AZURE_TOKEN_CREDENTIALS=prod": "", "AZURE_TOKEN_CREDENTIALS=azureclicredential": "",
		"IDENTITY_ENDPOINT=canary": "managed-identity default", "IMDS_ENDPOINT=ftp://canary": "managed-identity", "MSI_ENDPOINT=http://127.0.0.1:41741/msi": "", "IMDS_ENDPOINT=http://[fd00::1]": "", "OTHER='canary'": "",
	} {
		v, refused := Of([]string{entry}, false), strings.Fields(kinds)
		for _, kind := range []string{"default", "environment", "workload", "managed-identity", "cli", "device-code", "browser"} {
			err := v.CheckLogin(kind)
			name, _, _ := strings.Cut(entry, "=")
			if err != nil && (!errors.Is(err, ErrVariable) || !strings.HasPrefix(err.Error(), name) || strings.Contains(err.Error(), "canary")) {
				t.Errorf("%s for %s: %v", entry, kind, err)
			}
			if slices.Contains(refused, kind) && err == nil || len(refused) == 0 && err != nil {
				t.Errorf("%s for %s: %v", entry, kind, err)
			}
		}
	}
	for entry, kind := range map[string]string{"AZURE_TOKEN_CREDENTIALS=x": "environment", "MSI_ENDPOINT=x": "workload", "AZURE_AUTHORITY_HOST=x": "cli", "AZURE_REGIONAL_AUTHORITY_NAME=/": "managed-identity"} {
		if err := Of([]string{entry}, false).CheckLogin(kind); err != nil {
			t.Errorf("%s does not count for %s: %v", entry, kind, err)
		}
	}
}

func TestLogin(t *testing.T) {
	got := Of([]string{"AZURE_TENANT_ID=t", "AZURE_CLIENT_ID=c", "AZURE_CLIENT_SECRET=s", "AZURE_AUTHORITY_HOST=https://h", "AZURE_CLIENT_CERTIFICATE_PATH=/c", "AZURE_FEDERATED_TOKEN_FILE=/t"}, false).Login()
	want := Login{Authority: "https://h", Tenant: "t", ClientID: "c", Secret: true, Certificate: Setting{"AZURE_CLIENT_CERTIFICATE_PATH", "/c"}, TokenFile: Setting{"AZURE_FEDERATED_TOKEN_FILE", "/t"}}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := Of(nil, false).Login(); got != (Login{}) {
		t.Errorf("nothing set is %+v", got)
	}
}

// The proxy's variable is named as it is set.
func TestProxyVariable(t *testing.T) {
	for entries, want := range map[string]string{"": "HTTPS_PROXY", "HTTPS_PROXY=http://p": "HTTPS_PROXY", "https_proxy=http://p": "https_proxy", "HTTPS_PROXY=http://p https_proxy=http://q": "https_proxy", "http_proxy=http://p": "HTTPS_PROXY"} {
		if got := Of(strings.Fields(entries), false).ProxyVariable(); got != want {
			t.Errorf("with %q it is %s, want %s", entries, got, want)
		}
	}
}
