package provision

import (
	"fmt"

	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// Doubt is something on the chip with which IoT Edge will fail although a round trip
// need not: what it is, and what to do.
type Doubt struct {
	What, Fix string
}

// newSRK is what to do about a storage root key that IoT Edge cannot use.
const newSRK = "make a new one, if nothing else needs the key there: tpm2_evictcontrol -c 0x81000001, then tpmdps read-ek --persist"

// keyHandleTaken looks at the handle at which IoT Edge keeps the key from DPS. nil
// where nothing is there, or such a key. file is IoT Edge's configuration, "" where
// none was named.
func keyHandleTaken(d *tpm.Device, handle uint32, file string) (*Doubt, error) {
	o, err := d.Occupant(handle)
	if err != nil || o == nil || o.DPSKey {
		return nil, err
	}
	index, err := d.FreeAuthKeyIndex()
	if err != nil {
		return nil, err
	}
	fix := fmt.Sprintf("let IoT Edge use another handle: tpmdps config --auth-key-index %#06x", index)
	if file != "" {
		fix += " --config " + text.ShellWord(file)
	}
	return &Doubt{What: fmt.Sprintf("%#x, where IoT Edge keeps the key from DPS, holds %s", o.Handle, o.Is), Fix: fix}, nil
}

// Doubts looks at what a round trip looks at besides the endorsement key before it
// goes to the network: the handle for the key from DPS, and the storage root key. c
// is what the configuration says. No key's password is tried: a wrong one counts.
//
// Errors are those that a round trip ends with, such as [tpm.ErrHierarchy].
func Doubts(d *tpm.Device, c Configured) ([]Doubt, error) {
	var all []Doubt
	taken, err := keyHandleTaken(d, c.KeyHandle, c.File)
	if err != nil {
		return nil, err
	}
	if taken != nil {
		all = append(all, *taken)
	}
	srk, err := d.UntriedSRK()
	if err != nil {
		return all, err
	}
	if srk.Warning != "" {
		all = append(all, Doubt{What: "the storage root key: " + srk.Warning, Fix: newSRK})
	}
	return all, srk.Close()
}
