package dictionary

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// sound is what IoT Edge, its containers and the kernel log when all is well, in the
// forms of their programs. It has no cause of anything.
var sound = []string{
	"kernel: [    2.946137] tpm_tis_spi spi32766.0: 2.0 TPM (device-id 0x1B, rev-id 22)",
	"kernel: [    1.011204] tpm_crb MSFT0101:00: TPM2 command response buffer at 0xfed40040",
	"kernel: [    3.120944] cr50_i2c i2c-GOOG0005:00: cr50 TPM 2.0 (i2c 0x50 irq 27 id 0x28)",
	"systemd[1]: Starting Azure IoT TPM Service API socket.",
	"systemd[1]: Listening on Azure IoT TPM Service API socket.",
	"systemd[1]: Started Azure IoT Identity Service.",
	"systemd[1]: aziot-tpmd.service: Succeeded.",
	"systemd[1]: Stopped target Azure IoT Edge, 0 errors.",
	"aziot-tpmd[1337]: 2026-11-25T12:00:01Z [INFO] - Starting service...",
	"aziot-tpmd[1337]: 2026-11-25T12:00:01Z [INFO] - Version - 1.5.7",
	"aziot-tpmd[1337]: 2026-11-25T12:00:01Z [INFO] - Starting server...",
	`aziot-tpmd[1337]: 2026-11-25T12:00:02Z [INFO] - <-- GET /get_tpm_keys?api-version=2020-09-01 {"host": "tpmd.sock"}`,
	`aziot-tpmd[1337]: 2026-11-25T12:00:02Z [INFO] - --> 200 {"content-type": "application/json"}`,
	`aziot-tpmd[1337]: 2026-11-25T12:00:02Z [INFO] - <-- POST /import_auth_key?api-version=2020-09-01 {"content-type": "application/json", "host": "tpmd.sock", "content-length": "1206"}`,
	`aziot-tpmd[1337]: 2026-11-25T12:00:03Z [INFO] - <-- POST /sign_with_auth_key?api-version=2020-09-01 {"content-type": "application/json", "host": "tpmd.sock", "content-length": "404"}`,
	"aziot-identityd[2258]: 2026-11-25T12:00:01Z [INFO] - Provisioning starting. Reason: Startup",
	"aziot-identityd[2258]: 2026-11-25T12:00:02Z [INFO] - Sending DPS registration request.",
	"aziot-identityd[2258]: 2026-11-25T12:00:05Z [INFO] - Checking DPS registration status.",
	"aziot-identityd[2258]: 2026-11-25T12:00:07Z [INFO] - Successfully provisioned with DPS.",
	"aziot-identityd[2258]: 2026-11-25T12:00:07Z [INFO] - Updated device info for line-4-401002.",
	"aziot-identityd[2258]: 2026-11-25T12:00:07Z [INFO] - Provisioning complete.",
	"aziot-identityd[2258]: 2026-11-25T12:00:08Z [INFO] - Identity reconciliation started. Reason: Startup",
	"aziot-identityd[2258]: 2026-11-25T12:00:08Z [INFO] - Could not reconcile Identities with current device data. Reprovisioning.",
	"aziot-keyd[900]: 2026-11-25T12:00:01Z [INFO] - Loaded libaziot-keys with version 0x02000000",
	`aziot-keyd[900]: 2026-11-25T12:00:01Z [INFO] - <-- POST /encrypt?api-version=2021-05-01 {"content-length": "355", "content-type": "application/json"}`,
	`aziot-certd[901]: 2026-11-25T12:00:01Z [INFO] - <-- GET /certificates/aziot-edged-ca?api-version=2020-09-01 {"host": "certd.sock"}`,
	"aziot-certd[901]: 2026-11-25T12:00:01Z [INFO] - Loaded openssl'd Default provider",
	"aziot-edged[7]: 2026-11-25T12:00:08Z [INFO] - Obtaining Edge device provisioning data...",
	"aziot-edged[7]: 2026-11-25T12:00:08Z [INFO] - Device is line-4 on my-hub.azure-devices.net",
	"aziot-edged[7]: 2026-11-25T12:00:08Z [INFO] - Initializing module runtime...",
	"aziot-edged[7]: 2026-11-25T12:00:08Z [INFO] - Using runtime network id azure-iot-edge",
	"aziot-edged[7]: 2026-11-25T12:00:08Z [INFO] - Successfully initialized module runtime",
	"aziot-edged[7]: 2026-11-25T12:00:09Z [INFO] - Edge runtime status is running.",
	"aziot-edged[7]: 2026-11-25T12:00:09Z [INFO] - Checking edge runtime status",
	"aziot-edged[7]: 2026-11-25T12:00:09Z [INFO] - Listening on unix:///var/run/iotedge/workload.sock with 1 thread for workload API.",
	`aziot-edged[7]: 2026-11-25T12:00:09Z [INFO] - [work] - - - [2026-11-25 12:00:09.198012331 UTC] "GET /trust-bundle?api-version=2019-01-30 HTTP/1.1" 200 OK 1944 "-" "-" auth_id(-)`,
	`aziot-edged[7]: 2026-11-25T12:00:10Z [INFO] - [mgmt] - - - [2026-11-25 12:00:10.980611526 UTC] "GET /systeminfo?api-version=2019-11-05 HTTP/1.1" 200 OK 404 "-" "-" auth_id(-)`,
	"iotedged[131037]: 2026-11-25T12:00:09Z [INFO] - Successful DPS provisioning.",
	"iotedged[131037]: 2026-11-25T12:00:09Z [INFO] - DPS registration assigned device line-4 in hub my-hub.azure-devices.net",
	"edgeAgent: <6> 2026-11-25 12:00:11.327 +00:00 [INF] - Edge agent attempting to connect to IoT Hub via Amqp_Tcp_Only...",
	"edgeAgent: <6> 2026-11-25 12:00:12.327 +00:00 [INF] - Connected to IoT Hub via Amqp_Tcp_Only",
	"edgeHub: <6> 2026-11-25 12:00:13.878 +00:00 [INF] - Client line-4/SimulatedTemperatureSensor re-authentication successful",
	"edgeHub: <7> 2026-11-25 12:00:13.878 +00:00 [DBG] [Microsoft.Azure.Devices.Edge.Hub.Core.Authenticator] - Reauthenticated client line-4 successfully",
	"edgeHub: <6> 2026-11-25 12:00:14.001 +00:00 [INF] - Retry policy will be applied on errors, 0 failed, 429 sent, 1 connected with token",
	"√ keyd configuration is well-formed - OK",
	"√ tpmd is running - OK",
	"√ identityd config toml file specifies a valid hostname - OK",
	"√ host time is close to reference time - OK",
	"√ read all preloaded certificates from the Certificates Service - OK",
	"√ host can connect to and perform TLS handshake with DPS endpoint - OK",
	"√ host can connect to and perform TLS handshake with iothub AMQP port - OK",
	"√ container on the default network can connect to upstream AMQP port - OK",
	"‼ production readiness: logs policy - Warning",
	"    aziot-tpmd              Running",
	"    aziot-keyd              Ready",
	"Registration status: PROV_DEVICE_REG_STATUS_CONNECTED",
	"device result: PROV_DEVICE_RESULT_OK",
	"Registration Information received from service: my-hub.azure-devices.net!",
	"** INFO: 12:00:23.622: tabrmd startup",
	`** (tpm2-abrmd:1551): DEBUG: 12:00:43.544: tcti_conf after: "device:/dev/tpm0"`,
	`debug:tcti:src/tss2-tcti/tctildr.c:159:tctildr_conf_parse() name_conf: "device:/dev/tpmrm0"`,
	"trace:tcti:src/tss2-tcti/tctildr.c:116:tcti_from_info() Loaded TCTI info named: tcti-device",
	"  lockoutAuthSet:            0",
	"TPM2_PT_LOCKOUT_COUNTER:  0x921",
	"[2026-07-11T20:23:11Z INFO  tss_esapi::context] Flushing handle 1078362985",
	"time=\"2026-11-25T12:00:00Z\" level=info msg=\"Pulled image mcr.microsoft.com/azureiotedge-agent:1.5 in 2466 ms\"",
	"telegraf[77]: E! [outputs.http] dial tcp 10.9.9.9:8086: connect: connection refused",
	"node_exporter[78]: lookup metrics.corp.example: no such host",
	"backup.py[79]: ConnectionRefusedError: [Errno 111] Connection refused",
	"nginx[80]: connect() failed (111: Connection refused) while connecting to upstream, status 502",
	"sshd[81]: error: kex_exchange_identification: Connection closed by remote host",
	"smartd[82]: Failed to load settings from /etc/smartd.conf",
	"snapd[83]: x509: certificate signed by unknown authority",
	"cron[84]: curl: (28) Connection timed out after 5000 ms",
	"mosquitto[85]: Client line-4 disconnected, not authorised.",
}

