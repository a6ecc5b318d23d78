package redact

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// coding is one thing that others do to a text before they repeat it.
type coding struct {
	name string
	do   func(string) string
}

// escapings leave the characters where they are, and write some in another way.
var escapings = []coding{
	{"as it is", func(s string) string { return s }},
	{"query", url.QueryEscape},
	{"query in lower case", func(s string) string { return lowerEscapes(url.QueryEscape(s)) }},
	{"path", url.PathEscape},
	{"every byte in a URL", func(s string) string { return each(s, "%%%02X") }},
	{"JSON", func(s string) string { data, _ := json.Marshal(s); return string(data) }},
	{"JSON of System.Text.Json", func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "+", `\u002B`), "=", `\u003d`) }},
	{"JSON with slashes", func(s string) string { return strings.ReplaceAll(s, "/", `\/`) }},
	{"every character in JSON", func(s string) string { return each(s, `\u%04x`) }},
	{"Go", strconv.Quote},
	{"every byte in C", func(s string) string { return each(s, `\x%02x`) }},
	{"octal", func(s string) string { return each(s, `\%03o`) }},
	{"every character in TOML", func(s string) string { return each(s, `\U%08X`) }},
	{"HTML", html.EscapeString},
	{"every character in HTML", func(s string) string { return each(s, "&#%d;") }},
	{"every character in HTML, in hex", func(s string) string { return each(s, "&#x%x;") }},
	{"a shell", func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }},
	{"a shell with backslashes", func(s string) string {
		return strings.NewReplacer("+", `\+`, "/", `\/`, "=", `\=`, "$", `\$`, "&", `\&`, " ", `\ `, `"`, `\"`).Replace(s)
	}},
	{"lines of 20", func(s string) string { return columns(s, 20, "\n") }},
	{"lines of 13 in a trace", func(s string) string { return columns(s, 13, "\r\n> ") }},
	{"lines in JSON", func(s string) string { return columns(s, 16, `\n`) }},
	{"UTF-16", func(s string) string { return utf16Text(s, false) }},
}

// renderings are what programs do to a text that cannot be shown as it is.
var renderings = []coding{
	{"UTF-16 made printable", func(s string) string { return strings.ReplaceAll(utf16Text(s, false), "\x00", "?") }},
	{"UTF-16 in a trace", func(s string) string { return strings.ReplaceAll(utf16Text(s, true), "\x00", ".") }},
	{"UTF-16 as UTF-8", func(s string) string { return strings.ReplaceAll(utf16Text(s, true), "\x00", "\ufffd") }},
	{"lines made one", func(s string) string { return columns(s, 20, "; ") }},
}

// codings64 write all of a text in another alphabet.
var codings64 = []coding{
	{"base64", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{"base64 of URLs", func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) }},
	{"base64 without padding", func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) }},
	{"base64 behind one", func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(":" + s + "@")) }},
	{"base64 behind two", func(s string) string { return base64.StdEncoding.EncodeToString([]byte("u:" + s + " ")) }},
	{"hex", func(s string) string { return hex.EncodeToString([]byte(s)) }},
	{"HEX", func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }},
}

// lists are codings with something between the bytes.
var lists = []coding{
	{"hex with colons", func(s string) string { return strings.ToUpper(strings.TrimPrefix(each(s, ":%02x"), ":")) }},
	{"hex with blanks", func(s string) string { return each(s, "%02x ") }},
	{"hex of Go", func(s string) string { return fmt.Sprintf("%#v", []byte(s)) }},
	{"a dump", func(s string) string {
		return regexp.MustCompile(`(?m)\|.*$`).ReplaceAllString(hex.Dump([]byte(s)), "")
	}},
	{"base32", func(s string) string {
		return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(s))
	}},
	{"base32 behind two, in lower case", func(s string) string {
		return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte("u:" + s + "@")))
	}},
	{"hex of a mail", func(s string) string { return each(s, "=%02X") }},
	{"numbers with semicolons", func(s string) string { return strings.ReplaceAll(fmt.Sprintf("%v", []byte(s)), " ", ";") }},
	{"numbers of Java", func(s string) string { return strings.ReplaceAll(fmt.Sprintf("%d", signed(s)), " ", ", ") }},
	{"numbers of Go", func(s string) string { return fmt.Sprintf("%v", []byte(s)) }},
	{"numbers of Python", func(s string) string { return strings.ReplaceAll(fmt.Sprintf("%v", []byte(s)), " ", ", ") }},
}

func each(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}

// signed are the bytes of a text as Java has them.
func signed(s string) []int8 {
	out := make([]int8, len(s))
	for i := range len(s) {
		out[i] = int8(s[i])
	}
	return out
}

