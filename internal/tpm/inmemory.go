package tpm

import (
	"encoding/hex"
	"fmt"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/identity"
)

// InMemory is an object or a session in the chip's memory.
type InMemory struct {
	// Handle is spelt as tpm2-tools does, "0x80000000".
	Handle string `json:"handle"`
	// Kind is "object", "loaded session" or "saved session".
	Kind string `json:"kind"`
	// Is says in words what it is.
	Is string `json:"is"`
	// Name is the TPM's name of an object in hex: a hash of its public area. Empty
	// for a session.
	Name string `json:"name"`
	// AsOurs: it looks like what this program makes. Other programs make the same
	// keys and sessions; nothing on the chip says whose they are.
	AsOurs bool `json:"as_ours"`

	handle tpm2.TPMHandle
}

// Kinds of what is in the chip's memory.
const (
	KindObject        = "object"
	KindLoadedSession = "loaded session"
	KindSavedSession  = "saved session"
)

// InMemory lists what is in the chip's memory, and changes nothing there: three
// commands, and one for each object. With a resource manager it is what this
// connection has there, which is nothing.
func (d *Device) InMemory() ([]InMemory, error) {
	all := []InMemory{}
	objects, err := d.handles(kindTransient << 24)
	if err != nil {
		return nil, err
	}
	for _, handle := range objects {
		o, err := d.objectInMemory(tpm2.TPMHandle(handle))
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	for _, kind := range []struct {
		name  string
		first uint32
	}{{KindLoadedSession, kindHMACSession}, {KindSavedSession, kindPolicySession}} {
		sessions, err := d.sessions(kind.first)
		if err != nil {
			return nil, err
		}
		for _, handle := range sessions {
			s := InMemory{Handle: spelt(handle), Kind: kind.name, Is: "an HMAC session", handle: tpm2.TPMHandle(handle)}
			if handle>>24 == kindPolicySession {
				s.Is = "a policy session"
			}
			s.AsOurs = kind.name == KindLoadedSession // this program saves none
			all = append(all, s)
		}
	}
	return all, nil
}

func (d *Device) objectInMemory(handle tpm2.TPMHandle) (InMemory, error) {
	o := InMemory{Handle: spelt(uint32(handle)), Kind: KindObject, handle: handle}
	rsp, err := run(d, "read the public area at "+o.Handle, tpm2.ReadPublic{ObjectHandle: handle})
	if err != nil {
		return o, err
	}
	k, err := d.key(tpm2.TPMCCReadPublic, handle, 0, rsp.OutPublic, rsp.Name)
	if err != nil {
		return o, fmt.Errorf("public area at %s: %w", o.Handle, err)
	}
	o.Name, o.Is, o.AsOurs = hex.EncodeToString(rsp.Name.Buffer), describe(k.public), true
	switch {
	case identity.CheckEndorsementKey(k.Public) == nil:
		o.Is = "an endorsement key of the TCG's template L-1"
	case usableSRK(k):
		o.Is = "an RSA 2048 storage key like the SRK"
	case isDPSKey(k.public), madeFrom(tpm2.ECCSRKTemplate, k.public):
	default:
		o.AsOurs = false
	}
	return o, nil
}

// FlushMemory takes an object or a session that [Device.InMemory] listed out of the
// chip's memory. Nothing persistent changes.
func (d *Device) FlushMemory(m InMemory) error { return d.flush(m.handle) }
