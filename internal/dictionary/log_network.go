package dictionary

// networkLines say that there is no connection.
var networkLines = []Entry{
	{kindLog, lineName, "", "the name of the service does not resolve", "no name server, no network yet, or a private network that does not know public names", "check the name servers (resolvectl status) and the name in global_endpoint; tpmdps verify tries it at the step net.dns", []string{"iotedge issues 557, 2588, 4580"}},
	{kindLog, lineRefused, "", "nothing listens at the address", "to a service: a proxy or a firewall refuses, or the address is wrong. Between IoT Edge's own services, as in a line of aziot-edged: the other service is down", doPath + "; for IoT Edge's own services: sudo iotedge system status", []string{"iot-identity-service issue 613", "iotedge issue 6936"}},
	{kindLog, lineReset, "", "the other side ended the connection", "to a service: a firewall, a proxy, or a service that accepts no connection of this kind. Between IoT Edge's own services, as in a line of aziot-edged: the other service ended", doPath + "; for IoT Edge's own services: sudo iotedge system logs", []string{"iot-identity-service issue 613", "azure-iot-cli-extension issue 732"}},
	{kindLog, lineTimedOut, "", "there was no answer in time", "a firewall that drops packets, a proxy that was not named, or no network", doPath, []string{"iotedge issues 1586, 6449"}},
	{kindLog, lineUnreachable, "", "this machine has no route to the service", "no address or no gateway on the network card; IPv6 without a way out", "look at the addresses and routes: ip addr, ip route; then tpmdps verify", []string{"Linux, errno 101 (ENETUNREACH)"}},
	{kindLog, lineNoRoute, "", "a router or a firewall says that there is no way to the service", "a firewall that rejects, or a gateway that is down", doPath, []string{"Linux, errno 113 (EHOSTUNREACH)"}},
}

// tlsLines say that what answers is not trusted, or is not the service.
var tlsLines = []Entry{
	{kindLog, lineIssuer, "", "the service's certificate comes from an authority that this machine does not know", "a proxy that inspects TLS, or a machine without current root certificates", doRoot + "; otherwise install the package ca-certificates", []string{"iot-identity-service issue 638", "azure-iot-explorer issue 604"}},
	{kindLog, lineSelfSigned, "", "the chain of the service's certificate ends in a root that this machine does not trust", "a proxy that inspects TLS: DPS and IoT Hub never show such a chain", doRoot, []string{"iotedge issue 6877"}},
	{kindLog, lineExpired, "", "the service's certificate is not valid at the time that this machine's clock shows", "most often a wrong clock: an empty battery, or no network for the time service", "set the clock: sudo timedatectl set-ntp true; tpmdps verify shows both clocks", []string{"OpenSSL, x509_txt.c"}},
	{kindLog, lineOtherName, "", "the certificate is for another name than the one that was asked for", "a proxy or a captive portal answers, or the name in global_endpoint is wrong", "open the address in a browser on this network; compare global_endpoint with the portal; tpmdps verify names what answers", []string{"iotedge issue 6930"}},
	{kindLog, "Time on the device is out of sync with the NTP server", "", "this machine's clock is wrong", "an empty battery, or no network for the time service; DPS tolerates five minutes", "set the clock: sudo timedatectl set-ntp true; tpmdps verify shows both clocks", []string{"iot-identity-service, aziotctl, check host_local_time.rs"}},
	{kindLog, "certificate verify failed", "", "the service's certificate could not be checked; the words after it say why", "a proxy that inspects TLS, a machine without current root certificates, or a wrong clock", doRoot + "; look at the clock: timedatectl", []string{"azure-iot-sdk-c issue 2398", "azure-iot-sdk-python issue 960"}},
	{kindLog, linePlain, "", "what answers does not speak TLS", "a proxy that answers in plain text, https:// in HTTPS_PROXY where the proxy speaks http, or a wrong port", "look at HTTPS_PROXY (most proxies are http://HOST:PORT) and at the port; tpmdps verify names what answers", []string{"iotedge issue 5186"}},
	{kindLog, "invalid Content-Type; expected JSON", "", "something other than DPS answered: a web page instead of JSON", "a captive portal, the error page of a proxy, or a global_endpoint that is not a DPS", "log in to the portal, or have the proxy let through global.azure-devices-provisioning.net; tpmdps verify shows what came", []string{"iot-identity-service, http-common/src/request.rs"}},
}
