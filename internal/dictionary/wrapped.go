package dictionary

import (
	"encoding/json"
	"strings"
)

// record is a line of a log as a collector keeps it: "journalctl -o json", or the file
// that Docker writes for a container.
type record struct {
	Message    json.RawMessage `json:"MESSAGE"`
	Identifier string          `json:"SYSLOG_IDENTIFIER"`
	Log        *string         `json:"log"`
	Stream     string          `json:"stream"`
}

// unwrapped takes the lines of a log out of the records that a collector made of
// them. All other lines, and all other JSON, stay as they are.
func unwrapped(text string) string {
	if !strings.Contains(text, `"MESSAGE"`) && !strings.Contains(text, `"stream"`) {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(unwrappedLine(line))
	}
	return b.String()
}

func unwrappedLine(line string) string {
	if !strings.HasPrefix(strings.TrimLeft(line, "\ufeff \t"), "{") {
		return line
	}
	var r record
	if json.Unmarshal([]byte(strings.Trim(line, "\ufeff \t\r\n")), &r) != nil {
		return line
	}
	switch message, ok := r.message(); {
	case ok && r.Identifier != "":
		return r.Identifier + ": " + message + "\n"
	case ok:
		return message + "\n"
	case r.Log != nil && r.Stream != "":
		return strings.TrimRight(*r.Log, "\r\n") + "\n"
	}
	return line
}

// message is the journal's message: a text, or a list of bytes where it has signs
// such as those of colours.
func (r record) message() (string, bool) {
	var text string
	if len(r.Message) > 0 && json.Unmarshal(r.Message, &text) == nil {
		return text, true
	}
	var list []int
	if len(r.Message) == 0 || json.Unmarshal(r.Message, &list) != nil || list == nil {
		return "", false
	}
	bytes := make([]byte, len(list))
	for i, b := range list {
		bytes[i] = byte(b)
	}
	return string(bytes), true
}
