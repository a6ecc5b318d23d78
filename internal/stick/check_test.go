package stick_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"tpmdps/internal/check"
	"tpmdps/internal/disk"
	"tpmdps/internal/manifest"
	"tpmdps/internal/stick"
)

func statuses(r stick.Report) string {
	var all []string
	for _, s := range r.Steps {
		all = append(all, s.Name+" "+string(s.Status))
	}
	return strings.Join(all, ", ")
}

const allOK = "sums ok, batch ok, secrets ok, write ok, space ok"

func TestCheck(t *testing.T) {
	dir := made(t)
	before := listing(t, dir)
	r, err := stick.Check(t.Context(), dir, 1)
	if err != nil || statuses(r) != allOK || len(r.Findings) > 0 || !r.Writable || r.RoomFor < 1 || r.FreeBytes/stick.BytesPerBox != r.RoomFor || r.Boxes != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if after := listing(t, dir); after != before {
		t.Errorf("the check changed the stick:\n%s\nbefore:\n%s", after, before)
	}
}

// TestCheckFinds changes one thing on a stick.
func TestCheckFinds(t *testing.T) {
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	put := func(name, content string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { write(t, filepath.Join(dir, name), []byte(content)) }
	}
	flip := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			data := contentOf(t, filepath.Join(dir, name))
			data[len(data)/2] ^= 1
			write(t, filepath.Join(dir, name), data)
		}
	}
	cut := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, name), 100); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		change func(*testing.T, string)
		want   error
		file   string // of the first finding
		what   string
		steps  string
	}{
		"a flipped bit of a program":   {flip("bin/tpmdps-linux-amd64"), stick.ErrAltered, "bin/tpmdps-linux-amd64", stick.Changed, "sums fail, batch ok, secrets ok, write ok, space ok"},
		"half a program":               {cut("bin/tpmdps-linux-amd64"), stick.ErrAltered, "bin/tpmdps-linux-amd64", stick.Changed, "sums fail, batch ok, secrets ok, write ok, space ok"},
		"a start script that changed":  {put("start.sh", "#!/bin/sh\n"), stick.ErrAltered, "start.sh", stick.Changed, "sums fail, batch ok, secrets ok, write ok, space ok"},
		"a program that is gone":       {remove("bin/tpmdps-linux-amd64"), stick.ErrAltered, "bin/tpmdps-linux-amd64", stick.Missing, "sums fail, batch ok, secrets ok, write ok, space ok"},
		"bin is gone":                  {remove("bin"), stick.ErrAltered, "bin/tpmdps-linux-amd64", stick.Missing, "sums fail, batch ok, secrets ok, write ok, space ok"},
		"README is gone":               {remove("README.txt"), stick.ErrAltered, "README.txt", stick.Missing, "sums fail, batch ok, secrets ok, write ok, space ok"},
		"another program beside them":  {put("bin/tpmdps-linux-arm64", "x"), stick.ErrAltered, "bin/tpmdps-linux-arm64", stick.Unlisted, "sums fail, batch ok, secrets ok, write ok, space ok"},
		"a library beside them":        {put("bin/version.dll", "x"), stick.ErrAltered, "bin/version.dll", stick.Unlisted, "sums fail, batch ok, secrets ok, write ok, space ok"},
		"a folder instead of a script": {func(t *testing.T, dir string) { remove("start.sh")(t, dir); put("start.sh/x", "")(t, dir) }, stick.ErrAltered, "start.sh", stick.Unreadable, "sums fail, batch ok, secrets ok, write ok, space ok"},
		"a link instead of a program": {func(t *testing.T, dir string) {
			remove("bin/tpmdps-linux-amd64")(t, dir)
			if err := os.Symlink("/bin/true", filepath.Join(dir, "bin/tpmdps-linux-amd64")); err != nil {
				t.Fatal(err)
			}
		}, stick.ErrAltered, "bin/tpmdps-linux-amd64", stick.Unreadable, "sums fail, batch ok, secrets ok, write ok, space ok"},
		"a damaged batch":     {put("batch.jsonl", `{"number":1,"previous":""}`+"\n"), manifest.ErrDamaged, "batch.jsonl", stick.Changed, "sums ok, batch fail, secrets ok, write ok, space ok"},
		"the batch is gone":   {remove("batch.jsonl"), nil, "", "", allOK},
		"a folder of others":  {put("orders/7.txt", "of the office"), nil, "orders/7.txt", stick.Unlisted, allOK},
		"another batch":       {put("old.jsonl", "{}\n"), nil, "", "", allOK},
		"what systems make":   {put("System Volume Information/IndexerVolumeGuid", "x"), nil, "", "", allOK},
		"a connection string": {put("notes/cs.txt", "one\r\ntwo\r\nHostName=plant.azure-devices-provisioning.net;SharedAccessKeyName=a;SharedAccessKey="+canary+"\r\n"), stick.ErrSecret, "notes/cs.txt", stick.Unlisted, "sums ok, batch ok, secrets fail, write ok, space ok"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := made(t)
			test.change(t, dir)
			r, err := stick.Check(t.Context(), dir, 1)
			if !errors.Is(err, test.want) || statuses(r) != test.steps {
				t.Errorf("%v, want %v; %s, want %s", err, test.want, statuses(r), test.steps)
			}
			switch {
			case test.file == "" && len(r.Findings) > 0:
				t.Errorf("found %+v", r.Findings)
			case test.file != "" && (len(r.Findings) == 0 || r.Findings[0].File != test.file || r.Findings[0].What != test.what):
				t.Errorf("found %+v, want %s %s", r.Findings, test.file, test.what)
			}
			if test.want != nil && test.want != stick.ErrSecret && !strings.Contains(err.Error(), test.file) {
				t.Errorf("%v does not name %s", err, test.file)
			}
		})
	}
}

