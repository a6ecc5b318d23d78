package dictionary

import (
	"strings"
)

// form is a shape of text that stands for a log line, where its words alone would
// be too many programs', or have something between them that differs.
type form struct {
	example string   // a text of this shape, as the page shows it
	words   []string // as of a [finder]
	pattern *pattern
	code    string // of the line that it stands for
	from    string
	// anywhere: other programs say it of their own connections. In a log the line has
	// to name something on the way to DPS or the hub.
	anywhere bool
}

// Sources of forms.
const (
	goNet     = "Go, net and crypto/tls; iotedge issue 5419"
	pythonOS  = "Python, errno and ssl"
	dotnetNet = ".NET, SocketException and AuthenticationException"
	javaNet   = "Java, java.net and sun.security.validator"
	curlNet   = "curl, libcurl error codes"
)

// forms are all of them. What they stand for says the rest.
var forms = []form{
	{"open /dev/tpmrm0: permission denied", []string{"/dev/tpm"}, newPattern(`(?i)/dev/tpm(?:rm)?[0-9]\W{1,4}(?:permission denied|no such file or directory|no such device|device or resource busy|operation not permitted)`), lineOpen, "ssh-tpm-agent issue 49; tailscale issue 17882", false},
	{"[Errno 13] Permission denied: '/dev/tpmrm0'", []string{"/dev/tpm"}, newPattern(`(?i)(?:permission denied|no such file or directory|device or resource busy)\W{1,6}/dev/tpm(?:rm)?[0-9]\b`), lineOpen, "Python, OSError", false},
	{"aziot-edged[7]: [ERR!] - Failed to load settings", []string{"load settings", "could not read config"}, newPattern(`(?i)\b(?:aziot|iotedge)[^\n]{0,120}\b(?:(?:failed to|could not) load settings|could not read config\b)`), lineSettings, "iotedge issue 6824", false},
	{"aziot-keyd[7]: [ERR!] - could not generate key", []string{"could not "}, newPattern(`(?i)(?:\b(?:aziot-)?keyd\b[^\n]{0,120}|caused by: )could not (?:generate|load|import|create|move|derive) key(?: pair)?\b`), lineKeyPair, "iot-identity-service issue 122", false},
	{"could not set pkcs11_lib_path parameter on library", []string{"parameter on library"}, newPattern(`(?i)could not set \w+ parameter on library`), lineKeysLibrary, "iot-identity-service issue 120", false},
	{"!!! internal error", []string{"!!! internal error"}, newPattern(`!!! internal error`), lineInternal, "iotedge issue 6835", false},
	{"aziot-tpmd Down - activating", []string{"down - "}, newPattern(`(?i)\baziot-\w+(?:\.service)?:? +down - \w+`), lineBadState, "iotedge issue 6658", false},
	{"Container on the default network could not connect to", []string{"container on the"}, newPattern(`(?i)container on the \S+ network could not connect to`), lineContainer, "iotedge issue 5419", false},

	{"dial tcp: lookup global.azure-devices-provisioning.net: no such host", []string{"lookup "}, newPattern(`(?i)\blookup \S{1,255}?:? [^\n]{0,80}(?:no such host|server misbehaving|i/o timeout)`), lineName, goNet, true},
	{"dial tcp 10.0.0.1:443: connect: connection refused", []string{"dial tcp"}, newPattern(`(?i)\bdial tcp\b[^\n]{0,120}: connection refused`), lineRefused, goNet, true},
	{"read tcp 10.0.0.4:1->10.0.0.1:443: read: connection reset by peer", []string{"tcp "}, newPattern(`(?i)\b(?:read|write|dial) tcp\b[^\n]{0,120}: connection reset by peer`), lineReset, goNet, true},
	{"dial tcp 10.0.0.1:443: i/o timeout", []string{"tcp ", "tls handshake timeout", "client.timeout"}, newPattern(`(?i)\b(?:read|dial) tcp (?:\[[0-9a-f:]+\]|[0-9])[^\n]{0,80}: (?:i/o timeout|connect: connection timed out)|net/http: TLS handshake timeout|Client\.Timeout exceeded`), lineTimedOut, goNet, true},
	{"dial tcp 10.0.0.1:443: connect: network is unreachable", []string{"dial tcp"}, newPattern(`(?i)\bdial tcp\b[^\n]{0,120}: network is unreachable`), lineUnreachable, goNet, true},
	{"dial tcp 10.0.0.1:443: connect: no route to host", []string{"dial tcp"}, newPattern(`(?i)\bdial tcp\b[^\n]{0,120}: no route to host`), lineNoRoute, goNet, true},
	{"x509: certificate signed by unknown authority", []string{"x509:"}, newPattern(`(?i)x509: certificate signed by unknown authority`), lineIssuer, goNet, true},
	{"x509: certificate has expired or is not yet valid", []string{"x509:"}, newPattern(`(?i)x509: certificate has expired or is not yet valid`), lineExpired, goNet, true},
	{"x509: certificate is valid for a.example, not b.example", []string{"x509:"}, newPattern(`(?i)x509: certificate is (?:valid for [^\n]{1,255}|not valid for any names)`), lineOtherName, goNet, true},
	{"http: server gave HTTP response to HTTPS client", []string{"gave http response"}, newPattern(`(?i)server gave HTTP response to HTTPS client`), linePlain, goNet, true},

	{"[Errno 111] Connection refused", []string{"errno 111"}, newPattern(`(?i)\berrno 111\]`), lineRefused, pythonOS, true},
	{"[Errno 104] Connection reset by peer", []string{"errno 104"}, newPattern(`(?i)\berrno 104\]`), lineReset, pythonOS, true},
	{"[Errno 110] Connection timed out", []string{"errno 110", "winerror 10060"}, newPattern(`(?i)\berrno 110\]|WinError 10060`), lineTimedOut, pythonOS, true},
	{"[Errno 101] Network is unreachable", []string{"errno 101"}, newPattern(`(?i)\berrno 101\]`), lineUnreachable, pythonOS, true},
	{"[Errno 113] No route to host", []string{"errno 113"}, newPattern(`(?i)\berrno 113\]`), lineNoRoute, pythonOS, true},
	{"[Errno 11001] getaddrinfo failed", []string{"errno 11001", "nameresolutionerror"}, newPattern(`(?i)\berrno 11001\]|NameResolutionError`), lineName, pythonOS, true},

	{"SocketException (111): Connection refused", []string{"socketexception"}, newPattern(`(?i)SocketException \((?:111|10061)\)`), lineRefused, dotnetNet, true},
	{"SocketException (110): Connection timed out", []string{"socketexception"}, newPattern(`(?i)SocketException \((?:110|10060)\)`), lineTimedOut, dotnetNet, true},
	{"SocketException (11001): No such host is known", []string{"socketexception", "no such host is known"}, newPattern(`(?i)SocketException \((?:11001|00000001, 11|0xFFFDFFFF)\)|No such host is known`), lineName, dotnetNet, true},
	{"SocketException (10054): An existing connection was forcibly closed by the remote host", []string{"socketexception", "forcibly closed by the remote host"}, newPattern(`(?i)SocketException \((?:104|10054)\)|connection was forcibly closed by the remote host`), lineReset, dotnetNet + "; azure-iot-sdk-csharp issue 1070", true},
	{"SocketException (101): Network is unreachable", []string{"socketexception"}, newPattern(`(?i)SocketException \((?:101|10051)\)`), lineUnreachable, dotnetNet, true},
	{"SocketException (113): No route to host", []string{"socketexception"}, newPattern(`(?i)SocketException \((?:113|10065)\)`), lineNoRoute, dotnetNet, true},
	{"The remote certificate is invalid", []string{"the remote certificate"}, newPattern(`(?i)The remote certificate (?:is invalid|was rejected)`), "certificate verify failed", dotnetNet, true},

	{"java.net.ConnectException: Connection refused", []string{"connectexception"}, newPattern(`(?i)java\.net\.ConnectException: Connection refused`), lineRefused, javaNet, true},
	{"java.net.SocketException: Connection reset", []string{"java.net.socketexception"}, newPattern(`(?i)java\.net\.SocketException: Connection reset`), lineReset, javaNet, true},
	{"java.net.UnknownHostException: global.azure-devices-provisioning.net", []string{"unknownhostexception"}, newPattern(`(?i)java\.net\.UnknownHostException`), lineName, javaNet, true},
	{"java.net.SocketTimeoutException: connect timed out", []string{"sockettimeoutexception"}, newPattern(`(?i)java\.net\.SocketTimeoutException`), lineTimedOut, javaNet, true},
	{"PKIX path building failed: unable to find valid certification path to requested target", []string{"pkix", "valid certification path"}, newPattern(`(?i)PKIX path building failed|unable to find valid certification path to requested target`), lineIssuer, javaNet, true},

	{"curl: (6) Could not resolve host: global.azure-devices-provisioning.net", []string{"curl: ("}, newPattern(`(?i)\bcurl: \([56]\)`), lineName, curlNet, true},
	{"curl: (7) Failed to connect to global.azure-devices-provisioning.net port 443: Connection refused", []string{"curl: ("}, newPattern(`(?i)\bcurl: \(7\)`), lineRefused, curlNet, true},
	{"curl: (28) Connection timed out", []string{"curl: ("}, newPattern(`(?i)\bcurl: \(28\)`), lineTimedOut, curlNet, true},
	{"curl: (60) SSL certificate problem", []string{"curl: ("}, newPattern(`(?i)\bcurl: \(60\) SSL certificate problem`), "certificate verify failed", curlNet, true},
}

// onTheWay is what a line about DPS, the hub or IoT Edge names.
var onTheWay = newPattern(`(?i)azure|iot|\bdps\b|provision|edge|hub\b|tpmdps|mcr\.microsoft|docker|moby`)

// formed finds the forms in a text.
func formed(s scan) []hit {
	log := strings.Contains(s.text, "\n")
	var found []hit
	for _, f := range forms {
		for _, m := range s.matches(f.pattern, f.words) {
			if line, _ := lineAt(s.text, m[0]); f.anywhere && log && !onTheWay.compiled().MatchString(line) {
				continue
			}
			if e, depth, ok := lineCoded(f.code); ok {
				found = append(found, hit{e, m[0], depth, true})
			}
		}
	}
	return found
}