// TestSoundLogsHaveNoCause: no line of a healthy machine is taken for a cause, in a
// log of all of them; what IoT Edge itself logs not even alone.
func TestSoundLogsHaveNoCause(t *testing.T) {
	if got := brief(Explain(strings.Join(sound, "\n"))); len(got) > 0 {
		t.Errorf("a healthy log is explained as %q", got)
	}
	for i, line := range sound {
		if strings.HasPrefix(line, "telegraf") { // what others say alone may be a question
			break
		}
		if got := brief(Explain(line)); len(got) > 0 {
			t.Errorf("line %d: Explain(%q) = %q", i, line, got)
		}
	}
}

const (
	tpmd   = "aziot-tpmd[1337]: 2026-11-25T12:00:20Z "
	ident  = "aziot-identityd[2258]: 2026-11-25T12:00:21Z "
	edged  = "aziot-edged[7]: 2026-11-25T12:00:22Z "
	failed = ident + "[ERR!] - Failed to provision with IoT Hub, and no valid device backup was found: DPS client error\n" + ident + "[ERR!] - service encountered an error\n" + ident + "[ERR!] - caused by: DPS client error\n"
	down   = edged + "[WARN] - Failed to send HTTP request (attempt 1 of 2): error trying to connect: Connection refused (os error 111)\nsystemd[1]: aziot-identityd.service: Main process exited, code=exited, status=1/FAILURE\nsystemd[1]: aziot-identityd.service: Scheduled restart job, restart counter is at 20.\n"
	first  = "aziot-tpmd[1337]: WARNING:esys:src/tss2-esys/api/Esys_ReadPublic.c:320:Esys_ReadPublic_Finish() Received TPM Error\naziot-tpmd[1337]: ERROR:esys:src/tss2-esys/esys_tr.c:230:Esys_TR_FromTPMPublic_Finish() Error ReadPublic ErrorCode (0x0000018b)\n" + tpmd + "[ERR!] - could not read endorsement key from 0x81010001: tpm:handle(1):the handle is not correct for the use\n"
	by     = ident + "[ERR!] - caused by: "
	hsm    = "iotedged[16912]: 2020-05-13T09:51:12Z [ERR!] (/project/edgelet/hsm-sys/azure-iot-hsm-c/src/hsm_client_tpm_device.c:initialize_tpm_device:273) "
)

