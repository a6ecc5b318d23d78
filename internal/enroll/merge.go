package enroll

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"tpmdps/internal/dps"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// fieldEK is the field that says whose enrollment it is. It is always the first
// of the changes.
const fieldEK = "attestation.tpm.endorsementKey"

// merger changes an enrollment towards a wish and writes down each field that
// was different.
type merger struct {
	e       *dps.Enrollment
	isNew   bool // nothing is there yet: every field that was given is a change
	changes []Change
}

// merge makes e what was wished for and returns what that changed; never nil.
func (w wish) merge(e *dps.Enrollment, isNew bool) []Change {
	m := merger{e: e, isNew: isNew, changes: []Change{}}
	m.endorsementKey(w)
	m.names(w.settings)
	m.allocation(w.settings)
	m.policies(w.settings)
	m.documents(w.settings)
	return m.changes
}

// field compares one field as text, without case where fold says so, and calls
// set when it differs.
func (m *merger) field(name, have, want string, fold bool, set func()) {
	if m.isNew {
		have = ""
	} else if have == want || fold && strings.EqualFold(have, want) {
		return
	}
	m.changes = append(m.changes, Change{name, text.Printable(have, 140), text.Printable(want, 140)})
	set()
}

func (m *merger) endorsementKey(w wish) {
	have := describeAttestation(m.e.Attestation)
	if tpm := m.e.Attestation.TPM; tpm != nil {
		ek, err := base64.StdEncoding.DecodeString(tpm.EndorsementKey)
		if err == nil && bytes.Equal(ek, w.ek) {
			return
		}
	}
	m.field(fieldEK, have, describeEK(w.ek), false, func() {
		// All of the old attestation goes: a storage root key in it is the
		// other chip's as well.
		m.e.Attestation = dps.Attestation{Type: "tpm", TPM: &dps.TPMAttestation{EndorsementKey: w.ekText}}
	})
}

func describeAttestation(a dps.Attestation) string {
	if a.TPM == nil {
		return cmp.Or(a.Type, "something else") + ", not a TPM's"
	}
	ek, err := base64.StdEncoding.DecodeString(a.TPM.EndorsementKey)
	if err != nil || len(ek) == 0 {
		return fmt.Sprintf("unreadable (%d characters)", len(a.TPM.EndorsementKey))
	}
	return describeEK(ek)
}

// describeEK names a key by what people know it by.
func describeEK(ek []byte) string {
	ids := identity.RegistrationIDs(ek)
	return ids.Base32 + " (sha256 " + ids.Hex[:8] + ")"
}

func (m *merger) names(s Settings) {
	if s.DeviceID != "" {
		m.field("deviceId", deviceID(*m.e), s.DeviceID, false, func() { m.e.DeviceID = s.DeviceID })
	}
	if s.EdgeEnabled != nil {
		have := m.e.Capabilities != nil && m.e.Capabilities.IoTEdge
		m.field("capabilities.iotEdge", strconv.FormatBool(have), strconv.FormatBool(*s.EdgeEnabled), false, func() {
			if m.e.Capabilities == nil {
				m.e.Capabilities = &dps.Capabilities{}
			}
			m.e.Capabilities.IoTEdge = *s.EdgeEnabled
		})
	}
}

// reprovisioning is what each of the az command's policies stands for in the
// service API.
var reprovisioning = map[string]dps.ReprovisionPolicy{
	"reprovisionandmigratedata": {UpdateHubAssignment: true, MigrateDeviceData: true},
	"reprovisionandresetdata":   {UpdateHubAssignment: true},
	"never":                     {},
}

func (m *merger) policies(s Settings) {
	if s.ReprovisionPolicy != "" {
		m.field("reprovisionPolicy", reprovisionName(m.e.ReprovisionPolicy), s.ReprovisionPolicy, false, func() {
			if m.e.ReprovisionPolicy == nil {
				m.e.ReprovisionPolicy = &dps.ReprovisionPolicy{}
			}
			want := reprovisioning[s.ReprovisionPolicy]
			m.e.ReprovisionPolicy.UpdateHubAssignment = want.UpdateHubAssignment
			m.e.ReprovisionPolicy.MigrateDeviceData = want.MigrateDeviceData
		})
	}
	if s.ProvisioningStatus != "" {
		have := m.e.ProvisioningStatus
		if have == "" {
			have = "enabled" // the service's default
		}
		m.field("provisioningStatus", have, s.ProvisioningStatus, true, func() { m.e.ProvisioningStatus = s.ProvisioningStatus })
	}
}

// reprovisionName is the az command's word for a policy; none means both true.
func reprovisionName(p *dps.ReprovisionPolicy) string {
	switch {
	case p == nil || p.UpdateHubAssignment && p.MigrateDeviceData:
		return "reprovisionandmigratedata"
	case p.UpdateHubAssignment:
		return "reprovisionandresetdata"
	case p.MigrateDeviceData:
		return "migrate without reprovisioning" // no tool makes it
	}
	return "never"
}
