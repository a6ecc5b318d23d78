package main

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
	"tpmdps/internal/text"
)

// Why nobody could sign in, each with a row in the table of exits.
var (
	errNoLogin      = errors.New("no credential found")
	errTenant       = errors.New("the sign-in is for the wrong tenant, or the application is of another")
	errTokenExpired = errors.New("the sign-in has expired")
	errAppSecret    = errors.New("the application's secret or certificate is refused")
	errAudience     = errors.New("the token is for another service")
	errLoginClock   = errors.New("the sign-in is refused because of the time")
	errConditional  = errors.New("the tenant's rules refuse the sign-in")
)

// aadsts says what the codes of Entra ID mean here, after its reference of
// AADSTS error codes.
var aadsts = map[int]error{
	50020: errTenant, 50059: errTenant, 50194: errTenant, 90002: errTenant, 90072: errTenant,
	700016: errTenant, 900021: errTenant, 900023: errTenant, 900971: errTenant,
	50078: errTokenExpired, 50089: errTokenExpired, 50132: errTokenExpired, 50133: errTokenExpired, 50173: errTokenExpired,
	70008: errTokenExpired, 70043: errTokenExpired, 700082: errTokenExpired, 700084: errTokenExpired, 70020: errTokenExpired,
	50034: errNoLogin, 50058: errNoLogin,
	7000215: errAppSecret, 7000222: errAppSecret, 7000218: errAppSecret, 700027: errAppSecret, 700023: errAppSecret,
	700211: errAppSecret, 700212: errAppSecret, 700213: errAppSecret, 70021: errAppSecret, 50012: errAppSecret, 7000112: errAppSecret,
	700024: errLoginClock, 500133: errLoginClock,
	500011: errAudience, 650057: errAudience, 65001: errAudience, 70011: errAudience, 1002012: errAudience,
	50076: errConditional, 50079: errConditional, 50105: errConditional, 53000: errConditional, 53001: errConditional,
	53003: errConditional, 50158: errConditional, 530003: errConditional,
}

var aadstsCode = regexp.MustCompile(`AADSTS(\d{4,8})`)

// signInError puts one of the reasons above before what azidentity says, which
// runs over many lines and repeats itself.
func signInError(s *session, kind string, err error) error {
	var failed *azidentity.AuthenticationFailedError
	var way net.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("sign in: %w", err)
	case errors.As(err, &way):
		return fmt.Errorf("sign in: %w", err)
	}
	text := err.Error()
	if m := aadstsCode.FindStringSubmatch(text); m != nil {
		code, _ := strconv.Atoi(m[1])
		if is := aadsts[code]; is != nil {
			return fmt.Errorf("%w: %s", is, entraSentence(text))
		}
		return fmt.Errorf("%w: %s", errSignIn, entraSentence(text))
	}
	switch {
	case strings.Contains(text, "az login"), strings.Contains(text, "azd auth login"), strings.Contains(text, "Connect-AzAccount"):
		return fmt.Errorf("%w: nobody is signed in: %s", errNoLogin, oneLine(text))
	case !errors.As(err, &failed):
		return noCredential(s, kind, err)
	case failed.RawResponse == nil && wayError(text) != nil:
		return fmt.Errorf("sign in: %w: %s", wayError(text), oneLine(text))
	}
	return fmt.Errorf("%w: %s", errSignIn, oneLine(text))
}

// wayError says what on the way to Entra ID failed; nil for nothing. It goes by
// words, because azidentity keeps an error's text and not the error.
func wayError(text string) error {
	for _, w := range []struct {
		part string
		is   error
	}{
		{dps.ErrFraming.Error(), dps.ErrFraming},
		{network.ErrProxyLogin.Error(), network.ErrProxyLogin}, {network.ErrProxy.Error(), network.ErrProxy},
		{"has expired or is not yet valid", network.ErrValidity},
		{"x509: ", network.ErrCertificate}, {"tls: ", network.ErrTLS}, {"no such host", network.ErrName},
		{"dial tcp", network.ErrConnect}, {"connection re", network.ErrConnect}, {"i/o timeout", network.ErrConnect},
		{"deadline exceeded", network.ErrConnect}, {"EOF", network.ErrConnect},
	} {
		if strings.Contains(text, w.part) {
			return w.is
		}
	}
	return nil
}

// noCredential is for a sign-in for which nothing was there. What was tried is
// told to people one line each.
func noCredential(s *session, kind string, err error) error {
	var tried []string
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasSuffix(line, "Attempted credentials:") || strings.HasPrefix(line, "DefaultAzureCredential: failed") {
			continue
		}
		line = noToken.ReplaceAllString(withoutLink(line), "it was run, and did not print a token")
		tried = append(tried, text.Printable(dps.Redact(line), 300))
	}
	if len(tried) < 2 {
		return fmt.Errorf("%w by --credential %s: %s", errNoLogin, kind, strings.Join(tried, " "))
	}
	var names []string
	for _, line := range tried {
		s.say("tried %s", line)
		name, _, _ := strings.Cut(line, ":")
		names = append(names, strings.TrimSuffix(name, "Credential"))
	}
	return fmt.Errorf("%w; tried %s", errNoLogin, strings.Join(names, ", "))
}

// noToken is what Go says of a tool's output that is not a token in JSON.
var noToken = regexp.MustCompile(`(invalid character '|unexpected end of JSON input|json: |error parsing token expiration time|parsing time ").*`)

// entraSentence cuts Entra ID's own sentence out of azidentity's report.
func entraSentence(report string) string {
	report = report[aadstsCode.FindStringIndex(report)[0]:]
	for _, end := range []string{" Trace ID", " Correlation ID", `\r\n`, `\n`, "\r", "\n", `",`} {
		report, _, _ = strings.Cut(report, end)
	}
	return text.Printable(dps.Redact(strings.TrimSpace(report)), 400)
}

// oneLine is redacted because it gets into results too: az repeats what it was
// answered.
func oneLine(s string) string {
	return text.Printable(dps.Redact(withoutLink(strings.Join(strings.Fields(s), " "))), 500)
}

// withoutLink leaves out where azidentity sends its readers: the hint stands there.
func withoutLink(text string) string {
	text, _, _ = strings.Cut(text, "To troubleshoot, visit")
	return strings.TrimSpace(text)
}
