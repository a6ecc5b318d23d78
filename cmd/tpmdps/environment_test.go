package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/environment"
)

// settingsBench is a service that must not be reached.
type settingsBench struct {
	address  string
	callers  chan string // their addresses, in the order in which they came
	commands map[string][]string
}

func newSettingsBench(t *testing.T) *settingsBench {
	t.Helper()
	for _, name := range append(environment.ProxyVariables(), "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "TPMDPS_SAS_TOKEN",
		"PROVISIONING_CONNECTION_STRING", "TPMDPS_DPS", "IOTHUB_DEVICE_DPS_ID_SCOPE", "PROVISIONING_IDSCOPE", "IOTHUB_DEVICE_DPS_ENDPOINT", "PROVISIONING_HOST") {
		t.Setenv(name, "")
	}
	b := &settingsBench{callers: make(chan string, 1000)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
			select {
			case b.callers <- c.RemoteAddr().String():
			case <-t.Context().Done():
				return
			}
		}
	}()
	b.address = l.Addr().String()
	dir := t.TempDir()
	cs, file := filepath.Join(dir, "cs"), filepath.Join(dir, "config.toml")
	for path, text := range map[string]string{
		cs:   "HostName=" + b.address + ";SharedAccessKeyName=p;SharedAccessKey=" + strings.Repeat("azaz", 11),
		file: "hostname = \"box\"\n\n[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://" + b.address + "\"\nid_scope = \"0ne0012AB34\"\n\n[provisioning.attestation]\nmethod = \"tpm\"\nregistration_id = \"line7-box\"\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	enroll := []string{"enroll", "--ek", otherEK(), "--registration-id", "line7-box"}
	login := append(append([]string{}, enroll...), "--dps", "https://"+b.address, "--auth-type", "login", "--credential")
	b.commands = map[string][]string{
		"enroll":           append(append([]string{}, enroll...), "--connection-string-file", cs),
		"enroll --dry-run": append(append([]string{}, enroll...), "--connection-string-file", cs, "--dry-run"),
		"verify":           {"verify", "--id-scope", "0ne0012AB34", "--registration-id", "line7-box", "--global-endpoint", "https://" + b.address, "--even-if-provisioned"},
		"verify over WebSocket": {"verify", "--id-scope", "0ne0012AB34", "--registration-id", "line7-box", "--global-endpoint", "https://" + b.address, "--even-if-provisioned",
			"--hub-transport", "mqtt-ws"},
		"config --check": {"config", "--check", "--file", file, "--connection-string-file", cs},
		"login by az":    append(append([]string{}, login...), "cli"),
		"login by code":  append(append([]string{}, login...), "device-code"),
	}
	return b
}

// try runs a command line, and returns all that it prints.
func (b *settingsBench) try(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(context.WithValue(t.Context(), quickRetries{}, true), append([]string{"tpmdps"}, args...), streams{strings.NewReader(""), &out, &errs})
	own, err := net.Dial("tcp", b.address)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	for caller := range b.callers { // all before this one have come, too
		if caller == own.LocalAddr().String() {
			break
		}
		t.Errorf("%q: the service was reached", args)
	}
	return code, out.String(), errs.String()
}

// shownPart finds a piece of a secret, of four letters or more.
func shownPart(secret, text string) string {
	for i := 0; i+4 <= len(secret); i++ {
		if strings.Contains(text, secret[i:i+4]) {
			return secret[i : i+4]
		}
	}
	return ""
}

