package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tpmdps/internal/bundle"
	"tpmdps/internal/bundle/gather"
	"tpmdps/internal/environment"
	"tpmdps/internal/redact"
)

// The scripts give the program another machine's files to look at.
func init() {
	if root := os.Getenv("TPMDPS_TEST_ROOT"); root != "" {
		machineRoot = root
	}
}

// unpackBundle: unpack ZIP DIR. Unpacks a support bundle, without its folder, and
// holds it to its manifest. What it unpacks is searched for secrets when the
// script is over.
func unpackBundle(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: unpack ZIP DIR")
	}
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	files, err := readBundle(data)
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs(args[1]), 0o700))
	for name, text := range files {
		ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[1]), name), text, 0o600))
	}
}

// readBundle reads a bundle as its receiver would, who trusts nobody.
func readBundle(data []byte) (map[string][]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	folder, _, _ := strings.Cut(z.File[0].Name, "/")
	for _, f := range z.File {
		name, inside := strings.CutPrefix(f.Name, folder+"/")
		if !inside || strings.ContainsAny(name, `/\`) || !filepath.IsLocal(f.Name) {
			return nil, fmt.Errorf("%q does not lie in %s", f.Name, folder)
		}
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		if files[name], err = io.ReadAll(r); err != nil {
			return nil, err
		}
	}
	var m bundle.Manifest
	if err := json.Unmarshal(files["manifest.json"], &m); err != nil {
		return nil, err
	}
	there := 2 // manifest and README
	for _, p := range m.Parts {
		sum := sha256.Sum256(files[p.Name])
		if ok := p.Status == bundle.OK; ok && p.SHA256 != hex.EncodeToString(sum[:]) || !ok && p.Reason == "" {
			return nil, fmt.Errorf("%+v is not what is in the zip", p)
		}
		if p.Status == bundle.OK {
			there++
		}
	}
	if there != len(files) {
		return nil, fmt.Errorf("%d files, the manifest has %d", len(files), there)
	}
	return files, nil
}

// The secrets of this machine, wherever they turn up, and in what form.
func TestBundleRedactor(t *testing.T) {
	const token = "SharedAccessSignature sr=x&sig=canary-token-signature&se=1&skn=p"
	for name, value := range map[string]string{
		"PROVISIONING_CONNECTION_STRING": "HostName=x.azure-devices-provisioning.net;SharedAccessKeyName=p;SharedAccessKey=canary-policy-key",
		"TPMDPS_SAS_TOKEN":               token,
		"AZURE_CLIENT_SECRET":            `canary "quoted" secret`,
		"HTTPS_PROXY":                    "http://somebody:canary%2Fproxy@proxy.example:3128",
		"HTTP_PROXY":                     "somebody:canary-bare@proxy.example:3128",
	} {
		t.Setenv(name, value)
	}
	known := &redact.Set{}
	own := streams{err: known.Writer(nil, nil)}
	own.learnEnvironment()
	own.learn("canary-owner", "tpm", "canary-in-the-file") // passwords, as gather.Bundle does
	redactText := gather.Redactor(known)
	planted := []string{
		"the key canary-policy-key alone", "signature canary-token-signature", "canary/proxy", "canary%2Fproxy", `"canary \"quoted\" secret"`,
		"kernel: owner=canary-owner", "canary-in-the-file", "the word canary-bare", token, `"password": "canary-unknown"`, "http://u:canary@h/", "Bearer canary-bearer-token",
		"#SharedAccessSignature sr=y&sig=canary&se=2",
	}
	for _, text := range planted {
		if got := redactText(text); findCanary([]byte(got)) != nil {
			t.Errorf("%q becomes %q", text, got)
		}
		if findCanary([]byte(text)) == nil {
			t.Errorf("the search does not find what is planted in %q", text)
		}
	}
	const harmless = "tpm tpm0: starting, owner_auth_set, the TPM2_PT"
	if got := redactText(harmless); got != harmless {
		t.Errorf("a short password is looked for: %q", got)
	}
}

// Of the variables with secrets only the names go into a bundle; the proxies' values
// are shown there without their logins.
func TestBundleEnvironment(t *testing.T) {
	set := map[string]string{"HTTPS_PROXY": "http://proxy.example:3128", "TZ": "UTC", "CANARY": "canary"}
	for _, name := range environment.Secrets {
		set[name] = "canary-" + name
	}
	values, secrets := bundleEnvironment(func(name string) (string, bool) { value, ok := set[name]; return value, ok })
	if shown, err := json.Marshal(values); err != nil || findCanary(shown) != nil || string(shown) != `{"HTTPS_PROXY":"http://proxy.example:3128","TZ":"UTC"}` {
		t.Errorf("values are %s, %v", shown, err)
	}
	if !slices.Equal(secrets, environment.Secrets) {
		t.Errorf("names are %q, want %q", secrets, environment.Secrets)
	}
	if values, secrets = bundleEnvironment(func(string) (string, bool) { return "", false }); len(values)+len(secrets) != 0 {
		t.Errorf("of nothing there are %q and %q", values, secrets)
	}
}

// The search that finds nothing in a bundle finds what is planted there.
func TestCanaryIsFoundInABundle(t *testing.T) {
	b := bundle.Bundle{
		Folder: "x", Created: time.Now(), Redact: func(s string) string { return s },
		Parts: []bundle.Part{{Name: "kernel.txt", Status: bundle.OK, Data: []byte(strings.Repeat("the word is canary\n", 100))}},
	}
	for want, redact := range map[bool]func(string) string{true: b.Redact, false: func(s string) string { return strings.ReplaceAll(s, canary, "") }} {
		b.Redact = redact
		data, _, err := bundle.Pack(b)
		if err != nil {
			t.Fatal(err)
		}
		files, err := readBundle(data)
		if err != nil {
			t.Fatal(err)
		}
		if got := findCanary(files["kernel.txt"]) != nil; got != want {
			t.Errorf("found: %t, want %t", got, want)
		}
	}
}
