package dictionary

import (
	"strings"
)

// What stands in a text and says nothing: colours of a terminal, the line ends of
// Windows, the quotes and signs of web pages, and what JSON within JSON escapes.
var (
	colours = newPattern("\x1b\\[[0-9;?]*[A-Za-z]")
	signs   = strings.NewReplacer(
		"\r\n", "\n", "\r", "\n",
		`\\\"`, `"`, `\"`, `"`, `\r\n`, "\n",
		"\u2212", "-", "\u2013", "-", "\u2014", "-", "\u00a0", " ",
		"\u201c", `"`, "\u201d", `"`, "\u2018", "'", "\u2019", "'", "\ufeff", "",
	)
	blanks = newPattern(`[ \t]+`)
	// escapedEnd is a line end that was escaped. Paths of Windows have \n, too.
	escapedEnd = newPattern(`\\n(?P<next>caused by|[A-Z]+:|[ \t"'})])`)
)

// clean makes what was pasted into what was printed.
func clean(text string) string {
	text = signs.Replace(colours.compiled().ReplaceAllString(text, ""))
	text = blanks.compiled().ReplaceAllString(text, " ")
	return escapedEnd.compiled().ReplaceAllString(text, "\n${next}")
}

// folded is a text as phrases are looked for in it: words in small letters with
// one blank between them. Signs, blanks and line ends between words differ from
// version to version, and from one who pastes to another.
type foldedText struct {
	words string // " word word "
	at    []int  // where each byte of words is in the text
}

func fold(text string) foldedText {
	var b strings.Builder
	at := make([]int, 0, len(text)+2)
	blank := true
	b.WriteByte(' ')
	at = append(at, 0)
	for i := range len(text) {
		c := text[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c >= 0x80:
		case blank:
			continue
		default:
			c = ' '
		}
		blank = c == ' '
		b.WriteByte(c)
		at = append(at, i)
	}
	if !blank {
		b.WriteByte(' ')
		at = append(at, len(text))
	}
	return foldedText{b.String(), at}
}

// find gives the places in the text where a phrase, itself folded, begins.
func (f foldedText) find(phrase string) []int {
	var places []int
	for from := 0; len(places) < maxFinds; {
		i := strings.Index(f.words[from:], phrase)
		if i < 0 {
			break
		}
		places = append(places, f.at[min(from+i+1, len(f.at)-1)])
		from += i + 1
	}
	return places
}
