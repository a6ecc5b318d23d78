package operator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"tpmdps/internal/dps"
	"tpmdps/internal/network"
	"tpmdps/internal/redact"
	"tpmdps/internal/text"
)

// aadsts maps the codes of Entra ID to reasons, after its reference of AADSTS error
// codes.
var aadsts = map[int]Reason{
	50020: wrongTenant, 50059: wrongTenant, 50194: wrongTenant, 90002: wrongTenant, 90072: wrongTenant,
	700016: wrongTenant, 900021: wrongTenant, 900023: wrongTenant, 900971: wrongTenant,
	50078: loginExpired, 50089: loginExpired, 50132: loginExpired, 50133: loginExpired, 50173: loginExpired,
	70008: loginExpired, 70043: loginExpired, 700082: loginExpired, 700084: loginExpired, 70020: loginExpired,
	50034: noLogin, 50058: noLogin,
	7000215: appSecret, 7000222: appSecret, 7000218: appSecret, 700027: appSecret, 700023: appSecret,
	700211: appSecret, 700212: appSecret, 700213: appSecret, 70021: appSecret, 50012: appSecret, 7000112: appSecret,
	700024: loginClock, 500133: loginClock,
	500011: otherAudience, 650057: otherAudience, 65001: otherAudience, 70011: otherAudience, 1002012: otherAudience,
	50076: conditional, 50079: conditional, 50105: conditional, 53000: conditional, 53001: conditional,
	53003: conditional, 50158: conditional, 530003: conditional,
}

var aadstsCode = regexp.MustCompile(`AADSTS(\d{4,8})`)

// explain puts a [Reason] before an error of azidentity, whose report runs over many
// lines and repeats itself.
func (in *signIn) explain(err error) error {
	var failed *azidentity.AuthenticationFailedError
	var unreached net.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("sign in: %w", err)
	case errors.As(err, &unreached):
		return fmt.Errorf("sign in: %w", err)
	}
	report := err.Error()
	if m := aadstsCode.FindStringSubmatch(report); m != nil {
		code, _ := strconv.Atoi(m[1])
		if reason, known := aadsts[code]; known {
			return fmt.Errorf("%w: %s", reason, entraSentence(report))
		}
		return fmt.Errorf("%w: %s", loginRefused, entraSentence(report))
	}
	switch {
	case strings.Contains(report, "az login"), strings.Contains(report, "azd auth login"), strings.Contains(report, "Connect-AzAccount"):
		return fmt.Errorf("%w: nobody is signed in: %s", noLogin, sentence(report))
	case !errors.As(err, &failed):
		return in.noCredential(err)
	case failed.RawResponse == nil && networkCause(report) != nil:
		return fmt.Errorf("sign in: %w: %s", networkCause(report), sentence(report))
	}
	return fmt.Errorf("%w: %s", loginRefused, sentence(report))
}

// networkCause is the layer of the network that failed on the way to Entra ID; nil if
// none did. It compares words, because azidentity keeps the text of an error and not
// the error.
func networkCause(report string) error {
	for _, known := range []struct {
		part  string
		cause error
	}{
		{dps.ErrFraming.Error(), dps.ErrFraming},
		{network.ErrProxyLogin.Error(), network.ErrProxyLogin}, {network.ErrProxy.Error(), network.ErrProxy},
		{"has expired or is not yet valid", network.ErrValidity},
		{"x509: ", network.ErrCertificate}, {"tls: ", network.ErrTLS}, {"no such host", network.ErrName},
		{"dial tcp", network.ErrConnect}, {"connection re", network.ErrConnect}, {"i/o timeout", network.ErrConnect},
		{"deadline exceeded", network.ErrConnect}, {"EOF", network.ErrConnect},
	} {
		if strings.Contains(report, known.part) {
			return known.cause
		}
	}
	return nil
}

// noCredential is for a sign-in that found no credential. What was tried is reported
// with one line each.
func (in *signIn) noCredential(err error) error {
	var tried []string
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasSuffix(line, "Attempted credentials:") || strings.HasPrefix(line, "DefaultAzureCredential: failed") {
			continue
		}
		line = noToken.ReplaceAllString(withoutLink(line), "it was run, and did not print a token")
		tried = append(tried, text.Printable(redact.Patterns(line), 300))
	}
	if len(tried) < 2 {
		return fmt.Errorf("%w by --credential %s: %s", noLogin, in.kind, strings.Join(tried, " "))
	}
	var names []string
	for _, line := range tried {
		in.inform("tried " + line)
		name, _, _ := strings.Cut(line, ":")
		names = append(names, strings.TrimSuffix(name, "Credential"))
	}
	return fmt.Errorf("%w; tried %s", noLogin, strings.Join(names, ", "))
}

// noToken matches what Go says of a tool's output that is not a token in JSON.
var noToken = regexp.MustCompile(`(invalid character '|unexpected end of JSON input|json: |error parsing token expiration time|parsing time ").*`)

// entraSentence is Entra ID's own sentence in a report of azidentity.
func entraSentence(report string) string {
	report = report[aadstsCode.FindStringIndex(report)[0]:]
	for _, end := range []string{" Trace ID", " Correlation ID", `\r\n`, `\n`, "\r", "\n", `",`} {
		report, _, _ = strings.Cut(report, end)
	}
	return text.Printable(redact.Patterns(strings.TrimSpace(report)), 400)
}

// sentence makes one line of a report. It is redacted because it gets into results,
// too: az repeats the answers that it got.
func sentence(report string) string {
	return text.Printable(redact.Patterns(withoutLink(strings.Join(strings.Fields(report), " "))), 500)
}

// withoutLink removes the link to azidentity's own troubleshooting: there is a hint.
func withoutLink(report string) string {
	report, _, _ = strings.Cut(report, "To troubleshoot, visit")
	return strings.TrimSpace(report)
}
