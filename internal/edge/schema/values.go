package schema

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"unicode/utf8"

	"tpmdps/internal/identity"
)

// The functions below say what a text has to be. Their errors are written for
// the technician who corrects it, and never contain the text, which may be a
// secret.

func checkScope(s string) error { return reason(identity.CheckIDScope(s)) }

// checkID accepts capitals, too: [doubtID] warns of them.
func checkID(s string) error {
	_, err := identity.FoldRegistrationID(s)
	return reason(err)
}

// reason removes from an error of package identity the words before its reason:
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

func checkInfinite(s string) error {
	if !strings.EqualFold(s, "infinite") {
		return errors.New(`it is "infinite", or a number without quotes`)
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

func doubtScope(s string) string { return identity.UnusualIDScope(s) }

func doubtID(s string) string {
	if identity.CheckRegistrationID(s) == nil {
		return ""
	}
	return "it has capital letters; IoT Edge signs it in lower case, and DPS ignores case"
}

// MaxAuthKeyIndex keeps the handle within the owner's range of persistent
// handles, 0x81000000 to 0x817FFFFF (TCG registry of reserved handles).
const MaxAuthKeyIndex = 0x7F_FF_FF

// maxAuth is the longest hierarchy password of any TPM 2.0: the size of its
// largest digest, SHA-512.
const maxAuth = 64

// Modes are the values of auto_reprovisioning_mode (edgelet-settings, aziot.rs).
var Modes = []string{"Dynamic", "AlwaysOnStartup", "OnErrorOnly"}

// hostLabel is one part of a host name: RFC 1123, and the underscore, which IoT
// Edge only warns about.
var hostLabel = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)

// CheckHostname accepts a host name or an IP address.
func CheckHostname(name string) error {
	if _, err := netip.ParseAddr(name); err == nil {
		return nil
	}
	if len(name) > 253 {
		return fmt.Errorf("a host name of %d characters is too long, 253 is the limit", len(name))
	}
	for label := range strings.SplitSeq(name, ".") {
		if !hostLabel.MatchString(label) {
			return fmt.Errorf("%q is neither a host name nor an IP address", name)
		}
	}
	return nil
}

// checkText accepts what can stand in a TOML file and go to a C library.
func checkText(s string) error {
	switch {
	case !utf8.ValidString(s):
		return errors.New("it is not UTF-8")
	case strings.ContainsRune(s, 0):
		return errors.New("it contains a zero byte")
	}
	return nil
}

// CheckPassword accepts a hierarchy's password; a TPM limits its length.
func CheckPassword(s string) error {
	if len(s) > maxAuth {
		return fmt.Errorf("it has %d bytes, a TPM accepts %d at most", len(s), maxAuth)
	}
	return checkText(s)
}

// DefaultGlobalEndpoint is the DPS endpoint of the public Azure cloud. Sovereign
// clouds have others.
const DefaultGlobalEndpoint = "https://global.azure-devices-provisioning.net/"

// MaxFile bounds a config.toml; the longest by hand have a hundred KiB.
const MaxFile = 1 << 20