// whole are the parts of whole logs that matter, and what comes first of each.
var whole = []struct{ name, log, want string }{
	{"not enrolled", first + failed + by + "Enrollment not found.\n" + down, noEnrollment},
	{"enrolled with another key", failed + by + "Endorsement key is invalid, or does not match the Enrollment.\n" + down, wrongKey},
	{"disabled", down + failed + by + "Expected one of [202], got 200 OK\n" + by + "Expected one of [202], got 200 OK\n", "log line Expected one of [202], got 200 OK"},
	{"no right to the chip", "aziot-tpmd[9]: ERROR:tcti:src/tss2-tcti/tcti-device.c:442:Tss2_Tcti_Device_Init() Failed to open specified TCTI device file /dev/tpmrm0: Permission denied\naziot-tpmd[9]: ERROR:tcti:src/tss2-tcti/tctildr-dl.c:154:tcti_from_file() Could not initialize TCTI file: device\naziot-tpmd[9]: ERROR:tcti:src/tss2-tcti/tctildr.c:428:Tss2_TctiLdr_Initialize_Ex() Failed to instantiate TCTI\n" + tpmd + "[ERR!] - service encountered an error\n" + tpmd + "[ERR!] - caused by: internal error\n" + tpmd + "[ERR!] - caused by: could not initialize TPM\n" + tpmd + "[ERR!] - caused by: tcti:IO failure\n" + failed + by + "internal error\n", "log line Failed to open device file"},
	{"a password", tpmd + "[ERR!] - caused by: could not initialize TPM\n" + tpmd + "[ERR!] - caused by: tpm:session(1):authorization failure without DA implications\n" + failed + by + "internal error\n" + down, "TPM 0x9a2 TPM_RC_BAD_AUTH (session 1)"},
	{"locked out", first + "aziot-tpmd[1337]: ERROR:esys:src/tss2-esys/api/Esys_HMAC.c:100:Esys_HMAC() Esys Finish ErrorCode (0x00000921)\n" + tpmd + "[ERR!] - !!! internal error\n" + tpmd + "[ERR!] - !!! caused by: could not sign with auth key\n" + failed + by + "internal error\n", "TPM 0x921 TPM_RC_LOCKOUT"},
	{"another chip's enrollment", tpmd + "[ERR!] - !!! internal error\n" + tpmd + "[ERR!] - !!! caused by: could not import auth key\n" + tpmd + "[ERR!] - !!! caused by: tpm:parameter(1):integrity check failed\n" + failed + by + "internal error\n", "TPM 0x1df TPM_RC_INTEGRITY (parameter 1)"},
	{"no name server", failed + by + "error trying to connect: dns error: failed to lookup address information: Temporary failure in name resolution\n" + by + "failed to lookup address information: Temporary failure in name resolution\n" + down, "log line failed to lookup address information"},
	{"a firewall", ident + "[WARN] - Provisioning failed to communicate with DPS (attempt 1 of 1): timed out\n" + ident + "[INFO] - !!! DPS client error\n" + ident + "[INFO] - !!! caused by: timed out\n" + edged + "[WARN] - Failed to reprovision: invalid HTTP status code\n" + ident + "[INFO] - !!! device identity not found\n", "log line Connection timed out (os error 110)"},
	{"a proxy that inspects TLS", failed + by + "error trying to connect: error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed:../ssl/statem/statem_clnt.c:1889:: unable to get local issuer certificate\n" + down, "log line unable to get local issuer certificate"},
	{"a captive portal", failed + by + "invalid Content-Type; expected JSON\n" + down, "log line invalid Content-Type; expected JSON"},
	{"a stale link to the hub", failed + by + `{"Message":"ErrorCode:IotHubUnauthorizedAccess;Unauthorized","ExceptionMessage":"Tracking ID:ec18240ea3d24249b1da0313c81e6-G:10-TimeStamp:11/25/2026 12:00:21"}` + "\n" + down, "IoT Hub 401002 IotHubUnauthorizedAccess"},
	{"a configuration that is not valid", edged + "[ERR!] - Failed to load settings: could not parse config file: x\nCommand failed: could not parse config file: data did not match any variant of untagged enum ManualProvisioning at line 103 column 2\n" + failed + by + "Enrollment not found.\n", "log line could not parse config file"},
	{"IoT Edge 1.1, no chip", hsm + "Failure initializeing TPM Codec\n" + hsm + "Failure initializing tpm device.\niotedged[16912]: Error: Time:Wed May 13 09:51:12 2020 File:tpm_codec.c Func:Initialize_TPM_Codec Line:258 creating tpm_comm object\niotedged[16912]: 2020-05-13T09:51:12Z [ERR!] - The daemon could not start up successfully: Could not initialize DPS provisioning client\niotedged[16912]: 2020-05-13T09:51:12Z [ERR!] - \tcaused by: HSM API returned an invalid null response\n", "log line HSM API returned an invalid null response"},
	{"a module that the hub does not know", edged + "[WARN] - Error in watchdog when checking for edge runtime status:\n" + edged + "[WARN] - A module runtime error occurred.\n" + edged + "[WARN] - \tcaused by: HTTP response error: [404 Not Found] " + `{"message":"Hub client error\ncaused by: {\"errorCode\":404010,\"trackingId\":\"a034-G:0-TimeStamp:09/01/2021 08:29:10\",\"message\":\"Device line-4 Module $edgeAgent at IotHub X not registered.\"}"}` + "\n", "IoT Hub 404010 ModuleNotFound"},
	{"no container engine", edged + "[WARN] - container runtime error\n" + edged + "Caused by:\n" + edged + "    0: error trying to connect: Permission denied (os error 13)\n" + edged + "[ERR!] - Failed to initialize module runtime: runtime operation error: initialize module runtime\n", "log line error trying to connect: Permission denied (os error 13)"},
	{"a chip that hangs", "kernel: [ 3.194005] tpm tpm0: Operation Timed out\nkernel: [ 3.206141] tpm tpm0: [Firmware Bug]: TPM interrupt not working, polling instead\n" + failed + by + "internal error\n", "log line tpm tpm0: Operation Timed out"},
	{"no broker", "** (process:1826378): CRITICAL **: 15:37:26.713: failed to allocate dbus proxy object: Error calling StartServiceByName for com.intel.tss2.Tabrmd: Timeout was reached\nERROR:tcti:src/tss2-tcti/tctildr-dl.c:149:tcti_from_file() Could not initialize TCTI file: libtss2-tcti-tabrmd.so.0\nERROR: Could not load tcti, got: \"tabrmd\"\nERROR: Unable to run tpm2_getcap\n", "log line Failed to allocate dbus proxy object"},
	{"the C SDK, without a network", "Error: Time:Thu Jul 12 12:18:24 2018 File:socketio_berkeley.c Func:socketio_open Line:632 Failure: getaddrinfo failure -3.\nError: Time:Thu Jul 12 12:18:24 2018 File:prov_device_ll_client.c Func:on_transport_registration_data Line:454 Failure retrieving data from the provisioning service\ndevice result: PROV_DEVICE_RESULT_TRANSPORT\n", "log line failed to lookup address information"},
	{".NET, a wrong key", "Microsoft.Azure.Devices.Provisioning.Client.ProvisioningTransportException: HTTP transport exception\n ---> Tpm2Lib.TpmException: Error {Binding} was returned for command ActivateCredential.\nDetails:\n[Code=TpmRc.Binding],[RawCode=0x2E5,741]\n[ErrorEntity=Parameter], [ParmNum=2]\n   at Tpm2Lib.Tpm2.ProcessError(TpmSt responseTag, UInt32 responseParamSize, TpmRc resultCode)\n", binding},
	{"iotedge check, behind a proxy", "× host can connect to and perform TLS handshake with DPS endpoint - Error\n    Could not connect to global.azure-devices-provisioning.net : could not complete TLS handshake\n        caused by: error trying to connect: tcp connect error: Connection timed out (os error 110)\n× read all preloaded certificates from the Certificates Service - Error\n    could not load cert with ID \"aziot-edged-trust-bundle\"\n    Caused by:\n        parameter \"id\" has an invalid value\n        caused by: not found\n‼ host can connect to and perform TLS handshake with iothub AMQP port - Warning\n    Could not retrieve iothub_hostname from provisioning file.\n", "log line Connection timed out (os error 110)"},
	{"Windows' events", "Log Name:      System\nSource:        Microsoft-Windows-TPM-WMI\nEvent ID:      1026\nLevel:         Error\nDescription:\nThe Trusted Platform Module (TPM) hardware on this computer cannot be provisioned for use automatically. Error: 0x80284008\n", "Windows 0x80284008 TBS_E_SERVICE_NOT_RUNNING"},
	{"the hub refuses", "<4> 2023-01-11 08:43:41.402 +00:00 [WRN] - Error creating cloud connection for client line-4/sensor\nMicrosoft.Azure.Devices.Client.Exceptions.UnauthorizedException: error(condition:amqp:unauthorized-access,description:Unauthorized access)\n ---> Microsoft.Azure.Amqp.AmqpException: Unauthorized access\n", "log line amqp:unauthorized-access"},
	{"a proxy on this machine that is down", failed + by + "error trying to connect: proxy 127.0.0.1:3128: tcp connect error: Connection refused (os error 111)\n", "log line Connection refused (os error 111)"},
	{"nothing but a first start", first, "log line could not read endorsement key from"},
}

