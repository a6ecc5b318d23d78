package main

import (
	"maps"
	"slices"
	"strings"
)

var wrongChallenges = []wrongAnswer{
	{name: "a challenge and a refusal", steps: []string{atChallenge}, body: inFront(`"errorCode":401002`)},
	{name: "a challenge that is not base64", steps: []string{atChallenge}, body: member("authenticationKey", "not base64!")},
	{name: "a challenge with an empty key", steps: []string{atChallenge}, body: member("authenticationKey", "")},
	{name: "a challenge without a key", steps: []string{atChallenge}, body: member("authenticationKey", nil)},
	{name: "a challenge whose key is a number", steps: []string{atChallenge}, body: member("authenticationKey", 17)},
	{name: "a challenge whose key is a list", steps: []string{atChallenge}, body: member("authenticationKey", []int{1, 2})},
	{name: "a challenge with a key of 3 bytes", steps: []string{atChallenge}, body: member("authenticationKey", "AAEC")},
	{name: "a challenge with a key of 5,000 bytes", steps: []string{atChallenge}, body: member("authenticationKey", strings.Repeat("AAAA", 1667))},
	{name: "a challenge whose key name is a number", steps: []string{atChallenge}, body: member("keyName", 7)},
	{name: "a challenge whose key name has a line end", steps: []string{atChallenge}, body: member("keyName", "a\r\nb")},
	{name: "a challenge with 200", steps: []string{atChallenge}, status: 200},
	{name: "assigning instead of a challenge", steps: []string{atChallenge}, status: 202, body: literal(`{"operationId":"5.a","status":"assigning"}`)},
	{name: "assigned instead of a challenge", steps: []string{atChallenge}, status: 200, body: literal(`{"operationId":"5.a","status":"assigned","registrationState":{"assignedHub":"hub.example","deviceId":"d","status":"assigned"}}`)},
}

// contradicting are members that say something else than the rest of an assigned
// answer.
var contradicting = map[string][]any{
	"failed in the state":              {"registrationState.status", "failed"},
	"failed in the state, with a code": {"registrationState.status", "failed", "registrationState.errorCode", 400207},
	"disabled in the state":            {"registrationState.status", "disabled"},
	"unassigned in the state":          {"registrationState.status", "unassigned"},
	"assigning in the state":           {"registrationState.status", "assigning"},
	"Assigned in the state":            {"registrationState.status", "Assigned"},
	"an error code":                    {"registrationState.errorCode", 400207},
	"an error message":                 {"registrationState.errorMessage", "Custom allocation failed with status code: 500"},
	"a substatus failed":               {"registrationState.substatus", "failed"},
	"another registrationStatus":       {"registrationStatus", map[string]any{"status": "failed", "errorCode": 400207}},
	"no state":                         {"registrationState", nil},
	"no hub":                           {"registrationState.assignedHub", nil},
	"an empty hub":                     {"registrationState.assignedHub", ""},
	"a hub that is a URL":              {"registrationState.assignedHub", "https://hub.example/"},
	"a hub with a path":                {"registrationState.assignedHub", "hub.example/devices"},
	"a hub with a user":                {"registrationState.assignedHub", "admin@hub.example"},
	"a hub with a blank":               {"registrationState.assignedHub", "hub example"},
	"no device ID":                     {"registrationState.deviceId", nil},
	"a device ID with a slash":         {"registrationState.deviceId", "a/b"},
	"a device ID that is a number":     {"registrationState.deviceId", 7},
	"no key":                           {"registrationState.tpm", nil},
	"a key that is empty":              {"registrationState.tpm.authenticationKey", ""},
	"a key that is not base64":         {"registrationState.tpm.authenticationKey", "!"},
	"a key of 3 bytes":                 {"registrationState.tpm.authenticationKey", "AAEC"},
	"the registration ID of another":   {"registrationState.registrationId", "victim-9"},
	"a state that is a list":           {"registrationState", []int{}},
	"a state that is a text":           {"registrationState", "assigned"},
	"no status":                        {"status", nil},
	"a status that is a number":        {"status", 2},
	"a status that is empty":           {"status", ""},
	"a status in capitals":             {"status", "ASSIGNED"},
	"a status that is not known":       {"status", "promoted", "registrationState.status", "promoted"},
	"unassigned":                       {"status", "unassigned", "registrationState.status", "unassigned"},
	"disabled":                         {"status", "disabled", "registrationState.status", "disabled"},
	"failed, and not why":              {"status", "failed", "registrationState", nil},
	"failed, of the ID scope":          {"status", "failed", "registrationState", map[string]any{"status": "failed", "errorCode": 404000, "errorMessage": "no"}},
	"failed over an assigned state":    {"status", "failed"},
	"assigning over an assigned state": {"status", "assigning"},
	"an operationId that is a number":  {"operationId", 5},
	"an operationId with a blank":      {"operationId", "5 a"},
	"an operationId that climbs":       {"operationId", ".."},
	"another operationId":              {"operationId", "4.0000000000000000.00000000-0000-4000-8000-000000000000"},
}

