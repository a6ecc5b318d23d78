package edge

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/pelletier/go-toml/v2"
)

// MaxFile bounds a config.toml; the longest by hand have a hundred KiB.
const MaxFile = 1 << 20

// file is the part of config.toml that concerns DPS and the TPM, by the names
// that IoT Edge reads. It is as lenient as IoT Edge: what it does not know it
// passes over.
type file struct {
	Hostname               string `toml:"hostname"`
	AutoReprovisioningMode string `toml:"auto_reprovisioning_mode"`
	Provisioning           struct {
		Source         string `toml:"source"`
		GlobalEndpoint string `toml:"global_endpoint"`
		IDScope        string `toml:"id_scope"`
		Payload        struct {
			URI string `toml:"uri"`
		} `toml:"payload"`
		Attestation struct {
			Method         string `toml:"method"`
			RegistrationID string `toml:"registration_id"`
		} `toml:"attestation"`
	} `toml:"provisioning"`
	TPM struct {
		TCTI         string  `toml:"tcti"`
		AuthKeyIndex *uint32 `toml:"auth_key_index"`
		Authorize    struct {
			Endorsement string `toml:"endorsement"`
			Owner       string `toml:"owner"`
		} `toml:"hierarchy_authorization"`
	} `toml:"tpm"`
}

// Parse reads what a config.toml says of DPS and the TPM. It fails, with
// [ErrInvalid], for what is no TOML, and for a device that IoT Edge would not
// provision through DPS with its TPM. The values themselves are not checked:
// see [Config.Validate].
func Parse(data []byte) (Config, error) {
	if len(data) > MaxFile {
		return Config{}, fmt.Errorf("%w: %d bytes, %d at most", ErrInvalid, len(data), MaxFile)
	}
	var f file
	if err := toml.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &f); err != nil { // IoT Edge takes a byte order mark, too
		var syntax *toml.DecodeError
		if errors.As(err, &syntax) {
			row, column := syntax.Position()
			return Config{}, fmt.Errorf("%w: line %d, column %d: %w", ErrInvalid, row, column, err)
		}
		return Config{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	switch {
	case f.Provisioning.Source != "dps":
		return Config{}, fmt.Errorf("%w: provisioning.source is %q, not \"dps\"", ErrInvalid, f.Provisioning.Source)
	case f.Provisioning.Attestation.Method != "tpm":
		return Config{}, fmt.Errorf("%w: provisioning.attestation.method is %q, not \"tpm\"", ErrInvalid, f.Provisioning.Attestation.Method)
	}
	return Config{
		IDScope:                f.Provisioning.IDScope,
		RegistrationID:         f.Provisioning.Attestation.RegistrationID,
		GlobalEndpoint:         f.Provisioning.GlobalEndpoint,
		Hostname:               f.Hostname,
		AutoReprovisioningMode: f.AutoReprovisioningMode,
		PayloadURI:             f.Provisioning.Payload.URI,
		TCTI:                   f.TPM.TCTI,
		AuthKeyIndex:           f.TPM.AuthKeyIndex,
		EndorsementAuth:        f.TPM.Authorize.Endorsement,
		OwnerAuth:              f.TPM.Authorize.Owner,
	}, nil
}

// IsPlaceholder tells whether a registration ID is the example of IoT Edge's own
// template, which nobody has replaced yet.
func IsPlaceholder(registrationID string) bool {
	id, ok := lookup([]string{"provisioning", "attestation", "registration_id"})
	return ok && registrationID == id.stub
}
