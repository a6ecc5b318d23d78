package identity

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"

	"tpmdps/internal/text"
)

// recordLine is a record with labels in many scripts, as one line.
func recordLine(t *testing.T, id string) string {
	r, err := ParseRecord([]byte(`{"endorsement_key":"` + b64(testEK()) + `","registration_id":"` + id + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Labels = map[string]string{"line": "Tür 7", "site": "中国 北京", "note": "ਊ \U0001F512 «{}»", "order": `a"b\c`}
	r.Operator = "Łukasz"
	line, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}

func utf16Bytes(s string, order binary.AppendByteOrder) string {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = order.AppendUint16(out, u)
	}
	return string(out)
}

// A batch reads back the same, whatever wrote it.
func TestParseRecordsInEveryEncoding(t *testing.T) {
	a, b := recordLine(t, "box-1"), recordLine(t, "box-2")
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(b), "", "  "); err != nil {
		t.Fatal(err)
	}
	want, err := ParseRecords([]byte(a + "\n" + b + "\n"))
	if err != nil || len(want) != 2 || want[1].Labels["site"] != "中国 北京" {
		t.Fatalf("ParseRecords() = %+v, %v", want, err)
	}
	little := func(s string) string { return utf16Bytes(s, binary.LittleEndian) }
	big := func(s string) string { return utf16Bytes(s, binary.BigEndian) }
	layouts := map[string]string{
		"lines": a + "\n" + b + "\n", "CR LF": a + "\r\n" + b + "\r\n", "no last line end": a + "\n" + b, "blank lines": "\n\n" + a + "\n\n\n" + b + "\n\n",
		"pretty": a + "\n" + pretty.String() + "\n", "one line": a + b, "array": "[" + a + "," + b + "]", "array, lines": "[\r\n" + a + ",\r\n" + b + "\r\n]\r\n",
		"array and line": "[" + a + "]\n" + b, "empty array": "[]\n" + a + "\n" + b,
	}
	for layout, whole := range layouts {
		for encoding, data := range map[string]string{
			"UTF-8": whole, "UTF-8, mark": "\xef\xbb\xbf" + whole, "UTF-16 LE, mark": "\xff\xfe" + little(whole), "UTF-16 BE, mark": "\xfe\xff" + big(whole),
			"UTF-16 LE": little(whole), "UTF-16 BE": big(whole),
		} {
			if got, err := ParseRecords([]byte(data)); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %s: ParseRecords() = %+v, %v", layout, encoding, got, err)
			}
		}
	}
	for name, data := range map[string]string{
		">> onto ASCII":           a + "\n" + little(b+"\r\n"),
		">> onto UTF-8 with mark": "\xef\xbb\xbf" + a + "\r\n" + little(b+"\r\n"),
		">> of echo onto UTF-16":  "\xff\xfe" + little(a+"\r\n") + b + "\r\n",
		"copy /b of two":          "\xff\xfe" + little(a+"\r\n") + "\xff\xfe" + little(b+"\r\n"),
		"copy /b, UTF-8":          "\xef\xbb\xbf" + a + "\r\n\xef\xbb\xbf" + b + "\r\n",
		"copy /b, both":           "\xff\xfe" + little(a+"\r\n") + "\xef\xbb\xbf" + b + "\r\n",
		"no line end between":     a + little(b),
		"and the other way":       "\xff\xfe" + little(a) + b,
		"an empty file first":     "\xff\xfe" + a + "\r\n" + b,
	} {
		if got, err := ParseRecords([]byte(data)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: ParseRecords() = %d records, %v", name, len(got), err)
		}
	}
}

// A key in a line of a batch is read by the reader of keys.
func TestParseRecordsReadsKeysInAnySpelling(t *testing.T) {
	for name, spelling := range spellings(testEK()) {
		line := `{"registration_id":"box-7","endorsement_key":` + mustJSON(spelling) + `}`
		if strings.Count(spelling, `"`) > 20 { // JSON within JSON that does not stay one
			continue
		}
		if got, err := ParseRecords([]byte(line)); err != nil || len(got) != 1 || got[0].EndorsementKey != b64(testEK()) {
			t.Errorf("%s: ParseRecords(%.80q…) = %v", name, line, err)
		}
	}
	tpmd := `{"endorsement_key": "` + b64(testEK()) + `", "storage_root_key": "` + b64(storageRootKey()) + `"}`
	if got, err := ParseRecords([]byte(tpmd)); err != nil || got[0].RegistrationID != RegistrationIDs(testEK()).Base32 {
		t.Errorf("aziot-tpmd's answer: %v", err)
	}
}

