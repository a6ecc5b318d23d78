package dictionary

// Sources of the entries about the services.
const (
	dpsTable  = "Azure documentation: Troubleshoot with the Device Provisioning Service"
	hubTable  = "Azure documentation: Understand and resolve Azure IoT Hub errors"
	tpmFlow   = "Azure documentation: TPM attestation concepts"
	clientC   = "azure-iot-sdk-c, prov_device_ll_client.c"
	quotas    = "Azure documentation: IoT Hub Device Provisioning Service limits"
	plainHTTP = "HTTP, RFC 9110; not documented for DPS"
	observed  = "seen in reports, not documented"
	doTrack   = "keep tracking id and time; Microsoft's support can look them up"
	doBack    = "try again in some minutes: wait as long as Retry-After says. The quota is 1,000 operations a minute for each DPS"
	doRetry   = "try again in some minutes; " + doTrack
	doToken   = "tpmdps verify does the whole exchange and shows both clocks; set the clock if they differ by minutes"
	doEnroll  = "enroll the machine first: tpmdps enroll; and compare the registration ID and the ID scope"
	doScope   = "check the ID scope: it begins with 0ne and is on the overview page of the DPS in the portal; the machine may well be enrolled"
	doHubLink = "in the portal, unlink the hub from the DPS and link it again, which renews the key that the DPS has for it"
)

