package edge

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tpmdps/internal/identity"
)

// The functions below say what a text has to be. Their errors are written for
// the technician who corrects it, and never contain the text, which may be a
// secret.

func checkScope(s string) error { return reason(identity.CheckIDScope(s)) }

func checkID(s string) error { return reason(identity.CheckRegistrationID(s)) }

// reason takes from an error of package identity the words before its reason:
// the key is named already.
func reason(err error) error {
	if err == nil {
		return nil
	}
	if _, why, ok := strings.Cut(err.Error(), `": `); ok {
		return errors.New(why)
	}
	return err
}

func checkNotEmpty(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("it is empty")
	}
	return nil
}

// checkURL accepts what has a scheme, as Rust's url crate does.
func checkURL(s string) error {
	u, err := url.Parse(strings.TrimSpace(s))
	switch {
	case err != nil || !u.IsAbs():
		return errors.New("it is no URL: there is no scheme, such as file://, at its start")
	case (u.Scheme == "https" || u.Scheme == "http") && u.Host == "":
		return errors.New("it names no host")
	}
	return nil
}

func checkWebURL(s string) error {
	if err := checkURL(s); err != nil {
		return err
	}
	if !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") {
		return errors.New("it must start with https://")
	}
	return nil
}

// checkKeyURL accepts where a key may be: PreloadedKeyLocation of
// aziot-keys-common.
func checkKeyURL(s string) error {
	switch scheme, _, _ := strings.Cut(s, ":"); scheme {
	case "pkcs11":
		return checkPKCS11(s)
	case "file":
		if checkFileURL(s) != nil {
			return errors.New("it must have the form file:///path/to/file")
		}
		return nil
	}
	return errors.New("it must start with file:/// or with the scheme pkcs11")
}

func checkPKCS11(s string) error {
	if !strings.HasPrefix(s, "pkcs11:") || len(s) == len("pkcs11:") {
		return errors.New("it must have the form pkcs11:slot-id=0?pin-value=1234")
	}
	return nil
}

// checkTCTI finds a bare path, which tpm2-tss takes for the name of a library.
func checkTCTI(s string) error {
	if strings.HasPrefix(s, "/") {
		return errors.New("a device needs the word device: before its path")
	}
	return checkText(s)
}

func checkInfinite(s string) error {
	if !strings.EqualFold(s, "infinite") {
		return errors.New(`it is "infinite", or a number without quotes`)
	}
	return nil
}

// checkBase64 takes it with padding or without: IoT Edge does.
func checkBase64(s string) error {
	if _, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "=")); err != nil || s == "" {
		return errors.New("it is not base64")
	}
	return nil
}

func checkConnectionString(s string) error {
	parts := map[string]string{}
	for part := range strings.SplitSeq(s, ";") {
		name, value, _ := strings.Cut(part, "=")
		parts[name] = value
	}
	for _, name := range []string{"HostName", "DeviceId", "SharedAccessKey"} {
		if parts[name] == "" {
			return fmt.Errorf("it has no %s=", name)
		}
	}
	if checkBase64(parts["SharedAccessKey"]) != nil {
		return errors.New("its SharedAccessKey is not base64")
	}
	return nil
}

var renewal = regexp.MustCompile(`^\+?([0-9]{1,18})(%|min|day)$`)

// checkRenewal accepts a part of a certificate's life, or a time: Policy of
// cert-renewal.
func checkRenewal(s string) error {
	m := renewal.FindStringSubmatch(s)
	if m == nil {
		return errors.New(`it has the form "80%", "90min" or "10day"`)
	}
	switch n, err := strconv.ParseInt(m[1], 10, 64); {
	case err != nil || n == 0:
		return errors.New("it must be above zero")
	case m[2] == "%" && n >= 100:
		return errors.New("it must be below 100%")
	}
	return nil
}

func checkTimeOfDay(s string) error {
	if _, err := time.Parse("15:04", s); err != nil {
		return errors.New(`it has the form "23:30", hours and minutes`)
	}
	return nil
}

func checkDuration(s string) error {
	_, err := seconds(s)
	return err
}

func checkWholeDays(s string) error {
	n, err := seconds(s)
	if err == nil && n%86400 != 0 {
		return errors.New(`it must be whole days, such as "1d"`)
	}
	return err
}

var durationPart = regexp.MustCompile(`^\s*([0-9]{1,9})\s*([A-Za-z]+)`)

// units of humantime, of a second and above, in seconds.
var units = map[string]int64{
	"s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1,
	"m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60,
	"h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600,
	"d": 86_400, "day": 86_400, "days": 86_400,
	"w": 604_800, "wk": 604_800, "wks": 604_800, "week": 604_800, "weeks": 604_800,
	"M": 2_630_016, "month": 2_630_016, "months": 2_630_016,
	"y": 31_557_600, "yr": 31_557_600, "yrs": 31_557_600, "year": 31_557_600, "years": 31_557_600,
}

// seconds reads a duration such as "1d 12h".
func seconds(s string) (int64, error) {
	var total int64
	for rest := s; ; {
		m := durationPart.FindStringSubmatch(rest)
		if m == nil || units[m[2]] == 0 {
			return 0, errors.New(`it has the form "7d", "12h" or "1d 12h"`)
		}
		n, _ := strconv.ParseInt(m[1], 10, 64) // 9 digits
		total += n * units[m[2]]
		if rest = rest[len(m[0]):]; strings.TrimSpace(rest) == "" {
			return total, nil
		}
	}
}
