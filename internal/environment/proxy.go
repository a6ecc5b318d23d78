package environment

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/net/idna"
)

// Proxies say which proxy leads to a service. The zero value means none.
type Proxies struct {
	forURL func(*url.URL) (*url.URL, error)
	secure string // the variable that names the proxy for https
}

// The variables of a proxy, in the order in which they count: what curl, Python and
// Go have in common.
var (
	forHTTPS = []string{"https_proxy", "HTTPS_PROXY"}
	forHTTP  = []string{"http_proxy", "HTTP_PROXY"}
	without  = []string{"no_proxy", "NO_PROXY"}
	forAll   = []string{"all_proxy", "ALL_PROXY"}
)

// ProxyVariables are the names of all variables that may hold a proxy's address,
// with name and password.
func ProxyVariables() []string {
	return []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"}
}

// Proxies reads HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in small letters, too. One that
// cannot be read is an [Error], whatever the service: a connection must not go around
// a proxy because its address has a blank too many.
//
// ALL_PROXY is not read. The note says so where it is the only one that is set.
func (v Variables) Proxies() (_ Proxies, note string, err error) {
	var config httpproxy.Config
	var p Proxies
	secure, named := v.First(forHTTPS...)
	if named {
		if config.HTTPSProxy, err = secure.proxy(); err != nil {
			return p, "", err
		}
		p.secure = secure.Variable
	}
	if plain, set := v.First(forHTTP...); set {
		if config.HTTPProxy, err = plain.proxy(); err != nil {
			return p, "", err
		}
	}
	if except, set := v.First(without...); set {
		if config.NoProxy, err = except.patterns(); err != nil {
			return p, "", err
		}
	}
	p.forURL = config.ProxyFunc()
	if all, set := v.First(forAll...); set && !named {
		note = all.Variable + " is not read; to use a proxy, set HTTPS_PROXY"
	}
	return p, note, nil
}

// ProxyVariable is the variable that names the proxy for https, as it is set;
// HTTPS_PROXY if none does.
func (v Variables) ProxyVariable() string {
	if s, set := v.First(forHTTPS...); set {
		return s.Variable
	}
	return forHTTPS[1]
}

// For returns the proxy for a service; nil means none. NO_PROXY counts, and nothing of
// this machine itself (localhost, 127.0.0.1) is reached through a proxy.
func (p Proxies) For(service *url.URL) *url.URL {
	if p.forURL == nil {
		return nil
	}
	proxy, err := p.forURL(service)
	if err != nil {
		return nil // only for a program that a web server starts
	}
	return proxy
}

// Secure is the variable that names the proxy for https; "" if there is none.
func (p Proxies) Secure() string { return p.secure }

const proxyForm = "write http://HOST:PORT; a login goes before HOST: NAME, a colon, PASSWORD and an @"

const proxyEscapes = "in NAME and PASSWORD, write each character that is not a letter, a digit or one of - . _ ~ as % and its two hex digits: " +
	`\ is %5C, @ is %40, : is %3A, / is %2F, # is %23, ? is %3F, % is %25`

// proxy is the address of a proxy, as a URL. What is accepted is less than what
// net/url accepts: a sign in a password that belongs escaped ends the host's name
// there, and the rest of the password becomes a path that nobody looks at.
func (s Setting) proxy() (string, error) {
	if reason := dressed(s.Value); reason != "" {
		return "", s.invalid(reason, howToSet)
	}
	scheme, rest, found := strings.Cut(s.Value, "://")
	if !found {
		scheme, rest = "http", s.Value
		if first, _, set := strings.Cut(rest, "="); set && slices.Contains([]string{"http", "https", "ftp", "socks"}, strings.ToLower(first)) {
			return "", s.invalid("it is written in the form of Windows' own settings", proxyForm)
		}
		if first, _, _ := strings.Cut(rest, ":"); strings.EqualFold(first, "http") || strings.EqualFold(first, "https") {
			return "", s.invalid("the two slashes after its http: are missing", proxyForm)
		}
	}
	if scheme = strings.ToLower(scheme); scheme != "http" && scheme != "https" {
		reason := "it does not begin with http:// or https://"
		if strings.HasPrefix(scheme, "socks") {
			reason = "it names a SOCKS proxy, and only HTTP proxies are supported"
		}
		return "", s.invalid(reason, proxyForm)
	}
	login, address := "", rest
	at := strings.LastIndexByte(rest, '@')
	if at >= 0 {
		login, address = rest[:at], rest[at+1:]
	}
	u := &url.URL{Scheme: scheme}
	var reason string
	if at >= 0 {
		if u.User, reason = proxyLogin(login); reason != "" {
			return "", s.invalid(reason, proxyEscapes)
		}
	}
	if u.Host, reason = proxyHost(strings.TrimSuffix(address, "/")); reason != "" {
		return "", s.invalid(reason, proxyForm+"; "+proxyEscapes)
	}
	return u.String(), nil
}

