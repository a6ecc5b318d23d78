package identity

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/pem"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// certificateSample is a certificate that a maker issued.
func certificateSample(tb testing.TB) []byte {
	tb.Helper()
	der, err := os.ReadFile(filepath.Join("..", "..", "testdata", "certificates", "infineon-oaep.der"))
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

func zipped(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// The same certificate comes out, whatever somebody put around it.
func TestCertificateForms(t *testing.T) {
	der := certificateSample(t)
	armoured := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	std, url64 := base64.StdEncoding.EncodeToString(der), base64.URLEncoding.EncodeToString(der)
	lines := new(strings.Builder)
	for rest := std; rest != ""; rest = rest[min(64, len(rest)):] {
		lines.WriteString(rest[:min(64, len(rest))] + "\r\n")
	}
	answer := `{"pubhash":"Y3BK", "certificate":"` + url64 + `"}`
	for name, tt := range map[string]struct {
		raw  []byte
		form string
	}{
		"DER":                              {der, ""},
		"PEM":                              {armoured, "PEM"},
		"PEM with words before the key":    {append([]byte("\n\n"), armoured...), "PEM"},
		"PEM with Windows' line ends":      {bytes.ReplaceAll(armoured, []byte("\n"), []byte("\r\n")), "PEM"},
		"base64":                           {[]byte(std), "base64"},
		"base64 in lines":                  {[]byte(lines.String()), "base64"},
		"URL-safe base64":                  {[]byte(url64), "base64"},
		"base64 without =":                 {[]byte(strings.TrimRight(std, "=")), "base64"},
		"JSON":                             {[]byte(answer), "Intel's JSON answer"},
		"JSON, escaped":                    {[]byte(`{"certificate":"` + url.QueryEscape(url64) + `"}`), "Intel's JSON answer"},
		"gzip":                             {zipped(t, der), "gzip"},
		"gzip of JSON":                     {zipped(t, []byte(answer)), "gzip of Intel's JSON answer"},
		"base64 of gzip":                   {[]byte(base64.StdEncoding.EncodeToString(zipped(t, der))), "base64 of gzip"},
		"PEM behind the TCG's header":      {append([]byte{0x10, 0x01, 0x00, 0x06, 0x00}, armoured...), "PEM"},
		"JSON with a line end and padding": {append([]byte(answer), '\n'), "Intel's JSON answer"},
	} {
		for _, padding := range []string{"", "\xff\xff\xff", strings.Repeat("\x00", 100)} {
			c, err := ParseEKCertificate(append(bytes.Clone(tt.raw), padding...))
			if err != nil || !bytes.Equal(c.DER, der) || c.Form != tt.form {
				t.Errorf("%s, %d bytes of padding: %d bytes, form %q, %v; want form %q", name, len(padding), len(c.DER), c.Form, err, tt.form)
			}
		}
	}
}

// What cannot be taken apart is named, and a small text does not become a large
// one.
func TestCertificateFormsRefused(t *testing.T) {
	der := certificateSample(t)
	for want, raw := range map[string][]byte{
		"PEM of another kind: PUBLIC KEY": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		"PEM that is damaged":             []byte("-----BEGIN CERTIFICATE-----\nMIIE"),
		"gzip, and damaged or cut short":  zipped(t, der)[:40],
		"gzip, and damaged":               {0x1f, 0x8b, 0x08, 0xff},
		"gzip, and more than 8192 bytes":  zipped(t, make([]byte, 1<<20)),
		"damaged or cut short":            []byte(`{"certificate":"MIIE`),
		"no certificate in it":            []byte(`{"status":404}`),
		"the certificate in it is dama":   []byte(`{"certificate":"%ZZ*"}`),
		"base64 that is damaged":          []byte("MIIE*"),
		"not a certificate":               []byte("<html>404</html>"),
		"a web page or XML":               []byte("\r\n<?xml version='1.0'?><a/>"),
		"a zip file":                      []byte("PK\x03\x04rest"),
		"PKCS #7":                         append([]byte{0x30, 0x82, 0x05, 0x00, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02}, der...),
	} {
		if c, err := ParseEKCertificate(raw); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseEKCertificate(%.30q) = %d bytes, %v, want %q in it", raw, len(c.DER), err, want)
		}
	}
}

// A chain comes out the same in every form that one certificate may have.
func TestChainForms(t *testing.T) {
	a := certificateSample(t)
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "certificates", "intel-spt.der"))
	if err != nil {
		t.Fatal(err)
	}
	armoured := func(der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	both := string(a) + string(b)
	for name, raw := range map[string]string{
		"DER":                      both,
		"PEM":                      armoured(a) + armoured(b),
		"PEM, Windows' line ends":  strings.ReplaceAll(armoured(a)+"\n\n"+armoured(b), "\n", "\r\n"),
		"PEM, words between":       armoured(a) + "issuer: CN=x\n" + armoured(b),
		"PEM, then DER":            armoured(a) + string(b),
		"DER, then PEM":            string(a) + armoured(b),
		"DER, padding, PEM":        string(a) + "\x00\x00" + armoured(b),
		"base64":                   base64.StdEncoding.EncodeToString([]byte(both)),
		"gzip":                     string(zipped(t, []byte(both))),
		"gzip of PEM":              string(zipped(t, []byte(armoured(a)+armoured(b)))),
		"PEM behind a header each": "\x10\x01\x00\x06\x00" + armoured(a) + "\x10\x01\x00\x06\x00" + armoured(b),
	} {
		for _, padding := range []string{"", "\xff\xff", strings.Repeat("\x00", 50)} {
			chain, err := SplitCertificates([]byte(raw + padding))
			if err != nil || len(chain) != 2 || !bytes.Equal(chain[0], a) || !bytes.Equal(chain[1], b) {
				t.Errorf("%s, %d bytes of padding: %d certificates, %v", name, len(padding), len(chain), err)
			}
		}
	}
	for want, raw := range map[string]string{
		"number 2: it is PEM of another kind": armoured(a) + string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: b})),
		"number 2: it is PEM that is damaged": armoured(a) + armoured(b)[:300],
		"number 1: it is base64 that is":      "MIIE*",
	} {
		if chain, err := SplitCertificates([]byte(raw)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("SplitCertificates(%.30q) = %d certificates, %v, want %q", raw, len(chain), err, want)
		}
	}
}
