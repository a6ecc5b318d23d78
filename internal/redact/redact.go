// Package redact takes secrets out of what is written: those that are known, and
// with [Patterns] what looks like one.
//
// The code that reads a secret adds it to a [Set], and from then on it is looked for in
// everything that goes through the set, by its value: what stands around it does
// not matter, nor does the form that it has there. A form is made of what others
// do to a text before they repeat it, in any order and several times:
//
//   - Escapes are undone before the search: those of URLs, of JSON, Go, TOML and
//     shells, and of HTML. Quotes, white space, line ends and zero bytes (UTF-16)
//     do not count.
//   - Codings are looked for: base64 with either alphabet, wherever in a group of
//     three the secret begins, twice over, and of an escaped or UTF-16 text; base32;
//     hex with any separators; the lists of numbers that Go and Java print for bytes.
//     Of a secret that is itself base64 or hex, such as a key, the bytes are looked
//     for as well.
//
// Any piece of eight characters counts, so a secret that was cut short or broken
// over two lines is found too; of a coding any piece that stands for so many, since eight
// hex digits of it are in a key or a sum by chance. Shorter secrets are words that stand in many places
// for themselves, and to take them out there would tell them: from four characters
// on they are taken out where they stand alone and mix letters with digits or other
// signs, and otherwise not at all.
//
// A secret that nobody has added is found only where it stands as credentials do.
package redact

import (
	"iter"
	"log/slog"
	"math/bits"
	"strconv"
	"sync"
)

// Mark stands where a secret stood. It is safe in JSON, TOML and HTML.
const Mark = "[redacted]"

// piece is how many characters of a secret are looked for: as many as fit into a
// number.
const piece = 8

// shortest is the length below which a secret is not looked for at all.
const shortest = 4

// Set is the secrets that are known. The zero value is empty, and of use. A Set may
// be used by several goroutines at the same time; it prints as how many it has.
type Set struct {
	mu     sync.RWMutex
	known  map[string]bool
	pieces table
	// coded are the pieces of codings: one alone proves nothing.
	coded table
	// heads are the beginnings of secrets, which too few characters follow to be sure.
	heads map[string]struct{}
	// words are the secrets that are too short for pieces.
	words map[string]struct{}
}

// Add makes secrets known. Empty ones are skipped.
func (s *Set) Add(secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range secrets {
		s.add(secret)
	}
}

func (s *Set) add(secret string) {
	if len(secret) < shortest || s.known[secret] {
		return
	}
	if s.known == nil {
		s.known, s.heads, s.words = map[string]bool{}, map[string]struct{}{}, map[string]struct{}{}
	}
	s.known[secret] = true
	if len(normal(secret)) < piece {
		if mixed(secret) {
			s.words[secret] = struct{}{}
			s.words[base64Of(secret)] = struct{}{}
			s.addPieces(hexOf(secret), &s.pieces)
		}
		return
	}
	plain, coded := forms(secret)
	for _, form := range plain {
		s.addPieces(form, &s.pieces)
	}
	s.coded.grow(s.coded.n + length(coded)*2/3) // a third of the pieces are in two forms
	for _, form := range coded {
		s.addPieces(form, &s.coded)
	}
	for _, form := range []string{secret, base64Of(secret), hexOf(secret)} {
		head := string(normal(form))
		for n := shortest; n < min(len(head), 2*piece); n++ {
			s.heads[head[:n]] = struct{}{}
		}
	}
}

func length(forms []string) int {
	n := 0
	for _, form := range forms {
		n += len(form)
	}
	return n
}

// addPieces adds every piece of a form to a table, but those that stand in texts
// whatever the secret is: the words of the program's own, and of a form that has enough
// others the dull ones. The key that DPS wraps for a chip has zeros in it, and so do
// handles, times and UUIDs.
func (s *Set) addPieces(form string, to *table) {
	text, toOfHex := normal(form), &s.coded
	if len(text) < neededHex { // there is no more of it
		toOfHex = &s.pieces
	}
	if len(text) < needed64 {
		to = &s.pieces
	}
	own, enough := ownPieces(), distinctive(text)
	for key := range piecesOf(text) {
		pieces := to
		if to != toOfHex && isHex(key) {
			pieces = toOfHex
		}
		// Known is asked first: many are, from a form that is the same here.
		if !pieces.has(key) && !(enough && dull(key)) && !own.has(key) {
			pieces.add(key)
		}
	}
}

// distinctive says whether a form has enough pieces that are not dull.
func distinctive(text []byte) bool {
	n := 0
	for key := range piecesOf(text) {
		if !dull(key) {
			n++
		}
		if n == enoughPieces {
			return true
		}
	}
	return false
}

// How many characters of hex and of base64, one after the other, stand for a piece.
const (
	neededHex = 2 * piece
	needed64  = (4*piece + 2) / 3
)

// needed is which of the two counts for a piece.
func needed(key uint64) int {
	if isHex(key) {
		return neededHex
	}
	return needed64
}

// isHex says whether a piece has hex digits alone, of which no more is known than of
// half as many other characters.
func isHex(key uint64) bool {
	for ; key != 0; key >>= 8 {
		if _, ok := hexDigit(byte(key)); !ok {
			return false
		}
	}
	return true
}

// enoughPieces is of how many pieces that are not dull a form is known by.
const enoughPieces = 16

// dull says whether three quarters of a piece, six of eight, are one character. The other
// two part these into three runs at most, so three at least are the same as the one before:
// that is asked first, since it is cheap and the answer is nearly always no.
func dull(key uint64) bool {
	if count(key^key>>8, 0) < 3 {
		return false
	}
	for i := range piece/4 + 1 { // it is among these
		if 4*count(key, byte(key>>(8*i))) >= 3*piece {
			return true
		}
	}
	return false
}

// count is how often a character is in a piece. All eight are compared at once: of a
// byte that differs the sum or the byte itself has the highest bit.
func count(key uint64, char byte) int {
	const ones, low = 0x0101010101010101, 0x7f7f7f7f7f7f7f7f
	differ := key ^ ones*uint64(char)
	return bits.OnesCount64(^(differ&low + low | differ | low))
}

// piecesOf goes through the pieces of a normal text.
func piecesOf(text []byte) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		var key uint64
		for i := range len(text) {
			if key = key<<8 | uint64(text[i]); i+1 >= piece && !yield(key) {
				return
			}
		}
	}
}

var ownPieces = sync.OnceValue(func() *table {
	own := &table{}
	for _, word := range ownWords {
		for key := range piecesOf(normal(word)) {
			own.add(key)
		}
	}
	return own
})

// ownWords are in the program's messages, flags and addresses.
var ownWords = []string{
	"SharedAccessSignature", "SharedAccessKeyName", "azure-devices-provisioning", "azure-devices.net", "provisioningserviceowner",
	"global.azure-devices-provisioning.net", "https://", "registration", "enrollments", "connection", "endorsement", "hierarchy",
	"hierarchies", "passwords", "authentication", "attestation", "certificates", "localhost", "microsoft", "credential",
}

// mixed tells a word from what somebody made up to be a secret.
func mixed(s string) bool {
	letters, digits, others := false, false, false
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			letters = true
		case r >= '0' && r <= '9':
			digits = true
		default:
			others = true
		}
	}
	return letters && (digits || others) || digits && others
}

// String says how many secrets are known.
func (s *Set) String() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return strconv.Itoa(len(s.known)) + " secrets"
}

// GoString is String, for %#v.
func (s *Set) GoString() string { return s.String() }

// LogValue is String, for log/slog.
func (s *Set) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String, for encoders.
func (s *Set) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
