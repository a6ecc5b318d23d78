package inventory

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// testEK is a TPM2B_PUBLIC of the TCG's L-1 template; nobody has its private half.
func testEK() []byte { return numberedEK(0) }

// numberedEK is one of many.
func numberedEK(n int) []byte {
	head, err := hex.DecodeString("013a0001000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa00060080004300100800000000000100")
	if err != nil {
		panic(err)
	}
	var modulus []byte
	for i := range byte(8) {
		block := sha256.Sum256([]byte{byte(n), byte(n >> 8), i})
		modulus = append(modulus, block[:]...)
	}
	modulus[0], modulus[255] = modulus[0]|0x80, modulus[255]|1
	return append(head, modulus...)
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// wrap breaks a text into lines.
func wrap(text string, n int, end string) string {
	var out strings.Builder
	for len(text) > n {
		out.WriteString(text[:n] + end)
		text = text[n:]
	}
	return out.String() + text
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// badWords finds what no message on a file may have: words of Go's own errors, and
// what could act on a terminal.
func badWords(message string) string {
	return regexp.MustCompile(`\d+ bytes|illegal base64|encoding/|asn1:|x509:|json:|unmarshal|strconv|[\x00-\x1f\x7f]|:$`).FindString(message)
}

// read returns the records of a file.
func read(data []byte) ([]identity.Record, error) {
	inv, err := Read(data)
	return inv.Records(), err
}

// recordLine is a record with labels in many scripts, as one line.
func recordLine(t *testing.T, id string) string {
	r, err := identity.ParseRecord([]byte(`{"endorsement_key":"` + b64(testEK()) + `","registration_id":"` + id + `"}`))
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
func TestReadInEveryEncoding(t *testing.T) {
	a, b := recordLine(t, "box-1"), recordLine(t, "box-2")
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(b), "", "  "); err != nil {
		t.Fatal(err)
	}
	want, err := read([]byte(a + "\n" + b + "\n"))
	if err != nil || len(want) != 2 || want[1].Labels["site"] != "中国 北京" {
		t.Fatalf("Read() = %+v, %v", want, err)
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
			if got, err := read([]byte(data)); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %s: Read() = %+v, %v", layout, encoding, got, err)
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
		if got, err := read([]byte(data)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: Read() = %d records, %v", name, len(got), err)
		}
	}
}

// A key in a line of a batch is read by the reader of keys.
func TestReadReadsKeysInAnySpelling(t *testing.T) {
	ek := testEK()
	for name, spelling := range map[string]string{
		"base64": b64(ek), "URL-safe": base64.RawURLEncoding.EncodeToString(ek), "hex": hex.EncodeToString(ek), "wrapped": wrap(b64(ek), 76, "\n"),
		"labelled": "Endorsement Key: " + b64(ek), "in quotes": `"` + b64(ek) + `"`,
	} {
		line := `{"registration_id":"box-7","endorsement_key":` + mustJSON(spelling) + `}`
		if got, err := read([]byte(line)); err != nil || len(got) != 1 || got[0].EndorsementKey != b64(testEK()) {
			t.Errorf("%s: Read(%.80q…) = %v", name, line, err)
		}
	}
}

// What is wrong is named with its line, in words of the file.
func TestReadNamesTheLine(t *testing.T) {
	good, ek := recordLine(t, "box-1"), b64(testEK())
	for name, test := range map[string]struct{ data, want string }{
		"cut":             {good + "\n" + good[:99] + "\n" + good, "line 2: not a valid record: it ends within a string"},
		"cut at the end":  {good + "\n\n" + good[:99], "line 3: not a valid record: it ends too early"},
		"CSV":             {"serial,ek,site\n1,2,3", "line 1: not a valid record: it is a table (CSV)"},
		"keys":            {ek + "\n" + ek + "\n", "line 1: not a valid record: it is a key, not a record; write {\"endorsement_key\""},
		"a key, wrapped":  {wrap(ek, 76, "\n"), "line 1: not a valid record: it is a key, not a record"},
		"a key in quotes": {good + "\n\"" + ek + "\"\n", "line 2: not a valid record: it is a string, not an object"},
		"a key, PEM":      {"-----BEGIN PUBLIC KEY-----\nMIIB\n", "line 1: not a valid record: unexpected text"},
		"HTML":            {"<html>", "line 1: not a valid record: it is XML or HTML"},
		"a workbook":      {"PK\x03\x04ab", "line 1: not a valid record: it is a zip file or a workbook"},
		"trailing comma":  {"{\n  \"endorsement_key\": \"" + ek + "\",\n}", "line 3: not a valid record: there is an extra comma before the }"},
		"misspelt":        {good + "\n{\n\"endorsement_key\":\"" + ek + "\",\n\"registraton_id\":\"x\"}", `line 4: not a valid record: unknown field "registraton_id"`},
		"labels":          {good + "\n{\"endorsement_key\":\"" + ek + "\",\"labels\":\"x\"}", "line 2: not a valid record: labels has a string where an object belongs"},
		"an array, open":  {"[\n" + good + ",\n" + good + "\n", "line 4: not a valid record: the list of records ends too early: its ] is missing"},
		"array, no comma": {"[\n" + good + "\n" + good + "\n]", "line 3: not a valid record: a comma is missing before it"},
		"array in array":  {"[[" + good + "]]", "line 1: not a valid record: it is a list, not an object"},
		"a bad key":       {good + "\n{\"endorsement_key\":\"" + ek[:300] + "\"}", "line 2: not a valid record: the endorsement key is cut short: 300 of 424 characters"},
		"code page":       {good + "\n{\"endorsement_key\":\"" + ek + "\",\"operator\":\"M\xfcller\"}", "line 2: a character is neither UTF-8 nor UTF-16"},
		"certificate":     {`{"schema":"tpmdps/record/1","endorsement_key":"` + ek + `","ek_certificate":"!!"}`, "line 1: not a valid record: ek_certificate: it is not base64"},
		"chain":           {`{"schema":"tpmdps/record/1","endorsement_key":"` + ek + `","ek_certificate_chain":["!!"]}`, "line 1: not a valid record: ek_certificate_chain, number 1: it is not base64"},
	} {
		_, err := read([]byte(test.data))
		if err == nil || !strings.Contains(err.Error(), test.want) || !errors.Is(err, identity.ErrRecord) && !errors.Is(err, text.ErrEncoding) {
			t.Errorf("%s: %v, want %q in it", name, err, test.want)
			continue
		}
		if fault := badWords(err.Error()); fault != "" {
			t.Errorf("%s: %v: has %q", name, err, fault)
		}
		if little := "\xff\xfe" + utf16Bytes(test.data, binary.LittleEndian); name != "code page" {
			if _, err := read([]byte(little)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s in UTF-16: %v, want %q in it", name, err, test.want)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"endorsement_key":"` + b64(testEK()) + `"}`))
	f.Add([]byte("[{},\n{}]"))
	f.Add([]byte("\xff\xfe{\x00}\x00"))
	f.Add([]byte("[" + whole() + "]"))
	f.Add([]byte(`{"value":[{"registrationId":"s","attestation":{"symmetricKey":{"primaryKey":"x"}}}],"Count":1}`))
	f.Add([]byte("registration_id;endorsement_key\r\nbox;" + b64(testEK()) + "\r\n"))
	f.Add([]byte("sep=,\n\"endorsement_key\"\n\"x"))
	f.Add([]byte(`{"number":1,"previous":"`))
	f.Add([]byte("[{\"endorsement_key\":\"" + b64(testEK()) + "\"},\n{}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, whole := read(data)
		entries, streamed := readAllOf(iotest.HalfReader(bytes.NewReader(data)))
		for _, err := range []error{whole, streamed} {
			if err != nil && !errors.Is(err, identity.ErrRecord) && !errors.Is(err, text.ErrEncoding) {
				t.Errorf("%v wraps neither", err)
			}
		}
		for _, r := range records {
			if identity.CheckRegistrationID(r.RegistrationID) != nil {
				t.Errorf("accepted %+v", r)
			}
		}
		for _, e := range entries {
			if e.Other == "" && identity.CheckRegistrationID(e.Record.RegistrationID) != nil {
				t.Errorf("accepted %+v", e)
			}
		}
	})
}

// Whatever is wrong with a record, its line is named, in a list as well.
func TestReadNamesTheLineOfEveryField(t *testing.T) {
	whole := recordLine(t, "box-1")
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(whole), &fields); err != nil {
		t.Fatal(err)
	}
	for name, value := range fields {
		upper := strings.ToUpper(name)
		for line, want := range map[string]string{
			strings.TrimSuffix(whole, "}") + fmt.Sprintf(",%q:%s}", name, value):  name + " appears twice",
			fmt.Sprintf("{%q:%s,", upper, value) + whole[1:]:                      upper + " must be spelled " + name,
			strings.TrimSuffix(whole, "}") + fmt.Sprintf(",%q:%s}", upper, value): upper + " appears twice, once as " + name,
		} {
			for _, data := range []string{line, "[" + line + "]"} {
				_, err := Read([]byte(whole + "\n" + data))
				if err == nil || !errors.Is(err, identity.ErrRecord) || !strings.Contains(err.Error(), "line 2: ") || !strings.Contains(err.Error(), want) || badWords(err.Error()) != "" {
					t.Errorf("%.60s…: %v, want %q", line, err, want)
				}
			}
		}
	}
}