var wrongOperations = slices.Concat([]wrongAnswer{
	{name: "202 without an operationId", steps: []string{atRegister}, status: 202, body: literal(`{"status":"assigning"}`)},
	{name: "an operationId with slashes", steps: []string{atRegister}, status: 202, body: literal(`{"operationId":"a/../../b","status":"assigning"}`)},
	{name: "a second challenge", steps: []string{atRegister}, status: 401, body: literal(`{"message":"Authorization required, resend request using supplied key","authenticationKey":"AAEC","keyName":"registration"}`)},
	{name: "another hub than before", steps: []string{atRegister}, body: member("registrationState", map[string]any{"status": "assigning", "assignedHub": "other.example"})},
	{name: "another device than before", steps: []string{atRegister}, body: member("registrationState", map[string]any{"status": "assigning", "deviceId": "other"})},
	{name: "another substatus than before", steps: []string{atRegister}, body: member("registrationState", map[string]any{"status": "assigning", "substatus": "deviceDataReset"})},
	{name: "failed in the state", steps: []string{atRegister}, body: member("registrationState", map[string]any{"status": "failed", "errorCode": 400207})},
	{name: "assigned in the state", steps: []string{atRegister}, body: member("registrationState", map[string]any{"status": "assigned"})},
	{name: "assigned, and no state", steps: []string{atRegister}, status: 200, body: literal(`{"operationId":"5.a","status":"assigned"}`)},
	{name: "assigned without a key", steps: []string{atRegister}, status: 200, body: literal(`{"operationId":"5.a","status":"assigned","registrationState":{"assignedHub":"hub.example","deviceId":"d","status":"assigned"}}`)},
	{name: "failed", steps: []string{atRegister}, status: 200, body: literal(`{"operationId":"5.a","status":"failed","registrationState":{"status":"failed","errorCode":400208,"errorMessage":"no hub"}}`)},
}, contradictingAnswers())

func contradictingAnswers() []wrongAnswer {
	var all []wrongAnswer
	for _, name := range slices.Sorted(maps.Keys(contradicting)) {
		all = append(all, wrongAnswer{name: "assigned, but " + name, steps: []string{atAssigned}, body: member(contradicting[name]...)})
	}
	return all
}

var wrongEnrollments = []wrongAnswer{
	{name: "an enrollment without an ID", steps: atEnroll, body: member("registrationId", nil)},
	{name: "an enrollment of another ID", steps: atEnroll, body: member("registrationId", "victim-9")},
	{name: "an enrollment whose ID is a number", steps: atEnroll, body: member("registrationId", 9)},
	{name: "an enrollment whose ID is null", steps: atEnroll, body: inFront(`"registrationid":null`)},
	{name: "an enrollment without attestation", steps: atEnroll, body: member("attestation", nil)},
	{name: "an enrollment with another key", steps: atEnroll, body: member("attestation.tpm.endorsementKey", "AToAAQ==")},
	{name: "an enrollment with a certificate", steps: atEnroll, body: member("attestation", map[string]any{"type": "x509", "x509": map[string]any{}})},
	{name: "an enrollment of two kinds", steps: atEnroll, body: member("attestation.type", "x509")},
	{name: "an enrollment whose key is a number", steps: atEnroll, body: member("attestation.tpm.endorsementKey", 7)},
	{name: "an enrollment whose ETag is a number", steps: atEnroll, body: member("etag", 7)},
	{name: "an enrollment whose ETag is not the header's", steps: atEnroll, header: map[string]string{"ETag": `"another"`}},
	{name: "an enrollment with a state of another", steps: atEnroll, body: member("registrationState", map[string]any{"registrationId": "victim-9", "status": "assigned"})},
	{name: "a list of enrollments", steps: atEnroll, body: around("[", "]")},
	{name: "an enrollment with other settings", steps: atReading, body: member("deviceId", "other")},
	{name: "an enrollment that is disabled", steps: atReading, body: member("provisioningStatus", "disabled")},
}
