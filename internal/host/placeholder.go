package host

import "strings"

// placeholders are values that makers ship instead of real ones, without their
// case, spaces and punctuation. Found on boards of many brands; the UUIDs are
// the defaults of two widespread firmware kits.
var placeholders = map[string]bool{
	"":                   true,
	"tobefilledbyoem":    true,
	"tobefilled":         true,
	"filledbyoem":        true,
	"oem":                true,
	"defaultstring":      true,
	"default":            true,
	"none":               true,
	"null":               true,
	"na":                 true,
	"nil":                true,
	"empty":              true,
	"invalid":            true,
	"unknown":            true,
	"unspecified":        true,
	"undefined":          true,
	"notspecified":       true,
	"notapplicable":      true,
	"notavailable":       true,
	"notpresent":         true,
	"notset":             true,
	"noasset":            true,
	"serial":             true,
	"serialnumber":       true,
	"systemserialnumber": true,
	"systemserial":       true,
	"chassisserial":      true,
	"boardserialnumber":  true,
	"systemproductname":  true,
	"systemname":         true,
	"systemmanufacturer": true,
	"systemuuid":         true,
	"productname":        true,
	"manufacturer":       true,
	"123456":             true,
	"1234567":            true,
	"12345678":           true,
	"123456789":          true,
	"1234567890":         true,
	"0123456789":         true,
	"123456789abcdef":    true,
	"0123456789abcdef":   true,

	"03000200040005000006000700080009": true,
	"00020003000400050006000700080009": true,
}

// Placeholder reports whether firmware text is a filler such as "To be filled
// by O.E.M.", "Default string" or "0000000", and so says nothing about the one
// machine that it was read from.
func Placeholder(s string) bool {
	bare := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 0x7f:
			return r
		}
		return -1
	}, s)
	return placeholders[bare] || repeated(strings.TrimPrefix(bare, "0x"))
}

// repeated reports whether a text is one character over and over, as in
// "0", "00000000", "xxxx" or an erased "FFFFFFFF".
func repeated(s string) bool {
	switch {
	case s == "":
		return true
	case len(s) == 1:
		return strings.Contains("0x", s)
	}
	return strings.Trim(s, s[:1]) == ""
}
