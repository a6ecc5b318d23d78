package emulator

import (
	"strings"

	"tpmdps/internal/emulator/hub"
	"tpmdps/internal/emulator/rest"
	"tpmdps/internal/twin"
)

// The longest IDs that the service accepts.
const maxIDLength = 128

// check reports the first rule of the service that the enrollment breaks.
func (e *enrollment) check() error {
	if !validRegistrationID(e.id()) {
		return rest.Refuse(codeBadRequest, "The %s %q is not valid.", e.collection.idInWords, rest.Clip(e.id()))
	}
	if e.DeviceID != "" && !hub.ValidID(e.DeviceID) {
		return rest.Refuse(codeBadRequest, "The device ID %q is not valid.", rest.Clip(e.DeviceID))
	}
	if err := e.Attestation.check(e.collection); err != nil {
		return err
	}
	for _, rule := range []func() error{e.checkAllocation, e.checkObjects} {
		if err := rule(); err != nil {
			return err
		}
	}
	switch e.ProvisioningStatus {
	case "", "enabled", "disabled":
		return nil
	}
	return rest.Refuse(codeBadRequest, "The provisioning status %q is not valid.", rest.Clip(e.ProvisioningStatus))
}

func (e *enrollment) checkAllocation() error {
	for _, name := range e.hubs() {
		if !validHost(name) {
			return rest.Refuse(codeBadRequest, "The IoT hub %q is not a host name.", rest.Clip(name))
		}
	}
	switch e.AllocationPolicy {
	case "", "hashed", "geoLatency":
	case "static":
		if len(e.hubs()) > 1 { // none is accepted, as recorded
			return rest.Refuse(codeBadRequest, "The allocation policy static needs one IoT hub, not %d.", len(e.hubs()))
		}
	case "custom":
		d := e.CustomAllocationDefinition
		if d == nil || d.WebhookURL == "" || d.APIVersion == "" {
			return rest.Refuse(codeBadRequest, "The allocation policy custom needs a webhookUrl and an apiVersion.")
		}
	default:
		return rest.Refuse(codeBadRequest, "The allocation policy %q is not valid.", rest.Clip(e.AllocationPolicy))
	}
	return nil
}

// checkObjects checks the members that are required inside optional objects.
func (e *enrollment) checkObjects() error {
	if p := e.ReprovisionPolicy; p != nil {
		if p.UpdateHubAssignment == nil || p.MigrateDeviceData == nil {
			return rest.Refuse(codeBadRequest, "The reprovision policy needs updateHubAssignment and migrateDeviceData.")
		}
		if *p.MigrateDeviceData && !*p.UpdateHubAssignment {
			return rest.Refuse(codeBadRequest, "The reprovision policy cannot migrate data without updating the hub assignment.")
		}
	}
	if c := e.Capabilities; c != nil && c.IoTEdge == nil {
		return rest.Refuse(codeBadRequest, "The capabilities need iotEdge.")
	}
	return nil
}

// checkTwin refuses an initial twin that a hub would refuse. Which of the two does
// it, and when, is not documented: see docs/emulator.md.
func (e *enrollment) checkTwin() error {
	if faults := twin.CheckInitial(e.members["initialTwin"]); len(faults) > 0 {
		return rest.Refuse(codeTwin, "Invalid initialTwin: %s.", faults[0])
	}
	return nil
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	letter = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alnum  = letter + "0123456789"
)

// validRegistrationID follows the service's specification: up to 128 letters,
// digits and : . _ - and none of the latter at either end.
func validRegistrationID(id string) bool {
	return consistsOf(id, maxIDLength, alnum+":._-") && id == strings.Trim(id, ":._-")
}

// validHost is no more than what keeps other things out of an answer.
func validHost(host string) bool { return consistsOf(host, 255, alnum+"-._:") }

// validIDScope follows the form of all scopes that the service has given out.
func validIDScope(scope string) bool {
	return len(scope) == 11 && strings.HasPrefix(scope, "0ne") && consistsOf(scope, 11, alnum)
}

func consistsOf(text string, max int, set string) bool {
	return text != "" && len(text) <= max && strings.Trim(text, set) == ""
}
