// Package edgetest is for tests of the packages below edge: what IoT Edge itself
// reads, and where its own files are.
package edgetest

import (
	"os"
	"testing"
)

// SuperConfig is what IoT Edge reads of a file like ours: the key reference of
// /etc/aziot/config.toml, reduced to provisioning with DPS and a TPM. Decoding
// is strict, so a misspelt key or one in the wrong table fails a test, while
// IoT Edge would ignore it.
type SuperConfig struct {
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

// Samples is the directory that IOTEDGE_SAMPLES names, with files of IoT Edge's
// that are not ours to ship.
func Samples(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("IOTEDGE_SAMPLES")
	if dir == "" {
		t.Skip("IOTEDGE_SAMPLES names no directory with IoT Edge's own files; files of our own in their form are tested")
	}
	return dir
}

// TPMFile is a file in which nothing is wrong.
const TPMFile = `[provisioning]
source = "dps"
global_endpoint = "https://global.azure-devices-provisioning.net/"
id_scope = "0ne0012AB34"

[provisioning.attestation]
method = "tpm"
registration_id = "box-7"
`
