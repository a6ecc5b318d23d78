package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/chain"
)

// fakeBatch is a batch in memory.
func fakeBatch(boxes ...int) []string {
	head, lines := chain.Sum(nil), []string{}
	for i, n := range boxes {
		raw, err := encode(Line{Number: i + 1, Record: testBox(n), previous: head})
		if err != nil {
			panic(err)
		}
		head = chain.Sum(raw)
		lines = append(lines, string(raw)+"\n")
	}
	return lines
}

// rechain gives lines the numbers and sums that anyone can compute.
func rechain(lines []string) string {
	head, out := chain.Sum(nil), ""
	for i, line := range lines {
		l, err := Parse([]byte(strings.TrimSuffix(line, "\n")))
		if err != nil {
			panic(err)
		}
		l.Number, l.previous = i+1, head
		raw, err := encode(l)
		if err != nil {
			panic(err)
		}
		head = chain.Sum(raw)
		out += string(raw) + "\n"
	}
	return out
}

// Each way to touch a batch is found at its first bad line, in words of the bench; and
// whoever skips it loses no line that is as it was written.
func TestDamage(t *testing.T) {
	l := fakeBatch(1, 2, 3, 4, 5)
	other := fakeBatch(6, 7)
	whole := strings.Join(l, "")
	good, err := Verify(strings.NewReader(whole), Options{})
	if err != nil {
		t.Fatal(err)
	}
	record, _ := json.Marshal(testBox(9))
	edit := func(n int) string { return strings.Replace(l[n-1], "SN-", "SX-", 1) }
	for name, tt := range map[string]struct {
		text, head string
		bad        int
		says       string
		skipped    string // what is read in spite of it
	}{
		"edited":             {l[0] + edit(2) + l[2] + l[3] + l[4], "", 2, "line 2 was changed after it was written; the box line1-1 before it is whole", "1345"},
		"edited first":       {edit(1) + l[1] + l[2] + l[3] + l[4], "", 1, "line 1 was changed after it was written", "2345"},
		"edited last":        {l[0] + l[1] + l[2] + l[3] + edit(5), "", 5, "line 5 was changed", "1234"},
		"two edited":         {l[0] + edit(2) + edit(3) + l[3] + l[4], "", 2, "line 2 was changed", "145"},
		"first removed":      {l[1] + l[2] + l[3] + l[4], "", 1, "line 1 was written as line 2: lines before it are missing (1)", "2345"},
		"removed":            {l[0] + l[3] + l[4], "", 2, "line 2 was written as line 4: lines before it are missing (2)", "145"},
		"edited and removed": {l[0] + edit(2) + l[3] + l[4], "", 2, "line 2 was changed", "145"},
		"reordered":          {l[0] + l[2] + l[1] + l[3] + l[4], "", 2, "line 2 was written as line 3", "13245"},
		"doubled":            {l[0] + l[1] + l[1] + l[2] + l[3] + l[4], "", 3, "line 3 is a copy of an earlier one, which was written as line 2", "12345"},
		"doubled at the end": {whole + l[0], "", 6, "line 6 is a copy", "12345"},
		"all doubled":        {whole + whole, "", 6, "line 6 is a copy", "12345"},
		"two batches":        {whole + other[0] + other[1], "", 6, "begins another batch: two files were put together", "1234567"},
		"another's line":     {l[0] + other[1] + l[2] + l[3] + l[4], "", 2, "line 2 was written after another line", "17345"},
		"cut":                {l[0] + l[1][:99], "", 2, "line 2 is cut off; the box line1-1 before it is whole", "1"},
		"cut in the middle":  {l[0] + l[1][:99] + "\n" + l[2] + l[3] + l[4], "", 2, "line 2 is cut off: its end is missing", "1345"},
		"cut into the next":  {l[0] + l[1][:99] + l[2] + l[3] + l[4], "", 2, "line 2 was changed", "145"},
		"no last line end":   {strings.TrimSuffix(whole, "\n"), "", 5, "line 5 has lost its line end; the box line1-4 before it is whole", "12345"},
		"zeros at the end":   {whole + "\x00\x00\x00", "", 6, "line 6 has only zero bytes", "12345"},
		"zeros inside":       {l[0] + strings.Replace(l[1], "SN", "\x00\x00", 1) + l[2] + l[3] + l[4], "", 2, "line 2: there are zero bytes", "1345"},
		"blank line":         {l[0] + "\n" + l[1] + l[2] + l[3] + l[4], "", 2, "line 2 is empty", "12345"},
		"blank line first":   {"\n" + whole, "", 1, "line 1 is empty", "12345"},
		"by hand":            {l[0] + l[1] + string(record) + "\n" + l[2] + l[3] + l[4], "", 3, "line 3 does not belong to the batch", "12345"},
		"CR LF":              {strings.ReplaceAll(whole, "\n", "\r\n"), "", 1, "line 1: its line end was converted to CR LF", "12345"},
		"byte order mark":    {"\xef\xbb\xbf" + whole, "", 1, "line 1: a byte order mark", "12345"},
		"UTF-16":             {"\xff\xfe" + whole, "", 1, "line 1: the file was converted to UTF-16", "2345"},
		"long line":          {l[0] + strings.Repeat("x", 3*maxLine) + "\n" + l[1] + l[2] + l[3] + l[4], "", 2, "line 2 is longer than 65536 bytes", "12345"},
		"long last line":     {whole + strings.Repeat("x", 3*maxLine), "", 6, "line 6 is longer", "12345"},
		"noted, cut off":     {l[0] + l[1], good.Head.String(), 3, "line 3: it and all up to line 5, whose hash was noted, are missing: the end was cut off", "12"},
		"noted, rewritten":   {rechain([]string{l[0], l[2], l[3], l[4], l[4]}), good.Head.String(), 5, "line 5: it does not have the hash that was noted", ""},
		"a hash, cut off":    {l[0] + l[1], good.Head.Hash, 3, "is missing: the end was cut off, or the file rewritten", "12"},
	} {
		report, err := Verify(strings.NewReader(tt.text), Options{Head: tt.head})
		if !errors.Is(err, ErrDamaged) || report.Bad != tt.bad || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: Verify() = %+v, %v; want line %d, %q", name, report, err, tt.bad, tt.says)
		}
		if tt.skipped == "" {
			continue
		}
		ids, _ := idsOf([]byte(tt.text))
		if got := strings.ReplaceAll(strings.Join(ids, ""), "line1-", ""); got != tt.skipped {
			t.Errorf("%s: what skips damage reads %s, want %s", name, got, tt.skipped)
		}
	}
}

