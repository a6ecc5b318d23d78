package identity

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// A verdict in a record is read as it was written, is not needed, and says nothing that
// harms a terminal.
func TestVerdictInRecord(t *testing.T) {
	r := Record{Schema: Schema, EndorsementKey: b64(testEK()), Labels: map[string]string{}}
	line := func(verdict string) []byte {
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if verdict == "" { // as versions before wrote it
			return []byte(strings.Replace(string(data), `"ek_verdict":null,`, "", 1))
		}
		return []byte(strings.Replace(string(data), `"ek_verdict":null`, `"ek_verdict":`+verdict, 1))
	}
	for _, verdict := range []string{"", "null", `{}`, `{"verdict":"a word of tomorrow","reasons":[]}`} {
		if _, err := ParseRecord(line(verdict)); err != nil {
			t.Errorf("%s: %v", verdict, err)
		}
	}
	for _, word := range []string{"trusted", "unknown", "absent", "untrusted", "mismatch", "vulnerable"} {
		want := &EKVerdict{Verdict: word, Reasons: []EKReason{{"path", "signed through 1 link by the root CN=Größe"}}, Vendor: "Nuvoton", MissingURL: "https://x.example/y", Weaknesses: []string{"CVE-2025-2884"}}
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseRecord(line(string(data))); err != nil || !reflect.DeepEqual(got.EKVerdict, want) {
			t.Errorf("%s: %+v, %v", word, got.EKVerdict, err)
		}
	}
	long := strings.Repeat("x", maxVerdictText+1)
	many := strings.TrimSuffix(strings.Repeat(`{"code":"a","text":"b"},`, maxVerdictTexts+1), ",")
	for _, verdict := range []string{
		`{"verdict":"\u001b[31mtrusted"}`, `{"verdict":"trusted\nFAIL"}`, `{"reasons":[{"code":"a\u0007","text":"b"}]}`, `{"reasons":[{"code":"a","text":"\u202eb"}]}`,
		`{"vendor":"\u0000"}`, `{"missing_url":"https://x\r\ny"}`, `{"weaknesses":["\u001b]0;x\u0007"]}`, `{"verdict":"` + long + `"}`,
		`{"reasons":[{"code":"a","text":"` + long + `"}]}`, `{"reasons":[` + many + `]}`, `"trusted"`, `[]`, `{"verdict":1}`, `{"reasons":{}}`,
	} {
		if got, err := ParseRecord(line(verdict)); err == nil {
			t.Errorf("%.60s: %+v, want it refused", verdict, got.EKVerdict)
		}
	}
}
