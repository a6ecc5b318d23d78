package enroll

import (
	"encoding/json"

	"tpmdps/internal/dps"
)

// documents compares JSON objects by what they say.
func (m *merger) documents(s Settings) {
	if s.InitialTwinTags != nil {
		m.document("initialTwin.tags", m.twin().Tags, s.InitialTwinTags, func() { m.ensureTwin().Tags = s.InitialTwinTags })
	}
	if s.InitialTwinProperties != nil {
		var have json.RawMessage
		if p := m.twin().Properties; p != nil {
			have = p.Desired
		}
		m.document("initialTwin.properties.desired", have, s.InitialTwinProperties, func() {
			twin := m.ensureTwin()
			if twin.Properties == nil {
				twin.Properties = &dps.InitialTwinProperties{}
			}
			twin.Properties.Desired = s.InitialTwinProperties
		})
	}
	if s.DeviceInformation != nil {
		m.document("optionalDeviceInformation", m.e.DeviceInformation, s.DeviceInformation, func() { m.e.DeviceInformation = s.DeviceInformation })
	}
}

func (m *merger) document(name string, have, want json.RawMessage, set func()) {
	changes := compareObjects(name, have, want)
	if len(changes) == 0 && !m.isNew {
		return
	}
	m.changes = append(m.changes, changes...)
	set()
}

// twin is the initial twin to read from.
func (m *merger) twin() dps.InitialTwin {
	if m.e.InitialTwin == nil {
		return dps.InitialTwin{}
	}
	return *m.e.InitialTwin
}

// ensureTwin is the initial twin to write to.
func (m *merger) ensureTwin() *dps.InitialTwin {
	if m.e.InitialTwin == nil {
		m.e.InitialTwin = &dps.InitialTwin{}
	}
	return m.e.InitialTwin
}
