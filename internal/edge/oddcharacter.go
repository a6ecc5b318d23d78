package edge

import (
	"bytes"
	"errors"
	"strings"

	"tpmdps/internal/tomledit"
)

// syntaxError is the error of the parser, without what may be a secret. A quote or
// a blank of a web page is named as such: in an editor it looks like the right one,
// and the parser knows it as an unexpected character.
func syntaxError(data []byte, err error) error {
	var at *tomledit.SyntaxError
	if !errors.As(err, &at) {
		return err
	}
	if strings.HasPrefix(at.Message, "this is not UTF-8") {
		return err
	}
	if say := otherSort(data); say != "" {
		return &tomledit.SyntaxError{Line: 1, Column: 1, Message: say}
	}
	if why := oddCharacter(data, at); why != "" {
		return &tomledit.SyntaxError{Line: at.Line, Column: at.Column, Message: why}
	}
	return concealing(data).error(err)
}

// oddCharacter says which character of a web page is in the line at which the
// parser stops, "" if none is or it is not the reason.
func oddCharacter(data []byte, at *tomledit.SyntaxError) string {
	lines := bytes.SplitAfter(data, []byte("\n"))
	if at.Line < 1 || at.Line > len(lines) {
		return ""
	}
	line := string(lines[at.Line-1])
	text := strings.TrimRight(line, "\r\n")
	end := line[len(text):]
	for _, slip := range []slip{curlyQuotes, oddBlanks} {
		meant, f, ok := slip(text)
		if !ok {
			continue
		}
		lines[at.Line-1] = []byte(meant + end)
		var next *tomledit.SyntaxError
		if _, err := tomledit.Parse(bytes.Join(lines, nil)); !errors.As(err, &next) || next.Line > at.Line {
			return f.Message
		}
		text = meant // both may be in the line
	}
	return ""
}
