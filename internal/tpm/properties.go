package tpm

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-tpm/tpm2"
)

// Properties are what the chip says of itself: TPM 2.0 Part 2, 6.13.
type Properties struct {
	// Manufacturer is the vendor ID registered with the TCG, such as "IFX".
	Manufacturer string
	// Vendor is the vendor's own text, such as "SLB9670".
	Vendor string
	// Firmware is the version, written as the vendors do: "7.85.4555.0".
	Firmware string
	// Spec is the family and revision of the TPM library, such as "2.0 1.38".
	Spec string
	// OwnerAuthSet, EndorsementAuthSet and LockoutAuthSet: the hierarchy has
	// a password.
	OwnerAuthSet, EndorsementAuthSet, LockoutAuthSet bool
	// InLockout: dictionary attack protection refuses passwords now.
	InLockout bool
	// LockoutCounter failures of MaxAuthFail allowed ones were counted; one is
	// forgotten every LockoutInterval seconds.
	LockoutCounter, MaxAuthFail, LockoutInterval uint32
}

// readFixed reads TPM_PT_FIXED; as the first command it also proves that a
// TPM 2.0 answers.
func (d *Device) readFixed() error {
	values, err := d.group(tpm2.TPMPTFamilyIndicator)
	if err != nil {
		return err
	}
	d.fixed = values
	return nil
}

// Properties reads what the chip says of itself. One command.
func (d *Device) Properties() (Properties, error) {
	p, _, err := d.properties()
	return p, err
}

// properties returns the variable ones also as the chip gives them.
func (d *Device) properties() (Properties, map[tpm2.TPMPT]uint32, error) {
	current, err := d.group(tpm2.TPMPTPermanent)
	if err != nil {
		return Properties{}, nil, err
	}
	fixed := d.fixed
	permanent := current[tpm2.TPMPTPermanent] // TPMA_PERMANENT, Part 2, 8.6
	return Properties{
		Manufacturer:       vendorText(fixed[tpm2.TPMPTManufacturer]),
		Vendor:             d.vendor(),
		Firmware:           firmware(fixed[tpm2.TPMPTFirmwareVersion1], fixed[tpm2.TPMPTFirmwareVersion2]),
		Spec:               fmt.Sprintf("%s %d.%02d", vendorText(fixed[tpm2.TPMPTFamilyIndicator]), fixed[tpm2.TPMPTRevision]/100, fixed[tpm2.TPMPTRevision]%100),
		OwnerAuthSet:       permanent&1 != 0,
		EndorsementAuthSet: permanent&2 != 0,
		LockoutAuthSet:     permanent&4 != 0,
		InLockout:          permanent&0x200 != 0,
		LockoutCounter:     current[tpm2.TPMPTLockoutCounter],
		MaxAuthFail:        current[tpm2.TPMPTMaxAuthFail],
		LockoutInterval:    current[tpm2.TPMPTLockoutInterval],
	}, current, nil
}

func (d *Device) vendor() string {
	f := d.fixed
	return vendorText(f[tpm2.TPMPTVendorString1], f[tpm2.TPMPTVendorString2], f[tpm2.TPMPTVendorString3], f[tpm2.TPMPTVendorString4])
}

// vendorText reads the characters that vendors pack into 32-bit values, most
// significant first, drops what is not printable ASCII, and their padding.
func vendorText(values ...uint32) string {
	var b strings.Builder
	for _, v := range values {
		for _, c := range binary.BigEndian.AppendUint32(nil, v) {
			if c >= 0x20 && c < 0x7f {
				b.WriteByte(c)
			}
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func firmware(v1, v2 uint32) string {
	return fmt.Sprintf("%d.%d.%d.%d", v1>>16, v1&0xffff, v2>>16, v2&0xffff)
}

// needed are the commands of DPS attestation, and the one with which IoT Edge and
// the SDKs keep what they get; chips exist that lack HMAC (Infineon SLB9665 and
// SLB9670 firmware among them), and find it out only after the enrollment
// otherwise.
var needed = []neededCommand{
	{tpm2.TPMCCPolicySecret, "PolicySecret"},
	{tpm2.TPMCCActivateCredential, "ActivateCredential"},
	{tpm2.TPMCCImport, "Import"},
	{tpm2.TPMCCLoad, "Load"},
	{tpm2.TPMCCHMAC, "HMAC"},
	{tpm2.TPMCCEvictControl, "EvictControl"},
}

type neededCommand struct {
	cc   tpm2.TPMCC
	name string
}

// CheckCommands asks the chip which commands it has, and returns an
// [ErrUnsupported] that names those it lacks of the ones DPS attestation needs.
// One command.
func (d *Device) CheckCommands() error {
	has, err := d.commands()
	if err != nil {
		return err
	}
	var lacking []string
	for _, n := range needed {
		if !hasCommand(has, n.cc) {
			lacking = append(lacking, "TPM2_"+n.name)
		}
	}
	if len(lacking) > 0 {
		return fmt.Errorf("%w: it has no %s", ErrUnsupported, strings.Join(lacking, ", "))
	}
	return nil
}

func hasCommand(has []tpm2.TPMACC, cc tpm2.TPMCC) bool {
	return slices.ContainsFunc(has, func(a tpm2.TPMACC) bool { return !a.V && tpm2.TPMCC(a.CommandIndex) == cc })
}

// persistentHandles lists the persistent handles in use. One command for the
// first call, and for the first after a change.
func (d *Device) persistentHandles() ([]uint32, error) {
	if d.persistent == nil {
		found, err := d.handles(0x81000000)
		if err != nil {
			return nil, err
		}
		d.persistent = append([]uint32{}, found...) // not nil, also where there is none
	}
	return d.persistent, nil
}

func (d *Device) isPersistent(handle uint32) (bool, error) {
	all, err := d.persistentHandles()
	return slices.Contains(all, handle), err
}

// Description names the chip in a few words, from what Open read: "IFX SLB9670,
// firmware 7.85.4555.0". No command.
func (d *Device) Description() string {
	f := d.fixed
	name := strings.TrimSpace(vendorText(f[tpm2.TPMPTManufacturer]) + " " + d.vendor())
	return fmt.Sprintf("%s, firmware %s", name, firmware(f[tpm2.TPMPTFirmwareVersion1], f[tpm2.TPMPTFirmwareVersion2]))
}
