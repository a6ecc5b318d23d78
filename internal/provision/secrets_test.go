package provision

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/dps"
	"tpmdps/internal/emulator"
	"tpmdps/internal/environment"
	"tpmdps/internal/hub"
	"tpmdps/internal/network"
	"tpmdps/internal/softtpm/softtpmtest"
	"tpmdps/internal/tpm"
)

// Over a complete trip up to the twin, with passwords on both hierarchies and the
// hub's key made persistent, nothing secret
// crosses the bus in either direction: not the inner key of either blob, not
// the key of the challenge, not the hub's, no password. With --plain-bus the
// same search finds the inner keys and the passwords; the HMAC keys stay
// wrapped even then, so that the search can find one is shown apart.
func TestSecretsStayOffTheBus(t *testing.T) {
	t.Parallel()
	const endorsement, owner = "canary-endorsement-pw", "canary-owner-pw"
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprint("plain=", plain), func(t *testing.T) {
			chip := softtpmtest.Start(t, "")
			if err := softtpmtest.SetAuth(chip, endorsement, owner); err != nil {
				t.Fatal(err)
			}
			bus := softtpmtest.Tap(t, chip)
			w := &witness{}
			state := filepath.Join(t.TempDir(), "state.json")
			server, err := emulator.New(emulator.Options{EnrollOnSight: true, MQTT: "127.0.0.1:0", RetryAfter: pollPauseOfTests, StateFile: state})
			if err != nil {
				t.Fatal(err)
			}
			if err := server.Start(context.Background()); err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			host, port := network.SplitHost(server.Endpoint(), "443")
			route := network.NewRoute(host, port, server.Roots(), environment.Proxies{})
			w.inner = route.Transport()
			service, err := dps.NewDeviceClient(server.Endpoint(), server.IDScope(), dps.ClientOptions{HTTPClient: &http.Client{Transport: w}, RetryDelay: time.Microsecond})
			if err != nil {
				t.Fatal(err)
			}
			addr, err := tpm.ParseAddress(bus.Address())
			if err != nil {
				t.Fatal(err)
			}
			_, err = Run(context.Background(), Request{
				TPM: addr, Route: route, Service: service, IDScope: server.IDScope(), Until: UntilTwin,
				Hub: &hub.Options{Application: "test", Roots: server.Roots()}, Persist: tpm.HandleDPSKey, Pause: pollPauseOfTests,
				TPMOptions: tpm.Options{EndorsementAuth: []byte(endorsement), OwnerAuth: []byte(owner), PlainBus: plain},
			})
			if err != nil {
				t.Fatal(err)
			}
			crossed := bus.Bytes()
			if len(w.blobs) != 2 || w.token == "" {
				t.Fatalf("the witness saw %d blobs and the token %q", len(w.blobs), w.token)
			}
			for i, blob := range w.blobs {
				if got := findInnerKey(t, crossed, blob); got != plain {
					t.Errorf("inner key of blob %d on the bus: %v, want %v", i+1, got, plain)
				}
			}
			for _, password := range []string{endorsement, owner} {
				if got := bytes.Contains(crossed, []byte(password)); got != plain {
					t.Errorf("password %q on the bus: %v, want %v", password, got, plain)
				}
			}
			hubKey := hubKeyOf(t, state)
			if bytes.Contains(crossed, hubKey) {
				t.Error("the hub's key crossed the bus")
			}
			if findSigningKey(t, crossed, w.token) {
				t.Error("the challenge's key crossed the bus")
			}
			planted, err := dps.SASToken("x", "", time.Now(), func(b []byte) ([]byte, error) { return mac(hubKey, b), nil })
			if err != nil {
				t.Fatal(err)
			}
			if !findSigningKey(t, append(crossed, hubKey...), planted) {
				t.Error("the search does not find a key that is there")
			}
		})
	}
}

// witness passes requests on and keeps what the searches need.
type witness struct {
	inner http.RoundTripper
	blobs [][]byte
	token string
}

func (w *witness) RoundTrip(req *http.Request) (*http.Response, error) {
	if token := req.Header.Get("Authorization"); token != "" {
		w.token = token
	}
	resp, err := w.inner.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(resp.Body); err != nil {
		return nil, err
	}
	resp.Body = http.NoBody
	if buf.Len() > 0 {
		resp.Body = body{bytes.NewReader(buf.Bytes())}
	}
	var answer struct {
		AuthenticationKey []byte `json:"authenticationKey"`
		RegistrationState struct {
			TPM struct {
				AuthenticationKey []byte `json:"authenticationKey"`
			} `json:"tpm"`
		} `json:"registrationState"`
	}
	if json.Unmarshal(buf.Bytes(), &answer) == nil {
		for _, key := range [][]byte{answer.AuthenticationKey, answer.RegistrationState.TPM.AuthenticationKey} {
			if len(key) > 0 {
				w.blobs = append(w.blobs, key)
			}
		}
	}
	return resp, nil
}

type body struct{ *bytes.Reader }

func (body) Close() error { return nil }

// findInnerKey tries every 16 bytes as the key that decrypts the blob's text.
func findInnerKey(t *testing.T, crossed, blob []byte) bool {
	t.Helper()
	b, err := tpm.ParseBlob(blob)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+16 <= len(crossed); i++ {
		block, err := aes.NewCipher(crossed[i : i+16])
		if err != nil {
			t.Fatal(err)
		}
		plain := make([]byte, len(b.URI))
		cipher.NewCFBDecrypter(block, make([]byte, 16)).XORKeyStream(plain, b.URI) //nolint:staticcheck // CFB is what the TPM specification prescribes
		if readable(plain) {
			return true
		}
	}
	return false
}

// readable says whether it is UTF-16LE of ASCII, with a slash in it.
func readable(plain []byte) bool {
	slash := false
	for i := 0; i+1 < len(plain); i += 2 {
		if plain[i+1] != 0 || plain[i] < 0x20 || plain[i] > 0x7e {
			return false
		}
		slash = slash || plain[i] == '/'
	}
	return slash
}

// findSigningKey tries every 32 bytes as the key that signed the token.
func findSigningKey(t *testing.T, crossed []byte, token string) bool {
	t.Helper()
	fields := map[string]string{}
	for _, part := range strings.Split(strings.TrimPrefix(token, "SharedAccessSignature "), "&") {
		name, value, _ := strings.Cut(part, "=")
		fields[name] = value
	}
	escaped, err := url.QueryUnescape(fields["sig"])
	if err != nil {
		t.Fatal(err)
	}
	sig, err := base64.StdEncoding.DecodeString(escaped)
	if err != nil || len(sig) != sha256.Size {
		t.Fatalf("signature %q of the token: %v", fields["sig"], err)
	}
	signed := []byte(fields["sr"] + "\n" + fields["se"])
	for i := 0; i+32 <= len(crossed); i++ {
		if hmac.Equal(mac(crossed[i:i+32], signed), sig) {
			return true
		}
	}
	return false
}

func mac(key, data []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(data)
	return m.Sum(nil)
}

// hubKeyOf reads the key that the emulator gave the device for its hub.
func hubKeyOf(t *testing.T, state string) []byte {
	t.Helper()
	data, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(data) {
		var kept struct {
			Put struct {
				Registrations []struct {
					HubKey []byte `json:"hubKey"`
				} `json:"registrations"`
			} `json:"put"`
		}
		if err := json.Unmarshal(line, &kept); err != nil {
			t.Fatal(err)
		}
		for _, r := range kept.Put.Registrations {
			if len(r.HubKey) == 32 {
				return r.HubKey
			}
		}
	}
	t.Fatalf("no hub key in %s", data)
	return nil
}
