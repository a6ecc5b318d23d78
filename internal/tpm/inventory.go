package tpm

import (
	"encoding/hex"
	"fmt"

	"github.com/google/go-tpm/tpm2"
)

// maxLooked bounds how many objects of one kind are looked at one by one; the
// handles of all are listed.
const maxLooked = 128

// Inventory is what sits on the chip. Handles are written as tpm2-tools does,
// "0x81010001". Lists are never nil.
type Inventory struct {
	// Address says where the chip was found.
	Address    string   `json:"address"`
	Persistent []Object `json:"persistent"`
	// Transient, LoadedSessions and SavedSessions are what this connection can
	// see: the kernel's resource manager hides those of others.
	Transient      []string  `json:"transient"`
	LoadedSessions []string  `json:"loaded_sessions"`
	SavedSessions  []string  `json:"saved_sessions"`
	NV             []NVIndex `json:"nv"`
	// Notes are sentences on what could not be listed or read, and why.
	Notes []string `json:"notes"`
}

// Object is what sits at a persistent handle.
type Object struct {
	Handle string `json:"handle"`
	// Is names the object in words; empty when it could not be read.
	Is string `json:"is"`
	// Name is the TPM's name of it in hex: a hash of its public area.
	Name string `json:"name"`
	// NoDA: wrong passwords for it do not count towards the lockout.
	NoDA bool `json:"no_da"`
}

// NVIndex is what the public area of an NV index says (TPM 2.0 Part 2, 13.5).
// The content is never read.
type NVIndex struct {
	Index string `json:"index"`
	// Size is that of the content, in bytes.
	Size int `json:"size"`
	// Type is ordinary, counter, bits, extend, pinfail or pinpass.
	Type string `json:"type"`
	// Attributes are spelt as tpm2-tools does.
	Attributes []string `json:"attributes"`
}

// Inventory lists what sits on the chip, and changes nothing there: a command
// for each kind of handle, and one for each persistent object and NV index.
// What cannot be had is a note; the error is for a chip that lists nothing.
func (d *Device) Inventory() (Inventory, error) {
	i := Inventory{
		Address: d.Address(), Persistent: []Object{}, NV: []NVIndex{}, Notes: []string{},
		Transient: []string{}, LoadedSessions: []string{}, SavedSessions: []string{},
	}
	var persistent, nv []uint32
	var failed []error
	kinds := []struct {
		what  string
		first uint32 // Part 2, 7.2
		into  func([]uint32)
	}{
		{"persistent objects", 0x81000000, func(h []uint32) { persistent = h }},
		{"transient objects", 0x80000000, func(h []uint32) { i.Transient = spell(h) }},
		{"loaded sessions", 0x02000000, func(h []uint32) { i.LoadedSessions = spell(h) }},
		{"saved sessions", 0x03000000, func(h []uint32) { i.SavedSessions = spell(h) }},
		{"NV indices", 0x01000000, func(h []uint32) { nv = h }},
	}
	for _, kind := range kinds {
		handles, err := d.handlesOf(kind.first)
		if err != nil {
			failed = append(failed, err)
			i.Notes = append(i.Notes, fmt.Sprintf("%s: %v", kind.what, err))
			continue
		}
		kind.into(handles)
	}
	if len(failed) == len(kinds) {
		return i, failed[0]
	}
	for n, handle := range persistent {
		i.Persistent = append(i.Persistent, d.object(handle, n < maxLooked, &i.Notes))
	}
	for n, index := range nv {
		i.NV = append(i.NV, d.nvIndex(index, n < maxLooked, &i.Notes))
	}
	return i, nil
}

// handlesOf lists the handles of one kind.
func (d *Device) handlesOf(first uint32) ([]uint32, error) {
	if kind := first >> 24; kind == kindHMACSession || kind == kindPolicySession {
		return d.sessions(kind)
	}
	return d.handles(first)
}

// object reads what sits at a persistent handle.
func (d *Device) object(handle uint32, look bool, notes *[]string) Object {
	o := Object{Handle: spelt(handle)}
	if !look {
		return o
	}
	rsp, err := run(d, "read the public area at "+o.Handle, tpm2.ReadPublic{ObjectHandle: tpm2.TPMHandle(handle)})
	if err != nil {
		*notes = append(*notes, err.Error())
		return o
	}
	k, err := d.key(tpm2.TPMCCReadPublic, tpm2.TPMHandle(handle), handle, rsp.OutPublic, rsp.Name)
	if err != nil {
		*notes = append(*notes, fmt.Sprintf("public area at %s: %v", o.Handle, err))
		return o
	}
	o.Name, o.Is, o.NoDA = hex.EncodeToString(rsp.Name.Buffer), describe(k.public), k.public.ObjectAttributes.NoDA
	return o
}

// nvIndex reads the public area of an NV index.
func (d *Device) nvIndex(index uint32, look bool, notes *[]string) NVIndex {
	n := NVIndex{Index: spelt(index), Attributes: []string{}}
	if !look {
		return n
	}
	rsp, err := run(d, "look at NV index "+n.Index, tpm2.NVReadPublic{NVIndex: tpm2.TPMHandle(index)})
	if err != nil {
		*notes = append(*notes, err.Error())
		return n
	}
	public, err := nvPublic(index, rsp)
	if err != nil {
		*notes = append(*notes, fmt.Sprintf("NV index %s: %v", n.Index, err))
		return n
	}
	n.Size, n.Type, n.Attributes = int(public.DataSize), nvType(public.Attributes.NT), nvAttributes(public.Attributes)
	return n
}

func nvType(t tpm2.TPMNT) string {
	switch t {
	case tpm2.TPMNTOrdinary:
		return "ordinary"
	case tpm2.TPMNTCounter:
		return "counter"
	case tpm2.TPMNTBits:
		return "bits"
	case tpm2.TPMNTExtend:
		return "extend"
	case tpm2.TPMNTPinFail:
		return "pinfail"
	case tpm2.TPMNTPinPass:
		return "pinpass"
	}
	return fmt.Sprintf("%#x", uint8(t))
}

// nvAttributes spells TPMA_NV (Part 2, 13.4) in the order of its bits.
func nvAttributes(a tpm2.TPMANV) []string {
	set := []string{}
	for _, bit := range []struct {
		is   bool
		name string
	}{
		{a.PPWrite, "ppwrite"}, {a.OwnerWrite, "ownerwrite"}, {a.AuthWrite, "authwrite"}, {a.PolicyWrite, "policywrite"},
		{a.PolicyDelete, "policydelete"}, {a.WriteLocked, "writelocked"}, {a.WriteAll, "writeall"}, {a.WriteDefine, "writedefine"},
		{a.WriteSTClear, "write_stclear"}, {a.GlobalLock, "globallock"}, {a.PPRead, "ppread"}, {a.OwnerRead, "ownerread"},
		{a.AuthRead, "authread"}, {a.PolicyRead, "policyread"}, {a.NoDA, "no_da"}, {a.Orderly, "orderly"},
		{a.ClearSTClear, "clear_stclear"}, {a.ReadLocked, "readlocked"}, {a.Written, "written"},
		{a.PlatformCreate, "platformcreate"}, {a.ReadSTClear, "read_stclear"},
	} {
		if bit.is {
			set = append(set, bit.name)
		}
	}
	return set
}

// spelt is a handle or an index as tpm2-tools writes it.
func spelt(handle uint32) string { return fmt.Sprintf("0x%08x", handle) }

func spell(handles []uint32) []string {
	out := []string{}
	for _, h := range handles {
		out = append(out, spelt(h))
	}
	return out
}
