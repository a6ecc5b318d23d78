// Package edge makes the IoT Edge configuration of a device: the file
// /etc/aziot/config.toml that says "provision through DPS, with the TPM, under
// this registration ID". It is the last stage: its values come from the chip's
// identity record and from the operator, and IoT Edge reads what it writes.
//
// The rule for its users: IoT Edge checks next to nothing in that file. Unknown
// keys, keys in the wrong table and a wrong ID scope are ignored or found out
// hours later on the device, so Validate refuses here what cannot work there,
// and Render writes nothing that Validate refuses.
package edge

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tpmdps/internal/edge/schema"
	"tpmdps/internal/identity"
)

// ErrInvalid is returned, wrapped with the key and the reason, for a
// configuration that IoT Edge would refuse or could not work with.
var ErrInvalid = errors.New("invalid IoT Edge configuration")

// What IoT Edge uses when the file does not say.
const (
	defaultMode = "Dynamic"
	defaultTCTI = "device"
)

// Config is what the file says. IDScope and RegistrationID are required; every
// other field is left to IoT Edge's default when it is zero.
type Config struct {
	IDScope        string // the DPS instance, like 0ne0012ABCD
	RegistrationID string // the enrollment of this chip

	// GlobalEndpoint is the https URL of DPS, a port allowed.
	// Empty stands for DefaultGlobalEndpoint.
	GlobalEndpoint string
	// Hostname replaces the machine's own, for certificates and modules.
	Hostname string
	// AutoReprovisioningMode is Dynamic (the default), AlwaysOnStartup or
	// OnErrorOnly.
	AutoReprovisioningMode string
	// PayloadURI is the file URL of a JSON document that goes to the custom
	// allocation policy with every registration.
	PayloadURI string

	// TCTI says how aziot-tpmd reaches the chip, as a tpm2-tss string like
	// "device:/dev/tpmrm0".
	TCTI string
	// AuthKeyIndex moves the key that DPS gives away from 0x81000100: it is kept
	// at 0x81000000 + AuthKeyIndex, 0x7FFFFF at most.
	AuthKeyIndex *uint32
	// EndorsementAuth and OwnerAuth are the passwords of the two hierarchies.
	// The file then holds secrets.
	EndorsementAuth, OwnerAuth string
}

// Validate reports everything that is wrong, as errors that wrap ErrInvalid.
// No message contains a password.
func (c Config) Validate() error {
	var problems []error
	check := func(key string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%w: %s: %w", ErrInvalid, key, err))
		}
	}
	check("id_scope", identity.CheckIDScope(c.IDScope))
	_, err := identity.FoldRegistrationID(c.RegistrationID)
	check("registration_id", err)
	if c.GlobalEndpoint != "" {
		check("global_endpoint", schema.CheckEndpoint(c.GlobalEndpoint))
	}
	if c.Hostname != "" {
		check("hostname", schema.CheckHostname(c.Hostname))
	}
	if mode := c.AutoReprovisioningMode; mode != "" && !slices.Contains(schema.Modes, mode) {
		check("auto_reprovisioning_mode", fmt.Errorf("%q is not one of %s", mode, strings.Join(schema.Modes, ", ")))
	}
	if c.PayloadURI != "" {
		check("payload", schema.CheckDocumentURL(c.PayloadURI))
	}
	check("tcti", schema.CheckTCTI(c.TCTI))
	if c.AuthKeyIndex != nil && (*c.AuthKeyIndex == 0x00_00_01 || *c.AuthKeyIndex == 0x01_00_01) {
		check("auth_key_index", fmt.Errorf("%#06x is the place of the chip's own key (EK or SRK)", *c.AuthKeyIndex))
	}
	if c.AuthKeyIndex != nil && *c.AuthKeyIndex > schema.MaxAuthKeyIndex {
		check("auth_key_index", fmt.Errorf("%#x is above %#x", *c.AuthKeyIndex, schema.MaxAuthKeyIndex))
	}
	check("endorsement password", schema.CheckPassword(c.EndorsementAuth))
	check("owner password", schema.CheckPassword(c.OwnerAuth))
	return errors.Join(problems...)
}
