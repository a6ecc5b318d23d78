package dictionary

import (
	"regexp"
	"sync"
)

// pattern is a regular expression that is compiled when it is first asked for. There
// are more than a hundred, and only explain needs all of them: compiled at the start of
// every command, they were half of what the start takes.
type pattern struct {
	expression string
	once       sync.Once
	expr       *regexp.Regexp
}

func newPattern(expression string) *pattern { return &pattern{expression: expression} }

// compiled is the pattern as it is looked for. It panics where the expression is none
// that regexp knows.
func (p *pattern) compiled() *regexp.Regexp {
	p.once.Do(func() { p.expr = regexp.MustCompile(p.expression) })
	return p.expr
}
