package verdict

import (
	"cmp"
	"errors"
	"slices"

	"tpmdps/internal/dictionary"
	"tpmdps/internal/tpm"
)

// knowsMore are the errors whose own hint stays although a code came with them:
// what the program saw says more than the code does.
var knowsMore = []error{
	// Which handle and which key: the code knows neither.
	tpm.ErrOtherChip,
	tpm.ErrOccupied,
	// Which hierarchy is in the message, and what switches it off.
	tpm.ErrHierarchy,
	// Whose password it was; the code is the same for all.
	tpm.ErrAuth,
	// How long it lasts is in the message.
	tpm.ErrLockout,
	// That a session was refused, with whatever code, and not a key.
	tpm.ErrNoEncryption,
}

// codeHint is the dictionary's advice for the code that the chip, or the software
// around it, answered with, so that a hint and explain never differ. Without a
// code, or where the program knows more, the hint of the table stays.
func codeHint(err error, e Verdict) string {
	response := responseIn(err, e.Is)
	switch {
	case response == nil, slices.Contains(knowsMore, e.Is):
		return e.Hint
	case response.MayMeanOtherChip():
		// The dictionary's advice is about a key that was wrapped for another
		// chip, and this is not one: ErrOtherChip says so where it is.
		return e.Hint
	}
	return cmp.Or(dictionary.TPMAdvice(response.Code), e.Hint)
}

// responseIn finds the refusal by which an error is what it is. An error may
// carry others: of the clean-up, say.
func responseIn(err error, is error) *tpm.ResponseError {
	if response, ok := err.(*tpm.ResponseError); ok { //nolint:errorlint // goes down the tree itself
		if errors.Is(response, is) {
			return response
		}
		return nil
	}
	switch wrapped := err.(type) { //nolint:errorlint // see above
	case interface{ Unwrap() error }:
		return responseIn(wrapped.Unwrap(), is)
	case interface{ Unwrap() []error }:
		for _, one := range wrapped.Unwrap() {
			if found := responseIn(one, is); found != nil {
				return found
			}
		}
	}
	return nil
}
