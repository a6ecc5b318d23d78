package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/chain"
)

// dump is all that a state has, in one order.
func dump(t *testing.T, st *state) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %x\n", st.policy.Name, st.policy.Key)
	for _, name := range tableNames {
		fmt.Fprintln(&b, name)
		if err := st.tables()[name].each(func(row json.RawMessage) error {
			_, err := fmt.Fprintf(&b, "%s\n", row)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// reread is the state in a file, which it leaves free.
func reread(t *testing.T, path string) (st *state, repaired string) {
	t.Helper()
	st, repaired, err := openState(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.log.file.Close(); err != nil {
		t.Fatal(err)
	}
	return st, repaired
}

// whole makes of a log the file that earlier versions wrote.
func whole(t *testing.T, path string) []byte {
	t.Helper()
	st, _ := reread(t, path)
	file := wholeState{Schema: wholeSchema, Policy: st.policy, Enrollments: []json.RawMessage{}, Registrations: []json.RawMessage{}}
	for name, list := range map[string]*[]json.RawMessage{"enrollments": &file.Enrollments, "enrollmentGroups": &file.Groups, "registrations": &file.Registrations} {
		if err := st.tables()[name].each(func(row json.RawMessage) error { *list = append(*list, row); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	data, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// used is the file of a service that was used: with enrollments, one deleted, a group,
// and a device with a twin; and what the service remembered.
func used(t *testing.T) (data []byte, remembered string) {
	t.Helper()
	chip, other := chips()
	path := filepath.Join(t.TempDir(), "state")
	c := start(t, Options{StateFile: path})
	c.enroll("dev1", chip, `,"initialTwin":{"tags":{"a":"<&>\u2028"}}`).expect(t, 200, 0)
	c.enroll("dev2", other, "").expect(t, 200, 0)
	c.service("PUT", "/enrollmentGroups/g1", `{"enrollmentGroupId":"g1","attestation":{"type":"symmetricKey"}}`).expect(t, 200, 0)
	c.provision("dev1", chip)
	c.service("DELETE", "/enrollments/dev2", "").expect(t, 204, 0)
	c.service("POST", "/enrollments", `{"mode":"create","enrollments":[`+enrollmentBody("dev3", chip, "")+`,`+enrollmentBody("dev4", other, "")+`]}`).expect(t, 200, 0)
	c.killed()
	return readFile(t, path), dump(t, c.srv.state)
}

// A kill may cut the last line at any byte, and a power cut may leave zeros after that.
// The lines before it are read, and the file can be appended to again.
func TestStateCutAtEveryByte(t *testing.T) {
	data, remembered := used(t)
	last := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
	path := filepath.Join(t.TempDir(), "state")
	writeFile(t, path, data[:last])
	st, _ := reread(t, path)
	before := dump(t, st)
	if before == remembered {
		t.Fatal("the last line changes nothing")
	}
	for end := last; end < len(data); end++ {
		for _, zeros := range []int{0, 1, 4096} {
			if zeros == 0 && end == last || zeros > 0 && end%7 > 0 && end < len(data)-2 {
				continue // nothing is cut; or the same as nearby
			}
			want, left := before, data[:last]
			if end == len(data)-1 {
				want, left = remembered, data // without its line end alone
			}
			writeFile(t, path, append(bytes.Clone(data[:end]), make([]byte, zeros)...))
			st, repaired := reread(t, path)
			if got := dump(t, st); got != want || repaired == "" {
				t.Fatalf("cut at %d of %d, %d zeros: repaired %q, read\n%s\nwant\n%s", end-last, len(data)-last, zeros, repaired, got, want)
			}
			if got := readFile(t, path); !bytes.Equal(got, left) {
				t.Fatalf("cut at %d of %d, %d zeros: left %d bytes, want %d", end-last, len(data)-last, zeros, len(got), len(left))
			}
		}
	}
}

// Whatever else happens to a file is refused with the line, and the file is left alone.
func TestDamagedState(t *testing.T) {
	data, _ := used(t)
	lines := bytes.SplitAfter(data, []byte("\n"))
	lines = lines[:len(lines)-1]
	n := len(lines)
	join := func(lines ...[]byte) []byte { return bytes.Join(lines, nil) }
	without := func(i int) []byte { return join(append(append([][]byte{}, lines[:i]...), lines[i+1:]...)...) }
	resealed := func(old, new string) []byte {
		object, err := chain.Unseal(bytes.TrimSuffix(lines[n-1], []byte("\n")))
		if err != nil || !bytes.Contains(object, []byte(old)) {
			t.Fatalf("%q is not in the last line: %v", old, err)
		}
		line := chain.Seal(append(bytes.Replace(object, []byte(old), []byte(new), 1), '}'))
		return join(join(lines[:n-1]...), line, []byte("\n"))
	}
	type damage struct {
		data []byte
		says string
	}
	for name, tt := range map[string]damage{
		"a line is gone":              {without(2), "line 3 cannot be used: it is line 4: lines were removed, added or moved; the 2 lines before it are whole"},
		"the first line is gone":      {without(0), "line 1 cannot be used: it is line 2"},
		"a line twice":                {join(append([][]byte{lines[0], lines[1], lines[1]}, lines[2:]...)...), "line 3 cannot be used: it is line 2"},
		"two lines swapped":           {join(append([][]byte{lines[0], lines[2], lines[1]}, lines[3:]...)...), "line 2 cannot be used: it is line 3"},
		"the last line, edited":       {bytes.Replace(data, []byte("dev4"), []byte("dev5"), 1), fmt.Sprintf("line %d cannot be used: it was edited", n)},
		"and without its line end":    {bytes.TrimSuffix(bytes.Replace(data, []byte("dev4"), []byte("dev5"), 1), []byte("\n")), fmt.Sprintf("line %d cannot be used", n)},
		"another number":              {resealed(fmt.Sprintf(`"line":%d`, n), fmt.Sprintf(`"line":%d`, n+1)), fmt.Sprintf("line %d cannot be used: it is line %d", n, n+1)},
		"another line before":         {resealed(`"previous":"`, `"previous":"0`), "it belongs to another line before it"},
		"a table of later":            {resealed(`"enrollments":`, `"certificates":`), `"certificates", which this version does not know`},
		"an enrollment that is wrong": {resealed(`"dev4"`, `"-dev4"`), "The registration ID"},
		"text after the end":          {join(data, []byte("hello")), fmt.Sprintf("line %d cannot be used: it is cut short", n+1)},
		"a line after the end":        {join(data, []byte("hello\n")), fmt.Sprintf("line %d cannot be used: it has no sum", n+1)},
		"an empty line":               {join(lines[0], []byte("\n"), without(0)), "line 2 cannot be used: it has no sum; line 1 is whole"},
		"a long line":                 {join(data, bytes.Repeat([]byte("x"), maxLine+1)), "it is too long"},
		"the first line, cut":         {lines[0][:len(lines[0])/2], "line 1 cannot be used: it is cut short"},
		"its first bytes":             {lines[0][:3], "line 1 cannot be used: it is cut short"},
		"CR LF":                       {bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")), "line 1 cannot be used: its line end was converted"},
		"a byte order mark":           {join([]byte("\xef\xbb\xbf"), data), "line 1 cannot be used: a byte order mark"},
		"zeros within":                {join(lines[0], make([]byte, 512), []byte("\n"), lines[1]), "line 2 cannot be used: there are zero bytes in it"},
		"joined lines":                {join(lines[0], bytes.ReplaceAll(join(lines[1:]...), []byte("\n"), nil)), "line 2 cannot be used"},
		"joined by CR":                {join(lines[0], bytes.ReplaceAll(join(lines[1:]...), []byte("\n"), []byte("\r"))), "line 2 cannot be used"},
		"nothing but zeros":           {make([]byte, 4096), "line 1 cannot be used: there are zero bytes in it"},
		"another file":                {[]byte("hello\nworld\n"), "line 1 cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			writeFile(t, path, tt.data)
			_, err := New(Options{StateFile: path})
			checkError(t, "New()", err, path)
			if err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("says %v, want %q in it", err, tt.says)
			}
			if got := readFile(t, path); !bytes.Equal(got, tt.data) {
				t.Error("the file was changed")
			}
		})
	}
}

// One bit is changed, anywhere before the last line: it is refused, never misread.
func TestStateWithOneBitChanged(t *testing.T) {
	data, _ := used(t)
	path := filepath.Join(t.TempDir(), "state")
	last := bytes.LastIndexByte(data[:len(data)-1], '\n')
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		at, bit := random.IntN(last), byte(1)<<random.IntN(8)
		broken := bytes.Clone(data)
		broken[at] ^= bit
		writeFile(t, path, broken)
		if _, _, err := openState(path); err == nil {
			t.Fatalf("byte %d with bit %#x changed is read", at, bit)
		}
	}
}

// The file of an earlier version is read, and is a log then.
func TestStateOfAnEarlierVersion(t *testing.T) {
	data, remembered := used(t)
	path := filepath.Join(t.TempDir(), "state")
	writeFile(t, path, data)
	old := whole(t, path)
	var indented bytes.Buffer
	if err := json.Indent(&indented, old, " ", "\t"); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"as written": old, "indented": indented.Bytes()} {
		writeFile(t, path, text)
		for range 2 {
			st, repaired := reread(t, path)
			if got := dump(t, st); got != remembered || repaired != "" {
				t.Errorf("%s: read\n%s\nwant\n%s\nrepaired %q", name, got, remembered, repaired)
			}
			if got := readFile(t, path); !bytes.HasPrefix(got, []byte(logBegins)) {
				t.Errorf("%s: the file has %.40q", name, got)
			}
		}
	}
}

// Whatever was done, in whatever order and through however many new files: what is
// read again is what was remembered.
func TestStateAfterRandomChanges(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 15))
		path := filepath.Join(t.TempDir(), "state")
		st, _, err := openState(path)
		if err != nil {
			t.Fatal(err)
		}
		compacted := false
		for step := range 600 {
			for range 1 + random.IntN(4) {
				randomChange(t, st, random)
			}
			size := st.log.file.Size()
			if err := st.save(); err != nil {
				t.Fatal(err)
			}
			compacted = compacted || st.log.file.Size() < size
			if step%97 != 0 {
				continue
			}
			want := dump(t, st)
			if err := st.log.file.Close(); err != nil { // as a kill does
				t.Fatal(err)
			}
			if st, _, err = openState(path); err != nil {
				t.Fatal(err)
			}
			if got := dump(t, st); got != want {
				t.Fatalf("seed %d, step %d: read\n%s\nwant\n%s", seed, step, got, want)
			}
		}
		if !compacted {
			t.Errorf("seed %d: the file was never compacted, and has %d bytes", seed, st.log.file.Size())
		}
		if err := st.close(); err != nil {
			t.Error(err)
		}
	}
}

// randomChange puts or deletes something, of few IDs.
func randomChange(t *testing.T, st *state, random *rand.Rand) {
	t.Helper()
	id := fmt.Sprintf("Dev%d", random.IntN(12))
	text := strings.Repeat(string(rune('a'+random.IntN(26))), random.IntN(3000))
	switch random.IntN(6) {
	case 0:
		st.enrollments.delete(id)
	case 1:
		st.registrations.delete(strings.ToUpper(id))
	case 2:
		st.registrations.put(id, &registration{RegistrationID: id, Status: "failed", ErrorMessage: text})
	case 3:
		if r := st.registrations.get(id); r != nil {
			r.ErrorMessage += "<" // in its place
			st.registrations.put(id, r)
		}
	default:
		c, table := individuals, st.enrollments
		if random.IntN(2) == 0 {
			c, table = groups, st.groups
		}
		e, err := c.parse(fmt.Appendf(nil, `{%q:%q,"attestation":{"type":"symmetricKey"},"new":%q}`, c.id, id, text))
		if err != nil {
			t.Fatal(err)
		}
		table.put(id, e)
	}
}

// Many clients at once lose nothing that was answered.
func TestStateUnderConcurrency(t *testing.T) {
	chip, _ := chips()
	path := filepath.Join(t.TempDir(), "state")
	c := start(t, Options{StateFile: path})
	var clients sync.WaitGroup
	for n := range 8 {
		clients.Go(func() {
			for i := range 25 {
				id := fmt.Sprintf("dev-%d-%d", n, i)
				if code := put(t, c.srv, c.serviceToken(), id, enrollmentBody(id, chip, "")); code != 200 {
					t.Errorf("%s: %d", id, code)
				}
			}
		})
	}
	clients.Wait()
	c.killed()
	st, repaired := reread(t, path)
	if got, want := dump(t, st), dump(t, c.srv.state); got != want || st.enrollments.len() != 200 || repaired != "" {
		t.Errorf("%d enrollments, repaired %q", st.enrollments.len(), repaired)
	}
}

// put is PUT of an enrollment without a network.
func put(t testing.TB, srv *Server, token, id, body string) int {
	t.Helper()
	w := &discard{header: http.Header{}}
	r, err := http.NewRequestWithContext(t.Context(), "PUT", srv.Endpoint()+"/enrollments/"+id+"?api-version=2021-10-01", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", token)
	srv.ServeHTTP(w, r)
	return w.status
}

// discard keeps of an answer its status.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// enrollMany enrolls n devices and returns how many bytes that wrote.
func enrollMany(t testing.TB, n int) (written int64) {
	t.Helper()
	chip, _ := chips()
	srv, err := New(Options{StateFile: filepath.Join(t.TempDir(), "state")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	}()
	token := policyToken(srv)
	for i := range n {
		id := fmt.Sprintf("dev%d", i)
		if code := put(t, srv, token, id, enrollmentBody(id, chip, "")); code != 200 {
			t.Fatalf("%s: status %d", id, code)
		}
	}
	return srv.state.log.written
}

// Four times the enrollments are four times the work. A file that is written as a
// whole for each would make it sixteen times.
func TestEnrollingIsLinear(t *testing.T) {
	few, many := enrollMany(t, 250), enrollMany(t, 1000)
	if ratio := float64(many) / float64(few); ratio > 4.2 {
		t.Errorf("%d bytes for 250 enrollments, %d for 1000: %.1f times, want 4", few, many, ratio)
	}
}

// BenchmarkEnroll has the time of one enrollment among so many.
func BenchmarkEnroll(b *testing.B) {
	for _, n := range []int{1000, 4000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var written int64
			for b.Loop() {
				written = enrollMany(b, n)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/enrollment")
			b.ReportMetric(float64(written)/float64(n), "bytes/enrollment")
		})
	}
}

// The same enrollment again and again: the file stays small, and little is written
// beside the changes themselves.
func TestStateIsCompacted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	st, _, err := openState(path)
	if err != nil {
		t.Fatal(err)
	}
	var changes int64
	for i := range 5000 {
		st.registrations.put("dev1", &registration{RegistrationID: "dev1", ErrorCode: i, ErrorMessage: strings.Repeat("x", 500)})
		before := st.log.lines
		if err := st.save(); err != nil {
			t.Fatal(err)
		}
		if size := st.log.file.Size(); size > minCompaction+4096 {
			t.Fatalf("after %d changes the file has %d bytes", i, size)
		}
		if before == st.log.lines-1 {
			changes = st.log.written
		}
	}
	if most := int64(5000) * 1100; changes > most {
		t.Errorf("%d bytes were written, more than %d", changes, most)
	}
	if _, _, err := openState(path); !errors.Is(err, atomicfile.ErrInUse) {
		t.Errorf("a second one after new files: %v, want %v", err, atomicfile.ErrInUse)
	}
	if err := st.close(); err != nil {
		t.Fatal(err)
	}
	again, _ := reread(t, path)
	if got := again.registrations.get("dev1").ErrorCode; got != 4999 {
		t.Errorf("read change %d, want 4999", got)
	}
}

// A file that cannot be written to costs an answer, and no change: the next that can
// be written brings both.
func TestStateAfterAFailedWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "folder")
	path := filepath.Join(dir, "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	st, _, err := openState(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+"~"); err != nil {
		t.Fatal(err)
	}
	st.registrations.put("a", &registration{RegistrationID: "a"})
	if err := st.save(); err == nil {
		t.Error("save() without the folder = nil")
	}
	if err := os.Rename(dir+"~", dir); err != nil {
		t.Fatal(err)
	}
	st.registrations.put("b", &registration{RegistrationID: "b"})
	if err := st.save(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil { // and one that was removed is written again
		t.Fatal(err)
	}
	st.registrations.put("c", &registration{RegistrationID: "c"})
	if err := st.save(); err != nil {
		t.Fatal(err)
	}
	want := dump(t, st)
	if err := st.close(); err != nil {
		t.Fatal(err)
	}
	again, _ := reread(t, path)
	if got := dump(t, again); got != want || again.registrations.len() != 3 {
		t.Errorf("read\n%s\nwant\n%s", got, want)
	}
}

// The longest request that is accepted makes a line that can be read again.
func TestLongestLineOfState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	c := start(t, Options{StateFile: path})
	body := `{"enrollmentGroupId":"g1","attestation":{"type":"symmetricKey"},"new":"`
	body += strings.Repeat("<", maxServiceBody-len(body)-2) + `"}`
	c.service("PUT", "/enrollmentGroups/g1", body).expect(t, 200, 0)
	c.killed()
	st, _ := reread(t, path)
	if got := dump(t, st); got != dump(t, c.srv.state) {
		t.Errorf("read %d bytes", len(got))
	}
}
