package dictionary

import (
	"slices"
	"strings"
)

// scan is a text that many patterns are looked for in. Logs are long and patterns
// slow, so that each is tried only on lines with a word that it needs.
type scan struct {
	text  string
	lower string // the same in small letters, byte for byte
}

func newScan(text string) scan {
	lower := []byte(text)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	return scan{text, string(lower)}
}

// matches are those of a pattern, as regexp.Regexp.FindAllStringSubmatchIndex gives
// them, on the lines that have one of the words; no words are all lines.
func (s scan) matches(p *pattern, words []string) [][]int {
	if len(words) == 0 {
		return p.compiled().FindAllStringSubmatchIndex(s.text, maxCandidates)
	}
	var all [][]int
	for _, start := range s.linesWith(words) {
		line, _, _ := strings.Cut(s.text[start:], "\n")
		for _, m := range p.compiled().FindAllStringSubmatchIndex(line, maxCandidates) {
			for i := range m {
				if m[i] >= 0 {
					m[i] += start
				}
			}
			all = append(all, m)
		}
		if len(all) > maxCandidates {
			break
		}
	}
	return all
}

// linesWith are where the lines begin that have one of the words.
func (s scan) linesWith(words []string) []int {
	var starts []int
	for _, word := range words {
		for from := 0; ; {
			i := strings.Index(s.lower[from:], word)
			if i < 0 {
				break
			}
			at := from + i
			starts = append(starts, strings.LastIndexByte(s.text[:at], '\n')+1)
			end := strings.IndexByte(s.text[at:], '\n')
			if end < 0 {
				break
			}
			from = at + end
		}
	}
	slices.Sort(starts)
	return slices.Compact(starts)
}
