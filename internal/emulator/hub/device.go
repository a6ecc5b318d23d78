package hub

import (
	"errors"
	"net"
	"strings"

	"tpmdps/internal/emulator/rest"
	"tpmdps/internal/emulator/sas"
)

// Device is a device's identity on a hub, and what the hub keeps for it.
type Device struct {
	Hub     string // the name of the hub that it is on
	ID      string
	Key     []byte             // signs its tokens
	Twin    *Twin              // never nil
	Modules map[string]*Module // by ID; may be nil
}

// ValidID reports whether IoT Hub accepts an ID of a device or of a module: up to 128
// letters, digits and some signs.
func ValidID(id string) bool {
	const signs = "-:.+%_#*?!(),=@;$'"
	return id != "" && len(id) <= 128 && strings.IndexFunc(id, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(signs, c)
	}) < 0
}

// counts are what was seen of a device since the start.
type counts struct {
	connections int // over MQTT
	messages    int // telemetry over MQTT; it is dropped
}

// count changes what was seen of a device.
func (h *Server) count(device string, change func(*counts)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := h.seen[device]
	change(&seen)
	h.seen[device] = seen
}

// Traffic returns how often a device connected over MQTT since the start, and how many
// messages came from it. They are for people who watch: no client gets them.
func (h *Server) Traffic(device string) (connections, messages int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := h.seen[device]
	return seen.connections, seen.messages
}

// withoutPort is the host of a name that may have a port: an emulated hub's name has
// one, which some clients leave away.
func withoutPort(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

// authenticate checks the token by which a device comes to its hub; d is nil for one
// that is not there.
func (h *Server) authenticate(d *Device, text string) error {
	if h.opts.RefuseTokens {
		return errors.New("this hub accepts no token")
	}
	token, err := sas.Parse(text)
	if err != nil {
		return err
	}
	if token.KeyName != "" {
		return errors.New("the token names a policy's key, not the device's")
	}
	if d == nil {
		return errors.New("there is no such device on this hub")
	}
	err = token.Check(d.Key, d.Hub+"/devices/"+d.ID, h.opts.Now())
	if bare := withoutPort(d.Hub); err != nil && bare != d.Hub {
		err = token.Check(d.Key, bare+"/devices/"+d.ID, h.opts.Now())
	}
	return err
}

// asDevice calls use with the device that a request of the HTTPS API is about, whose
// token must be the device's.
func (h *Server) asDevice(r Request, use func(*Device) (bool, error)) error {
	return h.opts.Device(r.Host, r.Path[1], func(d *Device) (bool, error) {
		if h.listener == nil || h.authenticate(d, r.token()) != nil {
			return false, rest.Refuse(codeNoAccess, "ErrorCode:IotHubUnauthorizedAccess;Unauthorized")
		}
		return use(d)
	})
}
