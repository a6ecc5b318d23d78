package text

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func utf16Of(s string, order binary.AppendByteOrder) string {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = order.AppendUint16(out, u)
	}
	return string(out)
}

func le(s string) string { return utf16Of(s, binary.LittleEndian) }
func be(s string) string { return utf16Of(s, binary.BigEndian) }

// texts are records, keys and settings as people have them. All begin in ASCII.
var texts = []string{
	"{\"a\": 1}\n",
	"{\"a\": 1}",
	"{\n  \"label\": \"Tür 7, 中国 \U0001F512\",\n  \"中\": \"中\"\n}\n",
	"{\"a\":\"ਊ\u0a00\u010a\"}\r\n{\"b\":\"中\"}\r\n",
	"[provisioning]\r\nsource = \"dps\" # größer\r\n",
	"\n\n{}\n",
	"# 中国\nx = '''\n中国文字\n'''\n",
}

// Whatever writes a text, it reads back the same.
func TestDecodeEveryEncoding(t *testing.T) {
	for _, want := range texts {
		for name, data := range map[string]string{
			"UTF-8":               want,
			"UTF-8 with mark":     "\xef\xbb\xbf" + want,
			"UTF-16 LE with mark": "\xff\xfe" + le(want),
			"UTF-16 BE with mark": "\xfe\xff" + be(want),
			"UTF-16 LE":           le(want),
			"UTF-16 BE":           be(want),
		} {
			got, err := Decode([]byte(data))
			if err != nil || string(got.UTF8) != want || got.Encoding == Mixed || got.Line != 0 {
				t.Errorf("%s: Decode(%q) = %q, %v, %v, want %q", name, data, got.UTF8, got.Encoding, err, want)
			}
		}
	}
}

// Two parts of one file, each in an encoding of its own, as programs append.
func TestDecodeAppended(t *testing.T) {
	forms := []struct {
		name string
		of   func(string) string
	}{
		{"UTF-8", func(s string) string { return s }},
		{"UTF-8 with mark", func(s string) string { return "\xef\xbb\xbf" + s }},
		{"UTF-16 LE", le},
		{"UTF-16 LE with mark", func(s string) string { return "\xff\xfe" + le(s) }},
		{"UTF-16 BE", be},
		{"UTF-16 BE with mark", func(s string) string { return "\xfe\xff" + be(s) }},
	}
	for _, a := range texts {
		if !strings.HasSuffix(a, "\n") {
			continue
		}
		for _, b := range texts {
			for _, first := range forms {
				for _, second := range forms {
					if second.name == "UTF-16 BE" {
						continue // which no program appends
					}
					data, want := first.of(a)+second.of(b), a+b
					if first.name != "UTF-16 BE" && (strings.HasSuffix(b, "\n") || a[0] == '{') {
						data, want = data+first.of(a), want+a
					}
					got, err := Decode([]byte(data))
					if err != nil || string(got.UTF8) != want {
						t.Errorf("%s, then %s: Decode(%q) = %q, %v, want %q", first.name, second.name, data, got.UTF8, err, want)
					}
				}
			}
		}
	}
}

// Objects that were glued together without a line end, and a file that had
// nothing but its mark.
func TestDecodeGlued(t *testing.T) {
	const a, b = `{"a":"ü"}`, `{"b":"中"}`
	for name, data := range map[string]string{
		"ASCII, UTF-16":        a + le(b),
		"UTF-16, ASCII":        "\xff\xfe" + le(a) + b,
		"bare UTF-16, ASCII":   le(a) + b,
		"UTF-16, mark, UTF-16": "\xff\xfe" + le(a) + "\xff\xfe" + le(b),
		"both byte orders":     "\xff\xfe" + le(a) + "\xfe\xff" + be(b),
		"a mark, then ASCII":   "\xff\xfe" + a + b,
		"big: a mark, ASCII":   "\xfe\xff" + a + b,
	} {
		got, err := Decode([]byte(data))
		if err != nil || string(got.UTF8) != a+b {
			t.Errorf("%s: Decode(%q) = %q, %v", name, data, got.UTF8, err)
		}
	}
}

func TestDecodeSaysHowItWasStored(t *testing.T) {
	for _, test := range []struct {
		data string
		want Encoding
		line int
	}{
		{"a\n", UTF8, 0},
		{"\xef\xbb\xbfa\n", UTF8, 0},
		{"\xff\xfe" + le("a\n"), UTF16, 0},
		{le("a\n"), BareUTF16, 0},
		{be("a\n"), BareUTF16, 0},
		{"a\nb\n" + le("c\n"), Mixed, 3},
		{"\xff\xfe" + le("a\n") + "b\n", Mixed, 2},
		{"", UTF8, 0},
		{"\xff\xfe", UTF16, 0},
	} {
		got, err := Decode([]byte(test.data))
		if err != nil || got.Encoding != test.want || got.Line != test.line {
			t.Errorf("Decode(%q) = %v at line %d, %v, want %v at line %d", test.data, got.Encoding, got.Line, err, test.want, test.line)
		}
	}
	for e, want := range map[Encoding]string{UTF8: "UTF-8", UTF16: "UTF-16, which", BareUTF16: "UTF-16, which", Mixed: "in one part"} {
		if !strings.Contains(fmt.Sprint(e), want) {
			t.Errorf("Encoding %d = %q, want %q in it", e, e, want)
		}
	}
}

func TestDecodeNamesTheLine(t *testing.T) {
	for data, want := range map[string]string{
		"a\nb\xfcc\n":                          "line 2: a character is neither UTF-8 nor UTF-16",
		"a\nb\x00c":                            "line 2: there is a zero byte",
		"\x00\x00\x00":                         "line 1: there is a zero byte",
		"\xff\xfe" + le("a\nb") + "c":          "line 2: it is UTF-16 that breaks off",
		"\xff\xfe" + le("a\n") + "\x00\xd8":    "line 2: it is UTF-16 with half a character",
		"\xff\xfe" + le("a") + "\x00\xd8a\x00": "line 1: it is UTF-16 with half a character",
	} {
		if got, err := Decode([]byte(data)); !errors.Is(err, ErrEncoding) || !strings.Contains(err.Error(), want) {
			t.Errorf("Decode(%q) = %q, %v, want %q in it", data, got.UTF8, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range texts {
		f.Add([]byte(s))
		f.Add([]byte(le(s) + s))
		f.Add([]byte(s + be(s)))
	}
	f.Add([]byte("\xff\xfea\x00\n\x00{\"a\":1}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		sameAsDecode(t, data, window+utf8Margin+1+len(data)/3)
		got, err := Decode(data)
		if err != nil {
			return
		}
		if !utf8.Valid(got.UTF8) || bytes.IndexByte(got.UTF8, 0) >= 0 {
			t.Errorf("Decode(%q) = %q", data, got.UTF8)
		}
		if plain(data) && !bytes.Equal(got.UTF8, data) {
			t.Errorf("Decode(%q) = %q, which was UTF-8 already", data, got.UTF8)
		}
	})
}
