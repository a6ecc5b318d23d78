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
	{regexp.MustCompile(`(?i)\bCONNACK\b[^\n0-9]{1,40}?\b(?:(?:return|reason|response|result|error)[ _]{0,2}code|rc)\W{1,3}(0x[0-9a-f]{1,2}|[0-9]{1,2})\b`), only(connack), nil},
	{regexp.MustCompile(`(?i)\bconnect(?:ed|ion)?[ :,]{1,2}(?:failed|refused?|not accepted)?[ :,]{0,2}(?:with )?(?:return|reason|result) {1,2}code\W{1,3}(0x[0-9a-f]{1,2}|[0-9]{1,2})\b`), only(connack), nil},
	{regexp.MustCompile(`(?i)\bRC error\W{1,2}([1-5])\b`), only(connack), nil},
	{regexp.MustCompile(`(?i)(?:RETURN_CODE|Connection Not Accepted)\W{1,3}(0x[0-9a-f]{1,2}|[0-9]{1,2})\b`), only(connack), nil},
	// Names, with what go-tpm and IBM's TSS write after them.
	{regexp.MustCompile(`(?i)\b(TPM2?_RC_[A-Z0-9_]+|TPM_20_E_[A-Z0-9_]+)(?: \((handle|parameter|session) ([0-9]{1,2})\)|[^\n]*?\b(handle|parameter|session) number ([0-9]{1,2}))?`), numberedName, nil},
	{regexp.MustCompile(`(?i)\b(T[BP][SM]_E_[A-Z_]+|TSS2_[A-Z0-9_]+)`), only(named), nil},
	// Microsoft's libraries write names without the underscores.
	{regexp.MustCompile(`(?:\bTpmRc\.|\bTPM_RC(?:\.|::)|\b(?i:error) \{|\bException: \{|\bkind: Some\()([A-Za-z0-9_]+)`), only(camelName), nil},
	{regexp.MustCompile(`(?i)\b(?:returned|response code|error code|code|rc)\W{1,3}\{((?:TPM2?_RC_)?[A-Za-z0-9_]+)\}`), only(camelName), place.isOfTPM},
	{regexp.MustCompile(`\b([A-Z][A-Za-z0-9]+)Exception\b`), only(camelName), place.isOfTPM},
	{regexp.MustCompile(`(?i)\b(IotHub[a-z]+|Device[a-z]+|[a-z]+Exception|ConnectionForcefullyClosed[a-z]+)\b`), only(hubName), nil},
	{regexp.MustCompile(`\b([45][0-9]{5})\b`), only(service), place.isCode},
	{regexp.MustCompile(`\b0[xX](8028[0-9a-fA-F]{4})\b`), only(hexadecimal), place.isNumber},
	{regexp.MustCompile(`\b0[xX]([0-9a-fA-F]{2,8})\b`), only(hexadecimal), place.isCode},
	// IBM's TSS: "failed, rc 000009a2".
	{regexp.MustCompile(`(?i)\brc[ :=]{1,3}([0-9a-f]{8})\b`), only(hexadecimal), nil},
	{regexp.MustCompile(`(?i)TPM error[ :(]{1,3}([0-9]{2,5})\b`), only(decimal), nil},
	{regexp.MustCompile(`(?i)A TPM error \(([0-9]{1,3})\)`), only(tpm12), nil},
	// The codes of tpm2-tss: "failed with a000a", "code=655370", Rust's structures.
	{regexp.MustCompile(`(?i)\bfailed with ([6-9a-c]00[0-9a-f]{2})\b`), only(hexadecimal), nil},
	{regexp.MustCompile(`(?i)\bcode[ =:*]{1,4}([3-8][0-9]{5})\b`), only(decimal), place.isOfTPM},
	{regexp.MustCompile(`ResponseCode \{ \.0: ([0-9]{1,6})\b`), only(decimal), nil},
	// Windows' codes as signed and as unsigned decimals.
	{regexp.MustCompile(`(?:^|[^\w.+-])(-214[0-9]{7})\b`), only(decimal), nil},
	{regexp.MustCompile(`\b(2150[0-9]{6})\b`), only(decimal), place.isCode},
	// Old versions of go-tpm: "session 1, error code 0x22 : ...".
	{regexp.MustCompile(`(?i)\b(?:(handle|parameter|session) ([0-9]{1,2}), )?(error|warning) code 0x([0-9a-f]{1,2}) :`), oldGoTPM, nil},
	{regexp.MustCompile(`(?i)(?:HTTP|status|status code|answered|response)[ :/=]{1,3}(?:1\.1 )?\[?([45][0-9]{2})\b`), only(service), place.isNumber},
	{regexp.MustCompile(`\b([45][0-9]{2}) (?:Bad Request|Unauthorized|Forbidden|Not Found|Method Not Allowed|Request Timeout|Conflict|Precondition Failed|Too Many Requests|Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time)`), only(service), nil},
	{regexp.MustCompile(`(?i)\bexit(?:ed with)?(?: code| status)?[ :=]{1,2}([0-9]{1,3})\b`), only(exitCode), place.isOurs},
	{regexp.MustCompile(`"code":[0-9]+,"name":"([a-z-]+)"`), only(exitCode), nil},
	// Steps of verify, in its table, its errors and its JSON.
	{regexp.MustCompile(`(?m)(?:\btpmdps(?:\[[0-9]+\])?: |^\s*(?i:ok|warn|fail|skipped)\s+|\b(?:step|name)":\s*")([a-z]+(?:\.[a-z]+)?)\b`), only(verifyStep), nil},
}