// A batch that someone wrote with sums of their own cannot have what Append refuses.
func TestVerifyFindsClashes(t *testing.T) {
	clone := testBox(2)
	clone.RegistrationID = "line1-1"
	l := fakeBatch(1, 2)
	raw, err := encode(Line{Number: 2, Record: clone, previous: chain.Sum([]byte(strings.TrimSuffix(l[0], "\n")))})
	if err != nil {
		t.Fatal(err)
	}
	report, err := Verify(strings.NewReader(l[0]+string(raw)+"\n"), Options{})
	if !errors.Is(err, ErrConflict) || report.Bad != 2 || !strings.Contains(err.Error(), "line 2: ") {
		t.Errorf("Verify() = %+v, %v", report, err)
	}
}

// Any single change to any byte is found, and no other line is lost by it.
func TestEveryChangeIsFound(t *testing.T) {
	l := fakeBatch(1, 2, 3)
	whole := strings.Join(l, "")
	random := rand.New(rand.NewPCG(3, 4))
	for at := range len(whole) {
		changed := []byte(whole)
		for changed[at] == whole[at] {
			changed[at] = byte(random.IntN(256))
		}
		if _, err := Verify(bytes.NewReader(changed), Options{}); !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d, %q for %q: Verify() = %v", at, changed[at], whole[at], err)
		}
		ids, _ := idsOf(changed)
		for n := range 3 {
			begin := len(strings.Join(l[:n], ""))
			near := at >= begin-1 && at < begin+len(l[n]) // its own bytes, or the line end before it
			if id := fmt.Sprint("line1-", n+1); !near && !slices.Contains(ids, id) {
				t.Fatalf("byte %d: %s is lost: %v", at, id, ids)
			}
		}
	}
}