// unusableProxies are what stands in a proxy's variable and cannot be read; P is the
// password, or a part of it.
var unusableProxies = []string{
	" http://me:P@proxy:3128", "http://me:P@proxy:3128 ", "http://me:P@proxy:3128\t", "\u00a0http://me:P@proxy:3128", "http://me:P@proxy:3128\r", "http://me:P@proxy:3128\r\n",
	"http://me:P@pro\nxy:3128", "\ufeffhttp://me:P@proxy:3128", `"http://me:P@proxy:3128"`, "'http://me:P@proxy:3128'", `http://me:P@proxy:3128"`, `\"http://me:P@proxy:3128\"`, "\u201chttp://me:P@proxy\u201d", " ",
	`http://DOMAIN\me:P@proxy:3128`, `DOMAIN\me:P@proxy:3128`, `http://me:\P@proxy:3128`, "http://me:7%P@proxy:3128", "http://me:P%@proxy:3128", "http://me:P%1@proxy:3128", "http://me:P%gg@proxy:3128",
	"http://me:77/P@proxy:3128", "http://me:P/7@proxy:3128", "me:77/P@proxy:3128", "http://me:/P@proxy:3128", "http://me:77#P@proxy:3128", "http://me:P#@proxy:3128", "me:77#P@proxy:3128",
	"http://me:77?P@proxy:3128", "http://me:P?@proxy:3128", "me:77?P@proxy:3128", "http://me:P P@proxy:3128", "http://me:P<@proxy:3128", "http://me:P^@proxy:3128", "http://me:{P}@proxy:3128",
	"http://me:äP@proxy:3128", "http://me:P€@proxy:3128", "http://me:P%00@proxy:3128", "http://me%3A:P@proxy:3128", "http://me:P@", "http://me:P@:3128", "http://me:P@/", "http://", ":3128",
	"http://me:P@proxy:", "http://me:P@proxy:0", "http://me:P@proxy:99999", "http://me:P@proxy:web", "http://me:P", "http://me:P@proxy:3128:3128", "http://me:P@proxy:3128/wpad.dat", "http://me:P@proxy:3128?x=1",
	"socks5://me:P@proxy:1080", "socks4a://me:P@proxy:1080", "ftp://me:P@proxy:21", "htttp://me:P@proxy:3128", "P://proxy:3128", "http:/me:P@proxy:3128", "http:me:P@proxy:3128", "//me:P@proxy:3128",
	`http:\\me:P@proxy:3128`, "http://me:P@2001:db8::1:3128", "http://me:P@[2001:db8::1:3128", "http://me:P@[nope]:3128", "http://me:P@10.1.1.300:3128", "http://me:P@10.1.1:3128",
	"http://me:P@pro xy:3128", "http://me:P@pro..xy:3128", "http://me:P@proxy;3128", "PROXY me:P@proxy:3128; DIRECT", "https=me:P@proxy:3128", "$P", "%P%", "<P>", "export HTTPS_PROXY=http://me:P@proxy:3128",
}

// A proxy's variable that cannot be read ends each command that connects, with exit
// code 2 and its name. Nothing of it is shown, in any format, and nothing goes around
// the proxy.
func TestUnusableProxy(t *testing.T) {
	b := newSettingsBench(t)
	const password = "zQ7kxJw9vB"
	names := []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"}
	formats := [][]string{{"-vv"}, {"-o", "json"}, {"-o", "tsv", "-q"}, {}}
	n := 0
	for i, value := range unusableProxies {
		value = strings.ReplaceAll(value, "P", password)
		for _, what := range slices.Sorted(maps.Keys(b.commands)) {
			args := b.commands[what]
			name, format := names[(i+n)%len(names)], formats[(i+n)/2%len(formats)]
			n++
			t.Setenv(name, value)
			code, stdout, stderr := b.try(t, append(args[:len(args):len(args)], format...)...)
			t.Setenv(name, "")
			if code != 2 || !strings.Contains(stderr, name+" is not usable: ") {
				t.Errorf("%s with %s=%q: exit code %d, stderr %q", what, name, value, code, stderr)
			}
			if part := shownPart(password, stdout+stderr); part != "" {
				t.Errorf("%s with %s=%q: %q is in %q", what, name, value, part, stdout+stderr)
			}
		}
	}
	if n < 60*5 {
		t.Errorf("only %d runs", n)
	}
}

