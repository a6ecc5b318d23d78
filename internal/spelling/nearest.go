// Package spelling finds the word that was meant: among those that are known, or
// for the option of another tool. The package is pure.
package spelling

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Nearest returns the known word that a misspelt one stands for, "" where none is
// near. It finds letters that were swapped, left out, doubled or mistyped, and a
// name in another case or with other signs between its words (registration_id,
// registrationId); else the one name that begins so, or has all of these words in it
// (scope for id-scope). Of two that are equally near the first counts.
func Nearest(typed string, known []string) string {
	if near := closest(typed, known, slips); near != "" {
		return near
	}
	return uniqueMatch(typed, known)
}

// Slip is [Nearest] for words that decide something, such as whether a value is
// shown: at most one letter in four is another one, and none is added for the rest of
// a word.
func Slip(typed string, known []string) string {
	limit := min(utf8.RuneCountInString(typed)/4, 3)
	return closest(typed, known, func(_, _ string) int { return limit })
}

// maxWord is how long a word may be, in bytes, to be compared: names have less.
const maxWord = 64

// closest is the known word with the least letters to change; limit says how many
// those may be, for two words without signs.
func closest(typed string, known []string, limit func(word, other string) int) string {
	if len(typed) > maxWord {
		return ""
	}
	word := Joined(typed)
	best, least, apart := "", 4, 0
	for _, k := range known {
		other := Joined(k)
		if negated(word, other) {
			continue
		}
		if word == other && word != "" {
			return k
		}
		most := limit(word, other)
		if most == 0 || abs(utf8.RuneCountInString(word)-utf8.RuneCountInString(other)) > most {
			continue // so many letters are missing, or too many
		}
		d := distance([]rune(word), []rune(other))
		if d > most || d > least {
			continue
		}
		if with := distance([]rune(typed), []rune(k)); d < least || with < apart {
			best, least, apart = k, d, with
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

// Same tells whether two names have the same letters, whatever their case and the
// signs between their words.
func Same(a, b string) bool { return Joined(a) == Joined(b) }

// Distance counts the letters to add, remove, change, or swap with the next one, to
// make one name of the other. Case and the signs between words do not count.
func Distance(a, b string) int { return distance([]rune(Joined(a)), []rune(Joined(b))) }

// slips is how many slips of the finger two words may be apart: in a short one each
// changes much of it.
func slips(word, other string) int {
	length := min(len(word), len(other))
	switch {
	case length < 2, len(other) <= 2 && !sameLetters(word, other):
		return 0
	case length < 5:
		return 1
	case length < 9:
		return 2
	}
	return 3
}

// negated tells whether the typed word asks for the opposite of the other one.
func negated(word, other string) bool {
	return word == "no"+other || word == "without"+other || word == "disable"+other
}

// uniqueMatch is the one known word that begins with the typed one, or has its words.
func uniqueMatch(typed string, known []string) string {
	word := Joined(typed)
	if len(word) < 3 {
		return ""
	}
	for _, fits := range []func(string) bool{
		func(k string) bool { return strings.HasPrefix(Joined(k), word) },
		func(k string) bool { return containsAll(parts(typed), parts(k)) },
	} {
		var found []string
		for _, k := range known {
			if fits(k) {
				found = append(found, k)
			}
		}
		if len(found) == 1 {
			return found[0]
		}
	}
	return ""
}

// Joined is a name, or a sentence, in small letters, without what stands between its words.
func Joined(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// parts are the words of a name, in small letters: of id-scope, id_scope and idScope
// the same two.
func parts(name string) []string {
	var b strings.Builder
	small := false
	for _, r := range name {
		if small && unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		small = unicode.IsLower(r)
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			r = ' '
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.Fields(b.String())
}

func containsAll(words, all []string) bool {
	for _, w := range words {
		if !slices.Contains(all, w) {
			return false
		}
	}
	return len(words) > 0
}

func sameLetters(a, b string) bool {
	set := func(s string) string {
		letters := []rune(s)
		slices.Sort(letters)
		return string(slices.Compact(letters))
	}
	return set(a) == set(b)
}

// distance is the optimal string alignment of two words.
func distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
