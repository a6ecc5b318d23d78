package emulator

import (
	"net"
	"strings"

	"tpmdps/internal/emulator/hub"
)

// withDevice hands the hub the device of a registration (see [hub.Options]): the
// devices are part of the state, under its lock and in its file.
func (s *Server) withDevice(name, id string, use func(*hub.Device) (bool, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	reg := s.onHub(name, id)
	if reg == nil {
		_, err := use(nil)
		return err
	}
	d := hub.Device{Hub: reg.Hub, ID: reg.DeviceID, Key: reg.HubKey, Twin: reg.Twin, Modules: reg.Modules}
	changed, err := use(&d)
	if err != nil || !changed {
		return err
	}
	reg.Twin, reg.Modules = d.Twin, d.Modules
	s.state.registrations.put(reg.RegistrationID, reg)
	return s.state.save()
}

// onHub finds the registration of a device ID: the last one, should several
// be on hubs of that name. A hub called "" is any. The server must be locked.
func (s *Server) onHub(name, device string) *registration {
	var found *registration
	for r := range s.state.registrations.all() {
		if r.DeviceID != device || r.HubKey == nil || name != "" && !sameHub(r.Hub, name) {
			continue
		}
		if found == nil || r.Updated.After(found.Updated) {
			found = r
		}
	}
	return found
}

// sameHub compares without the port, which only an emulated hub's name has and
// some clients leave away.
func sameHub(a, b string) bool { return strings.EqualFold(withoutPort(a), withoutPort(b)) }

func withoutPort(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}