// proxyLogin reads NAME:PASSWORD.
func proxyLogin(login string) (_ *url.Userinfo, reason string) {
	const notEscaped = "a character in its name or password has to be escaped"
	if strings.ContainsFunc(login, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("/?#\\\"<>[]^`{|}", r) }) {
		return nil, notEscaped
	}
	name, password, found := strings.Cut(login, ":")
	plainName, err := url.PathUnescape(name)
	plainPassword, err2 := url.PathUnescape(password)
	switch {
	case err != nil || err2 != nil:
		return nil, "a % in its name or password is not followed by two hex digits"
	case strings.ContainsRune(plainName, ':'):
		return nil, "there is a colon in its name, which cannot be sent to a proxy" // RFC 7617, 2
	case strings.ContainsFunc(plainName+plainPassword, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return nil, "there is a control character in its name or password"
	case !found:
		return url.User(plainName), ""
	}
	return url.UserPassword(plainName, plainPassword), ""
}

// proxyHost reads HOST or HOST:PORT. Without a port it is the scheme's.
func proxyHost(address string) (_, reason string) {
	host, port := address, ""
	if end := strings.LastIndexByte(address, ':'); end > strings.LastIndexByte(address, ']') {
		host, port = address[:end], address[end+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", "what follows the last colon is not a port"
		}
		port = ":" + port
	}
	if inner, found := strings.CutPrefix(host, "["); found {
		inner, closed := strings.CutSuffix(inner, "]")
		if ip, err := netip.ParseAddr(inner); !closed || err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", "what is in brackets is not an IPv6 address"
		}
		return host + port, ""
	}
	switch {
	case host == "":
		return "", "it has no host"
	case strings.ContainsRune(host, ':'):
		return "", "there is more than one colon in its host and port; an IPv6 address must be in brackets"
	}
	if host, ok := hostName(host); ok {
		return host + port, ""
	}
	return "", "what should be its host is not a host's name"
}

// hostName is a name of DNS, or an IPv4 address, in ASCII.
func hostName(host string) (string, bool) {
	ascii, err := idna.Punycode.ToASCII(host)
	if err != nil || ascii == "" || len(ascii) > 253 || strings.Contains(ascii, "..") || strings.HasPrefix(ascii, ".") {
		return "", false
	}
	odd := strings.ContainsFunc(ascii, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_')
	})
	bare := strings.TrimSuffix(ascii, ".") // the dot says that the name is a whole one
	last := bare[strings.LastIndexByte(bare, '.')+1:]
	digits := strings.Trim(last, "0123456789") == "" // no domain at the top is a number
	if _, err := netip.ParseAddr(ascii); odd || digits && err != nil {
		return "", false
	}
	return ascii, true
}

// Unreadable says why a text is not a proxy's address; "" is for one that is.
func Unreadable(address string) string {
	if address == "" {
		return "it is empty"
	}
	var wrong *Error
	if _, err := (Setting{Value: address}).proxy(); errors.As(err, &wrong) {
		return wrong.Reason
	}
	return ""
}

// SplitLogin takes a proxy's address apart, in every form in which people write it:
// also without a scheme, and with signs in the password that belong escaped.
func SplitLogin(address string) (scheme, login, rest string) {
	at := strings.LastIndex(address, "@")
	if at < 0 {
		return "", "", address
	}
	login, rest = address[:at], address[at+1:]
	if i := strings.Index(login, "://"); i >= 0 {
		scheme, login = login[:i+3], login[i+3:]
	}
	return scheme, login, rest
}
