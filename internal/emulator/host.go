package emulator

import (
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"strings"

	"tpmdps/internal/emulator/rest"
)

// errMisdirected is for a request by a name that is not the emulator's.
var errMisdirected = rest.Refuse(codeMisdirected, "The name in the Host header is not a name of this emulator.")

// checkSource refuses what a page in a browser could send. A page of another
// origin says so in its headers; one whose own name was made to resolve to this
// machine (DNS rebinding) comes by that name.
func (s *Server) checkSource(hr *http.Request) error {
	if s.leaf != nil && !s.isNamed(hr.Host) { // nil: answering in this process only
		return errMisdirected
	}
	site := hr.Header.Get("Sec-Fetch-Site")
	if site == "cross-site" || site == "same-site" {
		return rest.Refuse(codeForbidden, "This emulator answers no page of another site.")
	}
	for _, origin := range hr.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "https" || u.Host == "" || !strings.EqualFold(withoutHTTPSPort(u.Host), withoutHTTPSPort(hr.Host)) {
			return rest.Refuse(codeForbidden, "This emulator answers no page of another origin.")
		}
	}
	return nil
}

// isNamed reports whether the emulator is called so: by a name that is in its
// certificate, or that it gave itself.
func (s *Server) isNamed(host string) bool {
	host = strings.ToLower(withoutPort(host))
	for _, own := range []string{s.Host(), s.opts.Hub} {
		if own != "" && host == strings.ToLower(withoutPort(own)) {
			return true
		}
	}
	return inCertificate(s.leaf, host)
}

func inCertificate(leaf *x509.Certificate, host string) bool {
	return host != "" && leaf.VerifyHostname(host) == nil
}

// withoutHTTPSPort makes two spellings of one origin the same.
func withoutHTTPSPort(host string) string {
	if name, port, err := net.SplitHostPort(host); err == nil && port == httpsPort {
		return strings.Trim(name, "[]")
	}
	return host
}
