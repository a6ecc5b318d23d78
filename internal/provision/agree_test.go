package provision

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"tpmdps/internal/dps"
)

// say makes an operation out of the service's JSON.
func say(t *testing.T, id, status, state string) dps.Operation {
	t.Helper()
	op := dps.Operation{ID: id, Status: status}
	if state != "" {
		if err := json.Unmarshal([]byte(state), &op.State); err != nil {
			t.Fatal(err)
		}
	}
	return op
}

// Two statements of one fact must agree, in one answer and between two of them;
// the error names both.
func TestStatementsAgree(t *testing.T) {
	type answer struct{ id, status, state string }
	const begun = "5.a"
	for _, row := range []struct {
		name    string
		answers []answer
		says    []string // both statements; none: they agree
	}{
		{"failed in an assigned one", []answer{{begun, "assigned", `{"status":"failed","errorCode":400207}`}}, []string{`"assigned"`, `"failed"`}},
		{"unassigned in an assigned one", []answer{{begun, "assigned", `{"status":"unassigned"}`}}, []string{`"assigned"`, `"unassigned"`}},
		{"assigning in an assigned one", []answer{{begun, "assigned", `{"status":"assigning"}`}}, []string{`"assigned"`, `"assigning"`}},
		{"disabled in an assigned one", []answer{{begun, "assigned", `{"status":"disabled"}`}}, []string{`"assigned"`, `"disabled"`}},
		{"another case", []answer{{begun, "assigned", `{"status":"Assigned"}`}}, []string{`"assigned"`, `"Assigned"`}},
		{"assigned in a failed one", []answer{{begun, "failed", `{"status":"assigned"}`}}, []string{`"failed"`, `"assigned"`}},
		{"assigned in a disabled one", []answer{{begun, "disabled", `{"status":"assigned"}`}}, []string{`"disabled"`, `"assigned"`}},
		{"assigned in an assigning one", []answer{{begun, "assigning", `{"status":"assigned"}`}}, []string{`"assigning"`, `"assigned"`}},
		{"failed in an assigning one", []answer{{begun, "assigning", `{"status":"failed"}`}}, []string{`"assigning"`, `"failed"`}},
		{"an error code", []answer{{begun, "assigned", `{"status":"assigned","errorCode":400207}`}}, []string{`"assigned"`, "400207"}},
		{"an error code, no inner status", []answer{{begun, "assigned", `{"errorCode":404201}`}}, []string{`"assigned"`, "404201"}},
		{"an error message", []answer{{begun, "assigned", `{"status":"assigned","errorMessage":"no"}`}}, []string{`"assigned"`, `"no"`}},
		{"a status for a substatus", []answer{{begun, "assigned", `{"status":"assigned","substatus":"failed"}`}}, []string{`"assigned"`, `"failed"`}},
		{"another operation", []answer{{begun, "assigning", ""}, {"5.b", "assigned", ""}}, []string{`"5.a"`, `"5.b"`}},
		{"another hub", []answer{{begun, "assigning", `{"assignedHub":"a.x"}`}, {begun, "assigned", `{"assignedHub":"b.x"}`}}, []string{`"a.x"`, `"b.x"`}},
		{"another hub, after one that names none", []answer{{begun, "assigning", `{"assignedHub":"a.x"}`}, {begun, "assigning", ""}, {begun, "assigned", `{"assignedHub":"b.x"}`}}, []string{`"a.x"`, `"b.x"`}},
		{"another device", []answer{{begun, "assigning", `{"deviceId":"a"}`}, {begun, "assigned", `{"deviceId":"b"}`}}, []string{`"a"`, `"b"`}},
		{"another substatus", []answer{{begun, "assigning", `{"substatus":"initialAssignment"}`}, {begun, "assigned", `{"substatus":"deviceDataReset"}`}}, []string{"initialAssignment", "deviceDataReset"}},
		{"another payload", []answer{{begun, "assigning", `{"payload":{"a":1}}`}, {begun, "assigned", `{"payload":{"a":2}}`}}, []string{`{\"a\":1}`, `{\"a\":2}`}},
		{"another beginning", []answer{{begun, "assigning", `{"createdDateTimeUtc":"2026-01-01T00:00:00Z"}`}, {begun, "assigned", `{"createdDateTimeUtc":"2025-01-01T00:00:00Z"}`}}, []string{"2026", "2025"}},

		{"a whole registration", []answer{
			{begun, "assigning", ""}, {begun, "assigning", `{"status":"unassigned"}`}, {begun, "assigning", `{"status":"assigning"}`},
			{begun, "assigned", `{"status":"assigned","assignedHub":"a.x","deviceId":"d","substatus":"reprovisionedToInitialAssignment","payload":{"a":1},"errorCode":0,"errorMessage":""}`},
		}, nil},
		{"spaces in a payload", []answer{{begun, "assigning", `{"payload":{"a":1}}`}, {begun, "assigned", `{"payload":{ "a" : 1 }}`}}, nil},
		{"an error of one that failed", []answer{{begun, "failed", `{"status":"failed","errorCode":400207,"assignedHub":"a.x"}`}}, nil},
		{"a status of another age", []answer{{begun, "promoted", `{"status":"promoted"}`}}, nil}, // ended refuses it
	} {
		var heard statements
		var err error
		for _, a := range row.answers {
			if err = heard.agree(say(t, a.id, a.status, a.state), "an answer"); err != nil {
				break
			}
		}
		if (err == nil) != (row.says == nil) || err != nil && !errors.Is(err, dps.ErrMalformed) {
			t.Errorf("%s: %v, want a disagreement: %v", row.name, err, row.says != nil)
		}
		for _, part := range row.says {
			if err != nil && !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not name %s", row.name, err, part)
			}
		}
	}
}

