package identity

import (
	"encoding/base64"
	"regexp"
	"strings"

	"tpmdps/internal/text"
)

var (
	pemBegin = regexp.MustCompile(`-----BEGIN ([^-]*)-----`)
	pemBlock = regexp.MustCompile(`(?s)-----BEGIN ([^-]*)-----(.*?)-----END [^-]*-----`)
	// pemHeader is a line such as "Proc-Type: 4,ENCRYPTED".
	pemHeader = regexp.MustCompile(`(?m)^[A-Za-z-]+: .*$`)
)

// keyInPEM names what is in PEM, also where its line ends were lost or are written
// as \n. It returns nothing for what is not PEM.
func keyInPEM(s string, _ int) ([]byte, error) {
	begin := pemBegin.FindStringSubmatch(s)
	if begin == nil {
		return nil, nil
	}
	block := pemBlock.FindStringSubmatch(strings.NewReplacer(`\r`, "\n", `\n`, "\n", `\/`, "/").Replace(s))
	form := "PEM (" + text.Printable(begin[1], 30) + ")"
	if block == nil {
		return nil, &FormatError{Is: form + " that is cut off: its END line is missing", Advice: copyWhole}
	}
	der, err := base64.RawStdEncoding.DecodeString(escapes.Replace(pemHeader.ReplaceAllString(block[2], "")))
	switch {
	case strings.Contains(begin[1], "PRIVATE KEY"):
		return nil, &FormatError{Is: "a private key in " + form + ", which must be kept secret", Advice: readAgain}
	case err != nil:
		return nil, &FormatError{Is: form + " with characters in it that are not base64", Advice: copyWhole}
	case isL1(der):
		return nil, converted(der, "a TPM2B_PUBLIC in "+form, "PEM is for other kinds of keys")
	}
	return nil, derError(form, der)
}
