package manifest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tpmdps/internal/chain"
)

// What is read of a line for its names is what the whole line says, or the whole line is
// read.
func TestParseNames(t *testing.T) {
	line := strings.TrimSuffix(fakeBatch(1)[0], "\n")
	object := func(change ...string) string { // sealed again: nothing is wrong but what was changed
		body, err := chain.Unseal([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.NewReplacer(change...).Replace(string(body) + "}")
		if len(change) > 0 && changed == string(body)+"}" {
			t.Fatalf("%q changes nothing", change)
		}
		return string(chain.Seal([]byte(changed)))
	}
	for name, raw := range map[string]string{
		"as it is":           line,
		"sealed again":       object(),
		"edited":             strings.Replace(line, "line1-1", "line1-9", 1),
		"cut":                line[:len(line)-9],
		"empty":              "",
		"schema":             object("tpmdps/record/1", "tpmdps/record/2"),
		"no serial":          object(`"serial":`, `"serially":`),
		"ID twice":           object(`"registration_id":`, `"registration_id":"line1-2","registration_id":`),
		"ID in capitals":     object(`"registration_id":"line1-1"`, `"registration_id":"LINE1-1"`),
		"member in capitals": object(`"registration_id":`, `"Registration_ID":"line1-2","registration_id":`),
		"host twice":         object(`"host":{`, `"host":{"serial":"x"},"host":{`),
		"serial twice":       object(`"serial":`, `"serial":"x","serial":`),
		"serial is a number": object(`"serial":"SN-1"`, `"serial":1`),
		"host is null":       object(`"host":{`, `"host":null,"tsoh":{`),
		"key in two lines":   object(`"endorsement_key":"`, `"endorsement_key":"\n`),
		"key of hex":         object(numberedEK(1), strings.Repeat("00", 316)),
		"another key":        object(numberedEK(1), "AToAAQ=="),
		"a null ID":          object(`"registration_id":"line1-1"`, `"registration_id":null`),
		"device":             object(`"schema":`, `"device_id":"a b","schema":`),
		"not JSON":           object(`"host":{`, `"host":{{`),
		"not ours":           `{"number":1}`,
	} {
		light, err := parseNames([]byte(raw))
		whole, wholeErr := Parse([]byte(raw))
		if fmt.Sprint(err) != fmt.Sprint(wholeErr) {
			t.Errorf("%s: %v; the whole line: %v", name, err, wholeErr)
		}
		if namesOf(light.Record) != namesOf(whole.Record) || light.Number != whole.Number || light.hash != whole.hash || light.previous != whole.previous {
			t.Errorf("%s: it is read as %+v; the whole line as %+v", name, light, whole)
		}
	}
}

// A line whose names are plain is not read whole: that is what makes a large batch fast.
func TestParseNamesReadsNoMore(t *testing.T) {
	l, err := parseNames([]byte(strings.TrimSuffix(fakeBatch(1)[0], "\n")))
	if err != nil || l.Record.Host.Hostname != "" || l.Record.Labels != nil {
		t.Errorf("parseNames() = %+v, %v", l, err)
	}
}

// BenchmarkOpen opens a batch of 10,000 boxes.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "batch.jsonl")
	out, head := bytes.Buffer{}, chain.Sum(nil)
	for n := range 10_000 {
		raw, err := encode(Line{Number: n + 1, Record: testBox(n), previous: head})
		if err != nil {
			b.Fatal(err)
		}
		head = chain.Sum(raw)
		out.Write(append(raw, '\n'))
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		batch, err := Open(b.Context(), path, nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := batch.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
