package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/template"

	"tpmdps/internal/edge/schema"
	"tpmdps/templates"
)

var configYAML = template.Must(template.New("config.yaml").Funcs(template.FuncMap{"yaml": quoteYAML}).Parse(templates.ConfigYAML))

// RenderLegacy returns the /etc/iotedge/config.yaml of IoT Edge 1.1, whole, since
// 1.1 has no defaults for most of it: Hostname is required. The error wraps
// ErrInvalid, also for what 1.1 does not know: a payload, the TPM's TCTI, the
// key's index and the hierarchies' passwords.
func RenderLegacy(c Config) ([]byte, error) {
	if err := c.validateLegacy(); err != nil {
		return nil, err
	}
	if c.GlobalEndpoint == "" {
		c.GlobalEndpoint = schema.DefaultGlobalEndpoint
	}
	// 1.1 joins it with a path that begins with a slash.
	c.GlobalEndpoint = strings.TrimSuffix(c.GlobalEndpoint, "/")
	if c.AutoReprovisioningMode == "" {
		c.AutoReprovisioningMode = defaultMode
	}
	var out bytes.Buffer
	if err := configYAML.Execute(&out, c); err != nil {
		return nil, fmt.Errorf("render config.yaml: %w", err)
	}
	return out.Bytes(), nil
}

func (c Config) validateLegacy() error {
	problems := []error{c.Validate()}
	for _, newer := range []struct {
		key   string
		isSet bool
	}{
		{"payload", c.PayloadURI != ""},
		{"tcti", c.TCTI != ""},
		{"auth_key_index", c.AuthKeyIndex != nil},
		{"hierarchy_authorization", c.EndorsementAuth != "" || c.OwnerAuth != ""},
	} {
		if newer.isSet {
			problems = append(problems, fmt.Errorf("%w: %s: IoT Edge 1.1 does not know it", ErrInvalid, newer.key))
		}
	}
	if c.Hostname == "" {
		problems = append(problems, fmt.Errorf("%w: hostname: IoT Edge 1.1 wants it in the file", ErrInvalid))
	}
	return errors.Join(problems...)
}

// quoteYAML writes a double-quoted scalar. JSON's strings are some of YAML's
// (YAML 1.2, section 1.3).
func quoteYAML(s string) (string, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return "", err
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}
