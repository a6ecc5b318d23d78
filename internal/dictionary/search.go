package dictionary

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// finder finds codes that a context gives away as what they are.
type finder struct {
	pattern *regexp.Regexp
	explain func(groups []string) []Entry
	fits    func(place) bool // nil: the pattern alone is enough
}

// finders go from what is certain to what is likely.
var finders = []finder{
	{regexp.MustCompile(`(?i)CONNACK\W{1,3}(?:code\W{1,2})?(0x[0-9a-f]{1,2}|[0-9]{1,2})\b`), only(connack), nil},
	{regexp.MustCompile(`(?i)(?:RETURN_CODE|Connection Not Accepted)\W{1,3}(0x[0-9a-f]{1,2}|[0-9]{1,2})\b`), only(connack), nil},
	// Names, with what go-tpm and IBM's TSS write after them.
	{regexp.MustCompile(`(?i)\b(TPM2?_RC_[A-Z0-9_]+|TPM_20_E_[A-Z0-9_]+)(?: \((handle|parameter|session) ([0-9]{1,2})\)|[^\n]*?\b(handle|parameter|session) number ([0-9]{1,2}))?`), numberedName, nil},
	{regexp.MustCompile(`(?i)\b(T[BP][SM]_E_[A-Z_]+|TSS2_[A-Z0-9_]+)`), only(named), nil},
	// Microsoft's libraries write names without the underscores.
	{regexp.MustCompile(`(?:\bTpmRc\.|\bTPM_RC(?:\.|::)|\bError \{)([A-Za-z0-9_]+)`), only(camelName), nil},
	{regexp.MustCompile(`(?i)\b(IotHub[a-z]+|Device[a-z]+|[a-z]+Exception|ConnectionForcefullyClosed[a-z]+)\b`), only(hubName), nil},
	{regexp.MustCompile(`\b([45][0-9]{5})\b`), only(service), place.isCode},
	{regexp.MustCompile(`\b0[xX](8028[0-9a-fA-F]{4})\b`), only(hexadecimal), place.isNumber},
	{regexp.MustCompile(`\b0[xX]([0-9a-fA-F]{2,8})\b`), only(hexadecimal), place.isCode},
	// IBM's TSS: "failed, rc 000009a2".
	{regexp.MustCompile(`(?i)\brc[ :=]{1,3}([0-9a-f]{8})\b`), only(hexadecimal), nil},
	{regexp.MustCompile(`(?i)TPM error[ :(]{1,3}([0-9]{2,5})\b`), only(decimal), nil},
	// Windows' codes as signed and as unsigned decimals.
	{regexp.MustCompile(`(?:^|[^\w.+-])(-214[0-9]{7})\b`), only(decimal), nil},
	{regexp.MustCompile(`\b(2150[0-9]{6})\b`), only(decimal), place.isCode},
	// Old versions of go-tpm: "session 1, error code 0x22 : ...".
	{regexp.MustCompile(`(?i)\b(?:(handle|parameter|session) ([0-9]{1,2}), )?(error|warning) code 0x([0-9a-f]{1,2}) :`), oldGoTPM, nil},
	{regexp.MustCompile(`(?i)(?:HTTP|status|status code|answered|response)[ :/=]{1,3}(?:1\.1 )?\[?([45][0-9]{2})\b`), only(service), place.isNumber},
	{regexp.MustCompile(`\b([45][0-9]{2}) (?:Bad Request|Unauthorized|Forbidden|Not Found|Method Not Allowed|Request Timeout|Conflict|Precondition Failed|Too Many Requests|Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time)`), only(service), nil},
	{regexp.MustCompile(`(?i)\bexit(?:ed with)?(?: code| status)?[ :=]{1,2}([0-9]{1,3})\b`), only(exitCode), place.isOurs},
	{regexp.MustCompile(`"code":[0-9]+,"name":"([a-z-]+)"`), only(exitCode), nil},
}

