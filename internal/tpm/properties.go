package tpm

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-tpm/tpm2"
)

// properties are what the chip says of itself: TPM 2.0 Part 2, 6.13.
type properties struct {
	// manufacturer is the vendor ID registered with the TCG, such as "IFX".
	manufacturer string
	// vendor is the vendor's own text, such as "SLB9670".
	vendor string
	// firmware is the version, written as the vendors do: "7.85.4555.0".
	firmware string
	// spec is the family and revision of the TPM library, such as "2.0 1.38".
	spec string
	// ownerAuthSet, EndorsementAuthSet and LockoutAuthSet: the hierarchy has
	// a password.
	ownerAuthSet, endorsementAuthSet, lockoutAuthSet bool
	// inLockout: dictionary attack protection refuses passwords now.
	inLockout bool
	// lockoutCounter failures of MaxAuthFail allowed ones were counted; one is
	// forgotten every LockoutInterval seconds.
	lockoutCounter, maxAuthFail, lockoutInterval uint32
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

// properties reads what the chip says of itself. One command.
func (d *Device) properties() (properties, error) {
	p, _, err := d.readProperties()
	return p, err
}

// readProperties returns the variable ones also as the chip gives them.
func (d *Device) readProperties() (properties, map[tpm2.TPMPT]uint32, error) {
	current, err := d.group(tpm2.TPMPTPermanent)
	if err != nil {
		return properties{}, nil, err
	}
	fixed := d.fixed
	permanent := current[tpm2.TPMPTPermanent] // TPMA_PERMANENT, Part 2, 8.6
	return properties{
		manufacturer:       vendorText(fixed[tpm2.TPMPTManufacturer]),
		vendor:             d.vendor(),
		firmware:           firmware(fixed[tpm2.TPMPTFirmwareVersion1], fixed[tpm2.TPMPTFirmwareVersion2]),
		spec:               fmt.Sprintf("%s %d.%02d", vendorText(fixed[tpm2.TPMPTFamilyIndicator]), fixed[tpm2.TPMPTRevision]/100, fixed[tpm2.TPMPTRevision]%100),
		ownerAuthSet:       permanent&1 != 0,
		endorsementAuthSet: permanent&2 != 0,
		lockoutAuthSet:     permanent&4 != 0,
		inLockout:          permanent&0x200 != 0,
		lockoutCounter:     current[tpm2.TPMPTLockoutCounter],
		maxAuthFail:        current[tpm2.TPMPTMaxAuthFail],
		lockoutInterval:    current[tpm2.TPMPTLockoutInterval],
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
