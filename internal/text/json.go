package text

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// JSONFault says, in words of the text, why encoding/json refused it: the line,
// counted from 1, and the reason. err is what the package returned for data.
func JSONFault(data []byte, err error) (line int, reason string) {
	var (
		syntax *json.SyntaxError
		kind   *json.UnmarshalTypeError
		clock  *time.ParseError
	)
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return 1, "it is empty"
	case strings.Contains(err.Error(), "exceeded max depth"):
		return 1, "it is nested too deep"
	case errors.As(err, &kind):
		return lineOf(data, kind.Offset), typeFault(kind)
	case errors.As(err, &clock):
		return 1, fmt.Sprintf("%s is not a time such as 2006-01-02T15:04:05Z", snippet([]byte(clock.Value)))
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		var any json.RawMessage
		if again := json.Unmarshal(data, &any); errors.As(again, &syntax) { // its offset counts from here
			return syntaxFault(data, int(syntax.Offset)-1)
		}
		return lineOf(data, int64(len(data))), "it ends too early"
	}
	if m := unknownField.FindStringSubmatch(err.Error()); m != nil {
		field := bytes.Index(data, []byte(m[1]))
		return lineOf(data, int64(max(field, 0))), "unknown field " + m[1]
	}
	return 1, strings.TrimPrefix(err.Error(), "json: ")
}

var unknownField = regexp.MustCompile(`^json: unknown field (".*")$`)

func lineOf(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:max(min(offset, int64(len(data))), 0)], []byte("\n"))
}

// syntaxFault looks at the character at which the parser stopped.
func syntaxFault(data []byte, at int) (line int, reason string) {
	before := bytes.TrimRight(data[:max(min(at, len(data)), 0)], " \t\r\n")
	line = lineOf(data, int64(at))
	switch {
	case at < 0 || at >= len(data)-1 && !strings.ContainsRune("}]", rune(data[len(data)-1])):
		return line, "it ends too early"
	case data[at] == '\n' || data[at] == '\r':
		return line, "it ends within a string: the closing \" is missing on its line"
	case data[at] < ' ':
		return line, "there is a control character"
	case (data[at] == '}' || data[at] == ']') && bytes.HasSuffix(before, []byte(",")):
		return line, fmt.Sprintf("there is an extra comma before the %c", data[at])
	case data[at] == '\'':
		return line, "a string in JSON is written in double quotes, not in single ones"
	case webQuote(data[at:]):
		return line, "the quotes are those of a web page or a word processor; the plain \" is needed"
	}
	return line, "unexpected text " + snippet(data[at:])
}

// webQuotes are the quotes that web pages and word processors make of plain ones.
const webQuotes = "\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"

func webQuote(b []byte) bool {
	r, _ := utf8.DecodeRune(b)
	return strings.ContainsRune(webQuotes, r)
}

// snippet is the begin of a text, in quotes, fit for a terminal.
func snippet(b []byte) string {
	const longest = 20
	var out strings.Builder
	for n := 0; len(b) > 0; n++ {
		r, size := utf8.DecodeRune(b)
		if r == '\n' || r == '\r' {
			break
		}
		if n == longest {
			out.WriteString("…")
			break
		}
		if !Visible(r) || r != ' ' && unicode.IsSpace(r) {
			r = '?'
		}
		out.WriteRune(r)
		b = b[size:]
	}
	return `"` + out.String() + `"`
}

// typeFault says which value is of another kind than it has to be.
func typeFault(e *json.UnmarshalTypeError) string {
	is := map[string]string{"array": "a list", "object": "an object", "string": "a string", "bool": "true or false"}[e.Value]
	if is == "" {
		is = "a number"
	}
	want := "a string"
	switch e.Type.Kind() {
	case reflect.Struct, reflect.Map:
		want = "an object"
	case reflect.Slice, reflect.Array:
		want = "a list"
	case reflect.Bool:
		want = "true or false"
	case reflect.Int, reflect.Int64, reflect.Uint32, reflect.Float64:
		want = "a number"
	}
	if e.Field == "" {
		return fmt.Sprintf("it is %s, not %s", is, want)
	}
	return fmt.Sprintf("%s has %s where %s belongs", e.Field, is, want)
}