// find explains what the pattern matches in a text.
func (f finder) find(text string) []Entry {
	var found []Entry
	for _, m := range f.pattern.FindAllStringSubmatchIndex(text, maxCandidates) {
		groups := make([]string, len(m)/2)
		for i := range groups {
			if m[2*i] >= 0 {
				groups[i] = text[m[2*i]:m[2*i+1]]
			}
		}
		entries := f.explain(groups)
		if len(entries) == 0 || f.fits != nil && !f.fits(place{text, m[2], m[3]}) {
			continue
		}
		if found = append(found, entries...); len(found) > maxFinds {
			break
		}
	}
	return found
}

// only makes an explanation of a pattern's one group.
func only(explain func(code string) []Entry) func([]string) []Entry {
	return func(groups []string) []Entry { return explain(groups[1]) }
}

// search explains what it finds in a text of more than a code.
func search(text string) []Entry {
	var found []Entry
	folded := strings.ToLower(text)
	for _, line := range lines {
		if strings.Contains(folded, strings.ToLower(line.Code)) {
			found = append(found, line)
		}
	}
	for _, f := range finders {
		found = append(found, f.find(text)...)
	}
	found = append(found, decoded(text)...)
	if len(found) == 0 {
		found = exitCode(strings.ToLower(text))
	}
	return found
}

// named explains a code that is given by its name.
func named(name string) []Entry {
	name = strings.ToUpper(name)
	for n, text := range windowsCodes {
		if text.name == name {
			return windows(n)
		}
	}
	for number, l := range layers {
		for low, text := range stackCodes {
			if name == "TSS2_"+l.name+"_RC_"+text.name {
				return stack(number<<16 | low)
			}
		}
	}
	if _, base, ok := strings.Cut(name, "TSS2_ESAPI_"); ok { // as some headers name the layer
		return named("TSS2_ESYS_" + base)
	}
	return nil
}

// numberedName explains a code of the chip that is given by its name, perhaps
// with the handle, parameter or session that it is about.
func numberedName(groups []string) []Entry {
	name := strings.ToUpper(groups[1])
	for _, prefix := range []string{"TPM_RC_", "TPM2_RC_", "TPM_20_E_"} {
		name = strings.TrimPrefix(name, prefix)
	}
	base, ok := baseNamed(func(known string) bool { return known == name })
	if !ok {
		return nil
	}
	subject, number := groups[2]+groups[4], groups[3]+groups[5]
	if base&bitFormat1 == 0 || subject == "" {
		return stack(uint32(base))
	}
	return stack(numbered(base, strings.ToLower(subject), number))
}

// camelName explains names such as BadAuth.
func camelName(name string) []Entry {
	name = strings.ReplaceAll(name, "_", "")
	base, ok := baseNamed(func(known string) bool {
		return strings.EqualFold(strings.ReplaceAll(known, "_", ""), name)
	})
	if !ok {
		return nil
	}
	return stack(uint32(base))
}

// baseNamed finds the code, without a number, of the name that is asked for.
func baseNamed(is func(name string) bool) (uint16, bool) {
	for rc := range uint16(codeBits + 1) {
		if text, ok := lookup(rc); ok && is(text.name) {
			return rc, true
		}
	}
	return 0, false
}

// oldGoTPM explains "parameter 1, error code 0x4 : ...", "error code 0x1 : ..."
// and "warning code 0x21 : ...": the code without the bits of its kind.
func oldGoTPM(groups []string) []Entry {
	n, err := strconv.ParseUint(groups[4], 16, 7)
	if err != nil {
		return nil
	}
	rc := uint32(n)
	switch {
	case groups[1] != "":
		rc = numbered(bitFormat1|uint16(n)&errorFormat1, strings.ToLower(groups[1]), groups[2])
	case strings.EqualFold(groups[3], "warning"):
		rc |= bitVersion | bitWarning
	default:
		rc |= bitVersion
	}
	return stack(rc)
}

// hubName explains a code of the hub that is given by its name.
func hubName(name string) []Entry {
	i := slices.IndexFunc(services, func(e Entry) bool {
		return e.Kind == kindHub && len(e.Code) == 6 && strings.EqualFold(e.Name, name)
	})
	if i < 0 {
		return nil
	}
	return services[i : i+1]
}
