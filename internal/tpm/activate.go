package tpm

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/identity"
)

// maxSign is what every TPM takes in one HMAC command (MAX_DIGEST_BUFFER). The
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

// Activate takes a key that DPS wrapped for this EK and SRK, and loads it
// (PROTOCOL: ActivateCredential, Import, Load). That it works proves that both
// keys are in this chip. Seven or eight commands; nothing is written.
//
// Errors: [ErrBlob] before the chip is asked, [ErrOtherChip] when the key was
// wrapped for another EK or SRK, [ErrAuth], [ErrLockout], [ErrUnsupported].
func (d *Device) Activate(ek, srk *Key, blob []byte) (*HMACKey, error) {
	b, err := ParseBlob(blob)
	if err != nil {
		return nil, err
	}
	activated, err := run(d, "activate the credential", tpm2.ActivateCredential{
		ActivateHandle: srk.withAuth(tpm2.PasswordAuth(nil)),
		KeyHandle:      ek.withAuth(d.ekSession(ek)),
		CredentialBlob: tpm2.TPM2BIDObject{Buffer: b.IDObject},
		Secret:         tpm2.TPM2BEncryptedSecret{Buffer: b.Secret},
	})
	if err != nil {
		return nil, d.otherChip(err, ek)
	}
	inner := activated.CertInfo.Buffer
	defer clear(inner)
	if len(inner) != aes.BlockSize {
		return nil, fmt.Errorf("%w: its inner key has %d bytes instead of 16", ErrBlob, len(inner))
	}
	imported, err := run(d, "import the key", tpm2.Import{
		ParentHandle:  srk.withAuth(d.srkSession(ek)),
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
		return nil, d.otherChip(err, ek)
	}
	loaded, err := run(d, "load the key", tpm2.Load{
		ParentHandle: srk.withAuth(tpm2.PasswordAuth(nil)),
		InPrivate:    imported.OutPrivate,
		InPublic:     tpm2.BytesAs2B[tpm2.TPMTPublic](b.Public),
	})
	if err != nil {
		return nil, err
	}
	return &HMACKey{URI: decryptURI(inner, b.URI), device: d, handle: loaded.ObjectHandle, name: loaded.Name}, nil
}

func (k *Key) withAuth(s tpm2.Session) tpm2.AuthHandle {
	return tpm2.AuthHandle{Handle: k.handle, Name: k.name, Auth: s}
}

// The codes with which chips say that a blob is not for them. TPM_RC_FAILURE is
// libtpms' word for an OAEP decryption that fails; it goes on working after.
var otherChipCodes = []tpm2.TPMRC{
	tpm2.TPMRCValue, tpm2.TPMRCFailure, tpm2.TPMRCIntegrity, tpm2.TPMRCBinding, tpm2.TPMRCSize, tpm2.TPMRCInsufficient,
}

// otherChip tells a blob that is for another chip from everything else. Only the
// two commands that take the blob can say so: the sessions around them are
// refused with the same codes, for other reasons. Behind TPM_RC_FAILURE may also
// be a chip that has failed for good: that one answers the next command with it
// too.
func (d *Device) otherChip(err error, ek *Key) error {
	if d.t.failed != tpm2.TPMCCActivateCredential && d.t.failed != tpm2.TPMCCImport {
		return err
	}
	if errors.Is(err, ErrFailure) {
		if _, again := run(d, "ask again", tpm2.ReadPublic{ObjectHandle: ek.handle}); again != nil {
			return err
		}
	}
	for _, rc := range otherChipCodes {
		if errors.Is(err, rc) {
			return fmt.Errorf("%w: %w", ErrOtherChip, err)
		}
	}
	return err
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
	//lint:ignore SA1019 CFB is what the TPM specification prescribes
	cipher.NewCFBDecrypter(block, make([]byte, aes.BlockSize)).XORKeyStream(plain, uri)
	units := make([]uint16, len(plain)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(plain[2*i:])
	}
	return identity.Printable(string(utf16.Decode(units)), 300)
}

// Sign returns the HMAC-SHA256 of data, 32 bytes. Data is bounded at 1,024
// bytes, which every chip takes in one command.
func (k *HMACKey) Sign(data []byte) ([]byte, error) {
	if len(data) > maxSign {
		return nil, fmt.Errorf("sign: %d bytes, %d at most", len(data), maxSign)
	}
	rsp, err := run(k.device, "sign with the key", tpm2.Hmac{
		Handle:  tpm2.AuthHandle{Handle: k.handle, Name: k.name, Auth: tpm2.PasswordAuth(nil)},
		Buffer:  tpm2.TPM2BMaxBuffer{Buffer: data},
		HashAlg: tpm2.TPMAlgNull,
	})
	if err != nil {
		return nil, err
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
