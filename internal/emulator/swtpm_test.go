//go:build !windows

package emulator

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxudstpm"

	"tpmdps/internal/softtpm/softtpmtest"
)

// tpmChip is a software TPM with its EK and SRK, used with nothing but go-tpm.
type tpmChip struct {
	*testing.T
	transport.TPM
	ek, srk *tpm2.CreatePrimaryResponse
}

func newTPMChip(t *testing.T) *tpmChip {
	t.Helper()
	process := softtpmtest.Start(t, "")
	dev, err := linuxudstpm.Open(strings.TrimPrefix(process.Address(), "swtpm:path="))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	c := &tpmChip{T: t, TPM: dev}
	c.ek = c.primary(tpm2.TPMRHEndorsement, tpm2.RSAEKTemplate)
	c.srk = c.primary(tpm2.TPMRHOwner, tpm2.RSASRKTemplate)
	return c
}

func (c *tpmChip) primary(hierarchy tpm2.TPMHandle, template tpm2.TPMTPublic) *tpm2.CreatePrimaryResponse {
	c.Helper()
	rsp, err := tpm2.CreatePrimary{PrimaryHandle: hierarchy, InPublic: tpm2.New2B(template)}.Execute(c)
	if err != nil {
		c.Fatal(err)
	}
	return rsp
}

// soft shows the chip's public keys to helpers that only send them.
func (c *tpmChip) soft() *softChip {
	return &softChip{ek: tpm2.Marshal(c.ek.OutPublic), srk: tpm2.Marshal(c.srk.OutPublic)}
}

// load does with a credential what the SDKs do, and returns the key's handle.
func (c *tpmChip) load(text string) tpm2.NamedHandle {
	c.Helper()
	blob, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		c.Fatal(err)
	}
	part, err := splitCredential(blob)
	if err != nil {
		c.Fatal(err)
	}
	srk := tpm2.AuthHandle{Handle: c.srk.ObjectHandle, Name: c.srk.Name, Auth: tpm2.PasswordAuth(nil)}
	session, done, err := tpm2.PolicySession(c, tpm2.TPMAlgSHA256, 16)
	if err != nil {
		c.Fatal(err)
	}
	defer done()
	policy := tpm2.PolicySecret{AuthHandle: tpm2.TPMRHEndorsement, PolicySession: session.Handle(), NonceTPM: session.NonceTPM()}
	if _, err := policy.Execute(c); err != nil {
		c.Fatal(err)
	}
	inner, err := tpm2.ActivateCredential{
		ActivateHandle: srk,
		KeyHandle:      tpm2.AuthHandle{Handle: c.ek.ObjectHandle, Name: c.ek.Name, Auth: session},
		CredentialBlob: tpm2.TPM2BIDObject{Buffer: part[0]},
		Secret:         tpm2.TPM2BEncryptedSecret{Buffer: part[1]},
	}.Execute(c)
	if err != nil {
		c.Fatalf("ActivateCredential: %v", err)
	}
	public := tpm2.BytesAs2B[tpm2.TPMTPublic](part[4])
	imported, err := tpm2.Import{
		ParentHandle:  srk,
		EncryptionKey: tpm2.TPM2BData{Buffer: inner.CertInfo.Buffer},
		ObjectPublic:  public,
		Duplicate:     tpm2.TPM2BPrivate{Buffer: part[2]},
		InSymSeed:     tpm2.TPM2BEncryptedSecret{Buffer: part[3]},
		Symmetric: tpm2.TPMTSymDef{
			Algorithm: tpm2.TPMAlgAES,
			KeyBits:   tpm2.NewTPMUSymKeyBits(tpm2.TPMAlgAES, tpm2.TPMKeyBits(128)),
			Mode:      tpm2.NewTPMUSymMode(tpm2.TPMAlgAES, tpm2.TPMAlgCFB),
		},
	}.Execute(c)
	if err != nil {
		c.Fatalf("Import: %v", err)
	}
	loaded, err := tpm2.Load{ParentHandle: srk, InPrivate: imported.OutPrivate, InPublic: public}.Execute(c)
	if err != nil {
		c.Fatalf("Load: %v", err)
	}
	return tpm2.NamedHandle{Handle: loaded.ObjectHandle, Name: loaded.Name}
}

func (c *tpmChip) sign(key tpm2.NamedHandle, data string) []byte {
	c.Helper()
	rsp, err := tpm2.Hmac{
		Handle:  tpm2.AuthHandle{Handle: key.Handle, Name: key.Name, Auth: tpm2.PasswordAuth(nil)},
		Buffer:  tpm2.TPM2BMaxBuffer{Buffer: []byte(data)},
		HashAlg: tpm2.TPMAlgNull,
	}.Execute(c)
	if err != nil {
		c.Fatalf("HMAC: %v", err)
	}
	return rsp.OutHMAC.Buffer
}

func (c *tpmChip) flush(key tpm2.NamedHandle) {
	c.Helper()
	if _, err := (tpm2.FlushContext{FlushHandle: key.Handle}).Execute(c); err != nil {
		c.Fatal(err)
	}
}

// A TPM opens the challenge, signs the token with it, and opens the hub key.
func TestRegisterWithTPM(t *testing.T) {
	chip := newTPMChip(t)
	c := start(t, Options{})
	c.enroll("dev1", chip.soft(), "")

	a := c.send("PUT", c.registerPath("dev1"), registerBody("dev1", chip.soft())).expect(t, 401, 0)
	nonce := chip.load(a.str(t, "authenticationKey"))
	const expiry = "4102444800"
	sr := c.srv.IDScope() + "%2fregistrations%2fdev1"
	signature := base64.StdEncoding.EncodeToString(chip.sign(nonce, sr+"\n"+expiry))
	chip.flush(nonce)
	token := "SharedAccessSignature sr=" + sr + "&sig=" + strings.ReplaceAll(strings.ReplaceAll(signature, "+", "%2b"), "=", "%3d") +
		"&se=" + expiry + "&skn=registration"

	a = c.send("PUT", c.registerPath("dev1"), registerBody("dev1", chip.soft()), "Authorization", token).expect(t, 202, 0)
	a = c.send("GET", c.operationPath("dev1", a.str(t, "operationId")), "", "Authorization", token).expect(t, 200, 0)

	hub := chip.load(a.str(t, "registrationState", "tpm", "authenticationKey"))
	mac := hmac.New(sha256.New, c.srv.state.registrations.get("dev1").HubKey)
	mac.Write([]byte("localhost%2fdevices%2fdev1\n1"))
	if got, want := chip.sign(hub, "localhost%2fdevices%2fdev1\n1"), mac.Sum(nil); !bytes.Equal(got, want) {
		t.Errorf("signature with the hub key = %x, want %x", got, want)
	}
	chip.flush(hub)
}
