package provision

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	challengemaker "tpmdps/internal/challenge"
	"tpmdps/internal/tpm"
)

// editor changes one answer of a real service on its way to the client, or the
// clock of all of them.
type editor struct {
	inner http.RoundTripper
	at    int // which answer, counted from 1; 0 is none
	edit  func(status int, body []byte) (int, []byte)
	skew  time.Duration
	seen  int
}

func (e *editor) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := e.inner.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	e.seen++
	if e.skew != 0 {
		resp.Header.Set("Date", time.Now().Add(e.skew).UTC().Format(http.TimeFormat))
	}
	if e.seen != e.at {
		return resp, nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	resp.StatusCode, body = e.edit(resp.StatusCode, body)
	resp.Status = fmt.Sprint(resp.StatusCode)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, nil
}

// wrapForOther is a well-formed key for a chip that nobody has: this one's
// public keys with another modulus.
func wrapForOther(t *testing.T, b *bench) []byte {
	t.Helper()
	d, err := tpm.Open(t.Context(), b.tpm, tpm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	srk, err := d.SRK()
	if err != nil {
		t.Fatal(err)
	}
	defer srk.Close()
	ek, err := base64.StdEncoding.DecodeString(b.record.EndorsementKey)
	if err != nil {
		t.Fatal(err)
	}
	for i := 100; i < 200; i++ {
		ek[i] ^= 0x5a
	}
	blob, err := challengemaker.Wrap(ek, srk.Public, bytes.Repeat([]byte{7}, 32), "x/y")
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

func challenge(key []byte) []byte {
	return marshal(map[string]any{"message": "Authorization required", "authenticationKey": key, "keyName": "registration"})
}

func assigned(key []byte) []byte {
	return marshal(map[string]any{"status": "assigned", "registrationState": map[string]any{
		"assignedHub": "h", "deviceId": "d", "status": "assigned", "tpm": map[string]any{"authenticationKey": key},
	}})
}

func marshal(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}
