package fetch

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// chip is an EK and its certificate; n tells them apart.
func chip(t *testing.T, key *rsa.PrivateKey, n int) (ek, der []byte) {
	t.Helper()
	head, err := hex.DecodeString("013a0001000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa00060080004300100800000000000100")
	if err != nil {
		t.Fatal(err)
	}
	modulus := new(big.Int).Add(key.N, big.NewInt(int64(2*n)))
	template := &x509.Certificate{SerialNumber: big.NewInt(int64(n + 1)), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err = x509.CreateCertificate(rand.Reader, template, template, &rsa.PublicKey{N: modulus, E: 65537}, key)
	if err != nil {
		t.Fatal(err)
	}
	return append(head, modulus.Bytes()...), der
}

// What servers may answer, and what becomes of it.
func TestCertificate(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ek, der := chip(t, key, 0)
	_, other := chip(t, key, 1)
	asJSON := func(certificate string) []byte {
		raw, _ := json.Marshal(map[string]string{"pubhash": "x", "certificate": certificate})
		return raw
	}
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	tests := map[string]struct {
		status int
		body   []byte
		fails  string
	}{
		"der":                   {200, der, ""},
		"padded":                {200, append(append([]byte{}, der...), 0, 0, 0), ""},
		"base64url":             {200, asJSON(base64.RawURLEncoding.EncodeToString(der)), ""},
		"base64url-escaped":     {200, asJSON(url.QueryEscape(base64.URLEncoding.EncodeToString(der))), ""},
		"base64":                {200, asJSON(base64.StdEncoding.EncodeToString(der)), ""},
		"another-key":           {200, other, "it is for another key"},
		"cut":                   {200, der[:len(der)-9], "cannot be read"},
		"empty":                 {200, nil, "it is empty"},
		"html":                  {200, []byte("<html>\x1b[31m"), "neither DER nor JSON"},
		"json-without":          {200, []byte(`{"certificate":7}`), "neither DER nor JSON"},
		"json-deep":             {200, []byte(strings.Repeat(`[`, 60000)), "neither DER nor JSON"},
		"json-rubbish":          {200, asJSON("%zz"), "base64"},
		"json-other":            {200, asJSON(base64.RawURLEncoding.EncodeToString(other)), "another key"},
		"none":                  {404, []byte("no"), "404 Not Found"},
		"redirect":              {302, nil, "302 Found"},
		"endless":               {200, append(append([]byte{}, der...), make([]byte, 2*maxAnswer)...), "more than"},
		"endless-error":         {400, make([]byte, 20*maxAnswer), "400 Bad Request"},
		"forbidden-with-a-cert": {403, der, "403 Forbidden"},
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		test := tests[strings.TrimPrefix(r.URL.Path, "/")]
		if test.status == http.StatusFound {
			w.Header().Set("Location", elsewhere.URL)
		}
		w.WriteHeader(test.status)
		_, _ = w.Write(test.body)
	}))
	defer server.Close()
	c := NewClient(server.Client(), "test", []string{strings.TrimPrefix(server.URL, "https://")}, time.Millisecond)
	for name, test := range tests {
		got, err := c.Certificate(t.Context(), server.URL+"/"+name, ek)
		switch {
		case test.fails == "" && (err != nil || string(got) != string(der)):
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		case test.fails != "" && (!errors.Is(err, ErrAnswer) || !strings.Contains(err.Error(), test.fails) || strings.Contains(err.Error(), "\x1b")):
			t.Errorf("%s: %v, want %q", name, err, test.fails)
		}
	}
	for _, address := range []string{strings.Replace(server.URL, "https", "http", 1) + "/der", elsewhere.URL + "/der", "https://ekop.intel.com/der",
		strings.Replace(server.URL, "https://", "https://user@", 1) + "/der", "file:///etc/passwd", "::", "", server.URL + ".example/der"} {
		if _, err := c.Certificate(t.Context(), address, ek); err == nil || !strings.Contains(err.Error(), "not an address of a maker") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// What was fetched is not fetched again, nor needs a network; a torn line is.
func TestKept(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var asked, now, most atomic.Int32
	eks, ders := map[string][]byte{}, map[string][]byte{}
	for i := range 12 {
		name := fmt.Sprint("/", i)
		eks[name], ders[name] = chip(t, key, i)
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		_, _ = w.Write(ders[r.URL.Path])
	}))
	defer server.Close()
	path := filepath.Join(t.TempDir(), "batch.jsonl.certificates.jsonl")
	client := NewClient(server.Client(), "test", []string{strings.TrimPrefix(server.URL, "https://")}, time.Millisecond)
	open := func(c *Client) *Kept {
		k, err := OpenKept(path, c)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	all := func(k *Kept, want int) {
		t.Helper()
		errs := make(chan error, len(eks))
		for name, ek := range eks {
			go func() {
				der, err := k.Certificate(t.Context(), server.URL+name, ek)
				if err == nil && want > 0 && string(der) != string(ders[name]) {
					err = fmt.Errorf("%s: another certificate", name)
				}
				errs <- err
			}()
		}
		for range eks {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	}
	all(open(nil), 0) // there is no file, and nobody is asked
	if _, err := os.Stat(path); err == nil || asked.Load() != 0 {
		t.Error("without a client something was made or asked")
	}
	k := open(client)
	if _, err := OpenKept(path, client); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	all(k, 1)
	all(k, 1)
	k.Close()
	if asked.Load() != 12 || most.Load() > atOnce {
		t.Errorf("asked %d times, %d at once", asked.Load(), most.Load())
	}
	all(open(nil), 1)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:len(data)-50], 0o600); err != nil { // a power cut
		t.Fatal(err)
	}
	k = open(client)
	all(k, 1)
	k.Close()
	if asked.Load() != 13 {
		t.Errorf("asked %d times", asked.Load())
	}
	for at, line := 0, bytes.IndexByte(data, '\n'); at <= line; at++ { // a kill
		if err := os.WriteFile(path, data[:at], 0o600); err != nil {
			t.Fatal(err)
		}
		want := data[:0]
		if at == line {
			want = data[:line+1]
		}
		open(client).Close()
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("cut after %d bytes: %d are left, %v", at, len(got), err)
		}
	}
	for _, damaged := range []string{
		"{}\n", "rubbish\n", `{"schema":"tpmdps/results/1"}` + "\n", string(data[:100]) + "\n",
		"rubbish", `{"schema":"tpmdps/results/1"`, strings.ReplaceAll(string(data), "\n", ""), strings.ReplaceAll(string(data), "\n", "\r"),
	} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, c := range []*Client{nil, client} {
			if _, err := OpenKept(path, c); !errors.Is(err, ErrKept) {
				t.Errorf("%.40q: %v", damaged, err)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != damaged {
				t.Errorf("%.40q: it was changed: %v", damaged, err)
			}
		}
	}
}
