package edge

import (
	"bytes"
	"fmt"
	"text/template"

	"tpmdps/internal/edge/schema"
	"tpmdps/internal/tomledit"
	"tpmdps/templates"
)

// configTOML is parsed once; a broken template cannot be released, because
// every test of this package would panic.
var configTOML = template.Must(template.New("config.toml").Funcs(template.FuncMap{
	"toml":    tomledit.Quote,
	"index24": func(n *uint32) string { return schema.FormatIndex(*n) },
}).Parse(templates.ConfigTOML))

// Render returns the file for a valid Config and an error that wraps ErrInvalid
// for any other. Values that are IoT Edge's defaults anyway are left out of the
// [tpm] table.
func Render(c Config) ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.GlobalEndpoint == "" {
		c.GlobalEndpoint = schema.DefaultGlobalEndpoint
	}
	if c.AutoReprovisioningMode == "" {
		c.AutoReprovisioningMode = defaultMode
	}
	if c.TCTI == defaultTCTI {
		c.TCTI = ""
	}
	if c.AuthKeyIndex != nil && *c.AuthKeyIndex == schema.DefaultAuthKeyIndex {
		c.AuthKeyIndex = nil
	}
	var out bytes.Buffer
	if err := configTOML.Execute(&out, c); err != nil {
		return nil, fmt.Errorf("render config.toml: %w", err)
	}
	return out.Bytes(), nil
}
