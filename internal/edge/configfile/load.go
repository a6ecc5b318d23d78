package configfile

import (
	"bytes"
	"errors"
	"fmt"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/text"
)

// Needed says which settings a file has to have, since nothing else gives them.
type Needed struct{ IDScope, RegistrationID bool }

// Load reads a file for a round trip with its settings. Lines of it that IoT Edge
// ignores, although they were to say how it provisions, are warnings, or part of the
// error: a trip without them would prove something other than what the file is for. Errors
// are an [edge.FileError].
func Load(path string, data []byte, needed Needed) (c edge.Config, warnings []string, err error) {
	if len(bytes.TrimSpace(text.Lenient(data))) == 0 {
		return c, nil, &edge.FileError{Path: path, Err: errors.New("it is empty")}
	}
	c, err = edge.Parse(data)
	ignored := lint.Check(data, lint.Options{}).IgnoredProvisioning()
	if err != nil {
		for _, f := range ignored {
			err = fmt.Errorf("%w; line %d: %s", err, f.Line, f.Message)
		}
		return c, nil, &edge.FileError{Path: path, Err: err}
	}
	for _, required := range []struct {
		key, value string
		needed     bool
	}{{"id_scope", c.IDScope, needed.IDScope}, {"registration_id", c.RegistrationID, needed.RegistrationID}} {
		if required.value != "" || !required.needed {
			continue
		}
		if f, ok := lint.Meant(ignored, required.key); ok {
			return c, nil, &edge.FileError{Path: path, Err: fmt.Errorf("it has no %s; line %d: %s", required.key, f.Line, f.Message)}
		}
	}
	for _, f := range ignored {
		warnings = append(warnings, fmt.Sprintf("%s, line %d: %s", path, f.Line, f.Message))
	}
	return c, warnings, nil
}
