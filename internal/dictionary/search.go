package dictionary

import (
	"regexp"
	"strings"
	"sync"
)

// finder finds codes that a context gives away as what they are.
type finder struct {
	pattern *regexp.Regexp
	explain func(code string) []Entry
}

// finders go from what is certain to what is likely. They are compiled when a
// text is searched: every start of the program would pay for them otherwise.
var finders = sync.OnceValue(func() []finder {
	return []finder{
		{regexp.MustCompile(`(?i)CONNACK\W{1,3}(?:code\W{1,2})?(0x[0-9a-f]{1,2}|[0-9]{1,2})\b`), connack},
		{regexp.MustCompile(`(?i)(?:RETURN_CODE|Connection Not Accepted)\W{1,3}(0x[0-9a-f]{1,2}|[0-9]{1,2})\b`), connack},
		{regexp.MustCompile(`(?i)\b(TPM2?_RC_[A-Z0-9_]+|TPM_20_E_[A-Z0-9_]+|T[BP][SM]_E_[A-Z_]+|TSS2_[A-Z0-9_]+)`), named},
		{regexp.MustCompile(`(?i)\b(IotHub[a-z]{4,40}|Device[a-z]{4,40}|[a-z]{4,40}Exception|ConnectionForcefullyClosed[a-z]{1,40})\b`), hubName},
		{regexp.MustCompile(`\b([45][0-9]{5})\b`), service},
		{regexp.MustCompile(`\b0[xX]([0-9a-fA-F]{2,8})\b`), hexadecimal},
		{regexp.MustCompile(`(?i)TPM error[ :(]{1,3}([0-9]{2,5})\b`), decimal},
		{regexp.MustCompile(`(?i)(?:HTTP|status|status code|answered|response)[ :/=]{1,3}(?:1\.1 )?\[?([45][0-9]{2})\b`), service},
		{regexp.MustCompile(`\b([45][0-9]{2}) (?:Bad Request|Unauthorized|Forbidden|Not Found|Method Not Allowed|Request Timeout|Conflict|Precondition Failed|Too Many Requests|Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time)`), service},
		{regexp.MustCompile(`(?i)\bexit(?:ed with)?(?: code| status)?[ :=]{1,2}([0-9]{1,3})\b`), exitCode},
		{regexp.MustCompile(`"code":[0-9]+,"name":"([a-z-]+)"`), exitCode},
	}
})

// search explains what it finds in a text of more than a code.
func search(text string) []Entry {
	var found []Entry
	folded := strings.ToLower(text)
	for _, line := range lines {
		if strings.Contains(folded, strings.ToLower(line.Code)) {
			found = append(found, line)
		}
	}
	for _, f := range finders() {
		for _, m := range f.pattern.FindAllStringSubmatch(text, maxFinds) {
			found = append(found, f.explain(m[1])...)
		}
	}
	if len(found) == 0 {
		found = exitCode(strings.ToLower(text))
	}
	return found
}

// named explains a code that is given by its name.
func named(name string) []Entry {
	name = strings.ToUpper(name)
	for _, prefix := range []string{"TPM_RC_", "TPM2_RC_", "TPM_20_E_"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return tpmNamed(rest)
		}
	}
	for n, text := range windowsCodes {
		if text.name == name {
			return windows(n)
		}
	}
	for layer, l := range layers {
		for low, text := range stackCodes {
			if name == "TSS2_"+l+"_RC_"+text.name {
				return stack(layer<<16 | low)
			}
		}
	}
	return nil
}

func tpmNamed(name string) []Entry {
	for rc := range uint16(codeBits + 1) {
		// The base codes are those without a number.
		if text, ok := lookup(rc); ok && text.name == name {
			e, _ := tpm(rc)
			return []Entry{e}
		}
	}
	return nil
}

// hubName explains a code of the hub that is given by its name.
func hubName(name string) []Entry {
	for _, e := range services {
		if e.Kind == kindHub && len(e.Code) == 6 && strings.EqualFold(e.Name, name) {
			return []Entry{e}
		}
	}
	return nil
}
