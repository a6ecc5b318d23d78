package dictionary

import (
	"regexp"
	"sync"
)

// pattern is a regular expression that is compiled when it is first asked for. There
// are more than a hundred, which only explain needs all of: compiled at the start of
// every command, they were half of what the start takes.
type pattern func() *regexp.Regexp

// compiled makes the pattern of an expression. Asking for it panics where the
// expression is not one.
func compiled(expression string) pattern {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
