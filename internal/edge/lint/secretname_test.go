package lint_test

import (
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/edge/edgetest"
	"tpmdps/internal/edge/lint"
)

// secretsOf is what a file of mode 0644 is said to hold, "" if it is no error.
func secretsOf(t *testing.T, text string) []string {
	t.Helper()
	report := lint.Check([]byte(text), lint.Options{File: &lint.FileFacts{Path: "c", Mode: 0o644}})
	i := slices.IndexFunc(report.Findings, func(f lint.Finding) bool { return f.Rule == "file-mode" })
	if i < 0 {
		t.Fatalf("mode 0644 is not found in\n%s", text)
	}
	if isError := report.Findings[i].Severity == lint.Error; isError != (len(report.Secrets) > 0) {
		t.Errorf("%+v with the secrets %q", report.Findings[i], report.Secrets)
	}
	return report.Secrets
}

// A variable of the agent is a secret if its name says so, or if its value can be
// nothing else.
func TestSecretVariables(t *testing.T) {
	secret := []string{
		`DB_PASSWORD = "x"`, `dbPassword = "x"`, `"db-password" = "x"`, `PASSWORD = "x"`, `password1 = "x"`, `DBPASSWORD = "x"`, `Passwd = "x"`, `MYSQL_PWD = "x"`, `API_KEY = "x"`, `apiKey = "x"`, `APIKEY = "x"`,
		`ApplicationInsightsKey = "x"`, `AZURE_CLIENT_SECRET = "x"`, `clientSecret = "x"`, `UPSTREAM_TOKEN = "x"`, `SasToken = "x"`, `accessToken = "x"`, `GITHUB_PAT = "x"`, `PIN = "1234"`, `UserPin = "1234"`, `ConnectionString = "x"`,
		`IOTHUB_CONNECTION_STRING = "x"`, `CONNSTR = "x"`, `Credentials = "x"`, `PSK = "x"`, `STORAGE_ACCOUNT_KEY = "x"`, `SharedAccessKey = "x"`, `PRIVATE_KEY = "x"`, `SECRET_VALUE = "x"`, `PASSWORD_PROD = "x"`, `PASSPHRASE = "x"`,
		`Upstream = "HostName=h;SharedAccessKey=x"`, `Blob = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=x"`, `https_proxy = "http://user:pw@proxy:8080"`, `Link = "https://b.example/c?sv=1&sig=x"`, `Pem = "-----BEGIN RSA PRIVATE KEY-----"`,
		`Auth = "SharedAccessSignature sr=x"`, `Slot = "pkcs11:token=t?pin-value=1"`, `Dsn = "Server=s;User Id=u;Password=x"`,
	}
	harmless := []string{
		`UpstreamProtocol = "AmqpWs"`, `RuntimeLogLevel = "debug"`, `https_proxy = "http://proxy:8080"`, `no_proxy = "localhost"`, `SendRuntimeQualityTelemetry = "false"`, `StorageFolder = "/iotedge/storage"`, `storageFolder = "/x"`, `EnableMetrics = "true"`,
		`ExperimentalFeatures__Enabled = "true"`, `MONKEY = "x"`, `KeyboardLayout = "de"`, `PortMapping = "x"`, `Pinned = "true"`, `SPINDLE = "x"`, `PUBLIC_KEY = "x"`, `PartitionKey = "x"`, `RoutingKey = "x"`, `TokenTtlMinutes = "60"`, `SAS_TOKEN_TTL = "60"`,
		`PASSWORD_FILE = "/run/secrets/p"`, `KEY_PATH = "/etc/k"`, `SSL_KEY = "/etc/k.pem"`, `SECRET_NAME = "db"`, `KeyVaultUrl = "https://v.example"`, `KEY_VAULT = "plant"`, `SharedAccessKeyName = "owner"`, `PasswordRequired = "true"`, `DB_PASSWORD = ""`, `USE_TOKEN = "false"`,
		`CompassHeading = "12"`, `TokenProvider = "x"`, `KeyLength = "2048"`, `Bypass = "a"`, `PATTERN = "x"`, `ExpectedKeyCount = "2"`, `IMAGE = "mcr.microsoft.com/a:1"`,
	}
	for _, line := range secret {
		if got := secretsOf(t, edgetest.TPMFile+"[agent.env]\n"+line+"\n"); len(got) != 1 || !strings.HasPrefix(got[0], "agent.env.") {
			t.Errorf("%s: the secrets are %q", line, got)
		}
	}
	for _, line := range harmless {
		if got := secretsOf(t, edgetest.TPMFile+"[agent.env]\n"+line+"\n"); len(got) != 0 {
			t.Errorf("%s: the secrets are %q", line, got)
		}
	}
}