// collected are the forms in which collectors keep a log, line by line.
var collected = map[string]func(line string) string{
	"as it is":          func(s string) string { return s },
	"journalctl":        func(s string) string { return "Nov 25 12:00:20 box-7 " + s },
	"journalctl, ISO":   func(s string) string { return "2026-11-25T12:00:20+0100 box-7 " + s },
	"syslog of RFC5424": func(s string) string { return "<27>1 2026-11-25T12:00:20.404201Z box-7 - - - - " + s },
	"syslog by network": func(s string) string { return "<30>Nov 25 12:00:20 box-7 " + s },
	"colours":           func(s string) string { return "\x1b[0;1;31m\x1b[0;1;39m\x1b[0;1;31m" + s + "\x1b[0m" },
	"CRLF":              func(s string) string { return s + "\r" },
	"mailed":            func(s string) string { return "> " + s },
	"numbered":          func(s string) string { return "  404: " + s },
	"journalctl -o json": func(s string) string {
		program, message := ofProgram(s)
		return fmt.Sprintf(`{"_PID":"404201","_UID":"400","PRIORITY":"3","SYSLOG_IDENTIFIER":%s,"__REALTIME_TIMESTAMP":"1764072001404201","MESSAGE":%s}`, quoted(program), quoted(message))
	},
	"journalctl -o json, as bytes": func(s string) string {
		program, message := ofProgram(s)
		bytes, _ := json.Marshal(numbers("\x1b[1;31m" + message + "\x1b[0m"))
		return fmt.Sprintf(`{"MESSAGE":%s,"_PID":"2466","SYSLOG_IDENTIFIER":%s,"_SYSTEMD_UNIT":"aziot-tpmd.service"}`, bytes, quoted(program))
	},
	"Docker": func(s string) string {
		return fmt.Sprintf(`{"log":%s,"stream":"stderr","time":"2026-11-25T12:00:20.404201331Z"}`, quoted(s+"\n"))
	},
	"docker logs -t": func(s string) string { return "2026-11-25T12:00:20.404201331Z " + s },
	"docker compose": func(s string) string { return "module-1  | " + s },
}

