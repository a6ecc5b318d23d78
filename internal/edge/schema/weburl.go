package schema

import (
	"errors"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// webURL is a URL as the url crate of Rust reads it, which follows WHATWG's URL
// standard: the scheme in any case, blanks around it dropped, and for file: and
// http: any number of slashes. IoT Edge reads each URL of the file with it.
type webURL struct {
	scheme string // in small letters
	host   string // without user and port; "" where there is none
	path   string // not decoded
	user   bool   // a user name or a password is there
	port   string
	// opaque: no slash follows the scheme, so that path is not a path.
	opaque bool
	// cut: there is a ? or a #.
	cut bool
}

// The schemes for which the standard has rules of its own.
var specialSchemes = []string{"http", "https", "ws", "wss", "ftp", "file"}

var schemeForm = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*):`)

var withoutBreaks = strings.NewReplacer("\t", "", "\n", "", "\r", "")

// parseURL reads a URL. Its errors do not contain it, as it may hold a password.
func parseURL(text string) (webURL, error) {
	text = strings.TrimFunc(text, func(r rune) bool { return r <= ' ' })
	text = withoutBreaks.Replace(text)
	m := schemeForm.FindStringSubmatch(text)
	if m == nil {
		return webURL{}, errors.New("it is not a URL: there is no scheme, such as file://, at its start")
	}
	u := webURL{scheme: strings.ToLower(m[1])}
	rest := text[len(m[0]):]
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest, u.cut = rest[:i], true
	}
	special := slices.Contains(specialSchemes, u.scheme)
	if special {
		rest = strings.ReplaceAll(rest, `\`, "/")
	}
	switch {
	case u.scheme == "file":
		return u.file(rest), nil
	case special:
		return u.authority(strings.TrimLeft(rest, "/"))
	case strings.HasPrefix(rest, "//"):
		return u.authority(rest[2:])
	}
	u.path, u.opaque = rest, !strings.HasPrefix(rest, "/")
	return u, nil
}

var driveLetter = regexp.MustCompile(`^[A-Za-z][:|]$`)

// file reads what follows file:, where a host is rare and a path always there.
func (u webURL) file(rest string) webURL {
	if host, ok := strings.CutPrefix(rest, "//"); ok {
		rest = ""
		if i := strings.IndexByte(host, '/'); i >= 0 {
			host, rest = host[:i], host[i:]
		}
		if driveLetter.MatchString(host) {
			host, rest = "", "/"+host+rest
		}
		if !strings.EqualFold(host, "localhost") {
			u.host = host
		}
	}
	u.path = "/" + strings.TrimPrefix(rest, "/")
	return u
}

// authority reads user, host and port, and the path that follows them.
func (u webURL) authority(rest string) (webURL, error) {
	host := rest
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		host, u.path = rest[:i], rest[i:]
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host, u.user = host[i+1:], true
	}
	end := strings.LastIndexByte(host, ']') + 1
	if i := strings.IndexByte(host[end:], ':'); i >= 0 && (end > 0 || !strings.HasPrefix(host, "[")) {
		host, u.port = host[:end+i], host[end+i+1:]
	}
	u.host = host
	if n, err := strconv.ParseUint(u.port, 10, 16); u.port != "" && (err != nil || n == 0) {
		return u, errors.New("its port is not a number from 1 to 65535")
	}
	return u, u.checkHost()
}

// notInHost are the characters that the standard forbids in a host.
const notInHost = " #/<>?@[\\]^|"

func (u webURL) checkHost() error {
	special := slices.Contains(specialSchemes, u.scheme)
	host := u.host
	if special {
		host = percentDecode(host)
	}
	bad := errors.New("its host is neither a name nor an IP address")
	switch {
	case host == "" && special:
		return errors.New("it names no host")
	case strings.HasPrefix(host, "["):
		ip, err := netip.ParseAddr(strings.TrimSuffix(host[1:], "]"))
		if err != nil || !ip.Is6() || ip.Zone() != "" || !strings.HasSuffix(host, "]") {
			return bad
		}
	case strings.ContainsAny(host, notInHost), special && strings.ContainsAny(host, "%:"),
		strings.ContainsFunc(host, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return bad
	case special && !validIPv4(host):
		return bad
	}
	return nil
}

// validIPv4 is true for a name, and for numbers that make an address.
func validIPv4(host string) bool {
	parts := strings.Split(strings.TrimSuffix(host, "."), ".")
	last := parts[len(parts)-1]
	if last == "" || strings.Trim(last, "0123456789") != "" {
		return true // a name
	}
	for i, p := range parts {
		limit := uint64(255)
		if i == len(parts)-1 {
			limit = 1<<(8*(5-min(len(parts), 4))) - 1
		}
		if n, err := strconv.ParseUint(p, 0, 64); err != nil || n > limit {
			return false
		}
	}
	return len(parts) <= 4
}

// percentDecode decodes what is percent-encoded, and leaves a % that begins
// nothing as it is.
func percentDecode(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

var errFileForm = errors.New("it must have the form file:///path/to/file")

// FilePath is the path that a file URL names, which IoT Edge opens.
func FilePath(text string) (string, error) {
	u, err := parseURL(text)
	switch {
	case err != nil, u.scheme != "file":
		return "", errFileForm
	case u.host != "":
		return "", errors.New("what follows file:// is the name of a machine; a path on this one needs three slashes: file:///path/to/file")
	case u.cut:
		return "", errors.New("IoT Edge ignores what follows a ? or a #; in a path they are written %3F and %23")
	}
	name := percentDecode(u.path)
	if strings.ContainsRune(name, 0) {
		return "", errFileForm
	}
	return name, nil
}

// checkFileURL accepts what IoT Edge opens as a file.
func checkFileURL(text string) error {
	_, err := FilePath(text)
	return err
}

// checkCertURL and checkDocumentURL are checkFileURL for what the file is.
func checkCertURL(text string) error { return example(checkFileURL(text), "certificate.pem") }

// CheckDocumentURL accepts the file URL of a JSON document.
func CheckDocumentURL(text string) error { return example(checkFileURL(text), "file.json") }

// example names a file of the kind that is wanted.
func example(err error, name string) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.Replace(err.Error(), "/path/to/file", "/path/to/"+name, 1))
}

// checkWebURL accepts the address of an EST server.
func checkWebURL(s string) error {
	u, err := parseURL(s)
	if err == nil && u.scheme != "https" && u.scheme != "http" {
		err = errors.New("it must start with https://")
	}
	return err
}

// IsCleartext reports whether a URL is one of HTTP without TLS.
func IsCleartext(s string) bool {
	u, err := parseURL(s)
	return err == nil && u.scheme == "http"
}

// checkSocketURL accepts where a service of IoT Edge or Docker listens: Connector
// of http-common.
func checkSocketURL(s string) error {
	u, err := parseURL(s)
	switch {
	case err != nil:
		return err
	case u.scheme == "unix" && u.opaque:
		return errors.New("it must have the form unix:///path/to/socket")
	case u.scheme == "unix" && u.host != "" && u.host != "localhost":
		return errors.New("what follows unix:// is the name of a machine; a path needs three slashes: unix:///path/to/socket")
	case u.scheme == "fd" && u.host == "":
		return errors.New("it must have the form fd://name-of-the-systemd-socket")
	case u.scheme != "unix" && u.scheme != "fd" && u.scheme != "http":
		return errors.New("it must start with unix://, fd:// or http://, which are all that IoT Edge can open")
	}
	return nil
}

// CheckEndpoint accepts the origin of an https URL. IoT Edge replaces path and
// query with its own, so others would be lost without a word.
func CheckEndpoint(text string) error {
	u, err := parseURL(text)
	switch {
	case u.scheme != "" && u.scheme != "https", u.scheme == "" && err != nil:
		return errors.New("it must start with https://")
	case err != nil:
		return err
	case u.user:
		return errors.New("it must not hold a user name or password")
	case u.path != "" && u.path != "/" || u.cut:
		return errors.New("it must end after the host and port")
	case strings.Contains(strings.ToLower(u.host), ".azure-devices."):
		return errors.New("it is an IoT Hub; a DPS ends in .azure-devices-provisioning.net")
	}
	return CheckHostname(strings.Trim(u.host, "[]"))
}