// find explains what the pattern matches in a text.
func (f finder) find(text string) []hit {
	var found []hit
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
		if found = append(found, hits(entries, m[0])...); len(found) > maxFinds {
			break
		}
	}
	return found
}

// only makes an explanation of a pattern's one group.
func only(explain func(code string) []Entry) func([]string) []Entry {
	return func(groups []string) []Entry { return explain(groups[1]) }
}

// phrase is a text that is looked for by its words.
type phrase struct {
	words   string // folded
	literal string // if it is not empty: what stands there, sign for sign
	entries []Entry
	depth   depth
	quoted  bool
}

// phrases are the log lines and the other wordings.
var phrases = func() []phrase {
	var all []phrase
	depths := map[string]depth{}
	for _, g := range lineGroups {
		for _, e := range g.entries {
			depths[e.Code] = g.depth
			p := phrase{words: fold(e.Code).words, entries: []Entry{e}, depth: g.depth}
			if strings.HasSuffix(e.Code, "-") { // the sign of a number
				p.literal = strings.ToLower(e.Code)
			}
			all = append(all, p)
		}
	}
	for _, w := range wordings {
		found := w.entry()
		p := phrase{words: fold(w.text).words, entries: found, depth: depths[w.code], quoted: true}
		if w.kind != kindLog && len(found) > 0 {
			p.depth = depthOf(found[0])
		}
		all = append(all, p)
	}
	return all
}()

// search explains what it finds in a text of more than a code.
func search(text string, own []Message) []hit {
	found := ownMessages(text, own)
	folded := fold(text)
	for _, p := range phrases {
		for _, at := range folded.find(p.words) {
			if !strings.HasPrefix(strings.ToLower(text[at:min(len(text), at+len(p.literal))]), p.literal) {
				continue
			}
			for _, e := range p.entries {
				found = append(found, hit{e, at, p.depth, p.quoted})
			}
		}
	}
	for _, f := range finders {
		found = append(found, f.find(text)...)
	}
	found = append(found, decoded(text)...)
	if len(found) == 0 {
		found = hits(alone(text), 0)
	}
	return found
}

// alone explains a text that is nothing but a name.
func alone(text string) []Entry {
	if found := exitCode(strings.ToLower(text)); len(found) > 0 {
		return found
	}
	if !bareName.MatchString(text) {
		return nil
	}
	return camelName(strings.TrimSuffix(text, "Exception"))
}

// bareName is a name of a code as some program spells it. Words in small letters
// are words.
var bareName = regexp.MustCompile(`^[A-Z][A-Za-z0-9_]{2,40}$`)

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

// camelName explains names such as BadAuth, BAD_AUTH and RC_BAD_AUTH.
func camelName(name string) []Entry {
	name = strings.ReplaceAll(strings.ToUpper(name), "_", "")
	for _, prefix := range []string{"TPMRC", "TPM2RC", "RC"} {
		name = strings.TrimPrefix(name, prefix)
	}
	if name == "VER1" { // the bit of all codes without a number: the first of them
		name = "INITIALIZE"
	}
	if name, ok := strings.CutPrefix(name, "TBS"); ok { // as TSS.NET names Windows' codes
		for n, text := range windowsCodes {
			if strings.ReplaceAll(text.name[len("TBS_E_"):], "_", "") == name {
				return windows(n)
			}
		}
	}
	base, ok := baseNamed(func(known string) bool { return strings.ReplaceAll(known, "_", "") == name })
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
