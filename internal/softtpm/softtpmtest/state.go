package softtpmtest

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"tpmdps/internal/softtpm"
)

// srkHandle is where the TCG provisioning guidance (table 2) puts the SRK.
const srkHandle = tpm2.TPMHandle(0x81000001)

// exchangeLimit bounds everything that is done on one connection: it only ends a
// hang.
const exchangeLimit = 2 * time.Minute

// SetAuth sets the passwords of the endorsement and the owner hierarchy on a
// chip that has none. An empty password leaves its hierarchy as it is.
func SetAuth(p *softtpm.Process, endorsement, owner string) error {
	return withTPM(p, func(t transport.TPM) error {
		for handle, password := range map[tpm2.TPMHandle]string{
			tpm2.TPMRHEndorsement: endorsement,
			tpm2.TPMRHOwner:       owner,
		} {
			if password == "" {
				continue
			}
			change := tpm2.HierarchyChangeAuth{
				AuthHandle: tpm2.AuthHandle{Handle: handle, Auth: tpm2.PasswordAuth(nil)},
				NewAuth:    tpm2.TPM2BAuth{Buffer: []byte(password)},
			}
			if _, err := change.Execute(t); err != nil {
				return fmt.Errorf("set the password of hierarchy %#x: %w", handle, err)
			}
		}
		return nil
	})
}

// PersistSRK makes the TCG storage root key and persists it at 0x81000001.
func PersistSRK(p *softtpm.Process) error {
	return PersistPrimary(p, tpm2.TPMRHOwner, tpm2.RSASRKTemplate, srkHandle)
}

// PersistPrimary makes a primary key from a template in a hierarchy without a
// password and persists it, for chips that an earlier tool has left in an
// unusual state.
func PersistPrimary(p *softtpm.Process, hierarchy tpm2.TPMHandle, template tpm2.TPMTPublic, at tpm2.TPMHandle) error {
	return withTPM(p, func(t transport.TPM) error {
		key, err := tpm2.CreatePrimary{PrimaryHandle: hierarchy, InPublic: tpm2.New2B(template)}.Execute(t)
		if err != nil {
			return fmt.Errorf("create primary key: %w", err)
		}
		defer tpm2.FlushContext{FlushHandle: key.ObjectHandle}.Execute(t)
		evict := tpm2.EvictControl{
			Auth:             tpm2.TPMRHOwner,
			ObjectHandle:     &tpm2.NamedHandle{Handle: key.ObjectHandle, Name: key.Name},
			PersistentHandle: at,
		}
		if _, err := evict.Execute(t); err != nil {
			return fmt.Errorf("persist primary key at %#x: %w", at, err)
		}
		return nil
	})
}

// PersistWithPassword puts a primary key with a password of its own at a
// persistent handle, for tests with a connection that is open.
func PersistWithPassword(t transport.TPM, hierarchy tpm2.TPMHandle, template tpm2.TPMTPublic, at tpm2.TPMHandle, password string) error {
	key, err := tpm2.CreatePrimary{
		PrimaryHandle: hierarchy, InPublic: tpm2.New2B(template),
		InSensitive: tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{UserAuth: tpm2.TPM2BAuth{Buffer: []byte(password)}}},
	}.Execute(t)
	if err != nil {
		return fmt.Errorf("create primary key: %w", err)
	}
	defer tpm2.FlushContext{FlushHandle: key.ObjectHandle}.Execute(t)
	_, err = tpm2.EvictControl{
		Auth: tpm2.TPMRHOwner, PersistentHandle: at,
		ObjectHandle: &tpm2.NamedHandle{Handle: key.ObjectHandle, Name: key.Name},
	}.Execute(t)
	if err != nil {
		return fmt.Errorf("persist primary key at %#x: %w", at, err)
	}
	return nil
}