func columns(s string, n int, end string) string {
	var b strings.Builder
	for len(s) > n {
		b.WriteString(s[:n] + end)
		s = s[n:]
	}
	return b.String() + s
}

// A key that was wrapped for a chip has runs of zeros in it, in base64 as in bytes.
// What has them for itself stays, and the key is taken out whole.
func TestZerosOfAKey(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var key []byte
	for range 6 {
		for range 60 {
			key = append(key, byte(r.Uint32()))
		}
		key = append(append(key, 0x80, 0, 0, 0, 1, 3), make([]byte, 20)...)
	}
	coded := base64.StdEncoding.EncodeToString(key)
	var s Set
	s.Add(coded)
	for _, text := range []string{
		"flush 0x80000000: the TPM is busy", "handles 0x80000001, 0x40000001, 0x03000000", "00000000-0000-0000-0000-000000000000",
		"2026-11-26T00:00:00.0000000Z", "0.000000000", "an empty one: AAAAAAAAAAAAAAAAAAAAAA==", strings.Repeat("00 ", 16), "[0 0 0 0 0 0 0 0 0 0]", "0000000000000000000000000001",
	} {
		if got := s.Text(text); got != text {
			t.Errorf("Text(%q) = %q", text, got)
		}
	}
	for _, form := range []string{coded, hex.EncodeToString(key), fmt.Sprintf("%v", key), base64.URLEncoding.EncodeToString(key[1:])} {
		for part := range strings.SplitSeq(s.Text(form), Mark) {
			if telling := strings.Trim(part, "[]"); len(strings.NewReplacer("A", "", "0", "", " ", "", "=", "").Replace(telling)) > 4 {
				t.Errorf("of %q is left %q", form, part)
			}
		}
	}
	var dullest Set
	dullest.Add("aaaaaaaaaaaaaaa1")
	if got := dullest.Text("aaaaaaaaaaaaaaa1"); got != Mark {
		t.Errorf("a secret without anything else: %q", got)
	}
}

// testSecrets are of the kinds that the program meets.
func testSecrets() []string {
	r := rand.New(rand.NewPCG(1, 2))
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	return []string{
		base64.StdEncoding.EncodeToString(random(32)), base64.StdEncoding.EncodeToString(random(64)),
		base64.StdEncoding.EncodeToString([]byte{0xfb, 0xff, 0xbf, 0xef, 0xfe, 0xff, 0xfb, 0xef, 0xbe, 0xff, 0x3f, 0xf0, 0xfb, 0xe0, 0x3f, 0xbf}),
		url.QueryEscape(base64.StdEncoding.EncodeToString(random(32))),
		hex.EncodeToString(random(16)), "canary-Pa55", `two words & "quotes" $x='y'/z+1=`, "ab8Q~" + base64.RawURLEncoding.EncodeToString(random(24)),
		"eyJ0eXAiOiJKV1QifQ." + base64.RawURLEncoding.EncodeToString(random(300)) + "." + base64.RawURLEncoding.EncodeToString(random(64)),
	}
}

// left finds a piece of a form that is still in a text, longer than what a coding
// makes of the neighbours.
func left(text, form string) string {
	const long = 15
	text, form = strings.ReplaceAll(text, "\ufffd", ""), strings.ReplaceAll(form, "\ufffd", "")
	for i := 0; i+long <= len(text); i++ { // it is short, if all is well
		if part := text[i : i+long]; len(strings.Trim(part, `\ux&#;%0123456789abcdefABCDEF:, []y{}|.-+<>gtrnU'?`+"\n\r\x00")) > 2 && strings.Contains(form, part) {
			return part
		}
	}
	return ""
}