// Assigned is only what a device can go on with.
func TestAssignedToNothingThatIs(t *testing.T) {
	const key = `"tpm":{"authenticationKey":"AAEC"}`
	for _, state := range []string{
		``, `{}`, `{"assignedHub":"a.x",` + key + `}`, `{"deviceId":"d",` + key + `}`, `{"assignedHub":"a.x","deviceId":"d"}`,
		`{"assignedHub":"https://a.x","deviceId":"d",` + key + `}`, `{"assignedHub":"a.x/path","deviceId":"d",` + key + `}`,
		`{"assignedHub":"u@a.x","deviceId":"d",` + key + `}`, `{"assignedHub":"a b","deviceId":"d",` + key + `}`,
		`{"assignedHub":"a.x:port","deviceId":"d",` + key + `}`, `{"assignedHub":"a.x?q=1","deviceId":"d",` + key + `}`,
		`{"assignedHub":"-a.x","deviceId":"d",` + key + `}`, `{"assignedHub":".","deviceId":"d",` + key + `}`, `{"assignedHub":"ä.x","deviceId":"d",` + key + `}`,
		`{"assignedHub":"a.x","deviceId":"d/e",` + key + `}`, `{"assignedHub":"a.x","deviceId":"d e",` + key + `}`,
		`{"assignedHub":"a.x","deviceId":"` + strings.Repeat("d", 129) + `",` + key + `}`,
	} {
		if err := ended(say(t, "5.a", "assigned", state)); !errors.Is(err, ErrNotAssigned) {
			t.Errorf("%s: %v, want not assigned", state, err)
		}
	}
	for _, hub := range []string{"a.azure-devices.net", "a.x:8883", "offline", "localhost:18883", "127.0.0.1:1", "[::1]:8883", "A-1.x"} {
		if err := ended(say(t, "5.a", "assigned", `{"assignedHub":"`+hub+`","deviceId":"box:1.(x)",`+key+`}`)); err != nil {
			t.Errorf("%s: %v", hub, err)
		}
	}
}
