package environment

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

const patternForm = "write hosts, .domains, addresses and networks, separated by commas: localhost,.example.com,10.0.0.5,10.0.0.0/8; * is every host"

// patterns reads NO_PROXY, and returns it as httpproxy has it. That package leaves
// out what it cannot read, and what it leaves out is then reached through the proxy.
func (s Setting) patterns() (string, error) {
	if inner := strings.Trim(s.Value, " \t,"); inner != "" && dressed(inner) != "" { // blanks between patterns are usual
		return "", s.invalid(dressed(inner), howToSet)
	}
	var read []string
	for i, text := range strings.Split(s.Value, ",") {
		pattern := strings.TrimSpace(text)
		if pattern == "" {
			continue
		}
		normal, ok := noProxyPattern(pattern)
		if !ok {
			return "", s.invalid("its pattern "+strconv.Itoa(i+1)+" is not a host, a domain, an address or a network", patternForm)
		}
		read = append(read, normal)
	}
	return strings.Join(read, ","), nil
}

func noProxyPattern(text string) (string, bool) {
	if text == "*" {
		return text, true
	}
	if strings.ContainsRune(text, '/') {
		_, err := netip.ParsePrefix(text)
		return text, err == nil
	}
	if inner, found := strings.CutPrefix(text, "["); found && strings.HasSuffix(inner, "]") {
		text = strings.TrimSuffix(inner, "]")
	}
	if ip, err := netip.ParseAddr(text); err == nil {
		return text, ip.Zone() == ""
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = text, ""
	} else if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", false
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return text, ip.Zone() == ""
	}
	prefix := ""
	switch {
	case strings.HasPrefix(host, "*."):
		prefix, host = "*.", host[2:]
	case strings.HasPrefix(host, "."):
		prefix, host = ".", host[1:]
	}
	name, ok := hostName(strings.TrimSuffix(host, "."))
	if port != "" {
		port = ":" + port
	}
	return prefix + name + port, ok
}
