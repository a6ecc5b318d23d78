package edge

import (
	"fmt"
	"strings"

	"tpmdps/internal/edge/schema"
	"tpmdps/internal/text"
)

// CheckFilledIn refuses settings that are placeholders of documentation, such as SCOPE
// in a command that was copied. The error wraps [ErrInvalid].
func (c Config) CheckFilledIn() error {
	for _, entry := range []struct{ key, value string }{
		{"id_scope", c.IDScope}, {"registration_id", c.RegistrationID}, {"global_endpoint", strings.Trim(strings.TrimPrefix(c.GlobalEndpoint, "https://"), "/")},
		{"hostname", c.Hostname}, {"payload", c.PayloadURI}, {"tcti", c.TCTI},
	} {
		blank, sure := schema.IsBlank(entry.value)
		if sure || blank && entry.key == "id_scope" {
			return fmt.Errorf("%w: %s: %q is a placeholder; give your own value", ErrInvalid, entry.key, text.Printable(entry.value, 60))
		}
	}
	return nil
}
