package dictionary

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tpmdps/internal/spelling"
)

// decodedHead is what tpm2-tss writes in front of a message: the layer, and for
// codes of the chip what they are about.
var decodedHead = newPattern(`(?i)\b(tpm|fapi|feature|esapi|esys|sys|sapi|mu|tcti|rmt|resmgr|rm|resmgrtpm|drvr):` +
	`(?:(error|warn|handle|parameter|session)\((1\.2|2\.0|unk|[0-9]{1,2})\):)?[ \t]*`)

// decodedTags are the words that a head has.
var decodedTags = []string{"tpm:", "fapi:", "feature:", "esapi:", "esys:", "sys:", "mu:", "tcti:", "rmt:", "rm:", "resmgr:", "resmgrtpm:", "drvr:"}

// maxDecoded is more than the longest message has.
const maxDecoded = 400

// decoded explains messages as tpm2_rc_decode and tpm2-tools print them, such as
// "tpm:session(1):authorization failure without DA implications".
func decoded(s scan) []hit {
	text := s.text
	var found []hit
	for _, m := range s.matches(decodedHead, decodedTags) {
		if len(found) > maxFinds {
			break
		}
		head := make([]string, 4)
		for i := range head {
			if m[2*i] >= 0 {
				head[i] = strings.ToLower(text[m[2*i]:m[2*i+1]])
			}
		}
		message, _, _ := strings.Cut(text[m[1]:min(len(text), m[1]+maxDecoded)], "\n")
		found = append(found, hits(decodedMessage(head, message), m[0])...)
	}
	return found
}

// associated is how the crate tss-esapi names what a message of the chip is about.
var associated = newPattern(`(?i)([a-z][^:(\n]{4,200}) \(associated with (?:an? )?(handle|parameter|session)(?: number ([0-9]{1,2}))?\)`)

// decodedAssociated explains messages such as "a policy check failed (associated with
// session number 1)".
func decodedAssociated(s scan) []hit {
	text := s.text
	var found []hit
	for _, m := range s.matches(associated, []string{"(associated with "}) {
		number := ""
		if m[6] >= 0 {
			number = text[m[6]:m[7]]
		}
		found = append(found, hits(decodedTPM(0, strings.ToLower(text[m[4]:m[5]]), number, text[m[2]:m[3]]), m[0])...)
	}
	return found
}

// decodedMessage explains one: its head taken apart, and its words.
func decodedMessage(head []string, message string) []Entry {
	upper, ok := layerTagged(head[1])
	switch {
	case head[1] == "drvr":
		return cutOff(head[1], message)
	case !ok:
		return nil
	case head[2] == "":
		return decodedStack(head[1], upper, message)
	}
	return decodedTPM(upper, head[2], head[3], message)
}

// layerTagged finds the upper half of a code by the layer's tag in a message.
func layerTagged(tag string) (upper uint32, ok bool) {
	for number, l := range layers {
		if slices.Contains(l.tags, tag) {
			return number << 16, true
		}
	}
	return 0, tag == "tpm"
}

// decodedTPM explains a message about a code of the chip. What it is about is
// "error" or "warn", or the handle, parameter or session of a number.
func decodedTPM(upper uint32, about, number, message string) []Entry {
	if rc, ok := vendorText(about, message); ok {
		return stack(upper | rc)
	}
	var found []Entry
	for _, base := range longest(message, foldedTexts()) {
		rc := uint32(base)
		switch {
		case (about == "error") != (base&0xf80 == bitVersion), (about == "warn") != (base&0xf80 == bitVersion|bitWarning):
			continue
		case base&bitFormat1 != 0:
			rc = numbered(base, about, number)
		}
		found = append(found, stack(upper|rc)...)
	}
	return found
}

// headless explains the words of a message without what stands before them, or a part
// of the words that no other message has.
func headless(text string) []Entry {
	const shortest = 16 // letters
	text = spelling.Joined(text)
	if len(text) < shortest {
		return nil
	}
	var whole, part []Entry
	texts := foldedTexts()
	for _, base := range slices.Sorted(maps.Keys(texts)) {
		switch message := texts[base]; {
		case message == text:
			whole = append(whole, stack(uint32(base))...)
		case strings.Contains(message, text):
			part = append(part, stack(uint32(base))...)
		}
	}
	if len(whole) == 0 && len(part) == 1 {
		return part
	}
	return whole
}

