package dictionary

import (
	"fmt"
	"strings"
	"testing"
)

// refusals are answers, and what each of them means.
var refusals = []struct {
	status, code  int
	message, form string
	means         Meaning
}{
	{400, 400004, "Endorsement key is invalid, or does not match the Enrollment.", "dps", EndorsementKey},
	{400, 400004, "", "dps", EndorsementKey},
	{400, 400004, "Invalid RegistrationId", "dps", RegistrationID},
	{400, 400004, "The registration ID 'a b' is not valid", "dps", RegistrationID},
	{400, 400004, "Invalid property name in initialTwin: 'a.b'", "dps", BadRequest},
	{400, 400004, "The hub is not linked", "dps", BadRequest},
	{400, 400000, "unexpected { in the query", "dps", BadRequest},
	{400, 400207, "Custom allocation failed with status code: 500", "dps", Allocation},
	{400, 400208, "", "dps", NoHub},
	{400, 400209, "", "dps", HubLink},
	{400, 0, "BadRequest", "dps", BadRequest},
	{401, 401000, "Unauthorized", "dps", Unauthorized},
	{401, 401002, "Unauthorized", "dps", Unauthorized},
	{401, 401002, "IotHubUnauthorizedAccess", "dps", HubLink},
	{401, 401002, "The enrollment is disabled", "dps", Disabled},
	{401, 0, "", "", Unauthorized},
	{401, 0, "login required", "other", Foreign},
	{403, 403000, "Forbidden", "dps", Forbidden},
	{403, 0, "", "", Forbidden},
	{403, 0, "Public network access is disabled", "other", Forbidden},
	{403, 0, "Your IP 10.0.0.1 is blocked", "other", Forbidden},
	{403, 0, "blocked by category gambling", "other", Foreign},
	{404, 404000, "", "dps", NoService},
	{404, 404001, "No such provisioning service", "dps", NoService},
	{404, 404201, "Enrollment not found.", "dps", NotEnrolled},
	{404, 404999, "", "dps", NotEnrolled},
	{404, 404202, "", "dps", NotRegistered},
	{404, 0, "", "", Foreign},
	{404, 0, "no Route matched", "other", Foreign},
	{409, 409201, "Enrollment already exists.", "dps", Conflict},
	{409, 0, "", "", Conflict},
	{412, 412000, "", "dps", Conflict},
	{412, 409201, "Enrollment already exists.", "dps", Conflict},
	{413, 413001, "", "dps", TooLarge},
	{405, 405000, "", "dps", Foreign},
	{415, 415000, "", "dps", Foreign},
	{418, 418000, "", "dps", Foreign},
	{451, 0, "", "", Foreign},
	{402, 0, "", "", Foreign},
	{407, 0, "", "", ProxyLogin},
	{301, 0, "", "", Foreign},
	{304, 0, "", "", Foreign},
	{408, 0, "", "", Unavailable},
	{429, 429001, "", "dps", Unavailable},
	{429, 0, "slow down", "other", Unavailable},
	{500, 500000, "", "dps", Unavailable},
	{502, 0, "<html>", "other", Unavailable},
	{503, 0, "", "", Unavailable},
	{599, 0, "", "", Unavailable},
	{501, 0, "", "", Foreign},
	{511, 0, "", "", Foreign},
	{999, 0, "", "", Foreign},
	{400, 404201, "Enrollment not found.", "dps", Contradicted},
	{404, 400004, "Endorsement key is invalid", "dps", Contradicted},
	{401, 404201, "", "dps", Contradicted},
	{403, 401002, "", "dps", Contradicted},
	{401, 401003, "ErrorCode:IotHubUnauthorizedAccess;Unauthorized", "hub", HubAnswered},
	{404, 404001, "ErrorCode:DeviceNotFound", "hub", HubAnswered},
	{400, 0, "ErrorCode:ArgumentInvalid", "hub", HubAnswered},
}

func TestJudge(t *testing.T) {
	for _, r := range refusals {
		j := Judge(r.status, r.code, r.message, r.form)
		if j.Meaning != r.means {
			t.Errorf("%d, %d %q of the form %q means %s, want %s", r.status, r.code, r.message, r.form, j.Meaning, r.means)
		}
		ofDPS := j.Meaning != Foreign && j.Meaning != Contradicted && j.Meaning != HubAnswered && j.Meaning != ProxyLogin
		if ofDPS && (j.Entry.Means == "" || j.Do(true) == "" || j.Do(false) == "") {
			t.Errorf("%d, %d %q: nothing is said about it: %+v", r.status, r.code, r.message, j)
		}
	}
}

// What explain says of a refusal, in each of the forms in which it is met, is what
// the judge says.
func TestExplainJudgesAlike(t *testing.T) {
	for _, r := range refusals {
		if r.code == 0 || r.form != "dps" || len(service(fmt.Sprint(r.code))) == 0 {
			continue
		}
		j := Judge(r.status, r.code, r.message, r.form)
		if j.Meaning == Contradicted || j.Meaning == HubLink || j.Meaning == Disabled {
			continue // the words alone say it, whatever the code
		}
		for _, text := range []string{
			fmt.Sprintf(`{"errorCode":%d,"trackingId":"1b2c","message":%q,"timestampUtc":"2026-01-02T03:04:05Z"}`, r.code, r.message),
			fmt.Sprintf("PUT /enrollments/a: %d, error %d: %s (tracking id 1b2c)", r.status, r.code, r.message),
			fmt.Sprintf("error %d: %s", r.code, r.message),
		} {
			found := Explain(text)
			said := false
			for _, e := range found {
				said = said || e.Kind == kindDPS && e.Code == j.Entry.Code && e.Name == j.Entry.Name
			}
			if !said && j.Entry.Code == fmt.Sprint(r.code) {
				t.Errorf("explain %q says %v, the judge %s %s", text, found, j.Entry.Code, j.Entry.Name)
			}
		}
	}
	for _, e := range Explain(`error 400004: Invalid RegistrationId`) {
		if strings.Contains(e.Do, "--replace-ek") {
			t.Errorf("an ID that is not valid is the key's fault: %+v", e)
		}
	}
}
