package emulator

import (
	"encoding/json"
	"errors"
	"net"
	"strings"

	"tpmdps/internal/emulator/sas"
)

// HubDevice is what the hub has seen of a device. It is for tests and for
// people who watch: no client gets it.
type HubDevice struct {
	Hub         string          // the hub that the device is assigned to
	Connections int             // how often it connected over MQTT since the start
	Messages    int             // telemetry that came over MQTT since the start; it is dropped
	Twin        json.RawMessage // {"desired":{...},"reported":{...}} as the device reads it
	Tags        json.RawMessage // the twin's tags, which a device does not see
}

// HubDevice returns what the hub knows of a device ID, and whether it knows it.
func (s *Server) HubDevice(id string) (HubDevice, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reg := s.onHub("", id)
	if reg == nil {
		return HubDevice{}, false
	}
	d := s.seen[id]
	d.Hub = reg.Hub
	d.Twin, _ = json.Marshal(reg.Twin.forDevice()) // made of JSON
	d.Tags, _ = json.Marshal(reg.Twin.Tags)
	return d, true
}

// countOnHub changes what was seen of a device.
func (s *Server) countOnHub(device string, change func(*HubDevice)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.seen[device]
	change(&d)
	s.seen[device] = d
}

// onHub finds the registration behind a device ID: the last one, should several
// be on hubs of that name. A hub called "" is any. The server must be locked.
func (s *Server) onHub(hub, device string) *registration {
	var found *registration
	for _, r := range s.state.registrations {
		if r.DeviceID != device || r.HubKey == nil || hub != "" && !sameHub(r.Hub, hub) {
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

// authenticateOnHub checks the token by which a device comes to its hub. The
// server must be locked.
func (s *Server) authenticateOnHub(hub, device, text string) error {
	if s.faults.on(faultHubSAS) {
		return errors.New("this hub takes no token")
	}
	token, err := sas.Parse(text)
	if err != nil {
		return err
	}
	if token.KeyName != "" {
		return errors.New("the token names a policy's key, not the device's")
	}
	reg := s.onHub(hub, device)
	if reg == nil {
		return errors.New("there is no such device on this hub")
	}
	err = token.Check(reg.HubKey, reg.Hub+"/devices/"+device, s.opts.Now())
	if bare := withoutPort(reg.Hub); err != nil && bare != reg.Hub {
		err = token.Check(reg.HubKey, bare+"/devices/"+device, s.opts.Now())
	}
	return err
}
