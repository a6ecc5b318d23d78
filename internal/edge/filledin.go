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
	for _, told := range []struct{ key, value string }{
		{"id_scope", c.IDScope}, {"registration_id", c.RegistrationID}, {"global_endpoint", strings.Trim(strings.TrimPrefix(c.GlobalEndpoint, "https://"), "/")},
		{"hostname", c.Hostname}, {"payload", c.PayloadURI}, {"tcti", c.TCTI},
	} {
		blank, sure := schema.IsBlank(told.value)
		if sure || blank && told.key == "id_scope" {
			return fmt.Errorf("%w: %s: %q is a placeholder; give your own value", ErrInvalid, told.key, text.Printable(told.value, 60))
		}
	}
	return nil
}
