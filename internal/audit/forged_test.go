package audit

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

const testKey = "0123456789abcdef0123456789abcdef"

// keyedTrail has n intents with keyed sums after so many without.
func keyedTrail(t *testing.T, unkeyed, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trail")
	if unkeyed > 0 {
		a := open(t, path, "")
		for i := range unkeyed {
			put(t, a, intent(fmt.Sprint("old-", i)))
		}
		a.Close()
	}
	a := open(t, path, testKey)
	for i := range n {
		put(t, a, intent(fmt.Sprint("box-", i)))
	}
	a.Close()
	return path
}

// forge writes a chain of lines that is right in itself, as anyone can who has
// read this program; key is the forger's.
func forge(t *testing.T, head string, from, n int, key string) (text string) {
	t.Helper()
	for i := range n {
		l, err := encode(line{Number: from + i, Previous: head, Entry: Entry{Stage: Intent, Action: "create", RegistrationID: "forged"}}, []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		head = sum(l)
		text += string(l) + "\n"
	}
	return text
}

// With the key, each line that was not written with it is found; without, it is
// told how much was not checked.
func TestKeyedTrail(t *testing.T) {
	path := keyedTrail(t, 2, 3)
	r := verify(t, path, Options{Key: []byte(testKey)})
	if r.Lines != 5 || r.Keyed != 3 {
		t.Errorf("Verify() = %+v", r)
	}
	if r := verify(t, path, Options{}); r.Keyed != 3 {
		t.Errorf("Verify() without the key = %+v", r)
	}
	whole := string(read(t, path))
	lines := strings.SplitAfter(whole, "\n")[:5]
	before := func(n int) (head, text string) {
		return sum([]byte(strings.TrimSuffix(lines[n-1], "\n"))), strings.Join(lines[:n], "")
	}
	h3, first3 := before(3)
	h5, _ := before(5)
	for name, tt := range map[string]struct {
		text, key string
		bad       int
		says      string
	}{
		"rewritten without a key":     {forge(t, sum(nil), 1, 5, ""), testKey, 1, "any other line has a keyed sum"},
		"rewritten with another key":  {forge(t, sum(nil), 1, 5, "mallory's own key"), testKey, 1, "not the key"},
		"checked with another key":    {whole, "not the key that it was", 3, "not the key"},
		"goes on without a key":       {whole + forge(t, h5, 6, 2, ""), testKey, 6, "no keyed sum"},
		"goes on so, key not given":   {whole + forge(t, h5, 6, 2, ""), "", 6, "no keyed sum"},
		"goes on with another key":    {whole + forge(t, h5, 6, 2, "mallory's own key"), testKey, 6, "without the key"},
		"end rewritten":               {first3 + forge(t, h3, 4, 2, "mallory's own key"), testKey, 4, "without the key"},
		"end rewritten without a key": {first3 + forge(t, h3, 4, 2, ""), testKey, 4, "no keyed sum"},
		"beginning rewritten":         {forge(t, sum(nil), 1, 2, "") + strings.Join(lines[2:], ""), testKey, 3, "another line"},
		"a line edited, rechained":    {first3 + rechained(strings.Replace(lines[3], "box-1", "box-9", 1)) + lines[4], testKey, 4, "without the key"},
		"the same, key not given":     {first3 + rechained(strings.Replace(lines[3], "box-1", "box-9", 1)) + lines[4], "", 5, "another line"},
	} {
		report, err := Verify(strings.NewReader(tt.text), Options{Key: []byte(tt.key)})
		if !errors.Is(err, ErrDamaged) || report.Bad != tt.bad || !strings.Contains(fmt.Sprint(err), tt.says) {
			t.Errorf("%s: Verify() = %+v, %v; want line %d, %q", name, report, err, tt.bad, tt.says)
		}
	}
	if _, err := Open(t.Context(), path, nil, Notices{}); !errors.Is(err, ErrKey) {
		t.Errorf("Open() of a keyed trail without the key = %v", err)
	}
	if _, err := Open(t.Context(), path, []byte("another key altogether"), Notices{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("Open() with another key = %v", err)
	}
}

// A head that was noted shows what was written anew, up to where, and what came
// after it.
func TestNotedHead(t *testing.T) {
	whole := string(read(t, trail(t, 6)))
	lines := strings.SplitAfter(whole, "\n")[:6]
	head := func(n int) string { return sum([]byte(strings.TrimSuffix(lines[n-1], "\n"))) }
	for name, tt := range map[string]struct {
		text, head string
		at, bad    int
		says       string
	}{
		"there":                       {whole, head(4), 4, 0, ""},
		"there, with its line":        {whole, "4:" + head(4), 4, 0, ""},
		"in capitals, with blanks":    {whole, " " + strings.ToUpper(head(4)) + "\n", 4, 0, ""},
		"forged lines after it":       {strings.Join(lines[:4], "") + forge(t, head(4), 5, 3, ""), "4:" + head(4), 4, 0, ""},
		"rewritten":                   {forge(t, sum(nil), 1, 6, ""), head(4), 0, 7, "rewritten"},
		"rewritten, with its line":    {forge(t, sum(nil), 1, 6, ""), "4:" + head(4), 0, 4, "was rewritten"},
		"rewritten from line 3":       {strings.Join(lines[:2], "") + forge(t, head(2), 3, 4, ""), "4:" + head(4), 0, 4, "was rewritten"},
		"cut off":                     {strings.Join(lines[:3], ""), head(4), 0, 4, "cut off"},
		"cut off, with its line":      {strings.Join(lines[:3], ""), "4:" + head(4), 0, 4, "up to line 4, whose hash was noted, are missing: the end was cut off"},
		"emptied, with its line":      {"", "4:" + head(4), 0, 1, "cut off"},
		"emptied":                     {"", head(4), 0, 1, "cut off"},
		"that of another line":        {whole, "5:" + head(4), 0, 5, "was rewritten"},
		"that of another line, later": {whole, "3:" + head(4), 0, 3, "was rewritten"},
	} {
		report, err := Verify(strings.NewReader(tt.text), Options{Head: tt.head})
		if (err != nil) != (tt.bad > 0) || report.Bad != tt.bad || report.HeadLine != tt.at || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: Verify() = %+v, %v; want head at %d, bad %d, %q", name, report, err, tt.at, tt.bad, tt.says)
		}
	}
}

// A line whose sum was computed anew says what it says once, in one spelling.
func TestVerifyRefusesTwoReadings(t *testing.T) {
	good := string(read(t, trail(t, 1)))
	outcome := forgeOne(t, line{Number: 2, Previous: sum([]byte(strings.TrimSuffix(good, "\n"))), Entry: Entry{Stage: Outcome, Intent: 1, Action: "create", RegistrationID: "box-1"}})
	for name, text := range map[string]string{
		"a member twice":            strings.Replace(good, `"error":""`, `"error":"","account":"bob"`, 1),
		"in other case":             strings.Replace(good, `"error":""`, `"error":"","Account":"bob"`, 1),
		"first":                     strings.Replace(good, `"number":1`, `"account":"bob","number":1`, 1),
		"escaped":                   strings.Replace(good, `anna`, `\u0061nna`, 1),
		"an unknown member":         strings.Replace(good, `"error":""`, `"error":"","note":"x"`, 1),
		"a missing member":          strings.Replace(good, `"host":"",`, ``, 1),
		"members moved":             strings.Replace(good, `"host":"","tool":""`, `"tool":"","host":""`, 1),
		"null":                      strings.Replace(good, `"host":""`, `"host":null`, 1),
		"a number for text":         strings.Replace(good, `"host":""`, `"host":7`, 1),
		"text for a number":         strings.Replace(good, `"number":1`, `"number":"1"`, 1),
		"a float":                   strings.Replace(good, `"number":1`, `"number":1.0`, 1),
		"blanks":                    strings.Replace(good, `"number":1`, `"number": 1`, 1),
		"another schema":            strings.Replace(good, Schema, "tpmdps/audit/3", 1),
		"the old schema":            strings.Replace(good, Schema, SchemaWithoutIntents, 1),
		"no stage":                  strings.Replace(good, `"stage":"intent"`, `"stage":""`, 1),
		"another stage":             strings.Replace(good, `"stage":"intent"`, `"stage":"plan"`, 1),
		"an intent of an intent":    strings.Replace(good, `"intent":0`, `"intent":1`, 1),
		"an outcome of nothing":     strings.Replace(good, `"stage":"intent","intent":0`, `"stage":"outcome","intent":0`, 1),
		"an outcome of itself":      strings.Replace(good, `"stage":"intent","intent":0`, `"stage":"outcome","intent":1`, 1),
		"an outcome of the future":  strings.Replace(good, `"stage":"intent","intent":0`, `"stage":"outcome","intent":7`, 1),
		"a negative intent":         strings.Replace(good, `"stage":"intent","intent":0`, `"stage":"outcome","intent":-1`, 1),
		"a huge intent":             strings.Replace(good, `"intent":0`, `"intent":99999999999999999999`, 1),
		"trailing data":             strings.Replace(good, `"error":""`, `"error":""}{"a":""`, 1),
		"an outcome of another ID":  good + strings.Replace(outcome, "box-1", "box-2", 1),
		"of another action":         good + strings.Replace(outcome, "create", "update", 1),
		"an outcome of an outcome":  good + outcome + strings.NewReplacer(`"number":2`, `"number":3`, `"intent":1`, `"intent":2`, sum([]byte(strings.TrimSuffix(good, "\n"))), sum([]byte(strings.TrimSuffix(outcome, "\n")))).Replace(outcome),
		"a time with another shape": strings.Replace(good, `Z","stage"`, `+00:00","stage"`, 1),
	} {
		split := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
		last := len(split) - 1
		split[last] = rechained(split[last])
		report, err := Verify(strings.NewReader(strings.Join(split, "")), Options{})
		if !errors.Is(err, ErrDamaged) || report.Bad != last+1 || strings.Contains(err.Error(), "edited") {
			t.Errorf("%s: Verify() = %+v, %v", name, report, err)
		}
		if text == good {
			t.Errorf("%s: nothing was changed", name)
		}
	}
	if _, err := Verify(strings.NewReader(good+outcome), Options{}); err != nil {
		t.Errorf("the lines that these were made of: %v", err)
	}
}

func forgeOne(t *testing.T, l line) string {
	t.Helper()
	text, err := encode(l, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

// A file that was converted, or that a disk has lost, is named as that.
func TestVerifyNamesConversions(t *testing.T) {
	good := string(read(t, trail(t, 3)))
	wide := func(order func(b []byte, u uint16) []byte) (b []byte) {
		for _, u := range utf16.Encode([]rune("\ufeff" + good)) {
			b = order(b, u)
		}
		return b
	}
	little := func(b []byte, u uint16) []byte { return append(b, byte(u), byte(u>>8)) }
	big := func(b []byte, u uint16) []byte { return append(b, byte(u>>8), byte(u)) }
	second := strings.Index(good, "\n") + 1
	for name, tt := range map[string]struct {
		text string
		bad  int
		says string
	}{
		"CR LF":                  {strings.ReplaceAll(good, "\n", "\r\n"), 1, "line end was converted to CR LF"},
		"CR LF in one line":      {good[:second] + strings.ReplaceAll(good[second:], "\n", "\r\n"), 2, "line end was converted to CR LF"},
		"CR LF, and edited":      {strings.ReplaceAll(strings.Replace(good, "anna", "anne", 1), "\n", "\r\n"), 1, "edited"},
		"a byte order mark":      {"\ufeff" + good, 1, "byte order mark"},
		"UTF-16":                 {string(wide(little)), 1, "UTF-16"},
		"UTF-16, the other way":  {string(wide(big)), 1, "UTF-16"},
		"UTF-16 without a mark":  {string(wide(little)[2:]), 1, "zero bytes"},
		"zeros at the end":       {good + strings.Repeat("\x00", 512) + "\n", 4, "zero bytes"},
		"zeros without an end":   {good + strings.Repeat("\x00", 512), 4, "the power failed"},
		"zeros in a line":        {good[:second+9] + "\x00\x00\x00" + good[second+12:], 2, "zero bytes"},
		"no line end but CR":     {strings.ReplaceAll(good, "\n", "\r"), 1, "cut short"},
		"an empty line":          {good + "\n", 4, "not a line"},
		"an endless line":        {good + strings.Repeat("{", 3*maxLine), 4, "longer"},
		"an endless line, ended": {good + strings.Repeat("{", 3*maxLine) + "\n", 4, "longer"},
	} {
		report, err := Verify(strings.NewReader(tt.text), Options{})
		if !errors.Is(err, ErrDamaged) || report.Bad != tt.bad || !strings.Contains(fmt.Sprint(err), tt.says) {
			t.Errorf("%s: Verify() = %+v, %v; want line %d, %q", name, report, err, tt.bad, tt.says)
		}
	}
}

// A clock that goes back is told, and is not damage.
func TestVerifyTellsClocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail")
	a := open(t, path, "")
	noon := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for _, at := range []time.Duration{0, time.Hour, time.Minute, time.Minute, 2 * time.Hour, 0} {
		e := intent("box-1")
		e.Time = noon.Add(at)
		put(t, a, e)
	}
	if r := verify(t, path, Options{}); !slices.Equal(r.Back, []int{3, 6}) {
		t.Errorf("Verify() = %+v, want lines 3 and 6", r)
	}
}

// endless is a trail without an end.
type endless struct {
	text []byte
	n    int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.text[e.n%len(e.text):])
	e.n += n
	return n, nil
}

// A reader that does not end costs no memory: it is left at the first bad line.
func TestVerifyOfAnEndlessFile(t *testing.T) {
	for _, text := range []string{"x", "x\n", "\x00", "{}\n"} {
		r := &endless{text: []byte(text)}
		if _, err := Verify(r, Options{}); !errors.Is(err, ErrDamaged) || r.n > 4*maxLine {
			t.Errorf("%q: %v after %d bytes", text, err, r.n)
		}
	}
}

// Each single byte of a keyed trail that is changed is found, with the key and
// without.
func TestEachByteCounts(t *testing.T) {
	whole := read(t, keyedTrail(t, 1, 2))
	for i := range whole {
		touched := bytes.Clone(whole)
		touched[i] ^= 1
		for _, key := range []string{"", testKey} {
			if r, err := Verify(bytes.NewReader(touched), Options{Key: []byte(key)}); !errors.Is(err, ErrDamaged) {
				t.Fatalf("byte %d, key %q: Verify() = %+v, %v", i, key, r, err)
			}
		}
	}
}
