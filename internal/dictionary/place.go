package dictionary

import (
	"strings"
)

// place is where in a text a number stands. Logs are full of numbers that could
// be codes: times, process IDs, ports, sizes, addresses, hashes.
type place struct {
	text       string
	start, end int // of the number's digits
}

// maxQuestion is the length up to which a text of one line is a question about
// the number in it. In a longer one, or a log, the line has to say that the
// number is an error's.
const maxQuestion = 60

var (
	ofErrors = newPattern(`(?i)tpm|tss2|esys|esapi|fapi|tcti|resmgr|hresult|err|fail|fault|exception|refus|denied|unable|cannot|could not|caused by|warn|result|return|\brc\b|\bcode|status|\bdps\b`)

	// What a number counts or names is before it or after it.
	otherBefore = newPattern(`(?i)(?:^|[^a-z])(?:[ptug]id|port|line|offset|size|len|length|bytes|seq|sequence|count|total|took|elapsed|duration|uptime|inode|serial|version|build|rev|revision|irq|addr|address|mem|memory|io|flags?|mask|handles?|command|cmd|cc|ordinal|alg|algorithm|vendor|product|device|id|pcr|index|register|counter|interval|tpm2?_pt_\w+)[\s"':=#(]{0,4}(?:0[xX])?$`)
	otherAfter  = newPattern(`(?i)^\s?(?:[mnuµ]?s|sec|secs|seconds?|min|minutes?|h|hours?|days?|k?b|[kmg]i?b|bytes?|octets?|bits?|[kmg]?hz|%|times|messages?|lines?|requests?|records?|items?|files?)\b`)
	afterTag    = newPattern(`(?i)\b(?:rmt?|resmgr|fapi|esapi|sys|mu|tcti|drvr):\s*0x$`) // decoded has these
	onlyCodes   = newPattern(`^(?:\S*\s)?(?:0[xX][0-9a-fA-F]{1,8}[\s,;]*)+$`)
	listedPID   = newPattern(`\w\[$`)
	sourceLine  = newPattern(`\.[a-z]{1,4}:$`) // esys_iutil.c:394:
	joinedEnd   = newPattern(`^(?:[.:,][0-9A-Za-z]|[-_/%@#+])`)
)

// isNumber tells whether the number stands for itself: it is not part of a date,
// a path, a range or a longer number, and nothing says that it counts something.
func (p place) isNumber() bool {
	before, after := p.text[max(0, p.start-24):p.start], p.text[p.end:min(len(p.text), p.end+16)]
	before = before[strings.LastIndexByte(before, '\n')+1:]
	bare := strings.TrimSuffix(strings.TrimSuffix(before, "0x"), "0X")
	switch {
	case bare != "" && strings.ContainsRune(".-/#@+%_$&", rune(bare[len(bare)-1])):
		return false
	case listedPID.compiled().MatchString(before), sourceLine.compiled().MatchString(before), afterTag.compiled().MatchString(before), joinedEnd.compiled().MatchString(after):
		return false
	}
	return !otherBefore.compiled().MatchString(before) && !otherAfter.compiled().MatchString(after)
}

// isCode tells whether the number is likely to be an error's.
func (p place) isCode() bool {
	return p.isNumber() && (p.isQuestion() || ofErrors.compiled().MatchString(p.line()))
}

// isOfTPM tells whether there is only a name, or its line speaks of a TPM.
func (p place) isOfTPM() bool {
	return strings.TrimSpace(p.line()) == p.text[p.start:p.end]+"Exception" || ofTPM.compiled().MatchString(p.line())
}

var ofTPM = newPattern(`(?i)tpm|tss|tcti|\besys|esys_|\bfapi`)

// isDecimalOfTPM tells whether a decimal number may be a code of the chip.
func (p place) isDecimalOfTPM() bool {
	return p.isNumber() && ofTPM.compiled().MatchString(p.line())
}

// isOnTheWay tells whether an HTTP status may be one of DPS, the hub or IoT Edge: in
// a log, others have them as well.
func (p place) isOnTheWay() bool {
	line := p.line()
	return !strings.Contains(p.text, "\n") || len(line) <= maxQuestion/2 || onTheWay.compiled().MatchString(line)
}

func (p place) isStatus() bool { return p.isNumber() && p.isOnTheWay() }

// isOurs tells whether an exit code is of this program.
func (p place) isOurs() bool {
	return p.isQuestion() || strings.Contains(p.line(), "tpmdps")
}

// isQuestion tells whether there is little or nothing else than the number.
func (p place) isQuestion() bool {
	return len(p.text) <= maxQuestion && !strings.Contains(p.text, "\n") || onlyCodes.compiled().MatchString(p.line())
}

// maxLine is how much of a line is looked at, to each side of a number.
const maxLine = 300

// line is the line that the number stands in.
func (p place) line() string {
	before := p.text[max(0, p.start-maxLine):p.start]
	after := p.text[p.end:min(len(p.text), p.end+maxLine)]
	after, _, _ = strings.Cut(after, "\n")
	return before[strings.LastIndexByte(before, '\n')+1:] + p.text[p.start:p.end] + after
}
