package dictionary

import (
	"cmp"
	"slices"
	"strings"
)

// depth says how near to the cause of all that follows something is: a machine
// that cannot read its configuration does not get to its chip, one that cannot use
// the chip not to the network, and so on to the hub.
type depth int

const (
	atConfiguration depth = iota
	atDevice              // why the chip cannot be reached
	atChip                // what the chip answers
	atStack               // what the software around it says
	atKeys                // what could not be done with the chip, without a reason
	atNetwork
	atTLS // and of what answers instead of the service
	atService
	atStatus // an HTTP status alone
	atHub
	atProgram // a message or a step of this program
	atSymptom // that something failed
	atLocal   // that one service of IoT Edge does not reach another
	atExit
	atNothing  // what is logged when all is well
	atExpected // a code in such a line
	atPointer  // what only points to another line
)

// hit is an entry that was found in a text.
type hit struct {
	Entry
	at     int // where
	depth  depth
	quoted bool // found by its words, not by its number
}

// depthOf is the depth of an entry that no table of lines has.
func depthOf(e Entry) depth {
	switch e.Kind {
	case kindTPM, kindWindows:
		return atChip
	case kindTSS:
		return atStack
	case kindDPS:
		if len(e.Code) == 3 {
			return atStatus
		}
		return atService
	case kindHub:
		return atHub
	case kindStep:
		return atProgram
	case kindExit:
		return atExit
	}
	return atSymptom
}

// hits are entries found at one place.
func hits(found []Entry, at int) []hit {
	out := make([]hit, len(found))
	for i, e := range found {
		out[i] = hit{Entry: e, at: at, depth: depthOf(e)}
	}
	return out
}

var (
	// expected are lines that a chip's first start has, with a code that says only
	// that there was nothing yet, or that the chip was not ready yet.
	expected     = newPattern(`(?i)could not read (?:endorsement|storage root) key from|could not evict previous auth key|TR_FromTPMPublic|occurred,? (?:flushing context|continue selftest|attempting the self ?test)`)
	expectedCode = newPattern(`^TPM_RC_(?:HANDLE|INITIALIZE|TESTING)\b`)
	// local are lines of programs that speak with IoT Edge's own services alone, over
	// sockets, and of connections within this machine: that one of these is down has
	// a cause of its own.
	local = newPattern(`(?i)\baziot-edged\b|\b(?:keyd|certd|tpmd|identityd|mgmt|workload)\.sock\b|/var/run/|\b127\.0\.0\.1\b|\blocalhost\b|\[::1\]`)
	// ofProxy: a proxy on this machine is on the way to the services anyway.
	ofProxy = newPattern(`(?i)proxy`)
	chain   = newPattern(`(?i)\bcaused by\b`)
)

// ranked puts the likeliest cause first: the deepest, of a chain of "caused by"
// the last, and then what comes first in the text.
func ranked(text string, found []hit) []Entry {
	isPointer := func(h hit) bool { return h.depth == atPointer }
	if others := slices.DeleteFunc(slices.Clone(found), isPointer); len(others) > 0 {
		found = others
	}
	log := strings.Contains(text, "\n")
	type place struct{ depth, chain, line int }
	places := make(map[int]place, len(found)) // by index
	order := make([]int, len(found))
	coded := map[int]bool{} // lines with a code of the service or the hub
	for _, h := range found {
		if _, start := lineAt(text, h.at); h.depth == atService || h.depth == atHub {
			coded[start] = true
		}
	}
	for i, h := range found {
		line, start := lineAt(text, h.at)
		p := place{depth: int(h.depth)}
		switch {
		case expected.compiled().MatchString(line) && expectedCode.compiled().MatchString(h.Name):
			p.depth = int(atExpected)
		case (h.depth == atNetwork || h.depth == atStatus) && local.compiled().MatchString(line) && !ofProxy.compiled().MatchString(line):
			p.depth = int(atLocal)
		case h.depth == atStatus && coded[start]: // the code says more
			p.depth = int(atHub)
		}
		if log {
			p.chain, p.line = -chainLength(text, start), start
		}
		places[i], order[i] = p, i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		p, q := places[a], places[b]
		return cmp.Or(cmp.Compare(p.depth, q.depth), cmp.Compare(p.chain, q.chain), cmp.Compare(p.line, q.line))
	})
	out := make([]Entry, len(found))
	for i, n := range order {
		out[i] = found[n].Entry
	}
	return out
}

// lineAt is the line around a place, and where it begins.
func lineAt(text string, at int) (line string, start int) {
	at = min(at, len(text))
	start = strings.LastIndexByte(text[:at], '\n') + 1
	line, _, _ = strings.Cut(text[start:min(len(text), at+maxLine)], "\n")
	return line[max(0, len(line)-3*maxLine):], start
}

// maxChain is more causes than a chain has.
const maxChain = 32

// chainLength counts the lines "caused by" that end with the one that begins at
// start.
func chainLength(text string, start int) int {
	n := 0
	for n < maxChain {
		if line, _ := lineAt(text, start); !chain.compiled().MatchString(line) {
			break
		}
		n++
		if start == 0 {
			break
		}
		start = strings.LastIndexByte(text[:start-1], '\n') + 1
	}
	return n
}
