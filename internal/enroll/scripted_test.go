package enroll

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/dps"
)

const token = "SharedAccessSignature sr=x&sig=y&se=2000000000&skn=p"

// scripted is a service that answers what no emulator would.
func scripted(t *testing.T, answer func(r *http.Request, body string) (int, string)) *dps.ServiceClient {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		status, text := answer(r, string(body))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, text)
	}))
	t.Cleanup(s.Close)
	c, err := dps.NewServiceClient(s.URL, dps.SharedAccessToken(token), dps.ClientOptions{HTTPClient: s.Client(), RetryDelay: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// existing is a service that has one enrollment and takes none.
func existing(t *testing.T, enrollment string) *dps.ServiceClient {
	return scripted(t, func(r *http.Request, _ string) (int, string) {
		if r.Method != http.MethodGet {
			return 500, ""
		}
		return 200, enrollment
	})
}

func enrollmentJSON(t *testing.T, ek, more string) string {
	return `{"registrationId":"machine-1","etag":"e1","attestation":{"type":"tpm","tpm":{"endorsementKey":"` + endorsementKey(t, ek) + `"}}` + more + `}`
}

// What the service fills in by itself is as good as the setting.
func TestDefaultsAreNoDifference(t *testing.T) {
	r := record(t, "machine-1", "chip 1")
	settings := Settings{DeviceID: "machine-1", EdgeEnabled: &no, ReprovisionPolicy: "reprovisionandmigratedata", ProvisioningStatus: "enabled",
		InitialTwinTags: json.RawMessage(`{}`), DeviceInformation: json.RawMessage(`{}`), InitialTwinProperties: json.RawMessage(`{}`)}
	for _, more := range []string{
		``,
		`,"deviceId":"","provisioningStatus":"Enabled","capabilities":null,"initialTwin":null`,
		`,"deviceId":"machine-1","capabilities":{"iotEdge":false},"reprovisionPolicy":{"updateHubAssignment":true,"migrateDeviceData":true},
		  "initialTwin":{"tags":{"metadata":{"a":1},"version":1,"count":0,"$metadata":{},"$version":1},"properties":{"desired":null}},"optionalDeviceInformation":{"count":0}`,
	} {
		item, err := Plan(ctx, existing(t, enrollmentJSON(t, "chip 1", more)), r, settings, Policy{})
		if err != nil || item.Action != Unchanged {
			t.Errorf("%s: %+v, %v, want unchanged", more, item, err)
		}
	}
}

func TestPlanChanges(t *testing.T) {
	for _, tt := range []struct {
		more string
		s    Settings
		want []Change
	}{
		{`,"iotHubHostName":"hub-a.azure-devices.net"`, Settings{IoTHubs: []string{"HUB-A.azure-devices.net"}, AllocationPolicy: "static"},
			[]Change{{"allocationPolicy", "", "static"}}},
		{`,"iotHubs":["b.x.net","a.x.net"]`, Settings{IoTHubs: []string{"a.x.net", "b.x.net"}}, []Change{}},
		{`,"allocationPolicy":"GeoLatency"`, Settings{AllocationPolicy: "geolatency"}, []Change{}},
		{`,"deviceId":"a"`, Settings{DeviceID: "A"}, []Change{{"deviceId", "a", "A"}}},
		{`,"reprovisionPolicy":{"updateHubAssignment":false,"migrateDeviceData":false}`, Settings{ReprovisionPolicy: "reprovisionandmigratedata"},
			[]Change{{"reprovisionPolicy", "never", "reprovisionandmigratedata"}}},
		{`,"allocationPolicy":"custom","customAllocationDefinition":{"webhookUrl":"https://h.example/f?code=old","apiVersion":"2019-03-31"}`,
			Settings{AllocationPolicy: "custom", WebhookURL: "https://h.example/f?code=new"},
			[]Change{{"customAllocationDefinition.webhookUrl", "https://h.example/f?[hidden]", "https://h.example/f?[hidden] (another query)"}}},
		{`,"initialTwin":{"tags":{"a":{"b":1,"c":[1,{"d":2}]},"x":"y\u001b"},"properties":{}}`, Settings{InitialTwinTags: json.RawMessage(`{"a":{"b":2,"c":[1,{"d":2.0}]}}`)},
			[]Change{{"initialTwin.tags.a.b", "1", "2"}, {"initialTwin.tags.x", `"y\u001b"`, ""}}},
		{`,"initialTwin":{"tags":{"version":1}}`, Settings{InitialTwinTags: json.RawMessage(`{"version":2}`)},
			[]Change{{"initialTwin.tags.version", "1", "2"}}},
		{`,"optionalDeviceInformation":{"n":9007199254740993}`, Settings{DeviceInformation: json.RawMessage(`{"n":9007199254740992}`)},
			[]Change{{"optionalDeviceInformation.n", "9007199254740993", "9007199254740992"}}},
		{`,"initialTwin":{"tags":{"n":9007199254740993}}`, Settings{InitialTwinTags: json.RawMessage(`{"n":4503599627370495}`)},
			[]Change{{"initialTwin.tags.n", "9007199254740993", "4503599627370495"}}},
		{`,"optionalDeviceInformation":{"a":null}`, Settings{DeviceInformation: json.RawMessage(`{"a":""}`)},
			[]Change{{"optionalDeviceInformation.a", "null", `""`}}},
	} {
		item, err := Plan(ctx, existing(t, enrollmentJSON(t, "chip 1", tt.more)), record(t, "machine-1", "chip 1"), tt.s, Policy{Update: true})
		if err != nil || !reflect.DeepEqual(item.Changes, tt.want) {
			t.Errorf("%s: changes = %v, %v, want %v", tt.more, item.Changes, err, tt.want)
		}
	}
}

// A machine that proves itself by something else is another machine.
func TestOtherAttestation(t *testing.T) {
	r := record(t, "machine-1", "chip 1")
	for attestation, have := range map[string]string{
		`{"type":"x509","x509":{"clientCertificates":{}}}`: "x509, not a TPM's",
		`{"type":"symmetricKey"}`:                          "symmetricKey, not a TPM's",
		`{"type":"tpm","tpm":{"endorsementKey":"***"}}`:    "unreadable (3 characters)",
	} {
		svc := existing(t, `{"registrationId":"machine-1","etag":"e1","attestation":`+attestation+`}`)
		item, err := Plan(ctx, svc, r, Settings{}, Policy{Update: true})
		if err != nil || item.Action != EKConflict || len(item.Changes) != 1 || item.Changes[0].Have != have {
			t.Errorf("%s: %+v, %v, want ek-conflict with %q", attestation, item, err, have)
		}
		item, err = Plan(ctx, svc, r, Settings{}, Policy{ReplaceEK: true})
		body, _ := json.Marshal(item.enrollment)
		if err != nil || item.Action != ReplaceEK || strings.Contains(string(body), "x509") {
			t.Errorf("%s: %+v, %v, writes %s", attestation, item, err, body)
		}
	}
}

func TestRegistrationIsShown(t *testing.T) {
	svc := existing(t, enrollmentJSON(t, "chip 1", `,"deviceId":"press\u001b7","registrationState":{"status":"assigned","assignedHub":"h.example"}`))
	item, err := Plan(ctx, svc, record(t, "machine-1", "chip 1"), Settings{}, Policy{})
	if err != nil || item.RegistrationStatus != "assigned" || item.AssignedHub != "h.example" || item.DeviceID != "press?7" || item.ETag != "e1" {
		t.Errorf("Plan() = %+v, %v", item, err)
	}
}

// The older way to name a hub goes when hubs are named.
func TestHubsReplaceTheOlderMember(t *testing.T) {
	svc := existing(t, enrollmentJSON(t, "chip 1", `,"iotHubHostName":"a.x.net"`))
	item, err := Plan(ctx, svc, record(t, "machine-1", "chip 1"), Settings{IoTHubs: []string{"b.x.net"}}, Policy{Update: true})
	body, _ := json.Marshal(item.enrollment)
	if err != nil || strings.Contains(string(body), "iotHubHostName") || !strings.Contains(string(body), `"iotHubs":["b.x.net"]`) {
		t.Errorf("Plan() = %v, writes %s", err, body)
	}
}

func TestApplySendsTheVersion(t *testing.T) {
	for etag, want := range map[string]string{`"etag":"e1",`: `"e1"`, `"etag":"\"e2\"",`: `"e2"`} {
		var ifMatch string
		svc := scripted(t, func(r *http.Request, body string) (int, string) {
			if r.Method == http.MethodPut {
				ifMatch = r.Header.Get("If-Match")
				return 200, body
			}
			return 200, strings.Replace(enrollmentJSON(t, "chip 1", `,"future":{"kept":true}`), `"etag":"e1",`, etag, 1)
		})
		item, err := do(t, svc, record(t, "machine-1", "chip 1"), Settings{DeviceID: "new"}, Policy{Update: true})
		if err != nil || ifMatch != want {
			t.Errorf("If-Match = %s, %v, want %s", ifMatch, err, want)
		}
		if body, _ := json.Marshal(item.enrollment); !strings.Contains(string(body), `"future":{"kept":true}`) {
			t.Errorf("wrote %s, want the unknown member in it", body)
		}
	}
}

// The answer to the write was lost, the pipeline sent it again, and the second
// time the service found what the first had made.
func TestWriteThatWasRepeated(t *testing.T) {
	for _, refusal := range []int{409, 412} {
		stored, puts := "", 0
		svc := scripted(t, func(r *http.Request, body string) (int, string) {
			switch {
			case r.Method == http.MethodGet && stored == "":
				return 404, `{"errorCode":404201,"message":"not found"}`
			case r.Method == http.MethodGet:
				return 200, stored
			}
			if puts++; puts == 1 {
				stored = body
				return 503, "" // it was written all the same
			}
			return refusal, `{"errorCode":409201,"message":"exists"}`
		})
		item, err := do(t, svc, record(t, "machine-1", "chip 1"), Settings{DeviceID: "d"}, Policy{})
		if err != nil || item.Action != Create || puts != 2 {
			t.Errorf("%d: Apply() = %+v, %v after %d writes, want success after 2", refusal, item, err, puts)
		}
	}
}

func TestAnswerIsNotTakenOnTrust(t *testing.T) {
	notFound := func(put string) *dps.ServiceClient {
		return scripted(t, func(r *http.Request, _ string) (int, string) {
			if r.Method == http.MethodGet {
				return 404, `{"errorCode":404201,"message":"not found"}`
			}
			return 200, put
		})
	}
	r := record(t, "machine-1", "chip 1")
	_, err := do(t, notFound(enrollmentJSON(t, "chip 2", "")), r, Settings{}, Policy{})
	if !errors.Is(err, dps.ErrMalformed) || !strings.Contains(err.Error(), shownEK(t, "chip 2")) {
		t.Errorf("the service stored another key: %v, want ErrMalformed", err)
	}
	item, err := do(t, notFound(enrollmentJSON(t, "chip 1", `,"deviceId":"other"`)), r, Settings{DeviceID: "mine"}, Policy{})
	if want := []Change{{"deviceId", "other", "mine"}}; !errors.Is(err, dps.ErrMalformed) || !reflect.DeepEqual(item.Unconfirmed, want) {
		t.Errorf("the service stored another device ID: %+v, %v, want %v unconfirmed, and ErrMalformed", item, err, want)
	}
	item, err = do(t, notFound(enrollmentJSON(t, "chip 1", `,"provisioningStatus":"disabled"`)), r, Settings{ProvisioningStatus: "enabled"}, Policy{})
	if want := []Change{{"provisioningStatus", "disabled", "enabled"}}; err != nil || !reflect.DeepEqual(item.Unconfirmed, want) {
		t.Errorf("the service stored another status: %+v, %v, want %v unconfirmed", item, err, want)
	}
}

func TestRefusalsPassThrough(t *testing.T) {
	r := record(t, "machine-1", "chip 1")
	for _, status := range []int{400, 401, 403, 429, 500} {
		svc := scripted(t, func(r *http.Request, _ string) (int, string) {
			return status, `{"errorCode":1,"message":"no","trackingId":"t-1"}`
		})
		_, err := Plan(ctx, svc, r, Settings{}, Policy{})
		var refused *dps.Error
		if !errors.As(err, &refused) || refused.Status != status || refused.TrackingID != "t-1" || errors.Is(err, ErrConflict) {
			t.Errorf("Plan() = %v, want the *dps.Error with %d", err, status)
		}
		_, err = Apply(ctx, svc, mustCreate(t))
		if !errors.As(err, &refused) || refused.Status != status || errors.Is(err, ErrConflict) {
			t.Errorf("Apply() = %v, want the *dps.Error with %d", err, status)
		}
	}
}

func mustCreate(t *testing.T) Item {
	t.Helper()
	w, err := newWish(record(t, "machine-1", "chip 1"), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	return w.create()
}
