package edge

import (
	"errors"
	"strings"

	"tpmdps/internal/edge/mask"
	"tpmdps/internal/edge/rawline"
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
	if name, _, ok := rawline.OtherFile(data); ok {
		return &tomledit.SyntaxError{Line: 1, Column: 1, Message: name}
	}
	if why := rawline.OddCharacter(data, at); why != "" {
		return &tomledit.SyntaxError{Line: at.Line, Column: at.Column, Message: why}
	}
	return mask.NewConcealer(data).Err(err)
}
