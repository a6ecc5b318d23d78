package dictionary

import (
	"regexp"
	"strings"
	"testing"
)

// cited are the issues that the tables name as sources, and the part of a text
// quoted there that tells what it is. Those without any describe what happened, or
// show it as a picture.
var cited = map[string][]string{
	"azure-cli 19197":                     {`the error "TPM or X509 attestation is required."`},
	"azure-cli-extensions 387":            {"az iot dps: 'enrollment-group' is not in the 'az iot dps' command group. See 'az iot dps --help'."},
	"azure-cli-extensions 609":            {"az iot dps: 'enrollment' is not in the 'az iot dps' command group. See'az iot dps --help'."},
	"azure-iot-sdk-c 252":                 {"Func:_dps_transport_process_json_reply Line:393 Unsuccessful json encountered"},
	"azure-iot-sdk-c 1446":                {"Timed out connecting to provisioning service", "Failure registering device: PROV_DEVICE_RESULT_TIMEOUT"},
	"azure-iot-sdk-csharp 907":            {`ProvisioningTransportException: AMQP transport exception ---> Microsoft.Azure.Amqp.AmqpException: {"errorCode":401002,"message":"IotHubUnauthorizedAccess"}`},
	"azure-iot-sdk-java 289":              {"java.lang.IllegalArgumentException: JSON does not contain Operation Id or Status"},
	"azure-iot-sdk-java 332":              {"ProvisioningDeviceClientStatus.PROVISIONING_DEVICE_STATUS_ERROR"},
	"azure-iot-sdk-java 729":              {"it throws 'ProvisioningDeviceTransportException'"},
	"azure-iot-sdk-python 1195":           {`ClientError("Unexpected failure")`, `ServiceError("register request returned a service error status code 401")`},
	"dasharo-issues 12":                   {"tpm tpm0: [Firmware Bug]: TPM interrupt not working, polling instead"},
	"fwupd 2549":                          {"Esys_Initialize() Initialize default tcti. ErrorCode (0x000a000a)", "ima: No TPM chip found, activating TPM-bypass!"},
	"go-attestation 90":                   {"failed to activate credential: write /dev/tpmrm0: invalid argument"},
	"go-tpm 105":                          {"Error: open /dev/tpm0: device is not a TPM 2.0"},
	"iot-identity-service 120":            {"could not set pkcs11_lib_path parameter on library: AZIOT_KEYS_RC_ERR_EXTERNAL", "[ERR!] - could not find a slot with a matching label", `!!! parameter "id" has an invalid value`},
	"iot-identity-service 122":            {"keyd internal error - could not generate key"},
	"iot-identity-service 334":            nil,
	"azure-iot-sdk-csharp 1070":           {"System.Net.Sockets.SocketException (10054): An existing connection was forcibly closed by the remote host"},
	"iotedge 202":                         {"An error in the management http client occurred."},
	"iotedge 6488":                        {"IotHubCommunicationException: Transient network error occurred, please retry."},
	"iotedge 6799":                        nil,
	"go-attestation 251":                  {"NCryptGetProperty returned 80090030 (The operation completed successfully.) for key activation"},
	"go-attestation 479":                  {"NCryptGetProperty returned 80280084 (tpm or subsystem failure: TPM_20_E_VALUE: TPM 2.0: Value is out of range"},
	"rust-keylime 168":                    {"Error: TPM(Tss2Error(FormatZero(FormatZeroResponseCode { .0: 257, error_number: 1"},
	"rust-keylime 173":                    {"FormatZeroResponseCode { .0: 655370, error_number: 10"},
	"tpm-fido 27":                         {"session 1, error code 0x22 : authorization failure without DA implications"},
	"tpm2-tss 2421":                       {"TSS2_BASE_RC_BAD_TEMPLATE error when running Tss2_Sys_Startup", "40:0x400"},
	"tpm2-tss 2499":                       {"Error code 2150106112 when trying to send a Esys_EncryptDecrypt2"},
	"tpm2-tss 2705":                       {"Fapi_NvRead occasionally throws error 2337"},
	"tpm2-tss 2885":                       {"TCTI init for function 0x7f3ae4ae6ca0 failed with a000a"},
	"WSL-Hello-sudo 21":                   {"(Ausnahme von HRESULT: 0x8028008B)"},
	"azure-iot-sdk-c 647":                 {"Connection Not Accepted: 0x5: Not Authorized"},
	"iotedge 3819":                        {"Internal server error: Could not get trust bundle", "caused by: HSM failure", "caused by: HSM API returned an invalid null response"},
	"iotedge 4027":                        {"Error calling SignAsync: Module not found, StatusCode: 404"},
	"iotedge 5141":                        {"417 -- The device's deployment configuration is not set"},
	"iotedge 5396":                        {`HTTP request failed: [401 Unauthorized] {"Message":"ErrorCode:IotHubNotFound;Unauthorized"`},
	"iotedge 5419":                        {"no valid device backup was found: internal error", "Container on the default network could not connect to x:8883", "proxyconnect tcp: read tcp 10.0.0.4:1->10.0.0.9:80: read: connection reset by peer"},
	"iotedge 5448":                        {"[WARN] - A module runtime error occurred.", `{\"errorCode\":404010,`},
	"iotedge 6638":                        {"Esys_EvictControl_Finish() Received TPM Error", "Esys_EvictControl() Esys Finish ErrorCode (0x0000014c)"},
	"iotedge 6658":                        {"aziot-tpmd              Down - activating", "aziot-tpmd is in a bad state because:", "caused by: could not initialize TPM", "caused by: tcti:IO failure"},
	"iotedge 6824":                        {"aziot-edged always failed to load settings"},
	"iotedge 7063":                        {`could not load cert with ID "est-id"`, "0: connection error: Connection reset by peer (os error 104)"},
	"iotedge 7319":                        {"0: error trying to connect: Permission denied (os error 13)", "Failed to initialize module runtime: runtime operation error: initialize module runtime"},
	"iotedge-eflow 135":                   {"- iotedge service not running after provisioning, please investigate manually at line 2295"},
	"iotedge-iva-nano 29":                 {"host can connect to and perform TLS handshake with DPS endpoint - Error", "Could not connect to global.azure-devices-provisioning.net"},
	"iotedgedev 467":                      {"[WARN] - Could not initialize module runtime", "an error occurred trying to connect: Connection refused (os error 111)"},
	"ssh-tpm-agent 49":                    {"open /dev/tpmrm0: permission denied"},
	"tailscale 17882":                     {"failed to open a TPM connection in feature/tpm.attestationKey.Clone: stat /dev/tpm0: no such file or directory"},
	"tpm2-abrmd 655":                      {"CRITICAL **: Failed to acquire DBus name com.intel.tss2.Tabrmd. UID 998 must be allowed to \"own\" this name."},
	"tpm2-abrmd 722":                      {"Failed to acquire DBus name com.intel.tss2.Tabrmd. UID 1000 must be allowed"},
	"tpm2-abrmd 777":                      {"Failed to get proxy for DBus daemon (org.freedesktop.DBus): Could not connect: No such file or directory"},
	"tpm2-abrmd 778":                      {"Failed to acquire DBus name com.intel.tss2.Tabrmd. UID 1000 must be allowed"},
	"tpm2-abrmd 815":                      {"Failed to get proxy for DBus daemon", "write_all() failed to write to fd 5: Operation not permitted", "Could not probe device for partial response read support"},
	"tpm2-tools 527":                      {"** INFO: on_name_lost: com.intel.tss2.Tabrmd"},
	"tpm2-tss 2103":                       {"Failed to open specified TCTI device file /dev/tpmrm0: No such file or directory", "tcti_control_command() Control command failed with error: 1", "Failed to set locality: 0xa000a"},
	"azure-docs 43157":                    {`{"errorCode":401000,"message":"Unauthorized"}`},
	"azure-docs 57082":                    {"errorCode 404201", "errorCode 404202"},
	"azure-docs 82926":                    {"00-super.toml does not exist."},
	"azure-docs 88585":                    {"could not parse config file: data did not match any variant of untagged enum ManualProvisioning at line 103 column 2"},
	"azure-iot-cli-extension 69":          {"NotConnectedError: connect ECONNREFUSED", "[WinError 10061]"},
	"azure-iot-cli-extension 80":          {"Connection Refused: not authorised."},
	"azure-iot-cli-extension 732":         {"ConnectionResetError(104, 'Connection reset by peer')"},
	"azure-iot-explorer 604":              {"failed, reason: unable to get local issuer certificate"},
	"azure-iot-sdk-c 373":                 {"Connection Not Accepted: 0x5: Not Authorized", "CONN_REFUSED_NOT_AUTHORIZED"},
	"azure-iot-sdk-c 564":                 {"Failure: getaddrinfo failure -3."},
	"azure-iot-sdk-c 627":                 {"invalid rawResponse (0x80280400)", "Failure: TPM2_ActivateCredential", "Failure inserting key into tpm", "failure importing key into tpm", "Failure to import the provisioning key", "Failure retrieving data from the provisioning service"},
	"azure-iot-sdk-c 1502":                {`\"errorCode\": 400004,\r\n \"message\": \"Endorsement key is invalid, or does not match the Enrollment.\"`},
	"azure-iot-sdk-c 1789":                {"ErrorCode:IotHubUnauthorizedAccess;Unauthorized"},
	"azure-iot-sdk-c 1955":                {`{"errorCode":400004,"message":"Endorsement key is invalid, or does not match the Enrollment."}`},
	"azure-iot-sdk-c 2300":                {"Connection Not Accepted: 0x5: Not Authorized"},
	"azure-iot-sdk-c 2329":                nil,
	"azure-iot-sdk-c 2362":                {`{\"errorCode\":401002,\"message\":\"Unauthorized access\"}`},
	"azure-iot-sdk-c 2398":                {"SSL routines:tls_process_server_certificate:certificate verify failed"},
	"azure-iot-sdk-csharp 113":            {"CONNECT failed: RefusedNotAuthorized:Error in sample"},
	"azure-iot-sdk-csharp 432":            {"Authorization required, resend request using supplied key"},
	"azure-iot-sdk-csharp 898":            {`AmqpException: {"errorCode":401002,"message":"IotHubUnauthorizedAccess"}`},
	"azure-iot-sdk-csharp 926":            {"Error {Binding} was returned for command ActivateCredential.", "[Code=TpmRc.Binding],[RawCode=0x2E5,741]"},
	"azure-iot-sdk-csharp 1215":           {"NotSupportedException: Security must be of type SecurityProviderX509"},
	"azure-iot-sdk-csharp 1290":           {"NotSupportedException: Security must be of type SecurityProvierX509"},
	"azure-iot-sdk-csharp 1485":           {"CONNECT failed: RefusedServerUnavailable"},
	"azure-iot-sdk-csharp 1775":           {"CONNECT failed: RefusedNotAuthorized:"},
	"azure-iot-sdk-csharp 2991":           {"Error {BadAuth} was returned for command PolicySecret.", "[Code=TpmRc.BadAuth],[RawCode=0x9A2,2466]"},
	"azure-iot-sdk-csharp 3076":           {"ETag is invalid"},
	"azure-iot-sdk-csharp 3479":           {"ErrorCode:ArgumentInvalid;Unknown api version"},
	"azure-iot-sdk-java 611":              {"TPM Exception: {COMMAND_CODE} when trying to provision device"},
	"azure-iot-sdk-node 21":               {"mqtt.js returned Connection refused: Server unavailable error"},
	"azure-iot-sdk-node 721":              {`UnauthorizedError: Error: {"errorCode":401002,"message":"Unauthorized"}`},
	"azure-iot-sdk-python 960":            {"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c:1108)"},
	"iot-identity-service 450":            {"Error TR FromTPMPublic ErrorCode (0x0000018b)"},
	"iot-identity-service 613":            {"error trying to connect: Connection refused (os error 111)", "connection error: Connection reset by peer (os error 104)", "Failed to clear provisioning cache before reprovision"},
	"iot-identity-service 638":            {"certificate verify failed:../openssl-3.0.13/ssl/statem/statem_clnt.c:1889:: unable to get local issuer certificate", "service encountered an error"},
	"IoT-Edge-K8s-KubeVirt-Deployment 13": {"error trying to connect: No such file or directory (os error 2)"},
	"iotedge 441":                         {"caused by: Token source error", "HSM API failure 477"},
	"iotedge 537":                         {"HSM API returned an invalid null response"},
	"iotedge 557":                         {"failed to lookup address information: Name or service not known"},
	"esp-azure 64":                        {"failure retrieving json auth key value", "Failure encountered on registration PROV_DEVICE_RESULT_PARSING"},
	"iotedge 949":                         {"Empty edge agent config was received. Attempting to read config from backup file"},
	"meta-iotedge 132":                    {"Failed to open default TCTI device file /dev/tpmrm0: Permission denied", "Could not open any default TCTI device file", "Could not initialize TCTI file: device"},
	"iotedge 1106":                        {"Could not initialize DPS provisioning client", "HSM API returned an invalid null response"},
	"iotedge 1229":                        {"Could not initialize DPS provisioning client"},
	"iotedge 1586":                        {"an error occurred trying to connect: Connection timed out (os error 110)"},
	"iotedge 1687":                        {"Line:258 creating tpm_comm object", "Failure initializing tpm device."},
	"iotedge 2588":                        {"failed to lookup address information: Temporary failure in name resolution"},
	"iotedge 2954":                        {"Failure initializeing TPM Codec", "Failure initializing tpm device."},
	"iotedge 3070":                        {"HSM API returned an invalid null response"},
	"iotedge 3195":                        nil,
	"iotedge 3258":                        {"HSM API returned an invalid null response"},
	"iotedge 4580":                        {"Could not connect to x : could not resolve hostname", "failed to lookup address information: Name or service not known"},
	"iotedge 5088":                        {"DPS client error", "caused by: internal error", "The reprovisioning operation failed"},
	"iotedge 5186":                        {"SSL23_GET_SERVER_HELLO:unknown protocol", "tls: first record does not look like a TLS handshake"},
	"iotedge 5834":                        {"Failed Load Id key.", "Failure inserting key into tpm", "no valid device backup was found: DPS client error", "caused by: internal error"},
	"iotedge 5847":                        {"caused by: Invalid certificate."},
	"iotedge 5893":                        {"tpm2_load_context: failed with a TPM error 0x01CB", "A TPM error (139) occurred flushing context", "Failure writing data to tpm: 14:Bad address."},
	"iotedge 6170":                        {"Data did not match any variant of untagged enum ManualProvisioning"},
	"iotedge 6247":                        {"malformed DPS server response", `parameter "id" has an invalid value`},
	"iotedge 6449":                        {"Provisioning failed to communicate with DPS (attempt 1 of 1): timed out", "caused by: timed out"},
	"iotedge 6631":                        {"caused by: Unsupported API version 2021-06-01."},
	"iotedge 6675":                        {"DPS client error", "caused by: Invalid certificate.", "ErrorCode:IotHubUnauthorizedAccess;Unauthorized"},
	"iotedge 6828":                        {"error(condition:amqp:unauthorized-access,description:Unauthorized access)"},
	"iotedge 6835":                        {"caused by: could not create certificate"},
	"iotedge 6877":                        {"certificate verify failed:ssl/statem/statem_clnt.c:1913:: self signed certificate in certificate chain"},
	"iotedge 6930":                        {"certificate verify failed:../ssl/statem/statem_clnt.c:1924:: Hostname mismatch"},
	"iotedge 6936":                        {"error trying to connect: Connection refused (os error 111)"},
	"iotedge 7080":                        {"caused by: could not create certificate"},
	"iotedge 7304":                        {"caused by: Unauthorized", "Failed to reprovision: invalid HTTP status code", "device identity not found"},
	"iotedge 7395":                        {"[WARN] - Failed to communicate with IoT Hub (attempt 1 of 1): timed out"},
	"iotedge-eflow 127":                   {"Failed to allocate dbus proxy object: Error calling StartServiceByName for com.intel.tss2.Tabrmd", "Failed to create connection with service: Timeout was reached", "Failure: No user mode TRM found.", "Failure: connecting to the TPM device"},
	"iotedge-eflow 147":                   {"Failed to create connection with service: GDBus.Error", "Failure: No user mode TRM found."},
	"iotedge-eflow 289":                   {"Failed to provision at line 2411"},
	"iotedge-eflow 301":                   {"Failed to provision at line 2415", "no valid device backup was found: Hub client error"},
	"iotedge-eflow 316":                   {"Failed to provision at line 2416"},
	"kernelci-project 182":                {"tpm tpm0: Operation Timed out", "TPM in field failure mode, requires firmware upgrade"},
	"luamqtt 45":                          {"Connection Refused, not authorized"},
	"swtpm 8":                             {"A TPM error (28) occurred continue selftest"},
	"tpm2-abrmd 596":                      {"error while loading shared libraries: libtss2-esys.so.0: cannot open shared object file"},
	"tpm2-abrmd 642":                      {"failed to create TCTI with name"},
	"tpm2-abrmd 850":                      {`failed to create TCTI with conf "device:/dev/tpm0", got RC: 0xa0015`},
	"tpm2-tools 896":                      {`Unknown tcti, got "device:/dev/tpm0".`},
	"tpm2-tools 2281":                     {"Esys_CreateLoaded(0x143) - tpm:error(2.0): command code not supported"},
	"tpm2-tools 2834":                     {`Could not load tcti, got: "device:/dev/tpm0"`, "Failed to instantiate TCTI", "Failed to open specified TCTI device file /dev/tpm0: Permission denied"},
	"tpm2-tools 3159":                     {"Esys_CreateLoaded(0x143) - tpm:error(2.0): command code not supported"},
	"tpm2-tools 3416":                     {"Failed to read response from fd 3, got errno 62: Timer expired"},
	"tpm2-tools 3424":                     nil,
	"tpm2-tss 1390":                       {"Failed to open device file /dev/tpmrm0: No such file or directory", "failed with a000a"},
	"tpm2-tss 1408":                       {"Failed to open device file /dev/tpm0", "Failed to initialize device TCTI context: 0xa000a"},
	"tpm2-tss 1552":                       {"Failed to open device file /dev/tpm0: Device or resource busy"},
	"tpm2-tss 2400":                       nil,
	"tpm2-tss 2536":                       {"symbol lookup error: /usr/local/lib/libtss2-esys.so.0: undefined symbol: Tss2_Sys_MAC_Start_Complete"},
	"TSS.MSR 164":                         {"tss.TpmException: Unexpected response tag {NO_SESSIONS}"},
	"TSS.MSR 179":                         nil,
}

