package identity

import (
	"encoding/json"
	"strings"
	"testing"
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

// A key in a record is read by the reader of keys.
func TestParseRecordReadsKeysInAnySpelling(t *testing.T) {
	for name, spelling := range spellings(testEK()) {
		line := `{"registration_id":"box-7","endorsement_key":` + mustJSON(spelling) + `}`
		if strings.Count(spelling, `"`) > 20 { // JSON within JSON that does not stay one
			continue
		}
		if got, err := ParseRecord([]byte(line)); err != nil || got.EndorsementKey != b64(testEK()) {
			t.Errorf("%s: ParseRecord(%.80q…) = %v", name, line, err)
		}
	}
	tpmd := `{"endorsement_key": "` + b64(testEK()) + `", "storage_root_key": "` + b64(storageRootKey()) + `"}`
	if got, err := ParseRecord([]byte(tpmd)); err != nil || got.RegistrationID != RegistrationIDs(testEK()).Base32 {
		t.Errorf("aziot-tpmd's answer: %v", err)
	}
}