// ofProgram takes "program[1]: message" apart, as the journal does.
func ofProgram(line string) (program, message string) {
	head, message, ok := strings.Cut(line, "]: ")
	program, _, named := strings.Cut(head, "[")
	if !ok || !named || strings.ContainsAny(program, " :") {
		return "", line
	}
	return program, message
}

func quoted(s string) string {
	out, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(out)
}

func numbers(s string) []int {
	var all []int
	for _, b := range []byte(s) {
		all = append(all, int(b))
	}
	return all
}

// TestWholeLogs: of a whole log, with what a healthy machine logs around it, the cause
// comes first, in whatever form the log was kept.
func TestWholeLogs(t *testing.T) {
	for _, tt := range whole {
		parts := strings.Split(strings.TrimSuffix(tt.log, "\n"), "\n")
		lines := append(append(append([]string{}, sound...), parts...), sound[:len(sound)/3]...)
		if n := len(lines); n < 20 || n > 200 {
			t.Errorf("%s: %d lines", tt.name, n)
		}
		for name, keep := range collected {
			var log strings.Builder
			for _, line := range lines {
				log.WriteString(keep(line) + "\n")
			}
			if got := brief(Explain(log.String())); len(got) == 0 || got[0] != tt.want {
				t.Errorf("%s, %s: %q, want %s first", tt.name, name, got, tt.want)
			}
		}
		if got := brief(Explain(tt.log)); len(got) == 0 || got[0] != tt.want {
			t.Errorf("%s, without the rest: %q, want %s first", tt.name, got, tt.want)
		}
	}
}
