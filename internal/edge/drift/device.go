package drift

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"tpmdps/internal/check"
	"tpmdps/internal/edge"
	"tpmdps/internal/text"
)

// DeviceInfoPaths are where IoT Edge's identity service notes the device that it
// was given, as a package of the system and as a snap. Only root can read it.
var DeviceInfoPaths = []string{
	"/var/lib/aziot/identityd/device_info",
	"/var/snap/azure-iot-identity/current/var/lib/aziot/identityd/device_info",
}

// DeviceInfo is a device on a hub.
type DeviceInfo struct {
	Hub      string `toml:"hub_name"` // a host name
	DeviceID string `toml:"device_id"`
}

// ErrUnprovisioned is returned for a note that says there is no device.
var ErrUnprovisioned = errors.New("IoT Edge here has no device yet")

// ParseDeviceInfo reads the note of the identity service (HubDeviceInfo of
// aziot-identityd, identity.rs): TOML, or the one word "unprovisioned".
func ParseDeviceInfo(data []byte) (DeviceInfo, error) {
	if strings.TrimSpace(string(data)) == "unprovisioned" {
		return DeviceInfo{}, ErrUnprovisioned
	}
	var d DeviceInfo
	if err := toml.Unmarshal(data, &d); err != nil || d.Hub == "" || d.DeviceID == "" {
		return DeviceInfo{}, errors.New("IoT Edge's record of its device is damaged")
	}
	return d, nil
}

// ReadDevice finds the device that IoT Edge on this machine was given: the first of
// the notes that is there counts. Without a device, why says what is known of it.
func ReadDevice(paths []string, read func(path string) ([]byte, error)) (d *DeviceInfo, why string) {
	for _, path := range paths {
		data, err := read(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case errors.Is(err, fs.ErrPermission):
			return nil, "only root can read this machine's device information: run it with sudo"
		case err != nil:
			return nil, text.Printable(err.Error(), 200)
		}
		found, err := ParseDeviceInfo(data)
		if err != nil {
			return nil, err.Error()
		}
		return &found, ""
	}
	return nil, "IoT Edge here has no device yet, or is not installed"
}

// String names the device and its hub.
func (d DeviceInfo) String() string { return d.DeviceID + " on " + d.Hub }

func (f Facts) device() Tick {
	t := Tick{Name: "device", Status: check.Skipped}
	switch {
	case f.Service == nil && f.Device != nil:
		t.Detail = fmt.Sprintf("IoT Edge here is %s; DPS was not asked", f.Device)
		return t
	case f.Service == nil:
		t.Detail = f.NoService
		return t
	case !f.Service.Enrolled:
		t.Detail = "there is no enrollment"
		return t
	case f.Service.NoState != "":
		t.Detail = f.Service.NoState
		return t
	case f.Service.State == nil || f.Service.State.Status == "unassigned":
		return f.unassigned(t)
	}
	return f.assigned(t, *f.Service.State)
}

// unassigned is for an enrollment that nobody has registered with yet.
func (f Facts) unassigned(t Tick) Tick {
	t.Status, t.Detail, t.Hint = check.Warn, "this enrollment was never registered, so there is no device", "sudo iotedge config apply lets IoT Edge register"
	if f.Device != nil {
		t.Status, t.Detail = check.Fail, fmt.Sprintf("IoT Edge here is %s, but this enrollment was never registered", f.Device)
		t.Hint = "sudo iotedge config apply, then sudo iotedge system reprovision"
	}
	return t
}

func (f Facts) assigned(t Tick, s RegistrationFacts) Tick {
	there := DeviceInfo{Hub: s.Hub, DeviceID: s.DeviceID}
	switch {
	case s.Status == "assigning":
		t.Status, t.Detail, t.Hint = check.Warn, "DPS is assigning it right now", "run this again in a minute"
	case s.Status == "disabled":
		return f.refused(t)
	case s.Status != "assigned":
		return f.failedLast(t, s)
	case s.Hub == "":
		t.Status, t.Detail = check.Warn, "DPS reports it as assigned, but to no hub"
		t.Hint = "look at the registration in the portal, then register again: sudo iotedge system reprovision"
	case f.Device == nil:
		t.Status, t.Detail = check.Skipped, fmt.Sprintf("DPS assigned %s; %s", there, f.NoDevice) // one side is nothing to compare
	case strings.EqualFold(f.Device.Hub, s.Hub) && f.Device.DeviceID == s.DeviceID:
		t.Status, t.Detail = check.OK, there.String()+", and IoT Edge here has the same"
	default:
		t.Status, t.Detail = check.Fail, fmt.Sprintf("DPS assigned %s, IoT Edge here is %s", there, f.Device)
		t.Hint = "sudo iotedge system reprovision"
	}
	return t
}

// refused is for a last registration that found the enrollment disabled.
func (f Facts) refused(t Tick) Tick {
	t.Status, t.Detail = check.Fail, "DPS refused the last registration: the enrollment is disabled"
	t.Hint = f.enableHint() + ", then sudo iotedge system reprovision"
	if !f.Service.Disabled {
		t.Status, t.Detail = check.Warn, "DPS refused the last registration, since the enrollment was disabled then; it is enabled now"
		t.Hint = "register again: sudo iotedge system reprovision"
	}
	return t
}

// failedLast is for a last registration that ended in another way. What DPS left
// out is not shown as a zero or as a gap.
func (f Facts) failedLast(t Tick, s RegistrationFacts) Tick {
	status := s.Status
	if status == "" {
		status = "without a status"
	}
	t.Status, t.Detail = check.Fail, "the last registration is "+text.Printable(status, 40)
	if message := strings.TrimSpace(s.Message); message != "" {
		t.Detail += ": " + text.Printable(message, 300)
	}
	t.Hint = "try it again, and see the reason: tpmdps verify --until assigned --even-if-provisioned" + edge.VerifyFlag(f.File)
	if s.Code != 0 {
		t.Detail += fmt.Sprintf(" (%d)", s.Code)
		t.Hint = fmt.Sprintf("tpmdps explain %d", s.Code)
	}
	return t
}