// vendorText reads "Vendor specific error: 0x1".
func vendorText(about, message string) (rc uint32, ok bool) {
	digits, ok := cutPrefixFold(message, "Vendor specific error: 0x")
	n, err := strconv.ParseUint(strings.TrimRight(digits, ".) \r"), 16, 7)
	if !ok || err != nil {
		return 0, false
	}
	rc = bitVersion | bitVendor | uint32(n)
	if about == "warn" {
		rc |= bitWarning
	}
	return rc, true
}

// numbered puts the number of a handle, parameter or session into a code of
// format 1. A number that is not given, or not possible, is left out.
func numbered(base uint16, subject, number string) uint32 {
	n, err := strconv.ParseUint(number, 10, 4)
	if err != nil || n == 0 || subject != "parameter" && n > 7 {
		return uint32(base)
	}
	rc := uint32(base) | uint32(n)<<8
	switch subject {
	case "parameter":
		rc |= bitParameter
	case "session":
		rc |= bitWarning // the same bit says session here
	}
	return rc
}

// decodedStack explains a message of a layer about a code of its own, or one
// that has no text.
func decodedStack(tag string, upper uint32, message string) []Entry {
	if digits := leadingHex(message); digits != "" {
		if found := cutOff(tag, message); len(found) > 0 {
			return found
		}
		n, err := strconv.ParseUint(digits, 16, 32)
		switch {
		case err != nil:
			return nil
		case n > 0xffff: // tpm2-tss 4 prints the whole number: rm:0xC0143
			return stack(uint32(n))
		}
		return stack(upper | uint32(n))
	}
	if upper == 0 {
		return nil
	}
	var found []Entry
	for _, low := range longest(message, foldedStackTexts()) {
		found = append(found, stack(upper|low)...)
	}
	return found
}

var hexAtStart = newPattern(`^0[xX]([0-9a-fA-F]{1,8})\b`)

func leadingHex(message string) string {
	if m := hexAtStart.compiled().FindStringSubmatch(message); m != nil {
		return m[1]
	}
	return ""
}

// cutOff explains "rm:0xC09": versions of tpm2-tss print the code of a layer
// that they have no texts for without its last two digits.
func cutOff(tag, message string) []Entry {
	digits := strings.ToUpper(leadingHex(message))
	if len(digits) != 3 || digits[:2] != "C0" && digits[:2] != "D0" {
		return nil
	}
	return []Entry{{
		Kind: kindTSS, Code: tag + ":0x" + digits, Name: "cut off",
		Means:   "a code of the resource manager or the driver, of which tpm2-tss prints the first digits only",
		Do:      fmt.Sprintf("find the whole number, 0x000%s and two digits more, in the lines of the log before it, and explain that", strings.ToLower(digits)),
		Sources: []string{"tpm2-tss, tss2_rc.c"},
	}}
}

// The messages as they are compared. Signs and blanks do not count: they differ
// between versions.
var (
	foldedTexts      = sync.OnceValue(func() map[uint16]string { return folded(decodedTexts) })
	foldedStackTexts = sync.OnceValue(func() map[uint32]string { return folded(decodedStackTexts) })
)

func folded[K comparable](messages map[K]string) map[K]string {
	out := make(map[K]string, len(messages))
	for code, message := range messages {
		out[code] = spelling.Joined(message)
	}
	return out
}

// longest finds the codes whose message the text begins with, where one is part
// of another the longer.
func longest[K cmp.Ordered](text string, messages map[K]string) []K {
	text = spelling.Joined(text)
	var found []K
	length := 0
	for code, message := range messages {
		switch {
		case len(message) < length || !strings.HasPrefix(text, message):
		case len(message) > length:
			found, length = []K{code}, len(message)
		default:
			found = append(found, code)
		}
	}
	slices.Sort(found)
	return found
}
