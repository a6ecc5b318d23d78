package edge

import (
	"bytes"
	"fmt"
	"text/template"

	"tpmdps/internal/tomledit"
	"tpmdps/templates"
)

// configTOML is parsed once; a broken template cannot be released, because
// every test of this package would panic.
var configTOML = template.Must(template.New("config.toml").Funcs(template.FuncMap{
	"toml":    tomledit.Quote,
	"index24": index24,
}).Parse(templates.ConfigTOML))

// Render returns the file for a valid Config and an error that wraps ErrInvalid
// for any other. Values that are IoT Edge's defaults anyway are left out of the
// [tpm] table.
func Render(c Config) ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.GlobalEndpoint == "" {
		c.GlobalEndpoint = DefaultGlobalEndpoint
	}
	if c.AutoReprovisioningMode == "" {
		c.AutoReprovisioningMode = defaultMode
	}
	if c.TCTI == defaultTCTI {
		c.TCTI = ""
	}
	if c.AuthKeyIndex != nil && *c.AuthKeyIndex == defaultAuthKeyIndex {
		c.AuthKeyIndex = nil
	}
	var out bytes.Buffer
	if err := configTOML.Execute(&out, c); err != nil {
		return nil, fmt.Errorf("render config.toml: %w", err)
	}
	return out.Bytes(), nil
}

// index24 writes a handle index as IoT Edge's own documentation does, as a bare
// integer: the daemon refuses a string.
func index24(n *uint32) string {
	return fmt.Sprintf("0x%02x_%02x_%02x", *n>>16, *n>>8&0xff, *n&0xff)
}
