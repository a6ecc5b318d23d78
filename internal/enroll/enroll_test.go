package enroll

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/dps"
	"tpmdps/internal/emulator"
	"tpmdps/internal/environment"
	"tpmdps/internal/identity"
)

var ctx = context.Background()

// endorsementKey makes the TPM2B_PUBLIC of a TCG L-1 EK whose modulus follows
// from a name; nobody has its private half.
func endorsementKey(t testing.TB, name string) string {
	t.Helper()
	head, err := hex.DecodeString("013a0001000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa00060080004300100800000000000100")
	if err != nil {
		t.Fatal(err)
	}
	var modulus []byte
	for i := range byte(8) {
		block := sha256.Sum256(append([]byte(name), i))
		modulus = append(modulus, block[:]...)
	}
	modulus[0] |= 0x80
	modulus[255] |= 1
	return base64.StdEncoding.EncodeToString(append(head, modulus...))
}

func record(t testing.TB, id, ek string) identity.Record {
	t.Helper()
	line, err := json.Marshal(map[string]string{"registration_id": id, "endorsement_key": endorsementKey(t, ek)})
	if err != nil {
		t.Fatal(err)
	}
	r, err := identity.ParseRecord(line)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// shownEK is how the key of a name appears in changes.
func shownEK(t testing.TB, name string) string {
	r := record(t, "x", name)
	return r.RegistrationIDs.Base32 + " (sha256 " + r.RegistrationIDs.Hex[:8] + ")"
}

// service starts an emulator and returns a client of it.
func service(t *testing.T) *dps.ServiceClient {
	t.Helper()
	s, err := emulator.New(emulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(ctx); err != nil {
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

// do plans and applies.
func do(t *testing.T, svc *dps.ServiceClient, r identity.Record, s Settings, p Policy) (Item, error) {
	t.Helper()
	item, err := Plan(ctx, svc, r, s, p)
	if err != nil {
		t.Fatalf("Plan() = %v", err)
	}
	return Apply(ctx, svc, item)
}

var yes, no = true, false

// everything says each setting once.
func everything() Settings {
	return Settings{
		DeviceID:              "Press-7",
		EdgeEnabled:           &yes,
		IoTHubs:               []string{"hub-b.azure-devices.net", "Hub-a.azure-devices.net"},
		AllocationPolicy:      "CUSTOM",
		WebhookURL:            "https://alloc.example/api?code=s3cr3t",
		ReprovisionPolicy:     "reprovisionAndResetData",
		ProvisioningStatus:    "Enabled",
		InitialTwinTags:       json.RawMessage(`{ "site": "north", "version": 3 }`),
		InitialTwinProperties: json.RawMessage(`{"rate":1.50,"nested":{"deep":[1,2]}}`),
		DeviceInformation:     json.RawMessage(`{"order":"4711"}`),
	}
}

func TestCreateThenUnchanged(t *testing.T) {
	svc := service(t)
	r := record(t, "machine-1", "chip 1")
	item, err := do(t, svc, r, everything(), Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if item.Action != Create || item.DeviceID != "Press-7" || item.ETag == "" || len(item.Unconfirmed) != 0 {
		t.Errorf("Apply() = %+v", item)
	}
	want := []Change{
		{fieldEK, "", shownEK(t, "chip 1")},
		{"deviceId", "", "Press-7"},
		{"capabilities.iotEdge", "", "true"},
		{"iotHubs", "", "hub-a.azure-devices.net, hub-b.azure-devices.net"},
		{"allocationPolicy", "", "custom"},
		{"customAllocationDefinition.webhookUrl", "", "https://alloc.example/api?[hidden]"},
		{"reprovisionPolicy", "", "reprovisionandresetdata"},
		{"provisioningStatus", "", "enabled"},
		{"initialTwin.tags.site", "", `"north"`},
		{"initialTwin.tags.version", "", "3"},
		{"initialTwin.properties.desired.nested", "", `{"deep":[1,2]}`},
		{"initialTwin.properties.desired.rate", "", "1.50"},
		{"optionalDeviceInformation.order", "", `"4711"`},
	}
	if !reflect.DeepEqual(item.Changes, want) {
		t.Errorf("changes:\n%v\nwant:\n%v", item.Changes, want)
	}
	stored, err := svc.Enrollment(ctx, "machine-1")
	if err != nil {
		t.Fatal(err)
	}
	if stored.Attestation.TPM.EndorsementKey != r.EndorsementKey || stored.Attestation.TPM.StorageRootKey != "" || stored.DeviceID != "Press-7" ||
		!stored.Capabilities.IoTEdge || stored.AllocationPolicy != "custom" || stored.CustomAllocation.WebhookURL != "https://alloc.example/api?code=s3cr3t" ||
		!stored.ReprovisionPolicy.UpdateHubAssignment || stored.ReprovisionPolicy.MigrateDeviceData {
		t.Errorf("stored enrollment = %+v", stored)
	}
	etag := stored.ETag
	for _, s := range []Settings{everything(), {}, {DeviceID: "Press-7"}, {InitialTwinTags: json.RawMessage(`{"version":3.0,"site":"no\u0072th"}`)}} {
		item, err := do(t, svc, r, s, Policy{})
		if err != nil || item.Action != Unchanged || len(item.Changes) != 0 || item.Changes == nil || item.ETag != etag || item.RegistrationStatus != "unassigned" {
			t.Errorf("again with %+v: %+v, %v, want unchanged", s, item, err)
		}
	}
	if again, err := svc.Enrollment(ctx, "machine-1"); err != nil || again.ETag != etag {
		t.Errorf("ETag = %s, want %s: an unchanged enrollment was written", again.ETag, etag)
	}
}

func TestCreateSaysOnlyWhatWasSaid(t *testing.T) {
	svc := service(t)
	item, err := do(t, svc, record(t, "machine-1", "chip 1"), Settings{}, Policy{})
	if err != nil || item.DeviceID != "machine-1" {
		t.Fatalf("Apply() = %+v, %v", item, err)
	}
	body, err := json.Marshal(item.enrollment)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"registrationId":"machine-1","attestation":{"type":"tpm","tpm":{"endorsementKey":"` + endorsementKey(t, "chip 1") + `"}}}`
	if string(body) != want {
		t.Errorf("sent %s, want %s", body, want)
	}
}

func TestPlanWritesNothing(t *testing.T) {
	svc := service(t)
	if _, err := Plan(ctx, svc, record(t, "machine-1", "chip 1"), everything(), Policy{Update: true, ReplaceEK: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := svc.Enrollment(ctx, "machine-1"); !dps.HasStatus(err, http.StatusNotFound) {
		t.Errorf("Enrollment() = %v, want a 404", err)
	}
}

func TestConflictAndUpdate(t *testing.T) {
	svc := service(t)
	r := record(t, "machine-1", "chip 1")
	if _, err := do(t, svc, r, everything(), Policy{}); err != nil {
		t.Fatal(err)
	}
	other := Settings{
		EdgeEnabled:        &no,
		IoTHubs:            []string{"hub-c.azure-devices.net"},
		AllocationPolicy:   "static",
		ReprovisionPolicy:  "never",
		ProvisioningStatus: "disabled",
		InitialTwinTags:    json.RawMessage(`{"site":"south","line":7}`),
	}
	want := []Change{
		{"capabilities.iotEdge", "true", "false"},
		{"iotHubs", "hub-a.azure-devices.net, hub-b.azure-devices.net", "hub-c.azure-devices.net"},
		{"allocationPolicy", "custom", "static"},
		{"reprovisionPolicy", "reprovisionandresetdata", "never"},
		{"provisioningStatus", "enabled", "disabled"},
		{"initialTwin.tags.line", "", "7"},
		{"initialTwin.tags.site", `"north"`, `"south"`},
		// "version" is not listed: not wanted any more, it could be the service's own.
	}
	item, err := do(t, svc, r, other, Policy{})
	if !errors.Is(err, ErrConflict) || item.Action != Conflict || !reflect.DeepEqual(item.Changes, want) {
		t.Errorf("Apply() = %v, %v, changes:\n%v\nwant:\n%v", item.Action, err, item.Changes, want)
	}
	if !strings.Contains(err.Error(), "capabilities.iotEdge is true, wanted false") || !strings.Contains(err.Error(), "and 1 more") {
		t.Errorf("error = %v, want the fields in it", err)
	}
	before, _ := svc.Enrollment(ctx, "machine-1")
	item, err = do(t, svc, r, other, Policy{Update: true})
	if err != nil || item.Action != Update || !reflect.DeepEqual(item.Changes, want) || item.ETag == before.ETag || len(item.Unconfirmed) != 0 {
		t.Errorf("Apply() with Update = %+v, %v", item, err)
	}
	after, err := svc.Enrollment(ctx, "machine-1")
	if err != nil {
		t.Fatal(err)
	}
	if after.DeviceID != "Press-7" || string(after.InitialTwin.Properties.Desired) == "" || after.ProvisioningStatus != "disabled" || after.CustomAllocation == nil {
		t.Errorf("what was not said was changed: %+v", after)
	}
	if item, err := do(t, svc, r, other, Policy{Update: true}); err != nil || item.Action != Unchanged {
		t.Errorf("again: %v, %v, want unchanged", item.Action, err)
	}
}

func TestOtherEK(t *testing.T) {
	svc := service(t)
	if _, err := do(t, svc, record(t, "machine-1", "chip 1"), Settings{}, Policy{}); err != nil {
		t.Fatal(err)
	}
	r := record(t, "machine-1", "chip 2")
	want := Change{fieldEK, shownEK(t, "chip 1"), shownEK(t, "chip 2")}
	for _, p := range []Policy{{}, {Update: true}} {
		item, err := do(t, svc, r, Settings{}, p)
		if !errors.Is(err, ErrOtherEK) || errors.Is(err, ErrConflict) || item.Action != EKConflict || !reflect.DeepEqual(item.Changes, []Change{want}) {
			t.Errorf("%+v: %+v, %v, want ErrOtherEK", p, item, err)
		}
		if !strings.Contains(err.Error(), shownEK(t, "chip 1")) {
			t.Errorf("error = %v, want both keys", err)
		}
	}
	// The key may be replaced, the settings may not.
	item, err := do(t, svc, r, Settings{DeviceID: "new"}, Policy{ReplaceEK: true})
	if !errors.Is(err, ErrConflict) || item.Action != Conflict || strings.Contains(err.Error(), "endorsementKey") {
		t.Errorf("ReplaceEK with other settings: %v, %v, want ErrConflict about the settings", item.Action, err)
	}
	item, err = do(t, svc, r, Settings{}, Policy{ReplaceEK: true})
	if err != nil || item.Action != ReplaceEK {
		t.Errorf("ReplaceEK: %v, %v", item.Action, err)
	}
	stored, err := svc.Enrollment(ctx, "machine-1")
	if err != nil || stored.Attestation.TPM.EndorsementKey != r.EndorsementKey {
		t.Errorf("stored %+v, %v", stored.Attestation.TPM, err)
	}
	item, err = do(t, svc, record(t, "machine-1", "chip 3"), Settings{DeviceID: "new"}, Policy{Update: true, ReplaceEK: true})
	if err != nil || item.Action != ReplaceEK || len(item.Changes) != 2 || item.DeviceID != "new" {
		t.Errorf("both at once: %+v, %v", item, err)
	}
}

// Replacing the chip takes the old chip's storage root key out as well.
func TestReplaceEKForgetsTheOldSRK(t *testing.T) {
	svc := service(t)
	old := dps.Enrollment{RegistrationID: "machine-1", Attestation: dps.Attestation{Type: "tpm",
		TPM: &dps.TPMAttestation{EndorsementKey: endorsementKey(t, "chip 1"), StorageRootKey: "AAEC"}}}
	if _, err := svc.PutEnrollment(ctx, old, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := do(t, svc, record(t, "machine-1", "chip 2"), Settings{}, Policy{ReplaceEK: true}); err != nil {
		t.Fatal(err)
	}
	if stored, err := svc.Enrollment(ctx, "machine-1"); err != nil || stored.Attestation.TPM.StorageRootKey != "" {
		t.Errorf("stored %+v, %v, want no storage root key", stored.Attestation.TPM, err)
	}
}

// The plan is for one version: what somebody else writes in between stays.
func TestChangedMeanwhile(t *testing.T) {
	svc := service(t)
	r := record(t, "machine-1", "chip 1")
	plan := func(s Settings) Item {
		item, err := Plan(ctx, svc, r, s, Policy{Update: true})
		if err != nil {
			t.Fatal(err)
		}
		return item
	}
	mine, theirs := plan(Settings{DeviceID: "mine"}), plan(Settings{DeviceID: "theirs"})
	if _, err := Apply(ctx, svc, theirs); err != nil {
		t.Fatal(err)
	}
	_, err := Apply(ctx, svc, mine) // both planned to create it
	var refused *dps.Error
	if !errors.Is(err, ErrConflict) || !errors.As(err, &refused) || refused.Status != 409 || !strings.Contains(err.Error(), "changed meanwhile") {
		t.Errorf("create over create: %v, want ErrConflict with the 409", err)
	}
	mine, theirs = plan(Settings{DeviceID: "mine"}), plan(Settings{DeviceID: "others"})
	if _, err := Apply(ctx, svc, theirs); err != nil {
		t.Fatal(err)
	}
	if _, err = Apply(ctx, svc, mine); !errors.Is(err, ErrConflict) || !errors.As(err, &refused) || refused.Status != 412 {
		t.Errorf("update over update: %v, want ErrConflict with the 412", err)
	}
	if stored, _ := svc.Enrollment(ctx, "machine-1"); stored.DeviceID != "others" {
		t.Errorf("device ID = %s, want the other writer's", stored.DeviceID)
	}
	// Two runs of the same command at once both end well.
	first, second := plan(Settings{DeviceID: "same"}), plan(Settings{DeviceID: "same"})
	if _, err := Apply(ctx, svc, first); err != nil {
		t.Fatal(err)
	}
	if item, err := Apply(ctx, svc, second); err != nil || item.ETag == second.ETag {
		t.Errorf("the same change twice: %+v, %v, want success and the new ETag", item, err)
	}
	// An update never brings back what was deleted.
	mine = plan(Settings{DeviceID: "again"})
	if err := svc.DeleteEnrollment(ctx, "machine-1", "*"); err != nil {
		t.Fatal(err)
	}
	if _, err := Apply(ctx, svc, mine); !errors.Is(err, ErrConflict) {
		t.Errorf("update of a deleted one: %v, want ErrConflict", err)
	}
}

func TestItemAsJSON(t *testing.T) {
	svc := service(t)
	item, err := Plan(ctx, svc, record(t, "machine-1", "chip 1"), everything(), Policy{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(item)
	if err != nil || strings.Contains(string(out), "s3cr3t") || !strings.Contains(string(out), `"unconfirmed":[]`) ||
		!strings.HasPrefix(string(out), `{"registration_id":"machine-1","action":"create","device_id":"Press-7","changes":[{"field":"`) {
		t.Errorf("Marshal() = %s, %v", out, err)
	}
	var back Item
	if err := json.Unmarshal(out, &back); err != nil {
		t.Fatal(err)
	}
	if _, err := Apply(ctx, svc, back); err == nil {
		t.Error("a plan that was read back was applied")
	}
	if _, err := Apply(ctx, svc, Item{}); err == nil {
		t.Error("an empty plan was applied")
	}
}

func TestPlanRefusesBadInput(t *testing.T) {
	svc := service(t)
	r := record(t, "machine-1", "chip 1")
	bad := r
	bad.RegistrationID = "Machine 1"
	if _, err := Plan(ctx, svc, bad, Settings{}, Policy{}); !errors.Is(err, identity.ErrRegistrationID) {
		t.Errorf("Plan() = %v, want ErrRegistrationID", err)
	}
	bad = r
	bad.EndorsementKey = bad.EndorsementKey[:100]
	var format *identity.FormatError
	if _, err := Plan(ctx, svc, bad, Settings{}, Policy{}); !errors.As(err, &format) {
		t.Errorf("Plan() = %v, want a *FormatError", err)
	}
	if _, err := Plan(ctx, svc, r, Settings{AllocationPolicy: "round-robin"}, Policy{}); err == nil {
		t.Error("Plan() took an unknown policy")
	}
}