// Every arrangement of a batch's lines but the written one is found, and every line
// that is there can still be read.
func TestEveryArrangementIsFound(t *testing.T) {
	l := fakeBatch(1, 2, 3, 4)
	var arrange func(taken []int)
	tried := 0
	arrange = func(taken []int) {
		if len(taken) > 0 {
			tried++
			text, there := "", map[string]bool{}
			for _, n := range taken {
				text += l[n]
				there[fmt.Sprint("line1-", n+1)] = true
			}
			begin := slices.Equal(taken, []int{0, 1, 2, 3}[:min(4, len(taken))])
			if _, err := Verify(strings.NewReader(text), Options{}); (err == nil) != begin {
				t.Fatalf("%v: Verify() = %v", taken, err)
			}
			if ids, _ := idsOf([]byte(text)); len(ids) != len(there) {
				t.Fatalf("%v: %v is read", taken, ids)
			}
		}
		if len(taken) < 4 {
			for n := range 4 {
				arrange(append(slices.Clone(taken), n))
			}
		}
	}
	arrange(nil)
	if tried != 4+16+64+256 {
		t.Errorf("%d arrangements", tried)
	}
}

// A plain list of records is read, too.
func TestPlainList(t *testing.T) {
	record := func(n int) string { r, _ := json.Marshal(testBox(n)); return string(r) + "\n" }
	short := fmt.Sprintf("{\"endorsement_key\":%q,\"registration_id\":\"line1-3\"}\n", numberedEK(3))
	text := "\n" + record(1) + "\n" + strings.TrimSuffix(record(2), "\n") + "\r\n" + short
	ids, faults := idsOf([]byte(text))
	if len(faults) != 0 || !slices.Equal(ids, []string{"line1-1", "line1-2", "line1-3"}) {
		t.Errorf("Lines() = %v, %v", ids, faults)
	}
	if _, err := Verify(strings.NewReader(text), Options{}); !errors.Is(err, ErrPlain) {
		t.Errorf("Verify() = %v", err)
	}
	for name, tt := range map[string]struct{ text, says string }{
		"cut":     {record(1) + record(2)[:70], "line 2 is cut off"},
		"bad":     {record(1) + "{}\n", "line 2 cannot be used: the endorsement key"},
		"batch":   {record(1) + fakeBatch(2)[0], "line 2 is of a batch"},
		"long":    {record(1) + strings.Repeat(" ", 2*maxLine), "line 2 is longer"},
		"control": {record(1) + strings.Replace(record(2), "SN", "S\x07", 1), "line 2 cannot be used: there is a control character"},
		"deep":    {record(1) + strings.Repeat("[", 60000) + "\n", "line 2 cannot be used"},
	} {
		ids, faults := idsOf([]byte(tt.text))
		if len(ids) != 1 || len(faults) != 1 || !errors.Is(faults[0], ErrDamaged) || !strings.Contains(faults[0].Error(), tt.says) || !strings.Contains(faults[0].Error(), "line1-1 before it is whole") {
			t.Errorf("%s: %v, %v", name, ids, faults)
		}
	}
}

// endless is a text of many bytes that nobody has in memory.
type endless struct {
	begin string
	fill  byte
	left  int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.begin != "" {
		n := copy(p, e.begin)
		e.begin = e.begin[n:]
		return n, nil
	}
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), e.left)
	for i := range p[:n] {
		p[i] = e.fill
	}
	e.left -= n
	return int(n), nil
}

// Memory does not grow with what is put into a file.
func TestHugeLines(t *testing.T) {
	good := fakeBatch(1)[0]
	for name, r := range map[string]io.Reader{
		"a line of 1 GB": &endless{good, 'x', 1 << 30},
		"250 MB of ends": &endless{good, '\n', 8 << 20},
		"a deep value":   &endless{good, '[', 250 << 20},
		"zeros":          &endless{good, 0, 250 << 20},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Verify(r, Options{})
		runtime.ReadMemStats(&after)
		var damage *DamageError
		if !errors.As(err, &damage) || damage.Line != 2 {
			t.Errorf("%s: Verify() = %v", name, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
			t.Errorf("%s: %d bytes were allocated", name, grown)
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte(strings.Join(fakeBatch(1, 2), "")))
	f.Add([]byte(fakeBatch(1)[0][:60]))
	f.Add([]byte("\n{\"endorsement_key\":\"\"}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := 0
		for l, err := range Lines(bytes.NewReader(data)) {
			lines++
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("%v is not ErrDamaged", err)
			}
			if (err == nil || usable(err)) && l.Record.RegistrationID == "" {
				t.Errorf("a box without a name: %+v, %v", l, err)
			}
		}
		if most := bytes.Count(data, []byte("\n")) + 1; lines > most {
			t.Errorf("%d lines of %d", lines, most)
		}
	})
}
