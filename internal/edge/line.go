package edge

import (
	"strings"

	"tpmdps/internal/tomledit"
)

// LineOf finds a dotted key in a config.toml: its line and column, from 1. Both are
// 0 where the file does not have it, or cannot be read.
func LineOf(file []byte, key string) (line, column int) {
	doc, err := tomledit.Parse(file)
	if err != nil {
		return 0, 0
	}
	e, ok := doc.Lookup(strings.Split(key, ".")...)
	if !ok {
		return 0, 0
	}
	return e.Line, e.Column
}
