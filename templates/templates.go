// Package templates holds the files that tpmdps fills in and writes to a device.
// They stand here as they will look there, so that who knows the device and not
// Go can read and change them; go:embed cannot reach upwards, hence the package.
//
// The rule: a template decides layout and comments, the package that renders it
// decides and checks every value (internal/edge for config.toml.tmpl, internal/aziot
// for tpmaccess.rules.tmpl).
package templates

import _ "embed"

// ConfigTOML is the text/template of IoT Edge's /etc/aziot/config.toml. Its
// functions "toml" (quotes a string) and "index24" (writes an integer) come
// from internal/edge.
//
//go:embed config.toml.tmpl
var ConfigTOML string

// ConfigYAML is the text/template of the /etc/iotedge/config.yaml of IoT Edge
// 1.1. Its function "yaml" (quotes a string) comes from internal/edge.
//
//go:embed config.yaml.tmpl
var ConfigYAML string

// TPMAccessRules is the text/template of the udev rule that gives IoT Edge the
// TPM, /etc/udev/rules.d/tpmaccess.rules. What is filled in comes from
// internal/aziot.
//
//go:embed tpmaccess.rules.tmpl
var TPMAccessRules string
