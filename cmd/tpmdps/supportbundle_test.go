package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
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
	"tpmdps/internal/edge"
	"tpmdps/internal/host"
	"tpmdps/internal/tpm"
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
	g := &gatherer{
		options: tpm.Options{OwnerAuth: []byte("canary-owner"), EndorsementAuth: []byte("tpm")},
		file:    edge.Config{EndorsementAuth: "canary-in-the-file"},
	}
	redact := g.redactor()
	planted := []string{
		"the key canary-policy-key alone", "signature canary-token-signature", "canary/proxy", "canary%2Fproxy", `"canary \"quoted\" secret"`,
		"kernel: owner=canary-owner", "canary-in-the-file", "the word canary-bare", token, `"password": "canary-unknown"`, "http://u:canary@h/", "Bearer canary-bearer-token",
		"#SharedAccessSignature sr=y&sig=canary&se=2",
	}
	for _, text := range planted {
		if got := redact(text); findCanary([]byte(got)) != nil {
			t.Errorf("%q becomes %q", text, got)
		}
		if findCanary([]byte(text)) == nil {
			t.Errorf("the search does not find what is planted in %q", text)
		}
	}
	const harmless = "tpm tpm0: starting, owner_auth_set, the TPM2_PT"
	if got := redact(harmless); got != harmless {
		t.Errorf("a short password is looked for: %q", got)
	}
	shown, err := json.Marshal(shownEnvironment(os.LookupEnv))
	if err != nil || findCanary(shown) != nil || !bytes.Contains(shown, []byte("http://[redacted]@proxy.example:3128")) ||
		!bytes.Contains(shown, []byte(`"[redacted]@proxy.example:3128"`)) {
		t.Errorf("shownEnvironment() = %s, %v", shown, err)
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

// A part that hangs, fails or breaks costs that part.
func TestBundlePartsAreApart(t *testing.T) {
	old := cleanupGrace
	defer func() { cleanupGrace = old }()
	release := make(chan struct{})
	defer close(release)
	var errs bytes.Buffer
	g := &gatherer{s: &session{ui: &ui{streams: streams{err: &errs}, format: "table"}}}
	for name, gather := range map[string]func(context.Context) (any, error){
		"hangs.json":  func(context.Context) (any, error) { <-release; return 1, nil },
		"slow.json":   func(ctx context.Context) (any, error) { <-ctx.Done(); return nil, ctx.Err() },
		"panics.json": func(context.Context) (any, error) { var p *int; return *p, nil },
		"fails.json":  func(context.Context) (any, error) { return nil, errors.New("refused") },
		"absent.json": func(context.Context) (any, error) { return nil, notHere("none of the kind") },
		"nochip.json": func(context.Context) (any, error) { return nil, fmt.Errorf("look: %w", tpm.ErrNoDevice) },
		"chan.json":   func(context.Context) (any, error) { return make(chan int), nil },
		"good.json":   func(context.Context) (any, error) { return []int{1}, nil },
	} {
		// One part never comes to its end, and one ends with its time: theirs is
		// over at once. What the others, and the end of the slow one, may take is
		// there to end a hang.
		limit := 5 * time.Minute
		cleanupGrace = 5 * time.Minute
		switch name {
		case "hangs.json":
			limit, cleanupGrace = 1, 1
		case "slow.json":
			limit = 1
		}
		g.add(context.Background(), source{name: name, limit: limit, gather: gather})
	}
	slices.SortFunc(g.parts, func(a, b bundle.Part) int { return strings.Compare(a.Name, b.Name) })
	var got []string
	for _, p := range g.parts {
		got = append(got, fmt.Sprintf("%s %s %.30s", p.Name, p.Status, p.Reason))
	}
	want := []string{
		"absent.json absent none of the kind",
		"chan.json failed json: unsupported type: chan i",
		"fails.json failed refused",
		"good.json ok ",
		"hangs.json failed it did not come to an end with",
		"nochip.json absent look: no TPM",
		"panics.json failed a fault of this program: runti",
		"slow.json failed timed out",
	}
	if !slices.Equal(got, want) {
		t.Errorf("parts are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := strings.Count(errs.String(), "\n"); n != len(want) {
		t.Errorf("%d lines of progress:\n%s", n, &errs)
	}
	over, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	if g.add(over, source{name: "late.json", limit: time.Minute, gather: func(context.Context) (any, error) { return 1, nil }}) != nil {
		t.Error("a part is gathered after the end of the run")
	}
}

func TestKernelLines(t *testing.T) {
	for want, log := range map[string]host.KernelLog{
		"# the kernel has said nothing of a TPM\n":                                                               {},
		"# the kernel has overwritten its first messages\n# 3 lines in the middle are left out\n[    0.1] tpm\n": {Lines: []string{"[    0.1] tpm"}, Omitted: 3, Overwritten: true},
	} {
		if got := string(kernelLines(log).bundled()); got != want {
			t.Errorf("%+v is shown as %q", log, got)
		}
	}
}
