package network

import (
	"bytes"
	"strings"
)

// protocols are how protocols begin that are met where a service of
// Azure's was expected: those of proxies, of other servers, of its other ports.
var protocols = []struct{ begin, name string }{
	{"HTTP/", "HTTP"}, {"GET ", "HTTP"}, {"POST ", "HTTP"}, {"PUT ", "HTTP"}, {"HEAD ", "HTTP"}, {"CONNECT ", "HTTP"}, {"OPTIONS ", "HTTP"},
	{"PRI * HTTP/2", "HTTP/2"}, {"RTSP/", "RTSP"}, {"SIP/", "SIP"}, {"ICY ", "Shoutcast"},
	{"AMQP", "AMQP"}, {"SSH-", "SSH"}, {"* OK", "IMAP"}, {"* BYE", "IMAP"}, {"+OK", "POP3"}, {"-ERR", "Redis"}, {"RFB ", "VNC"}, {"INFO {", "NATS"},
	{"220 ", "SMTP or FTP"}, {"220-", "SMTP or FTP"}, {"421 ", "SMTP or FTP"}, {"554 ", "SMTP"}, {"530 ", "FTP"},
	{"\x15\x03", "a TLS alert"}, {"\x16\x03", "TLS inside of TLS"}, {"\x14\x03", "TLS inside of TLS"}, {"\x17\x03", "TLS inside of TLS"},
	{"\x03\x00\x00", "RDP"}, {"\xff\xfb", "Telnet"}, {"\xff\xfc", "Telnet"}, {"\xff\xfd", "Telnet"}, {"\xff\xfe", "Telnet"},
	{"\x05\x00", "SOCKS"}, {"\x05\xff", "SOCKS"}, {"\x00\x00\x00\x04\x00\x00\x00\x00\x00", "HTTP/2"},
	{"<!", "HTML"}, {"<html", "HTML"}, {"<HTML", "HTML"}, {"<?xml", "XML"}, {"<stream", "XMPP"}, {"{\"", "JSON"},
}

// Protocol names what answers by its first bytes, of which there may be a byte
// only: "HTTP (status 400)", "SSH", or "text" where it is text of no protocol that
// is known here; "" if it is not one of these. Nothing of the answer's text is in it,
// since an answer may repeat what it was sent.
func Protocol(begin []byte) string {
	for _, g := range protocols {
		if !bytes.HasPrefix(begin, []byte(g.begin)) {
			continue
		}
		if g.name == "HTTP" {
			return "HTTP" + statusIn(begin)
		}
		if line, _, _ := bytes.Cut(begin, []byte("\n")); g.name == "SMTP or FTP" {
			for _, one := range []string{"SMTP", "FTP"} {
				if bytes.Contains(bytes.ToUpper(line), []byte(one)) {
					return one
				}
			}
		}
		return g.name
	}
	if len(begin) > 4 && bytes.Equal(begin[1:5], []byte("\x00\x00\x00\x0a")) {
		return "MySQL"
	}
	if isText(begin) && len(begin) > 0 {
		return "text"
	}
	return ""
}

// statusIn is the status of an HTTP answer, in brackets.
func statusIn(begin []byte) string {
	_, rest, _ := strings.Cut(string(begin[:min(len(begin), 16)]), " ")
	if len(rest) < 3 || strings.Trim(rest[:3], "0123456789") != "" || !bytes.HasPrefix(begin, []byte("HTTP/")) {
		return ""
	}
	return " (status " + rest[:3] + ")"
}

// isText reports whether all is ASCII text.
func isText(b []byte) bool {
	for _, c := range b {
		if c > '~' || c < ' ' && c != '\r' && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}