var (
	issues   = regexp.MustCompile(`([A-Za-z][A-Za-z0-9.-]*) issues? ([0-9]+(?:, [0-9]+)*)`)
	minQuote = 160
)

// TestWhatCitedIssuesQuote: every issue that a table names is in the list, and no
// other, and what it quotes is explained.
func TestWhatCitedIssuesQuote(t *testing.T) {
	named := map[string]bool{}
	add := func(source string) {
		for _, m := range issues.FindAllStringSubmatch(source, -1) {
			for number := range strings.SplitSeq(m[2], ", ") {
				named[m[1]+" "+number] = true
			}
		}
	}
	for _, s := range sections() {
		for _, e := range s.entries {
			for _, source := range e.Sources {
				add(source)
			}
		}
	}
	for _, w := range wordings {
		add(w.from)
	}
	for _, f := range forms {
		add(f.from)
	}
	for _, f := range finders {
		add(f.from)
	}
	quotes := 0
	for issue := range named {
		texts, ok := cited[issue]
		if !ok {
			t.Errorf("%s is named as a source; what does it quote?", issue)
		}
		for _, text := range texts {
			quotes++
			if len(Explain(text)) == 0 {
				t.Errorf("%s quotes %q, which is not explained", issue, text)
			}
		}
	}
	for issue := range cited {
		if !named[issue] {
			t.Errorf("%s is no source of any entry", issue)
		}
	}
	if quotes < minQuote {
		t.Errorf("%d quotes, want at least %d", quotes, minQuote)
	}
}
