package redact

import (
	"regexp"
	"strings"
)

// maxLayers is how many layers of escapes are undone: a URL in JSON in JSON in a log
// has four.
const maxLayers = 5

// Text returns a text without the secrets.
func (s *Set) Text(text string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.known) == 0 {
		return text
	}
	return cover(text, s.find(text))
}

// find marks the bytes of a text that belong to secrets; nil if none do. It looks at
// the text, at its lines joined, and at it without what stands instead of
// characters, each with one layer of escapes after the other undone.
func (s *Set) find(text string) []bool {
	m := marker{set: s, text: text}
	v := viewOf(text)
	if m.first, _ = v.unescaped(); len(m.first.text) == len(text) {
		m.first = view{}
	}
	m.peel(v, view.whole)
	if strings.ContainsAny(text, "\n\x00\\%&") { // a line may end within an escape, or a number
		m.peel(v.joined(), view.joined)
	}
	for _, filler := range fillers {
		if strings.Contains(text, filler) && (filler != "." || dotted.MatchString(text)) {
			m.peel(v.without(filler).joined(), view.joined)
		}
	}
	if m.marked != nil {
		m.snap()
	}
	return m.marked
}

// fillers are what programs, this one too, put where a character cannot be shown: a
// line's end, or the zeros of UTF-16. A dot counts where it is every other character.
var fillers = []string{"?", "\ufffd", "; ", "."}

var dotted = regexp.MustCompile(`(?:[^.]\.){8}`)

// peel undoes layer after layer of escapes, and looks below each.
func (m *marker) peel(v view, then func(view) view) {
	for range maxLayers {
		m.scan(v)
		m.scanHex(v)
		m.scanNumbers(v)
		m.scanWords(v)
		next, found := v.unescaped()
		if !found {
			return
		}
		v = then(next)
	}
}

// cover puts the mark where bytes are marked.
func cover(text string, marked []bool) string {
	if marked == nil {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		start := i
		for i < len(text) && marked[i] {
			i++
		}
		if i > start {
			b.WriteString(Mark)
			continue
		}
		for i < len(text) && !marked[i] {
			i++
		}
		b.WriteString(text[start:i])
	}
	return b.String()
}

// marker collects what has been found in one text.
type marker struct {
	set    *Set
	text   string
	marked []bool
	first  view // with one layer of escapes undone
}

// mark notes that a part of the text belongs to a secret.
func (m *marker) mark(from, to int) {
	if m.marked == nil {
		m.marked = make([]bool, len(m.text))
	}
	for i := from; i < to; i++ {
		m.marked[i] = m.text[i] != '\n' // a text keeps its lines
	}
}

// join marks what stands between two characters of a secret, unless a line ends there.
func (m *marker) join(from, to int) {
	if from < to && !strings.ContainsAny(m.text[from:to], "\n\r\\") {
		m.mark(from, to)
	}
}

// padding marks what fills up the last group of base64 or base32.
func (m *marker) padding(v view, at int) {
	for i := at; i < min(len(v.text), at+6) && v.text[i] == '='; i++ {
		m.mark(v.from[i], v.to[i])
	}
}

// snap marks the whole of an escape of which a part is marked: what is left of it
// would escape something else.
func (m *marker) snap() {
	for i, from := range m.first.from {
		to := m.first.to[i]
		for k := from; to-from > 1 && k < to; k++ {
			if m.marked[k] {
				m.mark(from, to)
				break
			}
		}
	}
}