// Every secret in every coding, in every coding of codings.
func TestEveryCoding(t *testing.T) {
	tried := 0
	check := func(s *Set, name, form string) {
		t.Helper()
		tried++
		text := "it said <" + form + "> to us\n"
		got := s.Text(text)
		if part := left(got, form); part != "" || !strings.Contains(got, Mark) || !strings.HasPrefix(got, "it said <") || !strings.HasSuffix(got, "> to us\n") {
			t.Errorf("%s: %q\n= %q, of which %q is left", name, text, got, part)
		}
		if again := s.Text(got); again != got {
			t.Errorf("%s: %q\n= %q: not the same twice", name, got, again)
		}
	}
	for _, secret := range testSecrets() {
		s := &Set{}
		s.Add(secret)
		bytesOfKey := decoded(secret)
		for _, outer := range escapings {
			for _, inner := range escapings {
				check(s, outer.name+" of "+inner.name, outer.do(inner.do(secret)))
			}
			for _, inner := range append(codings64, lists...) {
				check(s, outer.name+" of "+inner.name, outer.do(inner.do(secret)))
				if bytesOfKey != "" && inner.name != "UTF-16" {
					check(s, outer.name+" of "+inner.name+" of the key", outer.do(inner.do(bytesOfKey)))
				}
			}
		}
		for _, outer := range renderings {
			for _, inner := range append(escapings[:len(escapings)-4:len(escapings)-4], codings64...) { // lines, and UTF-16, are not rendered twice
				check(s, outer.name+" of "+inner.name, outer.do(inner.do(secret)))
			}
		}
		if len(secret) > maxTwice {
			continue
		}
		for _, outer := range codings64 {
			for _, inner := range codings64 {
				check(s, outer.name+" of "+inner.name, outer.do(inner.do(secret)))
				check(s, "query of "+outer.name+" of "+inner.name, url.QueryEscape(outer.do(inner.do(secret))))
			}
			for _, inner := range escapings[:4] {
				check(s, outer.name+" of "+inner.name, outer.do(inner.do(secret)))
			}
		}
	}
	t.Logf("%d texts", tried)
}

// A secret that was cut short, or of which there is another one beside it.
func TestPieces(t *testing.T) {
	const secret = "Kx7/q+0bl3CWW8yDmTD3zYvSLc3sKZk9HwfMVrTh0kQ="
	s := &Set{}
	s.Add(secret)
	for n := 8; n <= len(secret); n++ {
		for _, text := range []string{secret[:n] + "…", "… " + secret[len(secret)-n:]} {
			if got := s.Text(text); left(got, secret) != "" || !strings.Contains(got, Mark) {
				t.Errorf("Text(%q) = %q", text, got)
			}
		}
	}
	if got, want := s.Text(secret+secret), Mark; got != want {
		t.Errorf("two = %q", got)
	}
	if got, want := s.Text(secret[:20]+"\n"+secret[20:]+"\n"), Mark+"\n"+Mark+"\n"; got != want {
		t.Errorf("two lines = %q, want %q", got, want)
	}
}

// What is no secret stays as it is.
func TestNotASecret(t *testing.T) {
	s := &Set{}
	s.Add("", "a", "1234", "owner", "87654321"[:7], "tpm-7", "endorsement", "password", "swordfish")
	for text, want := range map[string]string{
		"a message of 1234 ms":                 "",
		"the owner hierarchy's password":       "",
		"the endorsement hierarchy's password": "",
		"port 8765432":                         "",
		"tpm-70, xtpm-7, tpm-7x":               "",
		"it is tpm-7.":                         "it is [redacted].",
		`"tpm-7"`:                              `"[redacted]"`,
		"tpm%2D7":                              "[redacted]",
		"dHBtLTc= is it in base64":             "[redacted]= is it in base64",
		"Swordfish":                            "[redacted]",
		"swordfis":                             "[redacted]",
		"swordfi":                              "",
		"a sword, a fish":                      "",
		"https://plant.azure-devices-provisioning.net": "",
	} {
		if want == "" {
			want = text
		}
		if got := s.Text(text); got != want {
			t.Errorf("Text(%q) = %q, want %q", text, got, want)
		}
	}
}

