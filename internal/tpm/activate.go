package tpm

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/text"
)

// maxSign is what every TPM accepts in one HMAC command (MAX_DIGEST_BUFFER). The
// text of a SAS token has a quarter of it at most.
const maxSign = 1024

// HMACKey is a key from the service, loaded into the chip. Close it.
type HMACKey struct {
	// URI is the text that the service sent along, encrypted: "host/id". It is
	// for reading only and may be empty; nothing depends on it.
	URI string

	device *Device
	handle tpm2.TPMHandle
	name   tpm2.TPM2BName
}

// Activate unwraps a key that DPS wrapped for this EK and SRK, and loads it
// (PROTOCOL: ActivateCredential, Import, Load). That it works proves that both
// keys are in this chip. Five to nine commands; nothing is written.
//
// Errors: [ErrBlob] before the chip is asked, [ErrOtherChip] when the key was
// wrapped for another EK or SRK, [ErrUnsupported] when the chip does not open a
// key that was wrapped for it either, [ErrAuth], [ErrLockout].
func (d *Device) Activate(ek, srk *Key, blob []byte) (*HMACKey, error) {
	b, err := ParseBlob(blob)
	if err != nil {
		return nil, err
	}
	key, err := d.open(ek, srk, b)
	if noRoomForSession(err) && !d.noSessionRoom {
		d.noSessionRoom = true // other programs left sessions there
		key, err = d.open(ek, srk, b)
	}
	if err == nil {
		return key, nil
	}
	if refusesBlob(err) {
		err = errors.Join(d.compareWithOwn(ek, srk, b, err), d.endSessions())
	}
	return nil, err
}

// noRoomForSession says whether it is a session that the chip has no memory for.
func noRoomForSession(err error) bool {
	var refused *ResponseError
	return errors.As(err, &refused) && refused.sentinel == ErrResources && refused.Command == "StartAuthSession"
}

// open has the chip open a key from the service. While the key is loaded, a
// derived EK is out of the chip's memory.
func (d *Device) open(ek, srk *Key, b Blob) (_ *HMACKey, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, d.endSessions())
		}
	}()
	if err := d.swapIn(ek); err != nil {
		return nil, err
	}
	inner, err := d.activateCredential(ek, srk, b)
	if err != nil {
		return nil, err
	}
	defer clear(inner)
	private, err := d.importKey(ek, srk, b, inner)
	if err != nil {
		return nil, err
	}
	if err := d.swapOut(ek); err != nil {
		return nil, err
	}
	ofSRK := tpm2.PasswordAuth(nil)
	if d.secrecy != nil {
		ofSRK = d.secrecy
	}
	loaded, err := run(d, "load the key", tpm2.Load{
		ParentHandle: srk.withAuth(ofSRK),
		InPrivate:    private,
		InPublic:     tpm2.BytesAs2B[tpm2.TPMTPublic](b.Public),
	})
	if err != nil {
		return nil, err
	}
	if err := loadedAs(b, loaded); err != nil {
		return nil, errors.Join(err, d.flush(loaded.ObjectHandle))
	}
	d.roles[loaded.ObjectHandle] = "the key from DPS"
	return &HMACKey{URI: decryptURI(inner, b.URI), device: d, handle: loaded.ObjectHandle, name: loaded.Name}, nil
}

// loadedAs checks that the chip loaded the key that it was given: its name is the
// hash of its public area.
func loadedAs(b Blob, loaded *tpm2.LoadResponse) error {
	public, err := tpm2.Unmarshal[tpm2.TPMTPublic](b.Public) // ParseBlob has seen to it
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBlob, err)
	}
	name, err := tpm2.ObjectName(public)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBlob, err)
	}
	if !bytes.Equal(name.Buffer, loaded.Name.Buffer) {
		return contradicts(tpm2.TPMCCLoad, "the name of the key is not that of its public area")
	}
	return nil
}

// idObjectSize is the credential around an inner key of 16 bytes: a hash of 32
// and the encrypted key, each with its size.
const idObjectSize = 2 + 32 + 2 + aes.BlockSize

