package examine

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tpmdps/internal/ektrust"
	"tpmdps/internal/ektrust/fetch"
	"tpmdps/internal/identity"
)

// A server that is not there, or has nothing, is a reason in the verdict and no error.
func TestCertificateThatDoesNotCome(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	kept, err := fetch.OpenKept("", fetch.NewClient(server.Client(), "test", []string{"127.0.0.1:1"}, time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	x, err := Sources{Policy: ektrust.Policy{Mode: ektrust.Warn}, Kept: kept}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	head := []byte("\x01\x3a\x00\x01\x00\x0b\x00\x03\x00\xb2\x00\x20\x83\x71\x97\x67\x44\x84\xb3\xf8\x1a\x90\xcc\x8d\x46\xa5\xd7\x24\xfd\x52\xd7\x6e\x06\x52\x0b\x64\xf2\xa1\xda\x1b\x33\x14\x69\xaa\x00\x06\x00\x80\x00\x43\x00\x10\x08\x00\x00\x00\x00\x00\x01\x00")
	modulus := make([]byte, 256)
	modulus[0], modulus[255] = 0xc3, 0x11
	r := identity.Record{EndorsementKey: base64.StdEncoding.EncodeToString(append(head, modulus...))}
	for vendor, reasons := range map[string]int{"INTC": 2, "AMD": 2, "IFX": 1} {
		r.TPM.Manufacturer = vendor
		result, err := x.Record(t.Context(), r, time.Now())
		if err != nil || len(result.Verdict.Reasons) != reasons || reasons == 2 && result.Verdict.Reasons[1].Code != ektrust.CodeNotFetched {
			t.Errorf("%s: %+v, %v", vendor, result.Verdict, err)
		}
	}
}