// LockoutCounter is how many wrong passwords the chip has counted.
func LockoutCounter(t transport.TPM) (uint32, error) {
	answer, err := tpm2.GetCapability{Capability: tpm2.TPMCapTPMProperties, Property: uint32(tpm2.TPMPTLockoutCounter), PropertyCount: 1}.Execute(t)
	if err != nil {
		return 0, fmt.Errorf("read the lockout counter: %w", err)
	}
	list, err := answer.CapabilityData.Data.TPMProperties()
	if err != nil || len(list.TPMProperty) != 1 || list.TPMProperty[0].Property != tpm2.TPMPTLockoutCounter {
		return 0, fmt.Errorf("read the lockout counter: %+v, %w", list, err)
	}
	return list.TPMProperty[0].Value, nil
}

// LeaveObjects loads n keys of no hierarchy and forgets to flush them.
func LeaveObjects(t transport.TPM, n int) error {
	for range n {
		_, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHNull, InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}.Execute(t)
		if err != nil {
			return fmt.Errorf("leave an object: %w", err)
		}
	}
	return nil
}

// LeaveSessions starts n sessions and forgets to flush them.
func LeaveSessions(t transport.TPM, n int) error {
	for range n {
		_, err := tpm2.StartAuthSession{
			TPMKey: tpm2.TPMRHNull, Bind: tpm2.TPMRHNull, SessionType: tpm2.TPMSEPolicy, AuthHash: tpm2.TPMAlgSHA256,
			NonceCaller: tpm2.TPM2BNonce{Buffer: make([]byte, 16)}, Symmetric: tpm2.TPMTSymDef{Algorithm: tpm2.TPMAlgNull},
		}.Execute(t)
		if err != nil {
			return fmt.Errorf("leave a session: %w", err)
		}
	}
	return nil
}

// Leftovers lists what a well-behaved user of the chip has cleaned up: handles
// of transient objects and of loaded or saved sessions.
func Leftovers(p *softtpm.Process) ([]tpm2.TPMHandle, error) {
	return handles(p, 0x80000000, 0x02000000, 0x03000000)
}

// Persistent lists the handles of the chip's persistent objects.
func Persistent(p *softtpm.Process) ([]tpm2.TPMHandle, error) {
	return handles(p, 0x81000000)
}

// handles lists the handles of each kind, a kind being given by its first handle.
func handles(p *softtpm.Process, kinds ...uint32) (found []tpm2.TPMHandle, err error) {
	err = withTPM(p, func(t transport.TPM) error {
		for _, first := range kinds {
			query := tpm2.GetCapability{Capability: tpm2.TPMCapHandles, Property: first, PropertyCount: 64}
			answer, err := query.Execute(t)
			if err != nil {
				return fmt.Errorf("list handles from %#x: %w", first, err)
			}
			list, err := answer.CapabilityData.Data.Handles()
			if err != nil {
				return fmt.Errorf("list handles from %#x: %w", first, err)
			}
			found = append(found, list.Handle...)
		}
		return nil
	})
	return found, err
}

// withTPM connects to the chip for the time of one function.
func withTPM(p *softtpm.Process, f func(transport.TPM) error) (err error) {
	network, address, err := dialAddress(p.Address())
	if err != nil {
		return err
	}
	conn, err := net.DialTimeout(network, address, exchangeLimit)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.SetDeadline(time.Now().Add(exchangeLimit)); err != nil {
		return err
	}
	return f(transport.FromReadWriter(conn))
}

// dialAddress takes a Process address apart.
func dialAddress(address string) (network, name string, err error) {
	rest, _ := strings.CutPrefix(address, "swtpm:")
	if path, ok := strings.CutPrefix(rest, "path="); ok {
		return "unix", path, nil
	}
	var host, port string
	if _, err := fmt.Sscanf(strings.Replace(rest, ",", " ", 1), "host=%s port=%s", &host, &port); err != nil {
		return "", "", fmt.Errorf("address %q of the software TPM: %w", address, err)
	}
	return "tcp", net.JoinHostPort(host, port), nil
}
