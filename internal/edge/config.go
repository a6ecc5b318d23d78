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
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"tpmdps/internal/identity"
)

// ErrInvalid is returned, wrapped with the key and the reason, for a
// configuration that IoT Edge would refuse or could not work with.
var ErrInvalid = errors.New("invalid IoT Edge configuration")

// DefaultGlobalEndpoint is the DPS endpoint of the public Azure cloud. Sovereign
// clouds have others.
const DefaultGlobalEndpoint = "https://global.azure-devices-provisioning.net/"

// What IoT Edge uses when the file does not say. The key that DPS gives is kept
// at 0x81000000 + the index (aziot-tpmd-config), where the Azure SDKs keep it too.
const (
	defaultMode         = "Dynamic"
	defaultTCTI         = "device"
	defaultAuthKeyIndex = 0x00_01_00
)

// maxAuthKeyIndex keeps the handle within the owner's range of persistent
// handles, 0x81000000 to 0x817FFFFF (TCG registry of reserved handles).
const maxAuthKeyIndex = 0x7F_FF_FF

// maxAuth is the longest hierarchy password of any TPM 2.0: the size of its
// largest digest, SHA-512.
const maxAuth = 64

// modes are the values of auto_reprovisioning_mode (edgelet-settings, aziot.rs).
var modes = []string{"Dynamic", "AlwaysOnStartup", "OnErrorOnly"}

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
		check("global_endpoint", checkEndpoint(c.GlobalEndpoint))
	}
	if c.Hostname != "" {
		check("hostname", checkHostname(c.Hostname))
	}
	if mode := c.AutoReprovisioningMode; mode != "" && !slices.Contains(modes, mode) {
		check("auto_reprovisioning_mode", fmt.Errorf("%q is not one of %s", mode, strings.Join(modes, ", ")))
	}
	if c.PayloadURI != "" {
		check("payload", checkDocumentURL(c.PayloadURI))
	}
	check("tcti", CheckTCTI(c.TCTI))
	if c.AuthKeyIndex != nil && (*c.AuthKeyIndex == 0x00_00_01 || *c.AuthKeyIndex == 0x01_00_01) {
		check("auth_key_index", fmt.Errorf("%#06x is the place of the chip's own key (EK or SRK)", *c.AuthKeyIndex))
	}
	if c.AuthKeyIndex != nil && *c.AuthKeyIndex > maxAuthKeyIndex {
		check("auth_key_index", fmt.Errorf("%#x is above %#x", *c.AuthKeyIndex, maxAuthKeyIndex))
	}
	check("endorsement password", checkPassword(c.EndorsementAuth))
	check("owner password", checkPassword(c.OwnerAuth))
	return errors.Join(problems...)
}

// hostLabel is one part of a host name: RFC 1123, and the underscore, which IoT
// Edge only warns about.
var hostLabel = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)

func checkHostname(name string) error {
	if _, err := netip.ParseAddr(name); err == nil {
		return nil
	}
	if len(name) > 253 {
		return fmt.Errorf("a host name of %d characters is too long, 253 is the limit", len(name))
	}
	for label := range strings.SplitSeq(name, ".") {
		if !hostLabel.MatchString(label) {
			return fmt.Errorf("%q is neither a host name nor an IP address", name)
		}
	}
	return nil
}

// checkText accepts what can stand in a TOML file and go to a C library.
func checkText(s string) error {
	switch {
	case !utf8.ValidString(s):
		return errors.New("it is not UTF-8")
	case strings.ContainsRune(s, 0):
		return errors.New("it contains a zero byte")
	}
	return nil
}

func checkPassword(s string) error {
	if len(s) > maxAuth {
		return fmt.Errorf("it has %d bytes, a TPM takes %d at most", len(s), maxAuth)
	}
	return checkText(s)
}