// NO_PROXY, the certificates and the variables of a sign-in go the same way.
func TestUnusableSettings(t *testing.T) {
	b := newSettingsBench(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	empty := filepath.Join(dir, "folder")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: bytes.Repeat([]byte("zQ7kxJw9vB"), 9)}))
	for _, tt := range []struct{ name, value, says string }{
		{"NO_PROXY", "localhost 10.0.0.1", "pattern 1"}, {"no_proxy", "localhost;10.0.0.1", "pattern 1"}, {"NO_PROXY", "localhost,10.0.0.*", "pattern 2"},
		{"NO_PROXY", "http://plant.example", "pattern 1"}, {"NO_PROXY", `"localhost"`, "quotes"}, {"no_proxy", "localhost\r", "line end"}, {"NO_PROXY", "10.0.0.0/40", "pattern 1"},
		{"SSL_CERT_FILE", filepath.Join(dir, "none.pem"), "there is no such file"}, {"SSL_CERT_FILE", dir, "it names a folder"}, {"SSL_CERT_FILE", file("empty.pem", ""), "it is empty"},
		{"SSL_CERT_FILE", file("text.pem", "see the other file"), "it is a text without a certificate"}, {"SSL_CERT_FILE", file("key.pem", key), "it is a private key"},
		{"SSL_CERT_FILE", file("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB"), "its PEM block is cut off"}, {"SSL_CERT_FILE", file("noise.der", "\x30\x82\x01\x00zQ7kxJw9vB"), "damaged"},
		{"SSL_CERT_FILE", `"` + dir + `/ca.pem"`, "it is in quotes"}, {"SSL_CERT_FILE", dir + "/ca.pem\r", "line end"}, {"SSL_CERT_FILE", "-----BEGIN CERTIFICATE-----\nMIIB", "not the name of a file"},
		{"SSL_CERT_DIR", filepath.Join(dir, "none"), "its folder 1 does not exist"}, {"SSL_CERT_DIR", empty, "its folder 1 has no certificate"}, {"SSL_CERT_DIR", file("f", "x"), "its folder 1 is a file"},
	} {
		t.Setenv(tt.name, tt.value)
		for what, args := range b.commands {
			code, stdout, stderr := b.try(t, args...)
			if code != 2 || !strings.Contains(stderr, tt.name+" is not usable: ") || !strings.Contains(stderr, tt.says) || shownPart("zQ7kxJw9vB", stdout+stderr) != "" {
				t.Errorf("%s with %s=%q: exit code %d, stderr %q", what, tt.name, tt.value, code, stderr)
			}
		}
		t.Setenv(tt.name, "")
	}
}