// The same for all other keys: it is the single key that holds a secret.
func TestSecretKeys(t *testing.T) {
	agent := "[agent]\nname = \"edgeAgent\"\ntype = \"docker\"\n[agent.config]\nimage = \"i\"\n"
	for text, want := range map[string]string{
		agent + `createOptions = { HostConfig = { Binds = ["/var/lib/aziot/storage:/iotedge/storage"] } }`:     "",
		agent + `createOptions = { HostConfig = { PortBindings = { "8883/tcp" = [{ HostPort = "8883" }] } } }`: "",
		agent + `createOptions = { Env = ["MODE=production", "TOKEN_TTL=5"] }`:                                 "",
		agent + `createOptions = { Env = ["MODE=production", "DB_PASSWORD=x"] }`:                               "agent.config.createOptions.Env",
		agent + `createOptions = { Env = ["DB_PASSWORD="] }`:                                                   "",
		agent + `createOptions = { Cmd = ["run", "--password", "x"] }`:                                         "agent.config.createOptions.Cmd",
		agent + `createOptions = { Cmd = ["run", "--api-key=x"] }`:                                             "agent.config.createOptions.Cmd",
		agent + `createOptions = { Cmd = ["run", "--password-file", "/run/p"] }`:                               "",
		agent + `createOptions = { Entrypoint = ["agent", "HostName=h;SharedAccessKey=x"] }`:                   "agent.config.createOptions.Entrypoint",
		agent + `createOptions = { Labels = { token = "x", line = "7" } }`:                                     "agent.config.createOptions.Labels.token",
		agent + `createOptions = { HostConfig = { LogConfig = { Config = { splunk-token = "x" } } } }`:         "agent.config.createOptions.HostConfig.LogConfig.Config.splunk-token",
		agent + `auth = { serveraddress = "r.example", username = "u" }`:                                       "",
		agent + `auth = { serveraddress = "r.example", username = "u", password = "x" }`:                       "agent.config.auth.password",
		agent + `auth = { serveraddress = "r.example", identitytoken = "x" }`:                                  "agent.config.auth.identitytoken",
		"[agent.env]\n": "",
		"[tpm.hierarchy_authorization]\nowner = \"\"\nendorsement = \"x\"":                                         "tpm.hierarchy_authorization.endorsement",
		"[tpm.hierarchy_authorization]\nowner = \"\"":                                                              "",
		"[preloaded_keys]\na = \"file:///k\"\nb = \"pkcs11:token=t;object=k\"":                                     "",
		"[preloaded_keys]\na = \"file:///k\"\nb = \"pkcs11:token=t;object=k?pin-value=1\"":                         "preloaded_keys.b",
		"[preloaded_keys]\nb = \"pkcs11:token=t;object=k?pin-value=\"":                                             "",
		"[aziot_keys]\npkcs11_base_slot = \"pkcs11:slot-id=0\"":                                                    "",
		"[aziot_keys]\npkcs11_base_slot = \"pkcs11:slot-id=0?pin-value=1\"":                                        "aziot_keys.pkcs11_base_slot",
		"[cert_issuance.est.auth]\nusername = \"u\"\npassword = \"x\"":                                             "cert_issuance.est.auth.password",
		"[cert_issuance.est.auth]\nbootstrap_identity_cert = \"file:///c\"\nbootstrap_identity_pk = \"file:///k\"": "",
		"[frobnicate]\npassword = \"x\"\nmode = \"y\"":                                                             "frobnicate.password",
		"symmetric_key = { value = \"AAAA\" }":                                                                     "provisioning.attestation.symmetric_key.value",
		"symmetric_key = { uri = \"file:///k\" }":                                                                  "",
		"# connection_string = \"HostName=h;SharedAccessKey=x\"":                                                   "",
	} {
		if got := strings.Join(secretsOf(t, edgetest.TPMFile+text+"\n"), " "); got != want {
			t.Errorf("%s: the secrets are %q, want %q", text, got, want)
		}
	}
	left := strings.Replace(edgetest.TPMFile, "id_scope", "connection_string = \"HostName=h;DeviceId=d;SharedAccessKey=AAAA\"\nid_scope", 1)
	if got := secretsOf(t, left); !slices.Equal(got, []string{"provisioning.connection_string"}) {
		t.Errorf("a connection string that is not used: %q", got)
	}
}
