package tpm

import (
	"encoding/base64"
	"errors"
	"fmt"

	"tpmdps/internal/identity"
)

// Record reads the chip's share of an [identity.Record]: the endorsement key,
// where it is from, its certificate, and what the chip says of itself. Host,
// labels and times are the caller's. With a persistent EK four commands besides
// the one of Open, and those that read NV indices: two or more for each.
//
// Errors are those of [Device.EK].
func (d *Device) Record() (_ identity.Record, err error) {
	ek, err := d.EK()
	if err != nil {
		return identity.Record{}, err
	}
	r, err := d.RecordOf(ek)
	return r, errors.Join(err, ek.Close())
}

// RecordOf is [Device.Record] of an EK that is found already, and stays open.
func (d *Device) RecordOf(ek *Key) (identity.Record, error) {
	p, err := d.properties()
	if err != nil {
		return identity.Record{}, err
	}
	certificates, err := d.certificates()
	if err != nil {
		return identity.Record{}, err
	}
	r := identity.Record{
		Schema:          identity.Schema,
		RegistrationIDs: identity.RegistrationIDs(ek.Public),
		EndorsementKey:  base64.StdEncoding.EncodeToString(ek.Public),
		EKTemplate:      ek.Template,
		TPM: identity.Chip{
			Manufacturer: p.manufacturer, Vendor: p.vendor, Firmware: p.firmware, Spec: p.spec,
			OwnerAuthSet: p.ownerAuthSet, EndorsementAuthSet: p.endorsementAuthSet,
		},
		Labels: map[string]string{},
	}
	if ek.Handle != 0 {
		r.EKHandle = fmt.Sprintf("%#x", ek.Handle)
	}
	certificates.record(&r, ek.Public)
	r.RegistrationID = r.RegistrationIDs.Base32
	return r, nil
}