func TestCheckOfNoStick(t *testing.T) {
	for name, test := range map[string]struct {
		sums string
		want error
	}{
		"nothing":        {"", stick.ErrNoStick},
		"a broken list":  {"abc\n", stick.ErrNoStick},
		"another's list": {strings.Repeat("0", 64) + "  ubuntu.iso\n", stick.ErrNoStick},
	} {
		dir := t.TempDir()
		if test.sums != "" {
			write(t, filepath.Join(dir, "SHA256SUMS"), []byte(test.sums))
		}
		if _, err := stick.Check(t.Context(), dir, 1); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := stick.Check(t.Context(), filepath.Join(t.TempDir(), "x"), 1); !errors.Is(err, disk.Missing) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestCheckWantsRoom(t *testing.T) {
	r, err := stick.Check(t.Context(), made(t), math.MaxInt)
	if !errors.Is(err, stick.ErrRoom) || !strings.HasSuffix(statuses(r), "space fail") {
		t.Errorf("%v, %s", err, statuses(r))
	}
}

// canary is a key that no answer may have.
const canary = "Y2FuYXJ5LWtleS1vZi10aGUtc3RpY2stY2hlY2sxMjM="

func inUTF16(s string) string {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return string(out)
}

// TestCheckFindsSecrets puts a secret on the stick in each form, and shows none.
func TestCheckFindsSecrets(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	sec1, _ := x509.MarshalECPrivateKey(ec)
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(ec)
	cs := "HostName=plant.azure-devices-provisioning.net;SharedAccessKeyName=enroller;SharedAccessKey=" + canary
	inPEM := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	for name, test := range map[string]struct {
		file, content string
		line          int
		kind          string
	}{
		"connection string":             {"cs", cs, 1, "connection string"},
		"connection string in UTF-16":   {"cs.txt", inUTF16("\r\n" + cs + "\r\n"), 2, "connection string"},
		"in a script":                   {"run.sh", "#!/bin/sh\nset -e\nexport PROVISIONING_CONNECTION_STRING='" + cs + "'\n", 3, "connection string"},
		"in a batch file of Windows":    {"run.cmd", "@echo off\r\nset PROVISIONING_CONNECTION_STRING=" + cs + "\r\n", 2, "connection string"},
		"storage account":               {"a.txt", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + canary + ";EndpointSuffix=core.windows.net", 1, "connection string"},
		"SAS token":                     {"token", "SharedAccessSignature sr=a.azure-devices-provisioning.net&sig=" + canary + "&se=1999999999&skn=b\n", 1, "SAS token"},
		"URL with a SAS":                {"links.html", "<p>\n<a href=\"https://a.blob.core.windows.net/b?sv=2022-11-02&sig=Y2FuYXJ5LWtleS1vZi10aGU%3D\">", 2, "SAS token"},
		"client secret":                 {".env", "AZURE_CLIENT_ID=1\nAZURE_CLIENT_SECRET=" + canary + "\n", 2, "client secret"},
		"client secret of az":           {"sp.json", "{\n \"appId\": \"1\",\n \"clientSecret\": \"" + canary + "\"\n}\n", 3, "client secret"},
		"password in JSON":              {"sp2.json", "{\"password\": \"" + canary + "\"}", 1, "password"},
		"access token":                  {"at.json", "{\"a\": \"eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOjF9.Y2FuYXJ5\"}", 1, "access token"},
		"keys of az":                    {"keys.json", "[{\"keyName\":\"a\",\n\"primaryKey\":\"" + canary + "\"}]", 2, "key"},
		"a key alone":                   {"key", canary + "\r\n", 1, "shared access key"},
		"a key of 64 bytes":             {"group.key", strings.Repeat("A", 86) + "==", 1, "shared access key"},
		"private key":                   {"a.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" + inPEM("PRIVATE KEY", pkcs8), 4, "private key"},
		"private key of RSA":            {"b.pem", inPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), 1, "private key"},
		"private key, encrypted":        {"c.pem", inPEM("ENCRYPTED PRIVATE KEY", pkcs8), 1, "private key"},
		"private key of ssh":            {"id_ed25519", inPEM("OPENSSH PRIVATE KEY", pkcs8), 1, "private key"},
		"private key, binary (PKCS #8)": {"d.key", string(pkcs8), 0, "private key"},
		"private key, binary (SEC 1)":   {"e.der", string(sec1), 0, "private key"},
		"private key, binary (PKCS #1)": {"f.der", string(x509.MarshalPKCS1PrivateKey(rsaKey)), 0, "private key"},
		"PKCS #12":                      {"g.PFX", "0\x82\x00", 0, "PKCS #12"},
		"config.toml with a key":        {"config.toml", "[provisioning]\nsource = \"dps\"\n[provisioning.attestation]\nmethod = \"symmetric_key\"\nregistration_id = \"a\"\nsymmetric_key = { value = \"" + canary + "\" }\n", 6, "config.toml"},
		"its backup":                    {"config.toml.2026-01-01", "[tpm.hierarchy_authorization]\nowner = \"canary-word\"\n", 2, "config.toml"},
		"under another name":            {"box7", "[tpm]\n[tpm.hierarchy_authorization]\nendorsement = \"canary-word\"\n", 3, "config.toml"},
		"a proxy's login":               {"proxy.sh", "export HTTPS_PROXY=http://anna:canary-word@proxy:3128\n", 1, "key, a password or a token"},
		"in the trash":                  {".Trash-1000/files/cs", cs, 1, "connection string"},
		"deep down":                     {"a/b/c/d/cs", "\n\n\n" + cs, 4, "connection string"},
		"in a batch":                    {"notes.jsonl", "{\"label\":\"" + cs + "\"}\n", 1, "connection string"},
		"at the end of a long file":     {"log.txt", strings.Repeat("all is well\n", 200_000) + cs, 200_001, "connection string"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := made(t)
			write(t, filepath.Join(dir, test.file), []byte(test.content))
			r, err := stick.Check(t.Context(), dir, 1)
			if !errors.Is(err, stick.ErrSecret) {
				t.Fatalf("%v; %+v", err, r)
			}
			var secrets []stick.Finding
			for _, f := range r.Findings {
				if f.What == stick.Secret {
					secrets = append(secrets, f)
				}
			}
			if len(secrets) != 1 || secrets[0].File != test.file || secrets[0].Line != test.line || !strings.Contains(secrets[0].Detail, test.kind) || secrets[0].Status != check.Fail {
				t.Errorf("found %+v, want %s, line %d, %s", secrets, test.file, test.line, test.kind)
			}
			said, _ := json.Marshal(r)
			for _, word := range []string{"Y2FuYXJ5", "canary-word"} {
				if strings.Contains(string(said)+err.Error(), word) {
					t.Errorf("the secret is told: %s; %v", said, err)
				}
			}
		})
	}
}

