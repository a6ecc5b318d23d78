// Package aziot is the IoT Edge that is installed on this machine: the user that
// its TPM daemon runs as, the node that this daemon opens and whether it may,
// the udev rule that lets it, the program that puts a configuration into effect,
// and the daemons that come up with it.
//
// The rule for its users: Access and Holders only look. WriteRule, Trigger,
// Apply and PutIntoEffect change the machine, need root, and say what they did;
// whether it helped is found out by looking again, which PutIntoEffect does by itself.
//
// It comes after internal/edge, which writes the file: config --udev and
// config --apply are made of it. The facts are those of iot-identity-service
// 1.2 to 1.5, iotedge 1.2 to 1.6 and tpm2-tss 3 and 4.
package aziot

import (
	"errors"
	"time"

	"tpmdps/internal/host"
	"tpmdps/internal/program"
)

// User is who aziot-tpmd runs as: User= of its systemd unit.
const User = "aziottpm"

// ConfigFile is what is put into effect where no other file is named.
const ConfigFile = "/etc/aziot/config.toml"

// Errors that decide what the operator has to do.
var (
	// ErrAtWork: IoT Edge runs here, with what it was provisioned with.
	ErrAtWork = errors.New("this machine is provisioned")
	// ErrNotInstalled: there is no user aziottpm, so IoT Edge's identity service
	// is not installed.
	ErrNotInstalled = errors.New("IoT Edge's identity service is not installed")
	// ErrNoProgram: a program is not in the PATH.
	ErrNoProgram = program.ErrNone
	// ErrApply: IoT Edge did not put the configuration into effect.
	ErrApply = errors.New("the configuration was not applied")
	// ErrConfig: IoT Edge cannot read the configuration.
	ErrConfig = errors.New("IoT Edge refuses the file")
	// ErrNoRule: no udev rule helps, because the daemon opens no node that udev
	// makes.
	ErrNoRule = errors.New("a udev rule does not help")
	// ErrAccess: the chip is kept from IoT Edge.
	ErrAccess = errors.New("IoT Edge may not open the TPM")
)

// Installation is the IoT Edge of a machine, whether it is installed there or not.
type Installation struct {
	Machine host.Machine
	// Pause lies between two looks at the daemons; 0 is a second.
	Pause time.Duration
}