// services are the codes of DPS and IoT Hub, by their number as text. A number
// that both use has two entries.
var services = []Entry{
	{kindDPS, "400", "Bad format", "the body of the request is not valid", "the endorsement key is not what DPS accepts, or a setting of the enrollment is not valid", "look at the error code of six digits, and the message", []string{dpsTable}},
	{kindDPS, "401", "Unauthorized", "the token is missing, has expired, or is for another resource", "the first answer to a machine with a TPM is always a 401, with a key in it: the challenge. It is not an error. A 401 without a key is one: the chip's signature or the clock is wrong", doToken, []string{dpsTable, tpmFlow, "azure-iot-sdk-csharp issue 432"}},
	{kindDPS, "403", "Forbidden", "the credential has too few rights, or the network rules of the service keep this address out", "the policy lacks EnrollmentRead or EnrollmentWrite; or, as is supposed, an IP filter or public access that is switched off", "give the policy the rights, or the role Device Provisioning Service Data Contributor; look at the network settings of the DPS", []string{plainHTTP}},
	{kindDPS, "404", "Not Found", "there is no such DPS, enrollment or registration", "the machine is not enrolled, or under another ID: tools make a base32 and a hex ID of the same key; or the ID scope is another DPS's", doEnroll, []string{dpsTable}},
	{kindDPS, "405", "Method Not Allowed", "the address lacks an ID", "an endpoint with a path in it", "give only scheme, host and port as the endpoint", []string{dpsTable}},
	{kindDPS, "408", "Request Timeout", "the service did not get the whole request in time", "a slow or lossy network", doRetry, []string{plainHTTP}},
	{kindDPS, "409", "Conflict", "the enrollment exists already, or somebody changed it at the same moment", "a second machine under the same ID, or the same batch run twice at once", "run the command again; tpmdps enroll --dry-run shows the differences", []string{dpsTable, "azure-iot-sdk-csharp issue 3076"}},
	{kindDPS, "412", "Precondition failed", "the ETag is not the enrollment's any more", "somebody changed the enrollment since it was read", "run the command again", []string{dpsTable}},
	{kindDPS, "413", "Payload Too Large", "the request is larger than the service accepts", "a long initial twin or payload; the limit is 96 KB", "send less", []string{quotas}},
	{kindDPS, "415", "Unsupported Media Type", "the service does not accept this format", "a proxy that changes headers", "go without the proxy", []string{dpsTable}},
	{kindDPS, "429", "Too many requests", "the service throttles", "many machines that register at once, or a machine that polls too often: five polls in ten seconds are allowed to each", doBack, []string{dpsTable, quotas}},
	{kindDPS, "500", "Internal Server Error", "the service failed", "", doRetry, []string{dpsTable}},
	{kindDPS, "502", "Bad Gateway", "a gateway on the way did not get a good answer", "a proxy, or the service's own front", doRetry, []string{plainHTTP}},
	{kindDPS, "503", "Service Unavailable", "the service is unavailable at the moment", "", doRetry, []string{plainHTTP}},
	{kindDPS, "504", "Gateway Timeout", "a gateway on the way got no answer in time", "a proxy, or the service's own front", doRetry, []string{plainHTTP}},

	{kindDPS, "400004", "", "\"Endorsement key is invalid, or does not match the Enrollment\"; with other words in its message, such as \"Invalid RegistrationId\", it is about those and not the key: explain the whole message", "at enrolling: the key is cut off, an ECC key, a PEM file or an old tpm2-tools file instead of the base64 of the 316-byte TPM2B_PUBLIC. At registering: the chip's key is not the enrolled one, often because another tool derived it from another template", "read the chip's key as DPS accepts it: tpmdps read-ek; list the key each tool would derive: tpmdps read-ek --compare; then tpmdps enroll --replace-ek --reason TEXT", []string{"azure-iot-sdk-c issues 1502, 1955, 2329", observed}},
	{kindDPS, "400004", nameID, "\"Invalid RegistrationId\": the registration ID is not one that DPS accepts", "a serial number or a label with characters that DPS does not accept", "correct the registration ID: 1 to 128 letters, digits and - . _ :, the last one a letter, a digit or -", []string{observed}},
	{kindDPS, "400004", nameSettings, "a part of the request is not valid; the message names it", "a property name in the initial twin that a hub refuses, a hub that is not linked, a policy that is not known", "correct what the message names, then run the same command again; the endorsement key is not at fault", []string{observed}},
	{kindDPS, "400207", "", "the custom allocation failed: the web hook of the enrollment answered with an error", "the function is down, its URL or key has changed, or it answers something other than a hub", "look at the function's own log; the status after the colon in the message is what it answered", []string{"Azure documentation: Use custom allocation policies"}},
	{kindDPS, "400208", "", "there is no hub to assign the machine to", "no hub is linked to the DPS, or none of those that the enrollment names", "link a hub to the DPS, or name a linked one: tpmdps enroll --iot-hubs HOST --update", []string{clientC}},
	{kindDPS, "400209", "", "the hub refuses the DPS", "the key that the DPS has for the linked hub is out of date: it was rotated, or the policy was deleted", doHubLink, []string{clientC, "azure-iot-sdk-c issue 1789"}},
	{kindDPS, "401000", "Unauthorized", "the token is not valid for this resource", "seen with tokens of another registration ID or ID scope, or with the wrong key name (skn)", doToken, []string{"azure-docs issue 43157", observed}},
	{kindDPS, "401002", "Unauthorized", "the credentials do not fit the enrollment", "the chip signed with another key than DPS gave it; the clock is wrong by more than five minutes; or the enrollment is for another kind of attestation (a certificate, a symmetric key) or another machine", doToken + ". Then check whether the enrollment is one for a TPM", []string{"azure-iot-sdk-node issue 721", "azure-iot-sdk-c issue 2362", observed}},
	{kindDPS, "404000", "", "DPS does not know the ID scope", "an ID scope of another DPS, of one that was deleted, or with a letter mistyped. It says nothing about the enrollment; a guess, since the code is not documented", doScope, []string{dpsTable, observed}},
	{kindDPS, "404201", "", "there is no such enrollment", "the machine is not enrolled under this registration ID in this DPS; a guess from reports, since neither this code nor 404202 is documented", doEnroll, []string{"azure-docs issue 57082", observed}},
	{kindDPS, "404202", "", "there is no such registration", "the machine is enrolled and has never registered, or its registration was deleted; a guess, as with 404201", "nothing, before the first start; otherwise have it register: tpmdps verify", []string{"azure-docs issue 57082", observed}},
	{kindDPS, "409201", "", "\"Enrollment already exists.\"", "an enrollment of this ID was there before, or somebody made it at the same moment", "run the command again; tpmdps enroll --dry-run shows the differences", []string{"recorded by azure-sdk-for-python, azure-iot-deviceprovisioning"}},
	{kindDPS, "409202", "", "\"EnrollmentGroup already exists.\"", "a group of this name was there before; tpmdps makes no groups", "look at the groups: az iot dps enrollment-group list", []string{"recorded by azure-sdk-for-python, azure-iot-deviceprovisioning"}},

	{kindHub, "400027", "ConnectionForcefullyClosedOnNewConnection", "the device connected a second time, and the hub closed the first connection", "two machines with the same device ID, as after copying a disk with a software TPM; or tpmdps verify beside a running program with this device's identity", "one machine for each device ID; two chips cannot have the same key, so look for a cloned virtual TPM", []string{hubTable}},
	{kindHub, "401002", "IotHubUnauthorizedAccess", "the hub does not accept the token", "in a registration that DPS reports as failed: DPS itself was refused, its key for the hub is out of date. From the device's own connection: as 401003", doHubLink, []string{"azure-iot-sdk-c issue 1789", "azure-iot-sdk-csharp issue 898"}},
	{kindHub, "401003", "IotHubUnauthorized", "the hub does not accept the token, or it has expired", "the hub's key for this device was rotated, or the device was deleted, since the machine registered: a machine with a TPM gets another key only by registering again; or the clock is wrong", "register again: tpmdps verify, or sudo iotedge system reprovision; set the clock", []string{hubTable}},
	{kindHub, "403002", "IotHubQuotaExceeded", "the hub's quota of messages for today is used up", "", "wait until midnight UTC, or add units to the hub", []string{hubTable}},
	{kindHub, "404001", "DeviceNotFound", "there is no such device on the hub", "it was deleted there after the machine had registered", "register again: tpmdps verify, or sudo iotedge system reprovision", []string{hubTable}},
	{kindHub, "404010", "ModuleNotFound", "there is no such module of the device on the hub", "for $edgeAgent and $edgeHub: the device was registered as one that is not IoT Edge, or the device was deleted", "register again: sudo iotedge system reprovision; if the enrollment is not one for IoT Edge, change it first: tpmdps enroll --edge-enabled --update", []string{"Azure SDK for .NET, IotHub ErrorCode", "iotedge issue 5448"}},
	{kindHub, "404103", "DeviceNotOnline", "the device is not connected", "", "see whether it can connect: tpmdps verify", []string{hubTable}},
	{kindHub, "404104", "DeviceConnectionClosedRemotely", "the device closed the connection, or was lost", "after 401003: the token had expired, and the device made a new one. That is normal", "", []string{hubTable}},
	{kindHub, "409001", "DeviceAlreadyExists", "there is a device of that ID on the hub", "", "choose another device ID: tpmdps enroll --device-id ID --update", []string{hubTable}},
	{kindHub, "429001", "ThrottlingException", "the hub throttles", "many devices that connect at once", doRetry, []string{hubTable}},
	{kindHub, "500001", "ServerError", "the hub failed", "", doRetry, []string{hubTable}},
	{kindHub, "500008", "GenericTimeout", "the hub did not answer in time", "", doRetry, []string{hubTable}},
	{kindHub, "503003", "PartitionNotFound", "the hub is moving the device to another partition", "", doRetry, []string{hubTable}},
	{kindHub, "504101", "GatewayTimeout", "the device did not answer the hub in time", "", doRetry, []string{hubTable}},

	{kindHub, "CONNACK 1", "unacceptable protocol version", "the hub does not speak this version of MQTT", "a client that is not set to MQTT 3.1.1", "", []string{mqtt}},
	{kindHub, "CONNACK 2", "identifier rejected", "the hub does not accept the client ID", "the client ID is not the device ID; upper and lower case count", "", []string{mqtt}},
	{kindHub, "CONNACK 3", "server unavailable", "the hub is unavailable at the moment", "", doRetry, []string{mqtt}},
	{kindHub, "CONNACK 4", "bad user name or password", "the hub does not understand the user name or the password", "the user name is not HUB/DEVICE/?api-version=DATE, or the password is not a token", "see whether tpmdps verify connects; if so, the other program makes them wrong", []string{mqtt}},
	{kindHub, "CONNACK 5", "not authorized", "the hub does not accept the token of this device", "the device is disabled or deleted on the hub, its key was rotated there, the token is for another device, or the clock is wrong", "look at the device: az iot hub device-identity show; register again: tpmdps verify", []string{mqtt, "azure-iot-sdk-c issues 373, 2300"}},
}

const mqtt = "MQTT 3.1.1, 3.2.2.3 (CONNECT return codes)"

// service finds a code of DPS or IoT Hub. Of a code that means several things it
// is the first, which is what is meant where there are no other words.
func service(code string) []Entry {
	var found []Entry
	for _, e := range services {
		if e.Code == code && (len(found) == 0 || found[len(found)-1].Kind != e.Kind) {
			found = append(found, e)
		}
	}
	return found
}

// connack finds the return code of an MQTT connection, also written as 0x05.
func connack(code string) []Entry {
	for _, prefix := range []string{"0x", "0X", "0"} {
		if rest, ok := cutPrefixFold(code, prefix); ok && rest != "" {
			code = rest
		}
	}
	return service("CONNACK " + code)
}
