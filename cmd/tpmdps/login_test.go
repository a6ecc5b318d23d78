package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"tpmdps/internal/emulator/entra"
)

// loginVariables are those that each kind of credential reads, besides the
// authority.
var loginVariables = map[string][]string{
	"environment":      {"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"},
	"certificate":      {"AZURE_TENANT_ID", "AZURE_CLIENT_ID"},
	"workload":         {"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"},
	"managed-identity": {"IDENTITY_ENDPOINT", "IDENTITY_HEADER"},
	"device-code":      {},
	"cli":              {},
}

// prepareLogin: login KIND [RESOURCE [TENANT]]. Sets the variables that this
// kind of credential reads, and no connection string. CANARY is a pattern that
// matches every secret there is. For cli it puts an az on the PATH whose user
// is signed in, for RESOURCE in TENANT.
func prepareLogin(ts *testscript.TestScript, neg bool, args []string) {
	wanted, known := loginVariables[args[0]]
	if neg || !known {
		ts.Fatalf("usage: login KIND [RESOURCE [TENANT]]")
	}
	server := of(ts).server
	dir := ts.MkAbs("entra")
	ts.Check(server.WriteFiles(dir))
	ts.Setenv("PROVISIONING_CONNECTION_STRING", "")
	for name, value := range readEnv(ts, filepath.Join(dir, "emulator.env")) {
		if slices.Contains(wanted, name) || name == "AZURE_AUTHORITY_HOST" || name == "TPMDPS_DPS" {
			ts.Setenv(name, value)
		}
	}
	ts.Setenv("CANARY", strings.Join([]string{"eyJ", server.ClientSecret(), server.IdentityHeader()}, "|"))
	switch args[0] {
	case "certificate":
		ts.Setenv("AZURE_CLIENT_CERTIFICATE_PATH", filepath.Join(dir, "client.pem"))
	case "cli":
		to := []string{"https://azure-devices-provisioning.net", entra.TenantID}
		copy(to, args[1:])
		standIn(ts, to[0], to[1])
	}
}

// readEnv reads a file of NAME='value' lines without a quote in a value.
func readEnv(ts *testscript.TestScript, path string) map[string]string {
	f, err := os.Open(path)
	ts.Check(err)
	defer f.Close()
	values := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), "=")
		values[name] = strings.Trim(value, "'")
	}
	ts.Check(lines.Err())
	return values
}

// standIn puts an az on the PATH that knows one command.
func standIn(ts *testscript.TestScript, resource, tenant string) {
	server := of(ts).server
	client := &http.Client{Transport: server.InProcess()}
	answer, err := client.PostForm(server.Endpoint()+"/"+tenant+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {entra.ClientID},
		"client_secret": {server.ClientSecret()}, "scope": {resource + "/.default"},
	})
	ts.Check(err)
	defer answer.Body.Close()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	ts.Check(json.NewDecoder(answer.Body).Decode(&token))
	reply, err := json.Marshal(map[string]any{"accessToken": token.AccessToken, "expires_on": int64(4102444800), "tokenType": "Bearer"})
	ts.Check(err)
	bin := ts.MkAbs("bin")
	ts.Check(os.MkdirAll(bin, 0o700))
	secretsOf(ts).names = append(secretsOf(ts).names, "az")
	script := "#!/bin/sh\ncase \"$*\" in\n'account get-access-token -o json --resource https://azure-devices-provisioning.net'*) cat <<'EOF'\n" +
		string(reply) + "\nEOF\n;;\n*) echo \"az: unexpected: $*\" >&2; exit 2;;\nesac\n"
	ts.Check(os.WriteFile(filepath.Join(bin, "az"), []byte(script), 0o700))
	ts.Setenv("PATH", bin+string(os.PathListSeparator)+ts.Getenv("PATH"))
}
