package dictionary

import "slices"

// wording is a text that stands for a code, or for a log line: programs print the
// one without the other.
type wording struct {
	text string
	kind string // of the entry that it stands for
	code string
	from string
}

// Sources of wordings.
const (
	mqttJS  = "MQTT.js, lib/client.ts"
	paho    = "Eclipse Paho, connack_string"
	sdkC    = "azure-umqtt-c, mqttconst.h; azure-iot-sdk-c issue 373"
	sdkNet  = "azure-iot-sdk-csharp issues 113, 1485, 1775"
	sdkJava = "azure-iot-sdk-java, transport/mqtt/exceptions"
)

// wordings are found like log lines. Signs between their words do not count.
var wordings = []wording{
	{"Endorsement key is invalid, or does not match the Enrollment", kindDPS, "400004", "azure-iot-sdk-c issues 1502, 1955"},
	{"Custom allocation failed with status code", kindDPS, "400207", "Azure documentation: Use custom allocation policies"},
	{"Enrollment not found", kindDPS, "404201", observed},
	{"Enrollment already exists", kindDPS, "409201", "recorded by azure-sdk-for-python, azure-iot-deviceprovisioning"},
	{"EnrollmentGroup already exists", kindDPS, "409202", "recorded by azure-sdk-for-python, azure-iot-deviceprovisioning"},
	{"ETag is invalid", kindDPS, "412", "azure-iot-sdk-csharp issue 3076"},

	{"Connection refused: Unacceptable protocol version", kindHub, "CONNACK 1", mqttJS},
	{"Connection refused: Identifier rejected", kindHub, "CONNACK 2", mqttJS},
	{"Connection refused: Server unavailable", kindHub, "CONNACK 3", mqttJS + "; azure-iot-sdk-node issue 21"},
	{"Connection refused: Bad username or password", kindHub, "CONNACK 4", mqttJS},
	{"Connection refused: Not authorized", kindHub, "CONNACK 5", mqttJS + "; luamqtt issue 45"},
	{"Connection Refused: broker unavailable", kindHub, "CONNACK 3", paho},
	{"Connection Refused: bad user name or password", kindHub, "CONNACK 4", paho},
	{"Connection Refused: not authorised", kindHub, "CONNACK 5", paho + "; azure-iot-cli-extension issue 80"},
	{"Not authorized to connect", kindHub, "CONNACK 5", "Eclipse Paho for Java, messages.properties"},
	{"CONN_REFUSED_UNACCEPTABLE_VERSION", kindHub, "CONNACK 1", sdkC},
	{"CONN_REFUSED_ID_REJECTED", kindHub, "CONNACK 2", sdkC},
	{"CONN_REFUSED_SERVER_UNAVAIL", kindHub, "CONNACK 3", sdkC},
	{"CONN_REFUSED_BAD_USERNAME_PASSWORD", kindHub, "CONNACK 4", sdkC},
	{"CONN_REFUSED_NOT_AUTHORIZED", kindHub, "CONNACK 5", sdkC},
	{"RefusedUnacceptableProtocolVersion", kindHub, "CONNACK 1", sdkNet},
	{"RefusedIdentifierRejected", kindHub, "CONNACK 2", sdkNet},
	{"RefusedServerUnavailable", kindHub, "CONNACK 3", sdkNet},
	{"RefusedBadUsernameOrPassword", kindHub, "CONNACK 4", sdkNet},
	{"RefusedNotAuthorized", kindHub, "CONNACK 5", sdkNet},
	{"MqttRejectedProtocolVersionException", kindHub, "CONNACK 1", sdkJava},
	{"MqttIdentifierRejectedException", kindHub, "CONNACK 2", sdkJava},
	{"MqttServerUnavailableException", kindHub, "CONNACK 3", sdkJava},
	{"MqttBadUsernameOrPasswordException", kindHub, "CONNACK 4", sdkJava},
	{"MqttUnauthorizedException", kindHub, "CONNACK 5", sdkJava},

	{"tpm_transmit: tpm_recv: error", kindLog, lineSend, "Linux, drivers/char/tpm/tpm-interface.c"},
	{"tpm_transmit: tpm_send: error", kindLog, lineSend, "Linux, drivers/char/tpm/tpm-interface.c, before 5.1"},
	{"Failure initializing tpm device", kindLog, lineNoDevice, "iotedge issues 1687, 2954"},
	{"Failure initializeing TPM Codec", kindLog, lineNoDevice, "iotedge issue 2954"},
	{"creating tpm_comm object", kindLog, lineNoDevice, "iotedge issues 1687, 2954"},
	{"Failure: TPM2_ActivateCredential", kindLog, lineInsert, "azure-iot-sdk-c issue 627"},
	{"failure importing key into tpm", kindLog, lineInsert, "azure-iot-sdk-c issue 627"},
	{"Failure to import the provisioning key", kindLog, lineInsert, "azure-iot-sdk-c issue 627"},
	{"Failed to open specified TCTI device file", kindLog, lineOpen, "tpm2-tss, tcti-device.c; tpm2-tools issue 2834"},
	{"Failed to open default TCTI device file", kindLog, lineOpen, "tpm2-tss, tcti-device.c; meta-iotedge issue 132"},
	{"Could not open any default TCTI device file", kindLog, lineOpen, "tpm2-tss, tcti-device.c"},
	{"failed to create TCTI with", kindLog, lineTCTI, "tpm2-abrmd issues 642, 850"},
	{"Could not initialize TCTI file", kindLog, lineTCTI, "tpm2-tss, tctildr-dl.c; meta-iotedge issue 132"},
	{"Could not initialize TCTI named", kindLog, lineTCTI, "tpm2-tss, tctildr.c"},
	{"Failed to instantiate TCTI", kindLog, lineTCTI, "tpm2-tools issue 2834"},
	{"No standard TCTI could be loaded", kindLog, lineTCTI, "tpm2-tss, tctildr-dl.c"},
	{"Unknown tcti", kindLog, lineTCTI, "tpm2-tools issue 896"},
	{"Failed to create connection with service", kindLog, lineBroker, "iotedge-eflow issues 127, 147"},
	{"Tss2_Tcti_Info(ctx", kindLog, lineBroker, "iotedge-eflow issue 147"},
	{"on_name_lost: com.intel.tss2.Tabrmd", kindLog, lineBusName, "tpm2-tools issue 527"},
	{"Invalid tpm version specified. Requires 2.0", kindLog, lineOldTPM, "azure-utpm-c, tpm_comm_win32.c"},
	{"write_all() failed to write to fd", kindLog, lineNoCommand, "tpm2-abrmd issue 815"},
	{"Could not probe device for partial response read support", kindLog, lineNoCommand, "tpm2-abrmd issue 815"},
	{"caused by: could not parse settings", kindLog, lineSettings, "iot-identity-service, aziot-identityd/src/error.rs"},
	{"caused by: bad settings", kindLog, lineSettings, "iot-identity-service, aziot-identityd/src/error.rs"},
	{"could not set parameter on libaziot-keys", kindLog, lineKeysLibrary, "iot-identity-service, aziot-keyd/src/error.rs"},
	{"could not load libaziot-keys", kindLog, lineKeysLibrary, "iot-identity-service, aziot-keyd/src/error.rs"},
	{"could not load aziot-key-openssl-engine", kindLog, lineKeysLibrary, "iot-identity-service, aziot-identityd/src/error.rs"},
	{"master identity key error", kindLog, lineKeyClient, "iot-identity-service, aziot-identityd/src/error.rs"},
	{"is not authorized to modify the cert", kindLog, lineKeyOfOthers, "iot-identity-service, aziot-certd/src/error.rs"},
	{"caused by: device-id not found", kindLog, lineCert, "iotedge issue 6835"},
	{"caused by: HSM failure", kindLog, lineHSM, "iotedge issue 3819"},
	{"could not load cert with ID", kindLog, lineOptional, "iotedge issues 6675, 7063"},
	{"deployment configuration is not set", kindLog, lineNoContent, "iotedge issue 5141"},
	{"could not create TLS connector", kindLog, lineHandshake, "iot-identity-service, aziotctl/src/internal/common.rs"},
	{"perform TLS handshake with DPS endpoint - Error", kindLog, lineHandshake, "iotedge-iva-nano issue 29"},
	{"perform TLS handshake with iothub AMQP port - Error", kindLog, lineHandshake, "iot-identity-service, aziotctl, check host_connect_iothub.rs"},
	{"perform TLS handshake with iothub HTTPS / WebSockets port - Error", kindLog, lineHandshake, "iot-identity-service, aziotctl, check host_connect_iothub.rs"},
	{"perform TLS handshake with iothub MQTT port - Error", kindLog, lineHandshake, "iot-identity-service, aziotctl, check host_connect_iothub.rs"},
	{"Could not connect to global.azure-devices-provisioning.net", kindLog, lineHandshake, "iotedge-iva-nano issue 29"},
	{"identityd config toml file specifies a valid hostname - Error", kindLog, lineHostname, "iotedge issue 6930"},
	{"could not receive NTP server response", kindLog, lineTimeServer, "iotedge issue 6877"},
	{"could not resolve NTP pool hostname", kindLog, lineTimeServer, "iot-identity-service, mini-sntp/src/error.rs"},
	{"Could not initialize module runtime", kindLog, lineRuntime, "iotedgedev issue 467"},
	{"error in the management http client occurred", kindLog, lineRuntime, "iotedge issue 202"},
	{"A module runtime error occurred", kindLog, lineRuntime, "iotedge issue 5448"},
	{"service not running after provisioning, please investigate manually", kindLog, lineNoMachine, "iotedge-eflow issue 135"},
	{"ProvisioningDeviceTransportException", kindLog, lineTransport, "azure-iot-sdk-java issue 729"},
	{"JSON does not contain Operation Id or Status", kindLog, lineNoData, "azure-iot-sdk-java issue 289"},
	{"PROVISIONING_DEVICE_STATUS_ERROR", kindLog, lineNoData, "azure-iot-sdk-java issue 332"},
	{"ClientError(\"Unexpected failure\")", kindLog, lineNoData, "azure-iot-sdk-python issue 1195"},
	{"Unsuccessful json encountered", kindLog, lineNoData, "azure-iot-sdk-c issue 252"},
	{"Http connection failed to connect", kindLog, lineNoData, "azure-iot-sdk-c issue 2398"},
	{"PROV_DEVICE_RESULT_DEV_AUTH_ERROR", kindLog, lineNoData, "azure-iot-sdk-c issue 564"},
	{"Timed out connecting to provisioning service", kindLog, lineTimedOut, "azure-iot-sdk-c issue 1446"},
	{"PROV_DEVICE_RESULT_TIMEOUT", kindLog, lineTimedOut, "azure-iot-sdk-c issue 1446"},
	{"returned Error: Unauthorized", kindDPS, "401", "azure-iot-sdk-node issue 721"},

	{"failure retrieving json auth key value", kindLog, lineNoChallenge, "azure-iot-sdk-c, prov_device_ll_client.c; esp-azure issue 64"},
	{"PROV_DEVICE_RESULT_PARSING", kindLog, lineNoData, "esp-azure issue 64"},
	{"PROV_DEVICE_RESULT_TRANSPORT", kindLog, lineNoData, "azure-iot-sdk-c issue 564"},

	{"could not resolve hostname", kindLog, lineName, "iotedge issue 4580"},
	{"Temporary failure in name resolution", kindLog, lineName, "iotedge issue 2588"},
	{"Name or service not known", kindLog, lineName, "iotedge issues 557, 4580"},
	{"getaddrinfo ENOTFOUND", kindLog, lineName, "Node.js, errors"},
	{"getaddrinfo EAI_AGAIN", kindLog, lineName, "Node.js, errors"},
	{"getaddrinfo failure", kindLog, lineName, "azure-iot-sdk-c issue 564"},
	{"connect ECONNREFUSED", kindLog, lineRefused, "azure-iot-cli-extension issue 69"},
	{"WinError 10061", kindLog, lineRefused, "azure-iot-cli-extension issue 69"},
	{"ECONNRESET", kindLog, lineReset, "Node.js, errors"},
	{"ConnectionResetError(104", kindLog, lineReset, "azure-iot-cli-extension issue 732"},
	{"connect ETIMEDOUT", kindLog, lineTimedOut, "Node.js, errors"},
	{"caused by: timed out", kindLog, lineTimedOut, "iotedge issue 6449"},
	{"failed to communicate with IoT Hub", kindLog, lineTimedOut, "iotedge issue 7395"},
	{"failed to communicate with DPS", kindLog, lineTimedOut, "iotedge issue 6449"},
	{"SSL23_GET_SERVER_HELLO:unknown protocol", kindLog, linePlain, "iotedge issue 5186"},
	{"SSL routines::wrong version number", kindLog, linePlain, "OpenSSL 3, SSL_R_WRONG_VERSION_NUMBER"},
	{"ssl3_get_record:wrong version number", kindLog, linePlain, "OpenSSL 1.1, SSL_R_WRONG_VERSION_NUMBER"},
	{"tls_validate_record_header:wrong version number", kindLog, linePlain, "OpenSSL 3.2, SSL_R_WRONG_VERSION_NUMBER"},
	{"SELF_SIGNED_CERT_IN_CHAIN", kindLog, lineSelfSigned, "Node.js, X509 certificate errors"},
	{"self-signed certificate", kindLog, lineSelfSigned, "OpenSSL, x509_txt.c"},
	{"UNABLE_TO_GET_ISSUER_CERT_LOCALLY", kindLog, lineIssuer, "Node.js, X509 certificate errors"},
	{"CERT_HAS_EXPIRED", kindLog, lineExpired, "Node.js, X509 certificate errors"},
	{"certificate is not yet valid", kindLog, lineExpired, "OpenSSL, x509_txt.c"},
	{"Security must be of type SecurityProviderX509", kindLog, lineMQTT, "azure-iot-sdk-csharp issue 1215"},
	{"Security must be of type SecurityProvierX509", kindLog, lineMQTT, "azure-iot-sdk-csharp issue 1290"},
	{"Unknown api version", kindLog, lineVersion, "azure-iot-sdk-csharp issue 3479"},
	{"Final HTTP request throttled", kindLog, lineThrottled, "iot-identity-service, http-common/src/request.rs"},
	{"429: Too many requests", kindLog, lineThrottled, "iot-identity-service, http-common/src/request.rs"},
}

// entry finds what a wording stands for.
func (w wording) entry() []Entry {
	if w.kind != kindLog {
		found := service(w.code)
		return slices.DeleteFunc(slices.Clone(found), func(e Entry) bool { return e.Kind != w.kind })
	}
	if e, _, ok := lineCoded(w.code); ok {
		return []Entry{e}
	}
	return nil
}
