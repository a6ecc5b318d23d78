package redact

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// maxTwice is the length up to which a secret is looked for in two codings, one
// around the other, and coded in each way that it may be escaped in: keys and
// passwords, but not the tokens of a sign-in and wrapped keys, which would cost a
// megabyte each.
const maxTwice = 300

// forms are what a secret can become: as it is or escaped, or, for a key, its bytes; and
// its codings. What is only escaped in the text that is searched is not among them: that
// is undone before the search. Some are equal, or only when normal.
func forms(secret string) (plain, coded []string) {
	whole := []string{secret}
	if text, err := url.QueryUnescape(secret); err == nil && text != secret {
		whole = append(whole, text)
	}
	for _, text := range whole {
		escaped := escapes(text)
		plain, coded = append(plain, escaped...), append(coded, base32s(text)...)
		if len(text) > maxTwice {
			escaped = []string{text, url.QueryEscape(text), utf16Text(text, false)}
		}
		for _, inner := range escaped {
			coded = append(coded, codings(inner)...)
		}
		coded = append(coded, twice(text, text, url.QueryEscape(text), utf16Text(text, false))...)
		// Bytes are not escaped: who prints them codes them.
		if bare := decoded(text); bare != "" {
			plain = append(plain, bare)
			coded = append(append(append(coded, base32s(bare)...), codings(bare)...), twice(bare, bare)...)
		}
	}
	return plain, coded
}

// twice are the codings of the codings of what a secret has become, unless it is
// long.
func twice(secret string, inner ...string) []string {
	if len(secret) > maxTwice {
		return nil
	}
	var all []string
	for _, text := range slices.Compact(inner) {
		for _, coded := range spellings(text) {
			all = append(all, codings(coded)...)
		}
	}
	return all
}

// decoded are the bytes of a secret that is base64 or hex, such as a key.
func decoded(secret string) string {
	if data, err := hex.DecodeString(secret); err == nil && len(data) >= piece {
		return string(data)
	}
	text := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(secret, "="))
	if data, err := base64.RawStdEncoding.DecodeString(text); err == nil && len(data) >= piece {
		return string(data)
	}
	return ""
}

// escapes are a text and what it becomes before it is put into a coding.
func escapes(text string) []string {
	upper := url.QueryEscape(text)
	marshalled, _ := json.Marshal(text)
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text)
	bare := strings.Trim(plain.String(), "\"\n")
	all := []string{
		text, strings.ReplaceAll(text, " ", "+"), upper, lowerEscapes(upper), url.PathEscape(text), url.QueryEscape(upper),
		strings.Trim(string(marshalled), `"`), bare, strings.ReplaceAll(bare, "/", `\/`), strings.Trim(strconv.Quote(text), `"`),
		utf16Text(text, false), utf16Text(text, true),
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// lowerEscapes writes %2B as %2b.
func lowerEscapes(text string) string {
	b := []byte(text)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], bytes.ToLower(b[i+1:i+3]))
		}
	}
	return string(b)
}

// utf16Text is a text in UTF-16, as PowerShell encodes its commands.
func utf16Text(text string, big bool) string {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		if big {
			out = binary.BigEndian.AppendUint16(out, unit)
		} else {
			out = binary.LittleEndian.AppendUint16(out, unit)
		}
	}
	return string(out)
}

// codings are a text in hex and in base64, at each of the three places in a group that
// it can begin at. The other case and the other alphabet are left out, since a normal form
// has only one.
func codings(text string) []string {
	return []string{hexOf(text), base64At(0, text), base64At(1, text), base64At(2, text)}
}

// spellings are the codings of a text in both cases and both alphabets, which differ once
// they are coded again.
func spellings(text string) []string {
	all := []string{strings.ToUpper(hexOf(text))}
	for _, coded := range codings(text) {
		all = append(all, coded, urlAlphabet.Replace(coded))
	}
	return slices.Compact(all)
}

var urlAlphabet = strings.NewReplacer("+", "-", "/", "_")

// base64At is a text in base64, with so many bytes before it in its first group. What
// depends on the neighbours is left out.
func base64At(before int, text string) string {
	coded := base64Of("xx"[:before] + text)[[]int{0, 2, 3}[before]:]
	if (before+len(text))%3 != 0 && len(coded) > 0 {
		return coded[:len(coded)-1]
	}
	return coded
}

// base32s are a text in base32, at each of the five places in a group that it can
// begin at. What depends on the neighbours is left out.
func base32s(text string) []string {
	var all []string
	for before := range 5 {
		coded := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(strings.Repeat("x", before) + text))
		coded = coded[(8*before+4)/5:]
		if (before+len(text))%5 != 0 {
			coded = coded[:len(coded)-1]
		}
		all = append(all, coded)
	}
	return all
}

func base64Of(text string) string { return base64.RawStdEncoding.EncodeToString([]byte(text)) }

func hexOf(text string) string { return hex.EncodeToString([]byte(text)) }

// normal is a form without what does not count: see skipped and folded.
func normal(form string) []byte {
	out := make([]byte, 0, len(form))
	for i := range len(form) {
		if c := normalByte[form[i]]; c != 0 {
			out = append(out, c)
		}
	}
	return out
}

// normalByte is what each byte counts as, 0 if it is skipped. It is a table because every
// character of every form is looked up, and no processor foresees what kind is next.
var normalByte = func() (all [256]byte) {
	for c := range all {
		if !skipped(byte(c)) {
			all[c] = folded(byte(c))
		}
	}
	return all
}()

// skipped are the characters that others add: white space, quotes, and the zero
// bytes of UTF-16.
func skipped(c byte) bool { return c <= ' ' || c == 0x7f || c == '"' || c == '\'' || c == '`' }

// folded makes one of the two cases and of the two alphabets of base64.
func folded(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c + 'a' - 'A'
	case c == '-':
		return '+'
	case c == '_':
		return '/'
	}
	return c
}
