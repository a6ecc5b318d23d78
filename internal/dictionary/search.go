package dictionary

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// phrase is a text that is looked for by its words.
type phrase struct {
	words   string // folded
	literal string // if it is not empty: what stands there, sign for sign
	entries []Entry
	depth   depth
	quoted  bool
}

// phrases are the log lines and the other wordings.
var phrases = sync.OnceValue(func() []phrase {
	var all []phrase
	for _, g := range lineGroups {
		for _, e := range g.entries {
			p := phrase{words: fold(e.Code).words, entries: []Entry{e}, depth: g.depth}
			if strings.HasSuffix(e.Code, "-") { // the sign of a number
				p.literal = strings.ToLower(e.Code)
			}
			all = append(all, p)
		}
	}
	for _, w := range wordings {
		found := w.entry()
		p := phrase{words: fold(w.text).words, entries: found, quoted: true}
		if _, depth, ok := lineCoded(w.code); ok {
			p.depth = depth
		} else if len(found) > 0 {
			p.depth = depthOf(found[0])
		}
		all = append(all, p)
	}
	return all
})

// search explains what it finds in a text of more than a code.
func search(text string, own []Message) []hit {
	s := newScan(text)
	found := slices.Concat(ownMessages(s, own), phrased(text), formed(s))
	for _, f := range finders {
		found = append(found, f.find(s)...)
	}
	return slices.Concat(found, decoded(s), decodedAssociated(s))
}

// phrased finds the phrases in a text. Of those that begin at one place the longest
// counts: what it stands for is something other than its beginning.
func phrased(text string) []hit {
	folded := fold(text)
	longest := map[int]int{}
	places := make([][]int, len(phrases()))
	for i, p := range phrases() {
		for _, at := range folded.find(p.words) {
			if strings.HasPrefix(strings.ToLower(text[at:min(len(text), at+len(p.literal))]), p.literal) {
				places[i] = append(places[i], at)
				longest[at] = max(longest[at], len(p.words))
			}
		}
	}
	var found []hit
	for i, p := range phrases() {
		for _, at := range places[i] {
			for _, e := range p.entries {
				if len(p.words) == longest[at] {
					found = append(found, hit{e, at, p.depth, p.quoted})
				}
			}
		}
	}
	return found
}

// alone explains a text that is nothing but a name.
func alone(text string) []Entry {
	if found := exitCode(strings.ToLower(text)); len(found) > 0 {
		return found
	}
	if bareName.compiled().MatchString(text) {
		if found := camelName(strings.TrimSuffix(text, "Exception")); len(found) > 0 {
			return found
		}
	}
	return trust(text, true)
}

// bareName is a name of a code as some program spells it. Words in small letters
// are words.
var bareName = newPattern(`^[A-Z][A-Za-z0-9_]{2,40}$`)

// named explains a code that is given by its name.
func named(name string) []Entry {
	name = strings.ToUpper(name)
	for n, text := range windowsCodes {
		if text.name == name {
			return windows(n)
		}
	}
	for low, text := range stackCodes {
		if name == "TSS2_BASE_RC_"+text.name { // of no layer
			return []Entry{{
				Kind: kindTSS, Code: fmt.Sprintf("%#04x", low), Name: name,
				Means: text.means + ", says a layer that the name leaves out", Why: text.why, Do: text.do, Sources: []string{commonHeader},
			}}
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
			if n>>16 == windowsFacility && strings.ReplaceAll(text.name[len("TBS_E_"):], "_", "") == name {
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
