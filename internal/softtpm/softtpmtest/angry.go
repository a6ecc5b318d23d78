package softtpmtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"tpmdps/internal/softtpm"
)

// On does something to the chip of a software TPM, on a connection of its own.
func On(p *softtpm.Process, f func(transport.TPM) error) error { return withTPM(p, f) }

// TakeObjects loads keys until the chip has no memory for another one, as a
// program does that forgets to flush.
func TakeObjects(t transport.TPM) error {
	for range 64 {
		_, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHNull, InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}.Execute(t)
		if errors.Is(err, tpm2.TPMRCObjectMemory) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take object memory: %w", err)
		}
	}
	return errors.New("take object memory: there is no end to it")
}

// TakeSessions starts sessions until the chip has no memory for another one.
func TakeSessions(t transport.TPM) error {
	for range 256 {
		_, err := tpm2.StartAuthSession{
			TPMKey: tpm2.TPMRHNull, Bind: tpm2.TPMRHNull, SessionType: tpm2.TPMSEPolicy, AuthHash: tpm2.TPMAlgSHA256,
			NonceCaller: tpm2.TPM2BNonce{Buffer: make([]byte, 16)}, Symmetric: tpm2.TPMTSymDef{Algorithm: tpm2.TPMAlgNull},
		}.Execute(t)
		if errors.Is(err, tpm2.TPMRCSessionMemory) || errors.Is(err, tpm2.TPMRCSessionHandles) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take session memory: %w", err)
		}
	}
	return errors.New("take session memory: there is no end to it")
}

// TakeNV makes keys persistent until the chip has no room for another one.
func TakeNV(t transport.TPM) error {
	key, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHOwner, InPublic: tpm2.New2B(tpm2.RSASRKTemplate)}.Execute(t)
	if err != nil {
		return fmt.Errorf("take non-volatile memory: %w", err)
	}
	defer tpm2.FlushContext{FlushHandle: key.ObjectHandle}.Execute(t)
	for at := tpm2.TPMHandle(0x81002000); at < 0x81003000; at++ {
		_, err := tpm2.EvictControl{
			Auth:         tpm2.TPMRHOwner,
			ObjectHandle: &tpm2.NamedHandle{Handle: key.ObjectHandle, Name: key.Name}, PersistentHandle: at,
		}.Execute(t)
		if errors.Is(err, tpm2.TPMRCNVSpace) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take non-volatile memory: %w", err)
		}
	}
	return errors.New("take non-volatile memory: there is no end to it")
}

// SwitchOff disables the owner or the endorsement hierarchy until the next
// start, as some firmware does.
func SwitchOff(t transport.TPM, hierarchy tpm2.TPMHandle) error {
	const hierarchyControl = 0x121
	params := append(binary.BigEndian.AppendUint32(nil, uint32(hierarchy)), 0) // NO
	if err := raw(t, hierarchyControl, tpm2.TPMRHPlatform, params); err != nil {
		return fmt.Errorf("switch a hierarchy off: %w", err)
	}
	return nil
}

// raw sends a command that go-tpm does not have, with one handle and its empty
// password (TPM 2.0 Part 1, 18).
func raw(t transport.TPM, cc uint32, handle tpm2.TPMHandle, params []byte) error {
	password := []byte{0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 1, 0, 0} // TPM_RS_PW, continueSession
	body := slices.Concat(binary.BigEndian.AppendUint32(nil, uint32(handle)), password, params)
	cmd := binary.BigEndian.AppendUint32([]byte{0x80, 0x02}, uint32(10+len(body)))
	rsp, err := t.Send(append(binary.BigEndian.AppendUint32(cmd, cc), body...))
	if err != nil {
		return err
	}
	if rc := tpm2.TPMRC(binary.BigEndian.Uint32(rsp[6:])); rc != tpm2.TPMRCSuccess {
		return rc
	}
	return nil
}

// Guess has the chip count wrong passwords for an object under dictionary attack
// protection, as another program's mistakes do.
func Guess(t transport.TPM, times int) error {
	template := tpm2.ECCSRKTemplate
	template.ObjectAttributes.NoDA = false
	key, err := tpm2.CreatePrimary{
		PrimaryHandle: tpm2.TPMRHOwner, InPublic: tpm2.New2B(template),
		InSensitive: tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{UserAuth: tpm2.TPM2BAuth{Buffer: []byte("right")}}},
	}.Execute(t)
	if err != nil {
		return fmt.Errorf("guess: %w", err)
	}
	defer tpm2.FlushContext{FlushHandle: key.ObjectHandle}.Execute(t)
	for times > 0 {
		_, err := tpm2.Create{
			ParentHandle: tpm2.AuthHandle{Handle: key.ObjectHandle, Name: key.Name, Auth: tpm2.PasswordAuth([]byte("wrong"))},
			InPublic:     tpm2.New2B(tpm2.ECCSRKTemplate),
		}.Execute(t)
		switch {
		case errors.Is(err, tpm2.TPMRCAuthFail):
			times--
		case !errors.Is(err, tpm2.TPMRCRetry):
			return fmt.Errorf("guess: %w", err)
		}
	}
	return nil
}

// LockOut has the chip count wrong passwords until it refuses every object
// under dictionary attack protection; it forgets one in 4711 seconds.
func LockOut(t transport.TPM) error {
	const dictionaryAttackParameters = 0x13a
	params := []byte{0, 0, 0, 2 /* tries */, 0, 0, 0x12, 0x67 /* 4711 s */, 0, 0, 0, 0}
	if err := raw(t, dictionaryAttackParameters, tpm2.TPMRHLockout, params); err != nil {
		return fmt.Errorf("lock out: %w", err)
	}
	template := tpm2.ECCSRKTemplate
	template.ObjectAttributes.NoDA = false
	key, err := tpm2.CreatePrimary{
		PrimaryHandle: tpm2.TPMRHOwner, InPublic: tpm2.New2B(template),
		InSensitive: tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{UserAuth: tpm2.TPM2BAuth{Buffer: []byte("right")}}},
	}.Execute(t)
	if err != nil {
		return fmt.Errorf("lock out: %w", err)
	}
	defer tpm2.FlushContext{FlushHandle: key.ObjectHandle}.Execute(t)
	for range 10 {
		_, err := tpm2.Create{
			ParentHandle: tpm2.AuthHandle{Handle: key.ObjectHandle, Name: key.Name, Auth: tpm2.PasswordAuth([]byte("wrong"))},
			InPublic:     tpm2.New2B(tpm2.ECCSRKTemplate),
		}.Execute(t)
		if errors.Is(err, tpm2.TPMRCLockout) {
			return nil
		}
		if !errors.Is(err, tpm2.TPMRCAuthFail) && !errors.Is(err, tpm2.TPMRCRetry) {
			return fmt.Errorf("lock out: %w", err)
		}
	}
	return errors.New("lock out: the chip does not lock")
}

// RecipeSRK is the template of the SRK that the documented Linux recipe makes:
// like the TCG's, but subject to dictionary attack protection.
func RecipeSRK() tpm2.TPMTPublic {
	template := tpm2.RSASRKTemplate
	template.ObjectAttributes.NoDA = false
	return template
}