// activateCredential returns the inner key, which only the chip with this EK and
// SRK gets out of the credential.
func (d *Device) activateCredential(ek, srk *Key, b Blob) ([]byte, error) {
	ofSRK, err := d.srkAuth(ek)
	if d.noSessionRoom {
		ofSRK = tpm2.PasswordAuth(nil) // the EK's session encrypts
	}
	if err != nil {
		return nil, err
	}
	ofEK, err := d.ekAuth(ek)
	if err != nil {
		return nil, err
	}
	activated, err := run(d, "activate the credential", tpm2.ActivateCredential{
		ActivateHandle: srk.withAuth(ofSRK),
		KeyHandle:      ek.withAuth(ofEK),
		CredentialBlob: tpm2.TPM2BIDObject{Buffer: b.IDObject},
		Secret:         tpm2.TPM2BEncryptedSecret{Buffer: b.Secret},
	})
	if err != nil {
		return nil, err
	}
	inner := activated.CertInfo.Buffer
	if len(inner) != aes.BlockSize && len(b.IDObject) == idObjectSize {
		return nil, contradicts(tpm2.TPMCCActivateCredential, "the key in the credential has %d bytes instead of %d", len(inner), aes.BlockSize)
	}
	if len(inner) != aes.BlockSize {
		return nil, fmt.Errorf("%w: its inner key has %d bytes instead of 16", ErrBlob, len(inner))
	}
	return inner, nil
}

// importKey has the chip take off both wrappings of the key, and wrap it for the
// SRK.
func (d *Device) importKey(ek, srk *Key, b Blob, inner []byte) (private tpm2.TPM2BPrivate, err error) {
	auth, err := d.srkAuth(ek)
	if err != nil {
		return private, err
	}
	imported, err := run(d, "import the key", tpm2.Import{
		ParentHandle:  srk.withAuth(auth),
		EncryptionKey: tpm2.TPM2BData{Buffer: inner},
		ObjectPublic:  tpm2.BytesAs2B[tpm2.TPMTPublic](b.Public),
		Duplicate:     tpm2.TPM2BPrivate{Buffer: b.Duplicate},
		InSymSeed:     tpm2.TPM2BEncryptedSecret{Buffer: b.InSymSeed},
		Symmetric: tpm2.TPMTSymDef{
			Algorithm: tpm2.TPMAlgAES,
			KeyBits:   tpm2.NewTPMUSymKeyBits(tpm2.TPMAlgAES, tpm2.TPMKeyBits(128)),
			Mode:      tpm2.NewTPMUSymMode(tpm2.TPMAlgAES, tpm2.TPMAlgCFB),
		},
	})
	if err != nil {
		return private, err
	}
	return imported.OutPrivate, nil
}

func (k *Key) withAuth(s tpm2.Session) tpm2.AuthHandle {
	return tpm2.AuthHandle{Handle: k.handle, Name: k.name, Auth: s}
}

// decryptURI reads the text that comes with the key: AES-128-CFB with the inner
// key and a zero IV, UTF-16LE. Whatever it is, it never fails: nobody else
// reads it, so nothing may depend on it.
func decryptURI(inner, uri []byte) string {
	block, err := aes.NewCipher(inner)
	if err != nil || len(uri) < 2 {
		return ""
	}
	plain := make([]byte, len(uri))
	cipher.NewCFBDecrypter(block, make([]byte, aes.BlockSize)).XORKeyStream(plain, uri) //nolint:staticcheck // CFB is what the TPM specification prescribes
	units := make([]uint16, len(plain)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(plain[2*i:])
	}
	return text.Printable(string(utf16.Decode(units)), 300)
}

// Sign returns the HMAC-SHA256 of data, 32 bytes. Data is bounded at 1,024
// bytes, which every chip accepts in one command.
func (k *HMACKey) Sign(data []byte) ([]byte, error) {
	if len(data) > maxSign {
		return nil, fmt.Errorf("sign: %d bytes, %d at most", len(data), maxSign)
	}
	// The session proves that the answer is the chip's; the key has no password.
	var auth tpm2.Session = tpm2.PasswordAuth(nil)
	if k.device.secrecy != nil {
		auth = k.device.secrecy
	}
	rsp, err := run(k.device, "sign with the key", tpm2.Hmac{
		Handle:  tpm2.AuthHandle{Handle: k.handle, Name: k.name, Auth: auth},
		Buffer:  tpm2.TPM2BMaxBuffer{Buffer: data},
		HashAlg: tpm2.TPMAlgNull,
	})
	if err != nil {
		return nil, err
	}
	if n := len(rsp.OutHMAC.Buffer); n != sha256.Size {
		return nil, contradicts(tpm2.TPMCCHMAC, "a signature of this key has %d bytes, not %d", sha256.Size, n)
	}
	return rsp.OutHMAC.Buffer, nil
}

// Close removes the key from the chip's memory.
func (k *HMACKey) Close() error {
	if k == nil || k.device == nil {
		return nil
	}
	d := k.device
	k.device = nil
	return d.flush(k.handle)
}