// What is wrong is named with its line, in words of the file.
func TestParseRecordsNamesTheLine(t *testing.T) {
	good, ek := recordLine(t, "box-1"), b64(testEK())
	for name, test := range map[string]struct{ data, want string }{
		"cut":              {good + "\n" + good[:99] + "\n" + good, "line 2: not a valid record: it breaks off in a text"},
		"cut at the end":   {good + "\n\n" + good[:99], "line 3: not a valid record: it breaks off before its end"},
		"CSV":              {"serial,ek,site\n1,2,3", "line 1: not a valid record: it is a table (CSV)"},
		"keys":             {ek + "\n" + ek + "\n", "line 1: not a valid record: it is a key, not a record; write {\"endorsement_key\""},
		"a key, wrapped":   {wrap(ek, 76, "\n"), "line 1: not a valid record: it is a key, not a record"},
		"a key in quotes":  {good + "\n\"" + ek + "\"\n", "line 2: not a valid record: it is a text, not an object"},
		"a key, PEM":       {"-----BEGIN PUBLIC KEY-----\nMIIB\n", "line 1: not a valid record: unexpected text"},
		"HTML":             {"<html>", "line 1: not a valid record: it is XML or HTML"},
		"a workbook":       {"PK\x03\x04ab", "line 1: not a valid record: it is a zip file or a workbook"},
		"trailing comma":   {"{\n  \"endorsement_key\": \"" + ek + "\",\n}", "line 3: not a valid record: there is a comma too many before the }"},
		"misspelt":         {good + "\n{\n\"endorsement_key\":\"" + ek + "\",\n\"registraton_id\":\"x\"}", `line 4: not a valid record: unknown field "registraton_id"`},
		"labels":           {good + "\n{\"endorsement_key\":\"" + ek + "\",\"labels\":\"x\"}", "line 2: not a valid record: labels has a text where an object belongs"},
		"an array, open":   {"[\n" + good + ",\n" + good + "\n", "line 4: not a valid record: the list of records breaks off: its ] is missing"},
		"array, no comma":  {"[\n" + good + "\n" + good + "\n]", "line 3: not a valid record: a comma is missing before it"},
		"array in array":   {"[[" + good + "]]", "line 1: not a valid record: it is a list, not an object"},
		"a bad key":        {good + "\n{\"endorsement_key\":\"" + ek[:300] + "\"}", "line 2: not a valid record: the endorsement key is cut short: 300 of 424 characters"},
		"code page":        {good + "\n{\"endorsement_key\":\"" + ek + "\",\"operator\":\"M\xfcller\"}", "line 2: a character is neither UTF-8 nor UTF-16"},
		"az's enrollments": {`[{"registrationId":"box-7","attestation":{"type":"tpm","tpm":{"endorsementKey":"` + ek + `"}}}]`, "line 1: not a valid record: the endorsement key is in an enrollment as az and DPS write it"},
		"certificate":      {`{"schema":"tpmdps/record/1","endorsement_key":"` + ek + `","ek_certificate":"!!"}`, "line 1: not a valid record: ek_certificate: it is not base64"},
		"chain":            {`{"schema":"tpmdps/record/1","endorsement_key":"` + ek + `","ek_certificate_chain":["!!"]}`, "line 1: not a valid record: ek_certificate_chain, number 1: it is not base64"},
		"az, x509":         {`{"registrationId":"box-7","attestation":{"type":"x509","tpm":null}}`, "line 1: not a valid record: it is an enrollment as az and DPS write it, not a record, and has no endorsement key"},
	} {
		_, err := ParseRecords([]byte(test.data))
		if err == nil || !strings.Contains(err.Error(), test.want) || !errors.Is(err, ErrRecord) && !errors.Is(err, text.ErrEncoding) {
			t.Errorf("%s: %v, want %q in it", name, err, test.want)
			continue
		}
		if fault := badWords(err.Error()); fault != "" {
			t.Errorf("%s: %v: has %q", name, err, fault)
		}
		if little := "\xff\xfe" + utf16Bytes(test.data, binary.LittleEndian); name != "code page" {
			if _, err := ParseRecords([]byte(little)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s in UTF-16: %v, want %q in it", name, err, test.want)
			}
		}
	}
	// The key of such an enrollment is shown, to be copied.
	_, err := ParseRecords([]byte(`{"registrationId":"box-7","attestation":{"tpm":{"endorsementKey":"` + ek + `"}}}`))
	var format *FormatError
	if !errors.As(err, &format) || format.Convert != ek {
		t.Errorf("az's enrollment: %v, want the key", err)
	}
}

func FuzzParseRecords(f *testing.F) {
	f.Add([]byte(`{"endorsement_key":"` + b64(testEK()) + `"}`))
	f.Add([]byte("[{},\n{}]"))
	f.Add([]byte("\xff\xfe{\x00}\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := ParseRecords(data)
		if err != nil && !errors.Is(err, ErrRecord) && !errors.Is(err, text.ErrEncoding) {
			t.Errorf("%v wraps neither", err)
		}
		for _, r := range records {
			if CheckRegistrationID(r.RegistrationID) != nil {
				t.Errorf("accepted %+v", r)
			}
		}
	})
}
