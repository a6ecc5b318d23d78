package network

import (
	"crypto/x509"
	"encoding/binary"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"tpmdps/internal/environment"
)

// emptySystem is a machine without certificates of its own.
func emptySystem() (*x509.CertPool, error) { return nil, errors.New("none") }

// A server whose certificate is in a file of any dress, named in any of the three
// ways, is trusted; without it, it is not.
func TestRootsAreTrusted(t *testing.T) {
	s, _, _ := service(t)
	der := s.Certificate().Raw
	for name, data := range map[string][]byte{
		"PEM": block("CERTIFICATE", der), "DER": der, "PKCS #7": bundle(false, der), "PKCS #7 in BER": bundle(true, der), "PKCS #7 in PEM": block("PKCS7", bundle(false, der)),
		"UTF-16": wide(block("CERTIFICATE", der), binary.LittleEndian, true),
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "ca")
		for path, text := range map[string][]byte{file: data, filepath.Join(dir, "README"): []byte("of the CA"), filepath.Join(dir, "empty"): nil} {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, way := range []struct {
			caFile string
			env    []string
		}{{file, nil}, {"", []string{"SSL_CERT_FILE=" + file}}, {"", []string{"SSL_CERT_DIR=" + dir}}} {
			roots, err := RootFiles{CAFile: way.caFile, Trust: environment.Of(way.env, false).Trust(), System: emptySystem, Read: os.ReadFile}.Load()
			if err != nil {
				t.Errorf("%s by %v: %v", name, way, err)
				continue
			}
			transport := &http.Transport{TLSClientConfig: s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()}
			transport.TLSClientConfig.RootCAs = roots
			if err := get(transport, s); err != nil {
				t.Errorf("%s by %v: %v", name, way, err)
			}
			transport.TLSClientConfig.RootCAs = x509.NewCertPool()
			if err := get(transport, s); err == nil {
				t.Errorf("%s by %v: the server is trusted without it", name, way)
			}
		}
	}
}

func get(transport *http.Transport, s *httptest.Server) error {
	defer transport.CloseIdleConnections()
	transport.DisableKeepAlives = true
	answer, err := transport.RoundTrip(httptest.NewRequest(http.MethodGet, s.URL, nil))
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// Nothing named is the system's certificates; what is named comes beside them, and one
// of several folders that is missing is named by its number.
func TestRootsAreTheSystems(t *testing.T) {
	load := func(env ...string) (*x509.CertPool, error) {
		return RootFiles{Trust: environment.Of(env, false).Trust(), Read: os.ReadFile, System: func() (*x509.CertPool, error) {
			pool := x509.NewCertPool()
			one, _ := authority(t, "System CA")
			pool.AppendCertsFromPEM(block("CERTIFICATE", one))
			return pool, nil
		}}.Load()
	}
	if roots, err := load("SSL_CERT_FILE=", "SSL_CERT_DIR="); roots != nil || err != nil {
		t.Errorf("nothing named: %v, %v", roots, err)
	}
	dir := t.TempDir()
	other, _ := authority(t, "Other CA")
	if err := os.WriteFile(filepath.Join(dir, "other.der"), other, 0o600); err != nil {
		t.Fatal(err)
	}
	want := x509.NewCertPool()
	want.AppendCertsFromPEM(block("CERTIFICATE", other))
	if roots, err := load("SSL_CERT_FILE=" + dir + "/other.der"); err != nil || roots.Equal(want) {
		t.Errorf("SSL_CERT_FILE: %v, and the system's are gone", err)
	}
	list := dir + string(os.PathListSeparator) + string(os.PathListSeparator) + filepath.Join(dir, "none")
	if _, err := load("SSL_CERT_DIR=" + list); err == nil || err.Error() != "SSL_CERT_DIR is not usable: its folder 2 does not exist" {
		t.Errorf("SSL_CERT_DIR: %v", err)
	}
}