// A sign-in whose variables cannot be used is not begun.
func TestUnusableLoginSettings(t *testing.T) {
	b := newSettingsBench(t)
	login := b.commands["login by az"]
	login = login[: len(login)-1 : len(login)-1]
	for _, tt := range []struct{ kind, name, value string }{
		{"device-code", "AZURE_TENANT_ID", "zQ7kxJw9vB/x"}, {"cli", "AZURE_TENANT_ID", "{zQ7kxJw9vB}"}, {"default", "AZURE_TENANT_ID", " 11111111-1111-1111-1111-111111111111"},
		{"environment", "AZURE_CLIENT_ID", "'zQ7kxJw9vB'"}, {"managed-identity", "AZURE_CLIENT_ID", "zQ7kxJw9vB\r"}, {"device-code", "AZURE_CLIENT_ID", "my app zQ7kxJw9vB"},
		{"device-code", "AZURE_AUTHORITY_HOST", "login.microsoftonline.com"}, {"environment", "AZURE_AUTHORITY_HOST", "http://login.microsoftonline.com"},
		{"workload", "AZURE_AUTHORITY_HOST", "https://me:zQ7kxJw9vB@login.microsoftonline.com"}, {"default", "AZURE_AUTHORITY_HOST", "https://"},
		{"default", "AZURE_TOKEN_CREDENTIALS", "zQ7kxJw9vB"}, {"default", "AZURE_TOKEN_CREDENTIALS", "Dev"},
		{"environment", "AZURE_ADDITIONALLY_ALLOWED_TENANTS", "zQ7kxJw9vB,b"}, {"environment", "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "yes"},
		{"environment", "AZURE_REGIONAL_AUTHORITY_NAME", "West Europe"}, {"managed-identity", "IDENTITY_ENDPOINT", "zQ7kxJw9vB"}, {"default", "MSI_ENDPOINT", "localhost:50342"}, {"managed-identity", "IMDS_ENDPOINT", "ftp://x"},
		{"environment", "AZURE_CLIENT_CERTIFICATE_PATH", "/nowhere/zQ7kxJw9vB.pem"}, {"environment", "AZURE_CLIENT_CERTIFICATE_PATH", "/"}, {"workload", "AZURE_FEDERATED_TOKEN_FILE", "/nowhere/zQ7kxJw9vB"},
	} {
		t.Setenv(tt.name, tt.value)
		code, stdout, stderr := b.try(t, append(login, tt.kind)...)
		if code != 2 || !strings.Contains(stderr, tt.name+" is not usable: ") || shownPart("zQ7kxJw9vB", stdout+stderr) != "" {
			t.Errorf("%s with %s=%q: exit code %d, stderr %q", tt.kind, tt.name, tt.value, code, stderr)
		}
		os.Unsetenv(tt.name)
	}
}

// A bundle is made under such a setting as well, and says what is wrong; a run that
// does not connect does not look.
func TestBundleUnderUnusableProxy(t *testing.T) {
	b := newSettingsBench(t)
	const password = "zQ7kxJw9vB"
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		for i, value := range unusableProxies {
			if i%9 != 0 {
				continue
			}
			t.Setenv(name, strings.ReplaceAll(value, "P", password))
			code, stdout, stderr := b.try(t, "support-bundle", "--file", "-", "--config", "/nowhere", "--tpm", "swtpm:path=/nowhere", "--id-scope", "0ne0012AB34", "--global-endpoint", "https://"+b.address)
			files, err := readBundle([]byte(stdout))
			if code != 0 || err != nil {
				t.Fatalf("exit code %d, %v: %s", code, err, stderr)
			}
			if !bytes.Contains(files["environment.json"], []byte("(set, not shown: not usable: ")) {
				t.Errorf("environment.json: %s", files["environment.json"])
			}
			for file, text := range files {
				if part := shownPart(password, string(text)); part != "" {
					t.Errorf("%s with %q: %q is in %s", file, value, part, text)
				}
			}
			t.Setenv(name, "")
		}
	}
	t.Setenv("HTTPS_PROXY", " x")
	if code, _, stderr := b.try(t, "config", "--id-scope", "0ne0012AB34", "--registration-id", "a", "--file", "-"); code != 0 {
		t.Errorf("config: exit code %d, %s", code, stderr)
	}
}

// What stands in a variable for a flag is named with the variable.
func TestVariableOfAFlagIsNamed(t *testing.T) {
	b := newSettingsBench(t)
	for _, tt := range []struct{ name, value, args string }{
		{"TPMDPS_TPM", "bogus:x", "read-ek"}, {"TPM2TOOLS_TCTI", "bogus:x", "read-ek"}, {"IOTHUB_DEVICE_DPS_ID_SCOPE", "a b", "verify"}, {"PROVISIONING_IDSCOPE", "a b", "verify"},
		{"PROVISIONING_REGISTRATION_ID", "a b", "verify --id-scope 0ne0012AB34"}, {"IOTHUB_DEVICE_DPS_ENDPOINT", "ftp://x", "verify --id-scope 0ne0012AB34"},
		{"PROVISIONING_HOST", "http://x y", "verify --id-scope 0ne0012AB34"},
	} {
		t.Setenv(tt.name, tt.value)
		if code, _, stderr := b.try(t, strings.Fields(tt.args)...); code != 2 || !strings.Contains(stderr, "tpmdps: "+tt.name+": ") {
			t.Errorf("%s=%q: exit code %d, %s", tt.name, tt.value, code, stderr)
		}
		os.Unsetenv(tt.name)
	}
}
