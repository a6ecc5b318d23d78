package inventory

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"tpmdps/internal/enroll"
	"tpmdps/internal/identity"
	"tpmdps/internal/manifest"
	"tpmdps/internal/text"
)

// repeated is a long text that nobody has in memory.
type repeated struct {
	begin, fill string
	left        int64
	at          int
	read        *int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := copy(p, r.begin)
	r.begin = r.begin[n:]
	for n < len(p) && r.left > 0 && r.begin == "" {
		p[n] = r.fill[r.at%len(r.fill)]
		n++
		r.at++
		r.left--
	}
	*r.read += n
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func readAllOf(r io.Reader) (entries []Entry, err error) {
	var about Inventory
	for e, err := range Stream(r, Options{}, &about) {
		if err != nil {
			return entries, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// batchFile is a batch of a number of boxes.
func batchFile(t *testing.T, n int) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "batch")
	b, err := manifest.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for i := 1; i <= n; i++ {
		r, err := identity.ParseRecord(fmt.Appendf(nil, `{"endorsement_key":%q,"registration_id":"box-%d"}`, b64(numberedEK(i)), i))
		if err == nil {
			r.Host.Serial = fmt.Sprint("=SN", i)
			_, err = b.Append(t.Context(), r, manifest.AppendOptions{DeviceID: fmt.Sprint("=dev", i), Labels: map[string]string{"line": "Tür;=7"}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A batch is read with its chain, whatever it was converted to.
func TestBatch(t *testing.T) {
	data := batchFile(t, 3)
	crlf := bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
	lines := bytes.SplitAfter(crlf, []byte("\n"))
	for name, data := range map[string][]byte{
		"as written": data, "CR LF": crlf, "mark": append([]byte("\xef\xbb\xbf"), data...), "blank lines first": append([]byte("\r\n\n"), data...),
		"UTF-16": []byte("\xff\xfe" + utf16Bytes(string(crlf), binary.LittleEndian)), "big endian": []byte("\xfe\xff" + utf16Bytes(string(crlf), binary.BigEndian)),
		"mixed": append(append(bytes.Clone(lines[0]), lines[1]...), utf16Bytes(string(lines[2]), binary.LittleEndian)...),
	} {
		inv, err := Read(data)
		if err != nil || len(inv.Entries) != 3 || inv.Entries[2].Settings.DeviceID != "=dev3" || inv.Entries[2].Record.RegistrationID != "box-3" || inv.Entries[2].Record.Labels["line"] != "Tür;=7" {
			t.Errorf("%s: Read() = %+v, %v", name, inv, err)
		}
	}
}

// A batch that is not as it was written is refused by its line, or read but for that.
func TestDamagedBatch(t *testing.T) {
	whole := string(batchFile(t, 4))
	l := strings.SplitAfter(whole, "\n")
	record, _ := json.Marshal(identity.Record{})
	for name, tt := range map[string]struct {
		data, says string
		left       []string
	}{
		"edited":   {l[0] + strings.Replace(l[1], "SN2", "SN3", 1) + l[2] + l[3], "line 2 was changed after it was written; the box box-1 before it is whole", []string{"box-1", "box-3", "box-4"}},
		"removed":  {l[0] + l[2] + l[3], "line 2 was written as line 3", []string{"box-1", "box-3", "box-4"}},
		"cut":      {l[0] + l[1][:100], "line 2 is cut off; the box box-1 before it is whole", []string{"box-1"}},
		"cut, on":  {l[0] + l[1][:100] + "\n" + l[2] + l[3], "line 2 is cut off", []string{"box-1", "box-3", "box-4"}},
		"doubled":  {l[0] + l[0] + l[1], "line 2 is a copy", []string{"box-1", "box-2"}},
		"by hand":  {l[0] + string(record) + "\n" + l[1], "line 2 does not belong to the batch", []string{"box-1", "box-2"}},
		"put on":   {whole + l[0] + l[1], "line 5 is a copy", []string{"box-1", "box-2", "box-3", "box-4"}},
		"the type": {strings.Replace(l[0], `"number":1`, `"number":"1"`, 1) + l[1], "line 1 was changed", []string{"box-2"}},
	} {
		_, err := Read([]byte(tt.data))
		if !errors.Is(err, manifest.ErrDamaged) || !errors.Is(err, identity.ErrRecord) || !strings.HasPrefix(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
		var about Inventory
		var ids []string
		for e, err := range Stream(strings.NewReader(tt.data), Options{SkipDamaged: true}, &about) {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			ids = append(ids, e.Record.RegistrationID)
		}
		if !slices.Equal(ids, tt.left) || len(about.Skipped) == 0 {
			t.Errorf("%s: what skips reads %v, %v", name, ids, about.Skipped)
		}
	}
}

// What a batch is exported to is read as the batch itself.
func TestExportedBatch(t *testing.T) {
	data := batchFile(t, 3)
	want, err := Read(data)
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	if _, err := manifest.Export(&table, bytes.NewReader(data), false); err != nil {
		t.Fatal(err)
	}
	got, err := Read(table.Bytes())
	if err != nil || len(got.Notes) > 0 {
		t.Fatal(got.Notes, err)
	}
	for i := range got.Entries {
		got.Entries[i].Line--
		got.Entries[i].Record.Tool = want.Entries[i].Record.Tool
	}
	if !reflect.DeepEqual(got.Entries, want.Entries) {
		t.Errorf("Read() = %+v, want %+v", got.Entries, want.Entries)
	}
}

// However a text comes in, it is the same text.
func TestStreamInPieces(t *testing.T) {
	record := recordLine(t, "box-1")
	k := b64(testEK())
	for name, data := range map[string]string{
		"lines": record + "\n" + recordLine(t, "box-2"), "list": "[" + record + ",\n" + recordLine(t, "box-2") + "]", "colours": "\x1b[34m" + record + "\x1b[39;49;00m\n",
		"table": "registration_id;endorsement_key\r\nbox-1;" + k + "\r\n", "UTF-16": "\xff\xfe" + utf16Bytes(record, binary.LittleEndian),
		"fault": record + "\n" + record[:300], "no list": "[" + record + " " + record + "]", "batch": string(batchFile(t, 2)), "enrollment": "[" + whole() + "]",
		"code page": record + "\n\xfc", "wrapped": `{"value":[` + whole() + `],"Count":1}`, "many blanks": strings.Repeat(" \n", 2000) + record,
	} {
		want, wantErr := readAllOf(strings.NewReader(data))
		for pieces, r := range map[string]io.Reader{"bytes": iotest.OneByteReader(strings.NewReader(data)), "halves": iotest.HalfReader(strings.NewReader(data)), "end": iotest.DataErrReader(strings.NewReader(data))} {
			got, err := readAllOf(r)
			if !reflect.DeepEqual(got, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("%s, %s: %d entries, %v; want %d, %v", name, pieces, len(got), err, len(want), wantErr)
			}
		}
		broken := errors.New("broken")
		if _, err := readAllOf(io.MultiReader(strings.NewReader(data[:len(data)/2]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
			t.Errorf("%s: an error of the reader becomes %v", name, err)
		}
		for range Stream(strings.NewReader(data), Options{}, new(Inventory)) {
			break
		}
	}
}

// What an attacker puts into a file ends with the number of its line, and little of it
// is in memory.
func TestStreamBounds(t *testing.T) {
	record := recordLine(t, "box-1") + "\n"
	batch := string(batchFile(t, 1))
	for name, tt := range map[string]struct {
		begin, fill string
		most        int
	}{
		"5 GB line":        {record + `{"a":"`, "x", 48 << 20},
		"5 GB number":      {record, "1", 48 << 20},
		"250 MB of blanks": {record, " ", 4 << 20},
		"250 MB of lines":  {record, "\r\n", 4 << 20},
		"blanks in a list": {record + "[", "\t", 4 << 20},
		"deep lists":       {record, "[", 20 << 20},
		"deep objects":     {record, `{"a":`, 20 << 20},
		"a list of lists":  {"\n[", "[],", 1 << 20},
		"control":          {record, "\x07", 20 << 20},
		"zeros":            {record, "\x00", 1 << 20},
		"batch, long":      {batch, "x", 48 << 20},
		"batch, blank":     {batch, " ", 48 << 20},
		"text":             {record, "hello ", 20 << 20},
	} {
		size, read := int64(5)<<30, 0
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := readAllOf(&repeated{begin: tt.begin, fill: tt.fill, left: size, read: &read})
		runtime.ReadMemStats(&after)
		if err == nil || !errors.Is(err, identity.ErrRecord) && !errors.Is(err, text.ErrEncoding) || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%s: %.200v", name, err)
		}
		if read > tt.most {
			t.Errorf("%s: %d bytes were read", name, read)
		}
		if held := int64(after.HeapSys) - int64(before.HeapSys); held > 200<<20 {
			t.Errorf("%s: the heap grew by %d MB", name, held>>20)
		}
	}
}

// manyRecords is a file of many records.
type manyRecords struct {
	n, of int
	rest  []byte
	wrap  bool // in a list
}

func (m *manyRecords) Read(p []byte) (int, error) {
	for len(m.rest) == 0 {
		if m.n == m.of {
			return 0, io.EOF
		}
		m.n++
		m.rest = fmt.Appendf(nil, "{\"endorsement_key\":%q,\"registration_id\":\"box-%d\"}\n", b64(numberedEK(m.n)), m.n)
		if m.wrap {
			sign := ","
			if m.n == 1 {
				sign = "["
			}
			m.rest = append([]byte(sign), m.rest...)
			if m.n == m.of {
				m.rest = append(m.rest, ']')
			}
		}
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// Memory does not grow with the number of machines, but for the hashes.
func TestStreamMemory(t *testing.T) {
	for _, wrap := range []bool{false, true} {
		var duplicates Duplicates
		var most uint64
		count := 0
		for e, err := range Stream(&manyRecords{of: 6000, wrap: wrap}, Options{}, new(Inventory)) {
			if err != nil {
				t.Fatal(err)
			}
			duplicates.Add(e)
			if count++; count%1000 == 0 {
				runtime.GC()
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				if count == 1000 {
					most = now.HeapAlloc + 5000*600 // bytes a machine: hashes in three maps that grow by doubling
				}
				if now.HeapAlloc > most {
					t.Errorf("after %d machines there are %d bytes, more than %d", count, now.HeapAlloc, most)
				}
			}
		}
		if err := duplicates.Err(); err != nil || count != 6000 {
			t.Errorf("%d machines, %v", count, err)
		}
	}
}

func TestDuplicates(t *testing.T) {
	entry := func(line, key int, id, device, serial string) Entry {
		e := Entry{Line: line, Settings: enroll.Settings{DeviceID: device}}
		e.Record = identity.Record{RegistrationID: id, EndorsementKey: b64(numberedEK(key)), Host: identity.Host{Serial: serial}}
		return e
	}
	first := entry(1, 1, "a", "", "S1")
	for name, tt := range map[string]struct {
		second Entry
		want   string
	}{
		"the same":        {entry(2, 1, "a", "", "S1"), ""},
		"the same, case":  {entry(2, 1, "A", "", "s 1"), ""},
		"another":         {entry(2, 2, "b", "", "S2"), ""},
		"ID":              {entry(2, 2, "A", "", "S2"), "lines 1 and 2 have the registration ID A and different endorsement keys"},
		"key":             {entry(2, 1, "b", "", "S1"), "lines 1 and 2 have the same endorsement key and different registration IDs, the second one b"},
		"device":          {entry(2, 2, "b", "a", "S2"), "lines 1 and 2 have the device ID a and different endorsement keys"},
		"serial":          {entry(2, 2, "b", "", "s1 "), "lines 1 and 2 have the serial number s1  and different endorsement keys"},
		"no serial":       {entry(2, 2, "b", "", "Default string"), ""},
		"another service": {Entry{Line: 2, Other: "x509", Record: identity.Record{RegistrationID: "a"}}, ""},
	} {
		var d Duplicates
		d.Add(first)
		d.Add(entry(0, 9, "z", "", "default string"))
		d.Add(tt.second)
		err := d.Err()
		if (err == nil) != (tt.want == "") || err != nil && (!errors.Is(err, enroll.ErrDuplicate) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	var d Duplicates
	for n := range 50 {
		d.Add(entry(n+1, n, "same", "", ""))
	}
	if err := d.Err(); !strings.HasSuffix(err.Error(), "; and 29 more") {
		t.Error(err)
	}
}
