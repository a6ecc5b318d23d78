package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/dps"
	"tpmdps/internal/emulator"
	"tpmdps/internal/enroll"
	"tpmdps/internal/environment"
)

// service starts an emulator and returns a client of it.
func service(t *testing.T) *dps.ServiceClient {
	t.Helper()
	s, err := emulator.New(emulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	cs, err := dps.ParseConnectionString(s.ConnectionString())
	if err != nil {
		t.Fatal(err)
	}
	c, err := dps.NewServiceClient(s.Endpoint(), dps.SharedKey(cs), dps.ClientOptions{
		HTTPClient: dps.NewHTTPClient(s.Roots(), environment.Proxies{}), RetryDelay: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// generated is an enrollment with any of the settings.
func generated(r *rand.Rand, n int) map[string]any {
	e := map[string]any{
		"registrationId": fmt.Sprintf("machine-%d", n),
		"attestation":    map[string]any{"type": "tpm", "tpm": map[string]any{"endorsementKey": b64(numberedEK(n))}},
	}
	maybe := func(name string, value any) {
		if r.IntN(2) == 0 {
			e[name] = value
		}
	}
	document := func() map[string]any {
		all := []any{"north", 7, 1.5, true, []any{1, "x"}, map[string]any{"deep": map[string]any{"er": "ü 北 \U0001F512"}}, "", "quote \" \\ <&>"}
		d := map[string]any{}
		for i := range r.IntN(5) {
			d[[]string{"site", "version", "count", "line-7", "Site"}[i]] = all[r.IntN(len(all))]
		}
		return d
	}
	maybe("deviceId", fmt.Sprintf("Press-%d", n))
	maybe("capabilities", map[string]any{"iotEdge": r.IntN(2) == 0})
	maybe("provisioningStatus", []string{"enabled", "disabled"}[r.IntN(2)])
	pair := r.IntN(3)
	maybe("reprovisionPolicy", map[string]any{"updateHubAssignment": pair > 0, "migrateDeviceData": pair > 1})
	maybe("optionalDeviceInformation", document())
	twin := map[string]any{}
	if r.IntN(2) == 0 {
		twin["tags"] = document()
	}
	if r.IntN(2) == 0 {
		twin["properties"] = map[string]any{"desired": document()}
	}
	if len(twin) > 0 {
		e["initialTwin"] = twin
	}
	maybe("iotHubs", []string{"b.azure-devices.net", "a.azure-devices.net"})
	switch r.IntN(6) {
	case 0:
		e["allocationPolicy"] = "custom"
		e["customAllocationDefinition"] = map[string]any{"webhookUrl": "https://f.example/api?code=a%2Bb&x=1", "apiVersion": []string{"2019-03-31", "2021-10-01"}[r.IntN(2)]}
	case 1:
		e["allocationPolicy"] = "static"
		e["iotHubs"] = []string{"a.azure-devices.net"}
	case 2:
		e["allocationPolicy"] = "geoLatency"
	case 3:
		e["allocationPolicy"] = "hashed"
	}
	return e
}

// fromModel writes an enrollment as az writes its SDK's model: every member, the free
// objects inside of additionalProperties.
func fromModel(e map[string]any) map[string]any {
	e = maps.Clone(e)
	collection := func(v any) any {
		if v == nil {
			return map[string]any{"additionalProperties": nil, "count": nil, "metadata": nil, "version": nil}
		}
		return map[string]any{"additionalProperties": v, "count": nil, "metadata": nil, "version": nil}
	}
	for _, name := range []string{"deviceId", "capabilities", "iotHubHostName", "iotHubs", "allocationPolicy", "customAllocationDefinition", "reprovisionPolicy", "registrationState"} {
		if _, is := e[name]; !is {
			e[name] = nil
		}
	}
	if v := e["optionalDeviceInformation"]; v != nil {
		e["optionalDeviceInformation"] = collection(v)
	}
	if twin, _ := e["initialTwin"].(map[string]any); twin != nil {
		properties, _ := twin["properties"].(map[string]any)
		e["initialTwin"] = map[string]any{"additionalProperties": nil, "tags": collection(twin["tags"]),
			"properties": map[string]any{"additionalProperties": nil, "desired": collection(properties["desired"])}}
	}
	return e
}

// A whole DPS is copied to another: what the second has then is what the first has,
// apart from what a service writes itself. Doing it again changes nothing.
func TestCopyFromOneDPSToAnother(t *testing.T) {
	const seed1, seed2, machines = 20261126, 7, 100
	r := rand.New(rand.NewPCG(seed1, seed2))
	ctx := context.Background()
	first := service(t)
	for n := range machines {
		var e dps.Enrollment
		if err := json.Unmarshal([]byte(mustJSON(generated(r, n))), &e); err != nil {
			t.Fatal(err)
		}
		if _, err := first.PutEnrollment(ctx, e, ""); err != nil {
			t.Fatal(err)
		}
	}
	stored := all(t, first)
	if len(stored) != machines {
		t.Fatalf("%d enrollments", len(stored))
	}
	for name, write := range map[string]func(map[string]any) map[string]any{
		"the service's": func(e map[string]any) map[string]any { return e }, "az's model": fromModel,
	} {
		var list []any
		for _, id := range sortedIDs(stored) {
			list = append(list, write(stored[id]))
		}
		inv, err := Read([]byte(mustJSON(list)))
		if err != nil || len(inv.Records()) != machines {
			t.Fatalf("%s: %d machines, %v", name, len(inv.Records()), err)
		}
		second := service(t)
		for try, want := range []enroll.Action{enroll.Create, enroll.Unchanged} {
			for _, e := range inv.Entries {
				item, err := enroll.Plan(ctx, second, e.Record, e.Settings, enroll.Policy{})
				if err == nil {
					item, err = enroll.Apply(ctx, second, item)
				}
				if err != nil || item.Action != want || len(item.Unconfirmed) > 0 {
					t.Fatalf("%s, %s, time %d: %s, %v, %v", name, e.Record.RegistrationID, try+1, item.Action, item.Unconfirmed, err)
				}
			}
		}
		copied := all(t, second)
		for id, e := range stored {
			if want, got := withoutOwn(e), withoutOwn(copied[id]); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %s:\n%s\nwant\n%s", name, id, mustJSON(got), mustJSON(want))
			}
		}
	}
}

// all reads every enrollment as the service writes it.
func all(t *testing.T, c *dps.ServiceClient) map[string]map[string]any {
	t.Helper()
	found := map[string]map[string]any{}
	for e, err := range c.Enrollments(context.Background(), dps.AllEnrollments, 0) {
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]any
		if err := json.Unmarshal([]byte(mustJSON(e)), &members); err != nil {
			t.Fatal(err)
		}
		found[e.RegistrationID] = members
	}
	return found
}

func sortedIDs(stored map[string]map[string]any) []string {
	var ids []string
	for n := range len(stored) {
		ids = append(ids, fmt.Sprintf("machine-%d", n))
	}
	return ids
}

// withoutOwn is an enrollment without what each service writes itself.
func withoutOwn(e map[string]any) map[string]any {
	e = maps.Clone(e)
	for _, own := range []string{"etag", "createdDateTimeUtc", "lastUpdatedDateTimeUtc", "registrationState"} {
		delete(e, own)
	}
	return e
}

// What is said for all goes before what the file has for each.
func TestOverride(t *testing.T) {
	no, yes := false, true
	for name, test := range map[string]struct {
		given, want enroll.Settings
		fails       string
	}{
		"nothing":                  {enroll.Settings{}, enroll.Settings{AllocationPolicy: "custom", WebhookURL: "https://f.example/", WebhookAPIVersion: "v", IoTHubs: []string{"a.b", "c.d"}, ProvisioningStatus: "disabled", EdgeEnabled: &yes, InitialTwinTags: json.RawMessage(`{"a":1}`)}, ""},
		"enabled, and no IoT Edge": {enroll.Settings{ProvisioningStatus: "enabled", EdgeEnabled: &no, InitialTwinTags: json.RawMessage(`{"b":2}`)}, enroll.Settings{AllocationPolicy: "custom", WebhookURL: "https://f.example/", WebhookAPIVersion: "v", IoTHubs: []string{"a.b", "c.d"}, ProvisioningStatus: "enabled", EdgeEnabled: &no, InitialTwinTags: json.RawMessage(`{"b":2}`)}, ""},
		"another allocation":       {enroll.Settings{AllocationPolicy: "Hashed"}, enroll.Settings{AllocationPolicy: "Hashed", IoTHubs: []string{"a.b", "c.d"}, ProvisioningStatus: "disabled", EdgeEnabled: &yes, InitialTwinTags: json.RawMessage(`{"a":1}`)}, ""},
		"another hook":             {enroll.Settings{AllocationPolicy: "custom", WebhookURL: "https://g.example/"}, enroll.Settings{AllocationPolicy: "custom", WebhookURL: "https://g.example/", IoTHubs: []string{"a.b", "c.d"}, ProvisioningStatus: "disabled", EdgeEnabled: &yes, InitialTwinTags: json.RawMessage(`{"a":1}`)}, ""},
		"static, one hub":          {enroll.Settings{AllocationPolicy: "static", IoTHubs: []string{"e.f"}}, enroll.Settings{AllocationPolicy: "static", IoTHubs: []string{"e.f"}, ProvisioningStatus: "disabled", EdgeEnabled: &yes, InitialTwinTags: json.RawMessage(`{"a":1}`)}, ""},
		"static":                   {enroll.Settings{AllocationPolicy: "static"}, enroll.Settings{}, "line 3: box-1: allocation-policy static accepts exactly one of iot-hubs, there are 2"},
	} {
		file := enroll.Settings{AllocationPolicy: "custom", WebhookURL: "https://f.example/", WebhookAPIVersion: "v", IoTHubs: []string{"a.b", "c.d"}, ProvisioningStatus: "disabled", EdgeEnabled: &yes, InitialTwinTags: json.RawMessage(`{"a":1}`)}
		inv := Inventory{Entries: []Entry{{Line: 3, Settings: file}, {Other: "x509"}}}
		inv.Entries[0].Record.RegistrationID = "box-1"
		err := inv.Override(test.given)
		switch {
		case test.fails != "":
			if err == nil || !strings.Contains(err.Error(), test.fails) {
				t.Errorf("%s: %v, want %q", name, err, test.fails)
			}
		case err != nil || !reflect.DeepEqual(inv.Entries[0].Settings, test.want):
			t.Errorf("%s: %+v, %v, want %+v", name, inv.Entries[0].Settings, err, test.want)
		case !reflect.DeepEqual(inv.Entries[1].Settings, enroll.Settings{}):
			t.Errorf("%s: %+v", name, inv.Entries[1].Settings)
		}
	}
}
