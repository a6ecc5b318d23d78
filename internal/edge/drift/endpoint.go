package drift

import (
	"cmp"
	"net"
	"regexp"
	"strings"

	"tpmdps/internal/check"
	"tpmdps/internal/edge"
	"tpmdps/internal/text"
)

// ScopeName is what the ID scope is called among what was not compared.
const ScopeName = "ID scope"

// NotCompared names what was not compared: the ticks that were skipped, and the
// file's ID scope, which the service API does not tell. add is what to do about the
// first of them.
func (f Facts) NotCompared(ticks []Tick) (names []string, add string) {
	names, add = NotCompared(ticks)
	if f.IDScope == "" {
		return names, add
	}
	return append(names, ScopeName), cmp.Or(add, "tpmdps verify"+edge.VerifyFlag(f.File)+" proves it")
}

// azureDPS is a host of DPS: of the devices or of one service, in the cloud that its
// end names.
var azureDPS = regexp.MustCompile(`^([a-z0-9-]+)\.(azure-devices-provisioning\.[a-z.]+)$`)

// differentService compares the two ends of DPS: where the file has the device register,
// and whose enrollments were looked at. sure is false where the one may be another
// name of the other.
func differentService(endpoint, service string) (differs, sure bool) {
	device, devicePort := hostAndPort(endpoint)
	asked, askedPort := hostAndPort(service)
	d, s := azureDPS.FindStringSubmatch(device), azureDPS.FindStringSubmatch(asked)
	switch {
	case device == "" || asked == "" || device == asked && devicePort == askedPort:
		return false, false
	case device == asked: // two servers of one machine
		return true, true
	case d != nil && d[1] == "global":
		return s == nil || s[2] != d[2], s != nil
	}
	return true, d != nil && s != nil
}

// hostAndPort takes an https URL or a host apart.
func hostAndPort(text string) (host, port string) {
	text = strings.ToLower(strings.TrimSpace(text))
	text = strings.TrimRight(strings.TrimPrefix(text, "https://"), "/")
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = text, "443"
	}
	return strings.TrimSuffix(strings.Trim(host, "[]"), "."), port
}

// atEndpoint says which DPS was asked, and where that is not the one at which the
// file has the device register: then nothing that it said is about this file.
func (f Facts) atEndpoint(t Tick) Tick {
	if f.DPS == "" {
		return t
	}
	t.Detail += " (DPS asked: " + f.DPS + ")"
	differs, sure := differentService(f.Endpoint, f.DPS)
	if f.Service == nil || !differs {
		return t
	}
	where := "the file has the device register at " + endpointHost(f.Endpoint)
	fix := "give the credential of the file's DPS, or correct the endpoint: tpmdps config --global-endpoint URL" + edge.FileFlag(f.File)
	if sure {
		t.Status, t.Hint = check.Fail, fix
		t.Detail = where + ", and that is another DPS than the one that was asked; " + t.Detail
		return t
	}
	t.Hint = cmp.Or(t.Hint, fix)
	t.Detail += "; " + where + ", which may be another DPS"
	if t.Status == check.OK {
		t.Status = check.Warn
	}
	return t
}

// endpointHost is an endpoint without what all of them have.
func endpointHost(url string) string {
	return text.Printable(strings.TrimRight(strings.TrimPrefix(url, "https://"), "/"), 100)
}
