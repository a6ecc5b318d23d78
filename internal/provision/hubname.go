package provision

import (
	"errors"
	"fmt"

	"tpmdps/internal/network"
)

// hubError is a hub that was not reached. Its name is the assignment's: this machine
// has it from DPS, and nothing on it has to be wrong.
type hubError struct {
	// hub is the name that DPS gave.
	hub string
	err error
	// proxied: the error is of the way to a proxy.
	proxied bool
}

// Error implements error.
func (e *hubError) Error() string {
	return fmt.Sprintf("%v: %s is the hub that DPS assigned", e.err, e.hub)
}

// Unwrap returns why it was not reached.
func (e *hubError) Unwrap() error { return e.err }

// Hint says where the name is from, which is where it is put right; "" where the way
// to a proxy is at fault, which has a hint of its own.
func (e *hubError) Hint() string {
	if e.proxied {
		return hintOf(e.err)
	}
	from := fmt.Sprintf("%s comes from the enrollment's iotHubs, or else from the DPS's linked hubs: does that hub exist, under that name? "+
		"See az iot dps enrollment show, az iot dps linked-hub list; another one: tpmdps enroll --iot-hubs HUB --update", e.hub)
	if errors.Is(e.err, network.ErrName) {
		return from + "; if it does: check the name servers of this machine (resolvectl status)"
	}
	return "check the firewall: port 8883 out to the hub, or 443 with --hub-transport mqtt-ws; " + from
}

// hintOf is the hint of an error that has one.
func hintOf(err error) string {
	var hinter interface {
		error
		Hint() string
	}
	if errors.As(err, &hinter) {
		return hinter.Hint()
	}
	return ""
}

// ofAssignment says of a hub that was not found, or to which there is no connection,
// where its name is from.
func (t *trip) ofAssignment(err error) error {
	if !errors.Is(err, network.ErrName) && !errors.Is(err, network.ErrConnect) {
		return err
	}
	return &hubError{hub: t.result.AssignedHub, err: err, proxied: hintOf(err) != ""}
}
