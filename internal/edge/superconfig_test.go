package edge_test

import (
	"bytes"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// superConfig is what IoT Edge reads of a file like ours: the key reference of
// /etc/aziot/config.toml, reduced to provisioning with DPS and a TPM. Decoding
// is strict, so a misspelt key or one in the wrong table fails a test, while
// IoT Edge would ignore it.
type superConfig struct {
	Hostname               string `toml:"hostname"`
	AutoReprovisioningMode string `toml:"auto_reprovisioning_mode"`
	Provisioning           struct {
		Source         string `toml:"source"`
		GlobalEndpoint string `toml:"global_endpoint"`
		IDScope        string `toml:"id_scope"`
		Payload        *struct {
			URI string `toml:"uri"`
		} `toml:"payload"`
		Attestation struct {
			Method         string `toml:"method"`
			RegistrationID string `toml:"registration_id"`
		} `toml:"attestation"`
	} `toml:"provisioning"`
	TPM *struct {
		TCTI                   string  `toml:"tcti"`
		AuthKeyIndex           *uint32 `toml:"auth_key_index"`
		HierarchyAuthorization *struct {
			Endorsement string `toml:"endorsement"`
			Owner       string `toml:"owner"`
		} `toml:"hierarchy_authorization"`
	} `toml:"tpm"`
}

func parse(t *testing.T, file []byte) superConfig {
	t.Helper()
	var c superConfig
	d := toml.NewDecoder(bytes.NewReader(file))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		t.Fatalf("IoT Edge cannot read this: %v\n%s", err, file)
	}
	return c
}
