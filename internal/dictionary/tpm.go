package dictionary

import (
	"fmt"
	"strconv"
)

// The layout of a response code: TPM 2.0 Part 2, 6.6.2, table "Format-Zero
// Response Codes" and "Format-One Response Codes".
const (
	bitFormat1   = 1 << 7  // an error of a parameter, a session or a handle
	bitParameter = 1 << 6  // format 1: of a parameter
	bitVersion   = 1 << 8  // format 0: of a TPM 2.0
	bitVendor    = 1 << 10 // format 0: of the chip's maker
	bitWarning   = 1 << 11 // format 0: the same command may succeed later
	badTag       = 0x01e   // of a TPM 1.2, to a command that it does not know
	errorFormat1 = 0x3f
	codeBits     = 0xfff
)

// response is a response code taken apart.
type response struct {
	base    uint16 // without number: the key into responses
	subject string // "parameter 2", "session 1", "handle 1", or empty
}

// split takes a code of 12 bits apart.
func split(rc uint16) response {
	if rc&bitFormat1 == 0 {
		return response{base: rc}
	}
	r := response{base: bitFormat1 | rc&errorFormat1}
	n := rc >> 8 & 0xf
	switch {
	case rc&bitParameter != 0:
		r.subject = "parameter"
	case n&8 != 0:
		r.subject, n = "session", n&7
	default:
		r.subject = "handle"
	}
	if n == 0 { // which one is not known
		r.subject = ""
		return r
	}
	r.subject = fmt.Sprintf("%s %d", r.subject, n)
	return r
}

// tpm explains a response code of a TPM 2.0, or returns nothing when the
// specification has none of that value.
func tpm(rc uint16) (Entry, bool) {
	r := split(rc)
	text, ok := lookup(r.base)
	if !ok {
		return vendor(rc)
	}
	e := Entry{
		Kind: kindTPM, Code: fmt.Sprintf("%#x", rc), Name: "TPM_RC_" + text.name,
		Means: text.means, Why: text.why, Do: text.do, Sources: append([]string{part2}, text.sources...),
	}
	if r.subject != "" {
		e.Name += " (" + r.subject + ")"
	}
	if e.Do == "" {
		e.Do = "find the command that failed with it, in the log or with the option -v of tpmdps verify; tpmdps verify --offline tries all that DPS needs of this chip"
	}
	return e, true
}

// lookup finds the text of a response. Of the references to handles and sessions
// (6.6.3, "warnings") the table has the first: the others differ in the number.
func lookup(base uint16) (responseText, bool) {
	text, ok := responses[base]
	for _, first := range []uint16{0x910, 0x918} {
		if n := base - first; n > 0 && n <= 6 && !ok {
			text = responses[first]
			text.name = fmt.Sprintf("%s%d", text.name[:len(text.name)-1], n)
			return text, true
		}
	}
	return text, ok
}

// vendor explains a code that only the chip's maker knows.
func vendor(rc uint16) (Entry, bool) {
	if rc&(bitFormat1|bitVersion|bitVendor) != bitVersion|bitVendor {
		return Entry{}, false
	}
	return Entry{
		Kind: kindTPM, Code: fmt.Sprintf("%#x", rc), Name: "vendor code",
		Means:   "a code of the chip's maker; only the maker knows what it means",
		Do:      "ask the maker of the chip; tpmdps read-ek shows who that is",
		Sources: []string{part2},
	}, true
}

// part2 is the chapter with the names and values.
const part2 = "TPM 2.0 Library, Part 2: Structures, 6.6 (TPM_RC)"

// tpm12 explains a number in the kernel's "A TPM error (28)" that only a TPM 1.2
// sends: a TPM 2.0 has none below 0x80.
func tpm12(digits string) []Entry {
	n, err := strconv.Atoi(digits)
	if err != nil || n == 0 || n >= bitFormat1 {
		return nil
	}
	for _, e := range deviceLines {
		if e.Code == lineTPM12 {
			return []Entry{e}
		}
	}
	return nil
}
