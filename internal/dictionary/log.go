package dictionary

import "slices"

// lineGroup are log lines of one depth. A line is the fixed part of what a program
// prints, known from reports or from its source. It is found without regard to upper
// and lower case, and to the signs between its words.
type lineGroup struct {
	depth   depth
	entries []Entry
}

// lineGroups are all of them. Within a group, what says more stands first.
var lineGroups = []lineGroup{
	{atConfiguration, configurationLines},
	{atDevice, deviceLines},
	{atKeys, keyLines},
	{atNetwork, networkLines},
	{atTLS, tlsLines},
	{atService, serviceLines},
	{atSymptom, symptomLines},
	{atNothing, expectedLines},
	{atPointer, pointerLines},
}

// lines are the log lines, as the page has them.
var lines = func() []Entry {
	var all []Entry
	for _, g := range lineGroups {
		all = slices.Concat(all, g.entries)
	}
	return all
}()

// lineCoded finds a line by its code, and its depth.
func lineCoded(code string) (Entry, depth, bool) {
	for _, g := range lineGroups {
		for _, e := range g.entries {
			if e.Code == code {
				return e, g.depth, true
			}
		}
	}
	return Entry{}, 0, false
}

// The codes of lines that have other wordings.
const (
	lineNoDevice    = "Failure: connecting to the TPM device"
	lineSend        = "tpm_try_transmit: send(): error"
	lineInsert      = "Failure inserting key into tpm"
	lineTPM12       = "A TPM error (28)"
	lineOpen        = "Failed to open device file"
	lineTCTI        = "Could not load tcti"
	lineBroker      = "Failed to allocate dbus proxy object"
	lineName        = "failed to lookup address information"
	lineRefused     = "Connection refused (os error 111)"
	lineReset       = "Connection reset by peer (os error 104)"
	lineTimedOut    = "Connection timed out (os error 110)"
	linePlain       = "first record does not look like a TLS handshake"
	lineIssuer      = "unable to get local issuer certificate"
	lineSelfSigned  = "self signed certificate"
	lineExpired     = "certificate has expired"
	lineVersion     = "Unsupported API version"
	lineMQTT        = "TPM over MQTT is not supported"
	lineNoChallenge = "missing field authenticationKey"
	lineNoData      = "Failure retrieving data from the provisioning service"
	lineThrottled   = "HTTP request throttled"
	lineUnreachable = "Network is unreachable (os error 101)"
	lineNoRoute     = "No route to host (os error 113)"
	lineOtherName   = "Hostname mismatch"
	lineSettings    = "caused by: could not load settings"
	lineOldTPM      = "device is not a TPM 2.0"
	lineBusName     = "Failed to acquire DBus name"
	lineNoCommand   = "Failure writing data to tpm"
	lineHandles     = "write /dev/tpmrm0: invalid argument"
	lineCert        = "could not create certificate"
	lineHSM         = "HSM API failure"
	lineKeysLibrary = "AZIOT_KEYS_RC_ERR"
	lineKeyPair     = "could not create key pair"
	lineKeyOfOthers = "is not authorized to access the key"
	lineKeyClient   = "Key client error"
	lineInternal    = "caused by: internal error"
	lineHandshake   = "could not complete TLS handshake"
	lineHostname    = "identityd config has hostname"
	lineTimeServer  = "Could not query NTP server"
	lineContainer   = "Container on the azure-iot-edge network could not connect to"
	lineBadState    = "is in a bad state because"
	lineRuntime     = "Failed to initialize module runtime"
	lineTransport   = "ProvisioningTransportException"
	lineNoMachine   = "Failed to provision at line"
	lineNoContent   = "Empty edge agent config was received"
	lineOptional    = "parameter \"id\" has an invalid value"
)

const (
	doCheck  = "tpmdps config --check --config /etc/aziot/config.toml names the line and what to type"
	doVerify = "tpmdps verify --config /etc/aziot/config.toml tries the same with the same settings and names the layer"
	doStatus = "sudo iotedge system status names the service that is down; sudo iotedge system logs shows why"
	doRoot   = "if a proxy inspects TLS here, give its CA to this machine (update-ca-certificates) and to IoT Edge (trust_bundle_cert); tpmdps verify --ca-file FILE tries it"
	doPath   = "check cable, address, firewall (443 out to DPS, 8883, 5671 or 443 out to the hub) and the proxy; tpmdps verify names the layer"
)