// JSON stays JSON, with the same members, wherever a secret is.
func TestJSON(t *testing.T) {
	for _, secret := range append(testSecrets(), "nabcdefgh", `\abcdefgh`, `"abcdefgh`, "u0041bcdefgh", "registration_id", "12345678", `, "b": "`, "null,null") {
		s := &Set{}
		s.Add(secret)
		value := map[string]any{
			"registration_id": "x", "ms": 12345678, "message": "line\n" + secret + "\n\"" + secret + "\"", "after": secret + `\`, secret + "1": true,
			"list": []any{secret, nil, nil, map[string]any{"b": "x" + secret[1:], "c": secret[:len(secret)-1]}}, "html": "<" + secret + ">",
		}
		for _, indent := range []string{"", "  "} {
			data, err := json.MarshalIndent(value, "", indent)
			if err != nil {
				t.Fatal(err)
			}
			got := s.JSON(data)
			var back map[string]any
			if err := json.Unmarshal(got, &back); err != nil {
				t.Errorf("%q: JSON() = %s: %v", secret, got, err)
				continue
			}
			if back["registration_id"] != "x" || back["ms"] != 12345678.0 || len(back) != len(value) || back["message"] == value["message"] {
				t.Errorf("%q: JSON() = %s", secret, got)
			}
		}
	}
}

// What is written in pieces is redacted as if it were written at once.
func TestWriterInPieces(t *testing.T) {
	for _, secret := range testSecrets() {
		s := &Set{}
		s.Add(secret)
		text := "one\ntwo " + secret + "\nthree " + columns(secret, 10, "\n") + "\n" + url.QueryEscape(secret) + " end"
		for size := 1; size < 40; size++ {
			var out bytes.Buffer
			w := s.Writer(&out, nil)
			for rest := text; rest != ""; {
				n := min(size, len(rest))
				if written, err := w.Write([]byte(rest[:n])); written != n || err != nil {
					t.Fatalf("Write() = %d, %v", written, err)
				}
				rest = rest[n:]
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			if part := left(out.String(), secret); part != "" || left(out.String(), columns(secret, 10, "\n")) != "" {
				t.Errorf("in pieces of %d: %q is left in %q", size, part, &out)
			}
			if n := strings.Count(text, "\n"); strings.Count(out.String(), "\n") != n || !strings.HasPrefix(out.String(), "one\ntwo "+Mark+"\nthree "+Mark) || !strings.HasSuffix(out.String(), Mark+" end") {
				t.Errorf("in pieces of %d: %q", size, &out)
			}
		}
	}
}

// A line is passed on when it ends, unless a secret may have begun in it.
func TestWriterKeepsNoLine(t *testing.T) {
	var out bytes.Buffer
	s := &Set{}
	s.Add("swordfish-7")
	w := s.Writer(&out, strings.ToUpper)
	for _, step := range []struct{ write, want string }{
		{"a", ""}, {"b\n", "AB\n"}, {"c\nd", "AB\nC\n"}, {"\nmy swor", "AB\nC\nD\n"}, {"\n", "AB\nC\nD\n"}, {"dfish-7\n", "AB\nC\nD\nMY [REDACTED]\n[REDACTED]\n"},
	} {
		if _, err := w.Write([]byte(step.write)); err != nil || out.String() != step.want {
			t.Errorf("after %q: %q, want %q (%v)", step.write, &out, step.want, err)
		}
	}
	out.Reset()
	w.Write([]byte("last"))
	if err := w.WriteJSON([]byte("{\"a\":\"swordfish-7\"}\n")); err != nil || out.String() != "LAST{\"A\":\"[REDACTED]\"}\n" {
		t.Errorf("WriteJSON: %q, %v", &out, err)
	}
	if w.Unwrap() != &out || w.Set() != s {
		t.Error("Unwrap() and Set() are not what the writer was made of")
	}
}

// However a set is printed, no secret is.
func TestSetPrintsNothing(t *testing.T) {
	s := &Set{}
	s.Add("swordfish-7", "tpm-7")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "set", s)
	data, err := json.Marshal(s)
	text := fmt.Sprintf("%v %+v %#v %s %q %s %v", s, s, s, s, s, data, err) + log.String()
	if strings.Contains(text, "sword") || strings.Contains(text, "tpm-7") || !strings.Contains(text, "2 secrets") {
		t.Errorf("it prints %s", text)
	}
}

func FuzzText(f *testing.F) {
	const secret = "c4n4ry+c4n4ry/c4n4ry="
	set := &Set{}
	set.Add(secret)
	for _, seed := range []string{"x", `\u00`, "%2", "&#", "c4n4", "\n> ", `{"a":"`, "[1 2 3"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		got := set.Text(before + secret + after)
		if strings.Contains(got, secret) {
			t.Errorf("Text leaves the secret: %q", got)
		}
		if data, err := json.Marshal(map[string]string{"a": before + secret + after}); err != nil || !json.Valid(set.JSON(data)) {
			t.Errorf("JSON(%s) = %s", data, set.JSON(data))
		}
	})
}

func BenchmarkText(b *testing.B) {
	s := &Set{}
	s.Add(testSecrets()...)
	text := strings.Repeat(`time=2026 level=DEBUG msg="TPM command" command=TPM2_ReadPublic took=12ms body="{\"registrationId\":\"box-7\"}"`+"\n", 100)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s.Text(text)
	}
}

// Keys, certificates and sums are no secrets, however many of them there are: a record in
// which eight characters look like a coding of a secret would be spoiled.
func TestWhatIsRandomStays(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	s := &Set{}
	for _, n := range []int{32, 32, 64, 390} {
		s.Add(base64.StdEncoding.EncodeToString(random(n)))
	}
	for name, coding := range map[string]func([]byte) string{
		"hex": hex.EncodeToString, "base64": base64.StdEncoding.EncodeToString, "base32": base32.StdEncoding.EncodeToString,
	} {
		for range 2000 {
			text := coding(random(1000))
			if got := s.Text(text); got != text {
				t.Fatalf("%s: %.300q became %.300q", name, text, got)
			}
		}
	}
}
