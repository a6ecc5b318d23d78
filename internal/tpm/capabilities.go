package tpm

import (
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-tpm/tpm2"
)

// Capabilities are what the chip says that it is, can and holds in numbers.
// Nothing in it tells one chip from another of its kind. Lists are never nil.
type Capabilities struct {
	Address      string `json:"address"`
	Manufacturer string `json:"manufacturer"`
	Vendor       string `json:"vendor"`
	Firmware     string `json:"firmware"`
	Spec         string `json:"spec"`
	Hierarchies  Flags  `json:"hierarchies"`
	Lockout      Limits `json:"lockout"`
	// DPSCommands are the commands that provisioning needs, and whether this
	// chip has them.
	DPSCommands []CommandFact `json:"dps_commands"`
	// Fixed and Variable are all properties: Part 2, 6.13.
	Fixed    []Property `json:"fixed"`
	Variable []Property `json:"variable"`
	// Algorithms are spelt as tpm2-tools does, unknown ones as numbers.
	Algorithms []string `json:"algorithms"`
	// Commands are the codes of all commands, vendors' own with their bit 29.
	Commands []string `json:"commands"`
	// Notes are sentences on what could not be read, and why.
	Notes []string `json:"notes"`
}

// Flags are TPMA_PERMANENT and TPMA_STARTUP_CLEAR: Part 2, 8.6 and 8.7.
type Flags struct {
	OwnerAuthSet       bool `json:"owner_auth_set"`
	EndorsementAuthSet bool `json:"endorsement_auth_set"`
	LockoutAuthSet     bool `json:"lockout_auth_set"`
	ClearDisabled      bool `json:"clear_disabled"`
	OwnerEnabled       bool `json:"owner_enabled"`
	EndorsementEnabled bool `json:"endorsement_enabled"`
	PlatformEnabled    bool `json:"platform_enabled"`
	PlatformNVEnabled  bool `json:"platform_nv_enabled"`
	// Orderly: the last shutdown was one that the chip was told of.
	Orderly bool `json:"orderly"`
}

// Limits are those of the dictionary attack protection.
type Limits struct {
	InLockout bool `json:"in_lockout"`
	// Counter wrong passwords of Max were counted; one is forgotten every
	// IntervalSeconds. After a wrong lockout password, RecoverySeconds pass.
	Counter         uint32 `json:"counter"`
	Max             uint32 `json:"max"`
	IntervalSeconds uint32 `json:"interval_seconds"`
	RecoverySeconds uint32 `json:"recovery_seconds"`
}

// Property is one TPM_PT.
type Property struct {
	Name  string `json:"name"` // as the specification writes it, without TPM_PT_
	Code  string `json:"code"`
	Value uint32 `json:"value"`
}

// CommandFact says whether the chip has a command.
type CommandFact struct {
	Name string `json:"name"`
	Code string `json:"code"`
	Has  bool   `json:"has"`
}

// Capabilities reads what the chip is and can. Three commands. What the chip
// does not tell is a note; the error is for one that tells nothing.
func (d *Device) Capabilities() (Capabilities, error) {
	c := Capabilities{
		Address: d.Address(), DPSCommands: []CommandFact{}, Fixed: named(d.fixed), Variable: []Property{},
		Algorithms: []string{}, Commands: []string{}, Notes: []string{},
	}
	p, current, propertiesErr := d.readProperties()
	if propertiesErr == nil {
		c.Manufacturer, c.Vendor, c.Firmware, c.Spec = p.manufacturer, p.vendor, p.firmware, p.spec
		c.Variable, c.Hierarchies = named(current), flags(current)
		c.Lockout = Limits{
			InLockout: p.inLockout, Counter: p.lockoutCounter, Max: p.maxAuthFail,
			IntervalSeconds: p.lockoutInterval, RecoverySeconds: current[tpm2.TPMPTLockoutRecovery],
		}
	}
	commands, commandsErr := d.commands()
	if commandsErr == nil {
		c.DPSCommands = dpsCommands(commands)
		for _, a := range commands {
			c.Commands = append(c.Commands, fmt.Sprintf("%#x", commandCode(a)))
		}
	}
	algorithms, algorithmsErr := d.algorithms()
	c.Algorithms = spellAlgorithms(algorithms)
	if propertiesErr != nil && commandsErr != nil && algorithmsErr != nil {
		return c, propertiesErr
	}
	for _, err := range []error{propertiesErr, commandsErr, algorithmsErr} {
		if err != nil {
			c.Notes = append(c.Notes, err.Error())
		}
	}
	return c, nil
}

// flags reads TPMA_PERMANENT and TPMA_STARTUP_CLEAR bit by bit.
func flags(current map[tpm2.TPMPT]uint32) Flags {
	permanent, startup := current[tpm2.TPMPTPermanent], current[tpm2.TPMPTStartupClear]
	return Flags{
		OwnerAuthSet: permanent&1 != 0, EndorsementAuthSet: permanent&2 != 0, LockoutAuthSet: permanent&4 != 0,
		ClearDisabled:   permanent&0x100 != 0,
		PlatformEnabled: startup&1 != 0, OwnerEnabled: startup&2 != 0, EndorsementEnabled: startup&4 != 0,
		PlatformNVEnabled: startup&8 != 0, Orderly: startup>>31 != 0,
	}
}

// named gives properties their names, in the order of their numbers.
func named(values map[tpm2.TPMPT]uint32) []Property {
	list := []Property{}
	for _, code := range slices.Sorted(maps.Keys(values)) {
		list = append(list, Property{Name: propertyNames[code], Code: fmt.Sprintf("%#x", uint32(code)), Value: values[code]})
	}
	return list
}

// dpsCommands are those of the round trip and of keeping a key, and that of a
// longer text to sign.
func dpsCommands(has []tpm2.TPMACC) []CommandFact {
	list := []CommandFact{}
	for _, n := range append(slices.Clone(needed), neededCommand{tpm2.TPMCCHMACStart, "HMAC_Start"}) {
		list = append(list, CommandFact{Name: "TPM2_" + n.name, Code: fmt.Sprintf("%#x", uint32(n.cc)), Has: hasCommand(has, n.cc)})
	}
	return list
}

// commandCode is TPMA_CC's index with the vendor bit where it belongs.
func commandCode(a tpm2.TPMACC) uint32 {
	code := uint32(a.CommandIndex)
	if a.V {
		code |= 1 << 29
	}
	return code
}

// spellAlgorithms spells algorithms as tpm2-tools does, unknown ones as numbers.
func spellAlgorithms(ids []tpm2.TPMAlgID) []string {
	out := []string{}
	for _, id := range ids {
		name := algorithmNames[id]
		if name == "" {
			name = fmt.Sprintf("0x%04x", uint16(id))
		}
		out = append(out, name)
	}
	return out
}
