package network

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// What does not speak TLS is named by its first bytes, and not waited for: the
// connection stays open after them.
func TestOtherProtocolsAreNamed(t *testing.T) {
	for answer, want := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n\r\n": "HTTP (status 400)",
		"HTTP/1.0 30":                      "HTTP",
		"H":                                "text",
		"SSH-2.0-OpenSSH_9.2\r\n":          "SSH",
		"220 mail.test ESMTP\r\n":          "SMTP",
		"220-ftp.test FTP\r\n":             "FTP",
		"220 ready\r\n":                    "SMTP or FTP",
		"AMQP\x00\x01\x00\x00":             "AMQP",
		"+OK\r":                            "POP3",
		"+":                                "text",
		"RFB 003.008\n":                    "VNC",
		"\x20\x02\x00\x00":                 "something that begins with 20 02 00 00",
		"\x00":                             "something that begins with 00",
		"\x80\x2e\x01\x00\x02":             "something that begins with 80 2e 01 00",
		"\xff\xfd\x18":                     "Telnet",
		"<html>":                           "HTML",
		"\x4a\x00\x00\x00\x0a8.0":          "MySQL",
		"SharedAccessSignature sr=h&sig=c2VjcmV0&se=1": "text",
	} {
		address := listen(t, func(c net.Conn) {
			c.Read(make([]byte, 1))
			io.WriteString(c, answer)
			io.Copy(io.Discard, c)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // ends a hang
		defer cancel()
		_, err := walk(ctx, route(t, address, x509.NewCertPool()))
		if !errors.Is(err, ErrTLS) || !strings.HasSuffix(err.Error(), "does not speak TLS: it answers with "+want) {
			t.Errorf("%.12q: %v, want %q", answer, err, want)
		}
	}
}
