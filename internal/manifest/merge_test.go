package manifest

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

func sourcesOf(texts ...string) (s []Source) {
	for i, t := range texts {
		s = append(s, Source{fmt.Sprintf("stick%d", i+1), strings.NewReader(t)})
	}
	return s
}

func TestMerge(t *testing.T) {
	plain, _ := json.Marshal(testBox(5))
	a, b := strings.Join(fakeBatch(1, 2), ""), strings.Join(fakeBatch(2, 3, 1, 4), "")
	path := filepath.Join(t.TempDir(), "all")
	m, err := Merge(path, sourcesOf(a, b, string(plain)+"\n", ""), false)
	if err != nil || m.Boxes != 5 || m.Duplicates != 2 || len(m.Skipped) != 0 {
		t.Fatalf("Merge() = %+v, %v", m, err)
	}
	report, err := Verify(bytes.NewReader(read(t, path)), Options{Head: m.Head.String()})
	if err != nil || report.Lines != 5 || report.Boxes != 5 || report.HeadLine != 5 {
		t.Errorf("Verify() = %+v, %v", report, err)
	}
	if ids, _ := idsOf(read(t, path)); !slices.Equal(ids, []string{"line1-2", "line1-3", "line1-1", "line1-4", "line1-5"}) {
		t.Errorf("the batch has %v", ids)
	}
	if _, err := Merge(path, sourcesOf(a), false); !errors.Is(err, os.ErrExist) {
		t.Errorf("Merge() over a file: %v", err)
	}
	if got := add(t, openBatch(t, path), testBox(6), AppendOptions{}); got.Line != 6 {
		t.Errorf("Append() to it = %+v", got)
	}
}

// The last reading of a box counts, and what was said of it goes along.
func TestMergeTakesTheLastReading(t *testing.T) {
	path := batchOf(t, 1, 2)
	b := openBatch(t, path)
	add(t, b, testBox(1), AppendOptions{Again: true, DeviceID: "dev-1", Labels: map[string]string{"line": "8"}})
	out := filepath.Join(t.TempDir(), "all")
	if m, err := Merge(out, []Source{{"s", bytes.NewReader(read(t, path))}}, false); err != nil || m.Boxes != 2 || m.Duplicates != 1 {
		t.Fatalf("Merge() = %+v, %v", m, err)
	}
	var rows []Row
	for l, err := range Lines(bytes.NewReader(read(t, out))) {
		if err != nil || l.Again != 0 {
			t.Fatal(l, err)
		}
		rows = append(rows, l.Row())
	}
	if len(rows) != 2 || rows[1].DeviceID != "dev-1" || rows[1].Labels != "line=8" || rows[1].RegistrationID != "line1-1" {
		t.Errorf("the batch has %+v", rows)
	}
}

func TestMergeRefusesConflicts(t *testing.T) {
	as := func(n int, change func(*identity.Record)) string {
		r := testBox(n)
		change(&r)
		line, _ := json.Marshal(r)
		return string(line) + "\n"
	}
	a := strings.Join(fakeBatch(1, 2), "")
	for name, tt := range map[string]struct{ text, what, value string }{
		"ID":        {as(9, func(r *identity.Record) { r.RegistrationID = "line1-2" }), "registration ID", "line1-2"},
		"serial":    {as(9, func(r *identity.Record) { r.Host.Serial = "sn-2" }), "serial number", "sn-2"},
		"two names": {as(2, func(r *identity.Record) { r.RegistrationID = "other" }), "endorsement key under two registration IDs, the second one", "other"},
	} {
		path := filepath.Join(t.TempDir(), "all")
		m, err := Merge(path, sourcesOf(a, tt.text), false)
		want := []Clash{{Place{"stick1", 2}, Place{"stick2", 1}, tt.what, tt.value}}
		if !errors.Is(err, ErrConflict) || !slices.Equal(m.Clashes, want) || !strings.Contains(err.Error(), "stick1, line 2 and stick2, line 1") {
			t.Errorf("%s: Merge() = %+v, %v", name, m, err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: something was written: %v", name, err)
		}
	}
}

func TestMergeOfDamagedBatches(t *testing.T) {
	l := fakeBatch(1, 2, 3)
	damaged := l[0] + strings.Replace(l[1], "SN", "XX", 1) + l[2]
	path := filepath.Join(t.TempDir(), "all")
	if _, err := Merge(path, sourcesOf(l[0], damaged), false); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "stick2: line 2 was changed") {
		t.Errorf("Merge() = %v", err)
	}
	if m, err := Merge(path, sourcesOf(l[0], damaged, l[0]+l[2]), true); err != nil || m.Boxes != 2 || len(m.Skipped) != 2 {
		t.Errorf("Merge() with skip = %+v, %v", m, err)
	}
}

func TestExport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "batch")
	b := openBatch(t, path)
	r := testBox(1)
	r.Host.Serial = `=cmd|' /C calc'!A0`
	add(t, b, r, AppendOptions{DeviceID: "=dev", Operator: "+Anna\t\x1b[31m", Labels: map[string]string{"note": "a;=1+1", "order": `"quoted", and`}})
	add(t, b, testBox(2), AppendOptions{Labels: map[string]string{"line": "-7"}})
	var out bytes.Buffer
	done, err := Export(&out, bytes.NewReader(read(t, path)), false)
	if err != nil || done.Rows != 2 {
		t.Fatalf("Export() = %+v, %v", done, err)
	}
	rest, marked := bytes.CutPrefix(out.Bytes(), []byte("\ufeff"))
	rows, err := csv.NewReader(bytes.NewReader(rest)).ReadAll()
	if err != nil || len(rows) != 3 || !marked || !bytes.Contains(rest, []byte("\r\n")) {
		t.Fatalf("%v, %v", rows, err)
	}
	want := []string{"1", "line1-1", "'=dev", `'=cmd|' /C calc'!A0`, "host-1", "", "", "", "'+Anna??[31m", "2026-05-04T03:02:01Z", numberedEK(1), "", "a;'=1+1", `"quoted", and`}
	if !slices.Equal(rows[1], want) {
		t.Errorf("row 1 is %q", rows[1])
	}
	if head := strings.Join(rows[0], " "); head != "line registration_id device_id serial hostname manufacturer product uuid operator read_at endorsement_key label:line label:note label:order" {
		t.Errorf("the header is %s", head)
	}
	if text.PlainCell(rows[1][3]) != r.Host.Serial || rows[2][11] != "'-7" {
		t.Errorf("rows are %q", rows)
	}
	l := fakeBatch(1, 2, 3)
	damaged := l[0] + strings.Replace(l[1], "SN", "XX", 1) + l[2]
	if _, err := Export(&out, strings.NewReader(damaged), false); !errors.Is(err, ErrDamaged) {
		t.Errorf("Export() of a damaged batch: %v", err)
	}
	if done, err := Export(&out, strings.NewReader(damaged), true); err != nil || done.Rows != 2 || len(done.Skipped) != 1 {
		t.Errorf("Export() with skip = %+v, %v", done, err)
	}
}
