package dps

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"tpmdps/internal/text"
)

// ErrEndpoint is returned, wrapped with the reason, for a text that names no
// DPS endpoint.
var ErrEndpoint = errors.New("invalid DPS endpoint")

// DefaultDeviceEndpoint is where machines register in the public cloud,
// whichever DPS they belong to: the ID scope in the path says which.
const DefaultDeviceEndpoint = "https://global.azure-devices-provisioning.net"

const serviceDomain = ".azure-devices-provisioning.net"

// ServiceEndpoint turns what people call a DPS into the URL of its service API:
// NAME, HOST, HOST:PORT or an https URL. A NAME is completed with the public
// cloud's domain; for other clouds give the HOST.
func ServiceEndpoint(dps string) (string, error) {
	endpoint, err := parseEndpoint(dps)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(endpoint, "https://global.azure-devices-provisioning.") {
		return "", fmt.Errorf("%w %q: that is the endpoint of the devices; the service endpoint is NAME%s, on the overview page of the DPS",
			ErrEndpoint, text.Printable(dps, 80), serviceDomain)
	}
	return endpoint, nil
}

// DeviceEndpoint does the same for the device API. An empty text is
// [DefaultDeviceEndpoint].
func DeviceEndpoint(dps string) (string, error) {
	if strings.TrimSpace(dps) == "" {
		return DefaultDeviceEndpoint, nil
	}
	return parseEndpoint(dps)
}

// The forms of a DPS's name and of a host name, and how long they may be.
var (
	dpsName  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$`)
	hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
)

const (
	maxDPSName  = 64
	maxHostName = 253 // RFC 1035, 2.3.4
)

func isDPSName(text string) bool { return len(text) <= maxDPSName && dpsName.MatchString(text) }

func isHostName(text string) bool { return len(text) <= maxHostName && hostName.MatchString(text) }

func parseEndpoint(s string) (string, error) {
	s = strings.TrimSpace(s)
	// A connection string holds a key: it must not be repeated in an error.
	if strings.Contains(strings.ToLower(s), "sharedaccess") {
		return "", fmt.Errorf("%w: that is a credential; here only the name or host of the DPS is wanted", ErrEndpoint)
	}
	host, err := endpointHost(s)
	if err != nil {
		return "", fmt.Errorf("%w %q: %w", ErrEndpoint, text.Printable(s, 80), err)
	}
	return "https://" + host, nil
}

// endpointHost returns the host, with its port if one was given.
func endpointHost(text string) (string, error) {
	switch {
	case text == "":
		return "", errors.New("it is empty")
	case isDPSName(text) && !strings.EqualFold(text, "localhost"):
		return strings.ToLower(text) + serviceDomain, nil
	case !strings.Contains(text, "://"):
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", errors.New("it is neither a name, a host nor a URL")
	}
	switch {
	case u.Scheme != "https":
		return "", errors.New("use https: a DPS accepts no other protocol")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return "", errors.New("it may only have a scheme, a host and a port")
	case u.Path != "" && u.Path != "/":
		return "", errors.New("it must not have a path")
	}
	return checkHost(u)
}

func checkHost(u *url.URL) (string, error) {
	host := strings.ToLower(u.Hostname())
	switch {
	case !isHostName(host) && net.ParseIP(host) == nil:
		return "", errors.New("it has no valid host name")
	case isHub(host):
		return "", errors.New("that is an IoT Hub; a DPS ends in " + serviceDomain)
	case strings.HasSuffix(host, ".azure-devices-provisioning"):
		return "", errors.New("the end of the host name is missing, such as .net")
	}
	if _, port, found := strings.Cut(u.Host[strings.LastIndex(u.Host, "]")+1:], ":"); found {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return "", errors.New("its port is not a number from 1 to 65535")
		}
	}
	return strings.ToLower(u.Host), nil
}

// isHub reports whether a host is an IoT Hub of any cloud, such as
// name.azure-devices.net or name.azure-devices.us.
func isHub(host string) bool {
	return strings.Contains(strings.ToLower(host), ".azure-devices.")
}
