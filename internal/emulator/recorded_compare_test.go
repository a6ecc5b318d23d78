package emulator

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"
)

var (
	ridForm   = regexp.MustCompile(`^\+RID:~[A-Za-z0-9+/]{22}==#RT:1#TRC:[0-9]+#ISV:2#IEO:65551#QCF:8#FPC:[A-Za-z0-9+/]+=*$`)
	boundForm = regexp.MustCompile(`^05C1[0-9A-F]{10}$`)
	etagForm  = regexp.MustCompile(`^"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"$`)
)

// tokenForm reports whether a continuation token is one of Cosmos DB's.
func tokenForm(t *testing.T, text string) bool {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Errorf("token %q: %v", text, err)
		return false
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var tokens []struct {
		Token string
		Range struct{ Min, Max string }
	}
	return d.Decode(&tokens) == nil && len(tokens) == 1 && ridForm.MatchString(tokens[0].Token) &&
		boundForm.MatchString(tokens[0].Range.Min) && boundForm.MatchString(tokens[0].Range.Max) &&
		strings.HasPrefix(string(data), `[{"token":"`) && bytes.Contains(data, []byte(`,"range":{"min":`))
}

func decoder(data json.RawMessage) *json.Decoder {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d
}

// compare compares two values a token at a time, so that the order of members
// counts. The name is that of the member that they are the value of.
func (p *player) compare(name string, want, got *json.Decoder) error {
	member := ""
	for depth := 0; ; {
		w, errWant := want.Token()
		g, errGot := got.Token()
		if errors.Is(errWant, io.EOF) && errors.Is(errGot, io.EOF) {
			return nil
		}
		if errWant != nil || errGot != nil {
			return fmt.Errorf("behind %s: %v, recorded %v", member, errGot, errWant)
		}
		if err := p.compareToken(member, w, g); err != nil {
			return err
		}
		if text, ok := w.(string); ok {
			member = text
		}
		if d, ok := w.(json.Delim); ok && (d == '{' || d == '[') {
			depth++
		}
	}
}

// compareToken compares by form what cannot be the same. The member is the
// string before, which is its name where it matters.
func (p *player) compareToken(member string, w, g json.Token) error {
	want, isText := w.(string)
	got, _ := g.(string)
	switch {
	case !isText || want == got:
	case member == "etag":
		p.etags[want] = got
		for _, text := range []string{want, got} {
			raw, err := base64.StdEncoding.DecodeString(text)
			if err != nil || !etagForm.Match(raw) {
				return fmt.Errorf("etag %q: %v, it is no base64 of a quoted GUID", text, err)
			}
		}
		return nil
	case want == "primaryKey" || want == "secondaryKey": // drawn by the service
		if key, err := base64.StdEncoding.DecodeString(got); err == nil && len(key) == 64 {
			return nil
		}
	case want == "thumbprint":
		size := map[string]int{"sha1Thumbprint": 40, "sha256Thumbprint": 64}[member]
		if regexp.MustCompile(fmt.Sprintf("^[0-9A-F]{%d}$", size)).MatchString(got) {
			return nil
		}
	}
	if w != g {
		return fmt.Errorf("behind %q stands %v, recorded %v", member, g, w)
	}
	return nil
}

// certificate is one with what the answer says of it, in PEM.
func (p *player) certificate(answer json.RawMessage) string {
	p.Helper()
	fact := func(name string) string {
		m := regexp.MustCompile(`"` + name + `": ?"(?:CN=)?([^"]*)"`).FindSubmatch(answer)
		if m == nil {
			return ""
		}
		return string(m[1])
	}
	from, _ := time.Parse(time.RFC3339, fact("notBeforeUtc"))
	to, _ := time.Parse(time.RFC3339, fact("notAfterUtc"))
	serial, _ := new(big.Int).SetString("0"+fact("serialNumber"), 16)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.Fatal(err)
	}
	if serial.Sign() == 0 { // an answer that says nothing of it
		serial.SetInt64(1)
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: fact("subjectName")}, NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		p.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
