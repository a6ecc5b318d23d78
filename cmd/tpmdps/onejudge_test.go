package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tpmdps/internal/dictionary"
	"tpmdps/internal/softtpm/softtpmtest"
	"tpmdps/internal/verdict"
)

// One answer means one thing, whoever gets it and in which step: enroll and
// verify end with the codes of that meaning, and explain says it of the error that
// they print.
func TestSameAnswerSameMeaning(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "")
	chip := softtpmtest.Start(t, "persisted")
	if err := softtpmtest.PersistSRK(chip); err != nil {
		t.Fatal(err)
	}
	ek := keyOf(t, chip.Address())
	b := newBench(t, ek)
	for n, row := range []struct {
		status, code     int
		message          string
		operator, device int    // exit codes
		sentence         string // in verify's error
		explained        string // in what explain says it means
		not              string // in no hint
	}{
		{400, 400004, "Endorsement key is invalid, or does not match the Enrollment.", 14, 31, "another endorsement key", "Endorsement key is invalid", ""},
		{400, 400004, "Invalid RegistrationId", 2, 31, "refused the device", "the registration ID is not one that DPS accepts", "replace-ek"},
		{400, 400004, "Invalid property name in initialTwin: a.b", 2, 31, "refused the device", "a part of the request is not valid", "replace-ek"},
		{400, 400207, "Custom allocation failed with status code: 500", 2, 33, "custom allocation failed", "custom allocation failed", ""},
		{400, 400208, "no hub", 2, 33, "no hub for the device", "no hub to assign", ""},
		{400, 400209, "no", 30, 33, "the hub refuses DPS", "the hub refuses the DPS", ""},
		{401, 401000, "Unauthorized", 30, 31, "refused the device", "not valid for this resource", ""},
		{401, 401002, "Unauthorized", 30, 31, "refused the device", "do not fit the enrollment", ""},
		{403, 403000, "Forbidden", 30, 31, "refused the device", "too few rights", ""},
		{404, 404000, "Provisioning service not found.", 21, 31, "does not know the ID scope", "does not know the ID scope", "tpmdps enroll"},
		{409, 409201, "Enrollment already exists.", 15, 31, "refused the device", "Enrollment already exists", ""},
		{412, 412001, "Precondition failed.", 15, 31, "refused the device", "the ETag is not the enrollment's", "--update"},
		{429, 429001, "Too many requests", 32, 32, "throttled or unavailable", "throttles", ""},
		{500, 500000, "Internal server error", 32, 32, "throttled or unavailable", "the service failed", ""},
	} {
		a := wrongAnswer{name: fmt.Sprint(row.code, " ", row.message), status: row.status, body: refuses(row.code, row.message)}
		for _, step := range answerSteps {
			id := fmt.Sprintf("same-%d", n)
			var got matrixOutcome
			want := row.operator
			switch step {
			case atChallenge, atRegister, atAssigned:
				got, want = b.verify(chip.Address(), id, step, a), row.device
				if !strings.Contains(got.failed.Error, row.sentence) {
					t.Errorf("%s at %s: %q does not say %q", a.name, step, got.failed.Error, row.sentence)
				}
			case atDryRun:
				got = b.enroll("dry-"+id, step, a)
			default:
				got = b.enroll(id, step, a)
			}
			if got.code != want || row.not != "" && strings.Contains(got.hint, row.not) {
				t.Errorf("%s at %s: exit code %d, hint %q, want %d and not %q", a.name, step, got.code, got.hint, want, row.not)
			}
			if got.failed.Code != 0 && (got.failed.Served.Code != row.code || got.failed.Status != row.status || !strings.HasPrefix(got.failed.TrackingID, "5a3b1c2d")) {
				t.Errorf("%s at %s: the error's fields are %+v", a.name, step, got.failed.Served)
			}
			said := false
			for _, e := range dictionary.Explain(got.failed.Error) {
				said = said || strings.Contains(e.Means, row.explained)
			}
			if !said {
				t.Errorf("%s at %s: explain does not say %q of %q", a.name, step, row.explained, got.failed.Error)
			}
		}
	}
}

// A registration that failed has its code in the error's fields, too.
func TestFailedRegistrationHasTheCode(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "")
	chip := softtpmtest.Start(t, "persisted")
	b := newBench(t, keyOf(t, chip.Address()))
	for code, hint := range map[int]string{
		400207: dictionary.Advice(400207), 400208: dictionary.Advice(400208), 400209: dictionary.Advice(400209), 400999: "look at the linked hubs",
	} {
		got := b.verify(chip.Address(), fmt.Sprint("failed-", code), atAssigned, wrongAnswer{body: member(
			"status", "failed", "registrationState", map[string]any{"status": "failed", "errorCode": code, "errorMessage": "no"})})
		if got.code != 33 || !strings.HasPrefix(got.hint, hint) || got.failed.Served != (verdict.Served{Status: 200, Code: code}) {
			t.Errorf("%d: exit code %d, hint %q, fields %+v", code, got.code, got.hint, got.failed.Served)
		}
	}
}

// Of a batch of which one record is refused, that record's line has the service's
// code and tracking id, as the run's error has; the others have none.
func TestRefusedRecordHasTheCode(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "")
	ek := keyOf(t, softtpmtest.Start(t, "persisted").Address())
	other, err := base64.StdEncoding.DecodeString(ek)
	if err != nil {
		t.Fatal(err)
	}
	other[len(other)-100] ^= 1 // of the modulus
	b := newBench(t, ek)
	b.mislead("box-2", atWrite, wrongAnswer{status: 400, body: refuses(400004, "Invalid property name in initialTwin: a.b")})
	batch := fmt.Sprintf(`{"registration_id":"box-1","endorsement_key":%q}`+"\n"+`{"registration_id":"box-2","endorsement_key":%q}`, base64.StdEncoding.EncodeToString(other), ek)
	b.ek = base64.StdEncoding.EncodeToString(other) // what the service confirms for box-1
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"tpmdps", "enroll", "--no-remote-check", "--from", "-", "--ca-file", b.ca, "-o", "json", "-q"}, streams{strings.NewReader(batch), &out, &errs})
	var result struct {
		Items []map[string]any `json:"items"`
	}
	var failed failure
	if err := errors.Join(json.Unmarshal(out.Bytes(), &result), json.Unmarshal(errs.Bytes(), &failed)); err != nil || code != 51 || len(result.Items) != 2 {
		t.Fatalf("exit code %d, %v, %s%s", code, err, out.String(), errs.String())
	}
	id := "5a3b1c2d-0000-4000-8000-000000000001"
	if first := result.Items[0]; first["service_code"] != 0.0 || first["http_status"] != 0.0 || first["tracking_id"] != "" {
		t.Errorf("the one that was enrolled: %v", first)
	}
	if second := result.Items[1]; second["service_code"] != 400004.0 || second["http_status"] != 400.0 || second["tracking_id"] != id {
		t.Errorf("the one that was refused: %v", second)
	}
	if failed.Served != (verdict.Served{Status: 400, Code: 400004, TrackingID: id}) {
		t.Errorf("the error: %+v", failed)
	}
}
