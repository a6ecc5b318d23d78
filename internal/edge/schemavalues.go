package edge

import (
	"errors"
	"fmt"
	"strings"

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