// TestCheckAcceptsWhatIsNoSecret has what lies on sticks and looks like little else.
func TestCheckAcceptsWhatIsNoSecret(t *testing.T) {
	for name, test := range map[string][2]string{
		"config.toml for TPM": {"config.toml", "[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://global.azure-devices-provisioning.net\"\nid_scope = \"0ne0012AB34\"\n[provisioning.attestation]\nmethod = \"tpm\"\nregistration_id = \"a\"\n"},
		"certificate":         {"ca.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"},
		"public key":          {"ek.pub", "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"},
		"redacted":            {"log.txt", "SharedAccessKey=[redacted]\n"},
		"a sentence":          {"to do.txt", "The password is with Anna. Ask her for the connection string, too.\n"},
		"hashes":              {"sums.txt", strings.Repeat("0f", 32) + "  a\n"},
		"another program":     {"tool.exe", "MZ\x00\x00-----BEGIN RSA PRIVATE KEY-----\x00SharedAccessKey=%s\x00"},
		"a picture":           {"box.jpg", "\xff\xd8\xff\xe0\x00\x10JFIF\x00"},
		"an empty file":       {"empty", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := made(t)
			write(t, filepath.Join(dir, test[0]), []byte(test[1]))
			r, err := stick.Check(t.Context(), dir, 1)
			if err != nil || statuses(r) != allOK {
				t.Errorf("%v, %+v", err, r)
			}
			if len(r.Findings) != 1 || r.Findings[0].Status != check.Warn || r.Findings[0].What != stick.Unlisted {
				t.Errorf("%+v", r.Findings)
			}
		})
	}
}
