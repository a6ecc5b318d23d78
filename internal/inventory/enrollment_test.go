package inventory

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/enroll"
	"tpmdps/internal/identity"
)

// The files of the field, and what is expected of each.
func TestFilesOfTheField(t *testing.T) {
	for file, want := range map[string]struct {
		entries int
		fails   string
	}{
		"az-show.json": {entries: 1},
		"casedup.json": {fails: "line 1: not a valid record: Registration_Id appears twice, once as registration_id"},
		"lab.json":     {fails: "line 1: not a valid record: labels.a has a number where a string belongs"},
	} {
		data, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		inv, err := Read(data)
		if len(inv.Entries) != want.entries || want.fails == "" && err != nil || want.fails != "" && (err == nil || err.Error() != want.fails) {
			t.Errorf("%s: %d entries, %v, want %d, %q", file, len(inv.Entries), err, want.entries, want.fails)
		}
	}
	data, err := os.ReadFile("testdata/az-show.json")
	if err != nil {
		t.Fatal(err)
	}
	inv, err := Read(data)
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	want := enroll.Settings{DeviceID: "box-7", EdgeEnabled: &yes, IoTHubs: []string{"h1.azure-devices.net"}, AllocationPolicy: "hashed",
		ReprovisionPolicy: "reprovisionandmigratedata", ProvisioningStatus: "enabled", InitialTwinProperties: json.RawMessage("{}")}
	e := inv.Entries[0]
	if e.Record.RegistrationID != "box-7" || !reflect.DeepEqual(e.Settings, want) || e.Line != 1 {
		t.Errorf("az-show.json: %+v, want %+v", e, want)
	}
	if want := []string{"createdDateTimeUtc", "etag", "lastUpdatedDateTimeUtc"}; !slices.Equal(inv.NotCopied, want) {
		t.Errorf("not copied: %q, want %q", inv.NotCopied, want)
	}
}

// whole has every setting, as the service writes it.
func whole() string {
	return `{"registrationId":"box-1","deviceId":"Press-7","registrationState":{"registrationId":"box-1","status":"unassigned"},
 "optionalDeviceInformation":{"order":"4711"},
 "attestation":{"type":"tpm","tpm":{"endorsementKey":"` + b64(testEK()) + `"}},
 "capabilities":{"iotEdge":true},
 "initialTwin":{"tags":{"site":"north","version":3},"properties":{"desired":{"rate":1.50}}},
 "etag":"IjA5MDA1OWI3LTAwMDAtMDgwMC0wMDAwLTY0NjgwMWYyMDAwMCI=","provisioningStatus":"disabled",
 "reprovisionPolicy":{"updateHubAssignment":true,"migrateDeviceData":false},
 "createdDateTimeUtc":"2023-05-19T23:10:42.3915513Z","lastUpdatedDateTimeUtc":"2023-05-19T23:10:42.3915513Z",
 "allocationPolicy":"custom","iotHubs":["a.azure-devices.net","b.azure-devices.net"],
 "customAllocationDefinition":{"webhookUrl":"https://f.example/api?code=hookcode-0123456789","apiVersion":"2019-03-31"}}`
}

// The same enrollment, as each tool spells it.
func TestEnrollmentsInEveryDress(t *testing.T) {
	ek, rest := b64(testEK()), whole()
	yes := true
	want := enroll.Settings{DeviceID: "Press-7", EdgeEnabled: &yes, IoTHubs: []string{"a.azure-devices.net", "b.azure-devices.net"}, AllocationPolicy: "custom",
		WebhookURL: "https://f.example/api?code=hookcode-0123456789", WebhookAPIVersion: "2019-03-31", ReprovisionPolicy: "reprovisionandresetdata", ProvisioningStatus: "disabled"}
	twin := [3]string{`{"site":"north","version":3}`, `{"rate":1.50}`, `{"order":"4711"}`}
	rename := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(rest) }
	model := rename(`"tpm":{`, `"x509":null,"symmetricKey":null,"tpm":{"storageRootKey":null,`, `"tags":{"site":"north","version":3}`, `"tags":{"additionalProperties":{"site":"north","version":3},"count":null,"metadata":null,"version":null}`,
		`"properties":{"desired":{"rate":1.50}}`, `"properties":{"additionalProperties":null,"desired":{"additionalProperties":{"rate":1.50},"count":null,"metadata":null,"version":null}}`,
		`{"order":"4711"}`, `{"additionalProperties":{"order":"4711"},"count":null,"metadata":null,"version":null}`, `"iotHubs"`, `"iotHubHostName":null,"iotHubs"`)
	python := rename("registrationId", "registration_id", "deviceId", "device_id", "optionalDeviceInformation", "optional_device_information", "endorsementKey", "endorsement_key", "iotEdge", "iot_edge",
		"initialTwin", "initial_twin", "provisioningStatus", "provisioning_status", "reprovisionPolicy", "reprovision_policy", "updateHubAssignment", "update_hub_assignment", "migrateDeviceData", "migrate_device_data",
		"allocationPolicy", "allocation_policy", "iotHubs", "iot_hubs", "customAllocationDefinition", "custom_allocation_definition", "webhookUrl", "webhook_url", "apiVersion", "api_version",
		"createdDateTimeUtc", "created_date_time_utc", "lastUpdatedDateTimeUtc", "last_updated_date_time_utc", "registrationState", "registration_state",
		`{"order":"4711"}`, `{"additional_properties":{"order":"4711"}}`)
	dotnet := `{"RegistrationId":"box-1","DeviceId":"Press-7","RegistrationState":null,"Attestation":{"EndorsementKey":"` + ek + `","StorageRootKey":null},"IotHubHostName":null,
 "InitialTwinState":{"Tags":{"site":"north","version":3},"DesiredProperties":{"rate":1.50}},"ProvisioningStatus":"Disabled","CreatedDateTimeUtc":"2023-05-19T23:10:42Z","LastUpdatedDateTimeUtc":null,"ETag":"x",
 "Capabilities":{"IotEdge":true},"ReprovisionPolicy":{"UpdateHubAssignment":true,"MigrateDeviceData":false},"AllocationPolicy":"Custom","IotHubs":["a.azure-devices.net","b.azure-devices.net"],
 "CustomAllocationDefinition":{"WebhookUrl":"https://f.example/api?code=hookcode-0123456789","ApiVersion":"2019-03-31"},"OptionalDeviceInformation":{"order":"4711"}}`
	dresses := map[string]string{
		"the service's": rest, "with metadata": rename(`"tags":{`, `"tags":{"$metadata":{"a":1},"$version":4,`), "az, from its model": model, "Python's as_dict": python, ".NET": dotnet,
		"bulk request": `{"mode":"create","enrollments":[` + rest + "]}", "ConvertTo-Json of Windows PowerShell": "{\n \"value\":  [" + rest + "],\n \"Count\":  1\n}",
		"2017, no type": rename(`"type":"tpm",`, `"generationId":"1e95",`), "az update's slip": rename(`"tags":{`, `"tags":{"additional_properties":null,`),
	}
	tried := 0
	for name, text := range dresses {
		var indented bytes.Buffer
		if err := json.Indent(&indented, []byte(text), "", "  "); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		colour := "\x1b[34;01m" + strings.ReplaceAll(text, `"tpm"`, "\x1b[33m\"tpm\"\x1b[39;49;00m") + "\x1b[39;49;00m\n"
		for layout, data := range map[string]string{
			"alone": text, "in a list": "[" + text + "]", "indented": indented.String(), "CR LF": strings.ReplaceAll("[\n"+indented.String()+"\n]\n", "\n", "\r\n"),
			"UTF-16": "\xff\xfe" + utf16Bytes("["+text+"]\r\n", binary.LittleEndian), "UTF-8, mark": "\xef\xbb\xbf" + text, "jsonc": colour,
		} {
			tried++
			inv, err := Read([]byte(data))
			if err != nil || len(inv.Entries) != 1 || inv.Entries[0].Other != "" {
				t.Errorf("%s, %s: %+v, %v", name, layout, inv.Entries, err)
				continue
			}
			e := inv.Entries[0]
			got := e.Settings
			for i, document := range []*json.RawMessage{&got.InitialTwinTags, &got.InitialTwinProperties, &got.DeviceInformation} {
				if !sameJSON(t, *document, twin[i]) {
					t.Errorf("%s, %s: %s, want %s", name, layout, *document, twin[i])
				}
				*document = nil
			}
			if got.AllocationPolicy, got.ProvisioningStatus = strings.ToLower(got.AllocationPolicy), strings.ToLower(got.ProvisioningStatus); !reflect.DeepEqual(got, want) ||
				e.Record.RegistrationID != "box-1" || e.Record.EndorsementKey != ek {
				t.Errorf("%s, %s: %+v, want %+v", name, layout, got, want)
			}
			if !slices.Contains(inv.NotCopied, "etag") || slices.ContainsFunc(inv.NotCopied, func(s string) bool { return slices.Contains(inv.Copied, s) }) {
				t.Errorf("%s, %s: copied %q, not copied %q", name, layout, inv.Copied, inv.NotCopied)
			}
			if summary := strings.Join(inv.Summary(), "\n"); !strings.Contains(summary, "warning: the web hook") || strings.Contains(summary, "hookcode") || !slices.Contains(inv.Secrets, "hookcode-0123456789") {
				t.Errorf("%s, %s: %s", name, layout, summary)
			}
		}
	}
	t.Logf("%d files", tried)
}

func sameJSON(t *testing.T, a json.RawMessage, b string) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal(a, &x) != nil {
		return false
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

// What is in an enrollment and is no setting of an individual TPM enrollment is
// named; what cannot be written as it stands is written so that it means the same.
func TestWhatIsNotCopiedIsNamed(t *testing.T) {
	start := `{"registrationId":"box-1","attestation":{"type":"tpm","tpm":{"endorsementKey":"` + b64(testEK()) + `"`
	for name, test := range map[string]struct {
		text  string
		lost  []string
		note  string
		check func(enroll.Settings) bool
	}{
		"storage root key": {start + `,"storageRootKey":"AAA="}}}`, []string{"attestation.tpm.storageRootKey"}, "", nil},
		"unknown member":   {start + `}},"future":{"x":1},"etag":"e"}`, []string{"etag", "future"}, "", nil},
		"unknown inside":   {start + `}},"capabilities":{"iotEdge":false,"nested":true}}`, []string{"capabilities.nested"}, "", func(s enroll.Settings) bool { return s.EdgeEnabled != nil && !*s.EdgeEnabled }},
		"a hook without custom": {start + `}},"allocationPolicy":"hashed","customAllocationDefinition":{"webhookUrl":"https://f.example/","apiVersion":"x"}}`,
			[]string{"customAllocationDefinition"}, "", func(s enroll.Settings) bool { return s.WebhookURL == "" }},
		"the older way to name a hub": {start + `}},"iotHubHostName":"h1.azure-devices.net","iotHubs":null}`, nil, "iotHubHostName, the older way to name a hub, is written as iotHubs",
			func(s enroll.Settings) bool { return slices.Equal(s.IoTHubs, []string{"h1.azure-devices.net"}) }},
		"both ways":       {start + `}},"iotHubHostName":"H1.azure-devices.net","iotHubs":["h1.azure-devices.net"]}`, nil, "", func(s enroll.Settings) bool { return len(s.IoTHubs) == 1 }},
		"both, differing": {start + `}},"iotHubHostName":"h2.azure-devices.net","iotHubs":["h1.azure-devices.net"]}`, []string{"iotHubHostName"}, "", nil},
		"a pair of its own": {start + `}},"reprovisionPolicy":{"updateHubAssignment":false,"migrateDeviceData":true}}`, nil, "is written as never",
			func(s enroll.Settings) bool { return s.ReprovisionPolicy == "never" }},
		"null status": {start + `}},"provisioningStatus":null}`, nil, "", func(s enroll.Settings) bool { return s.ProvisioningStatus == "" }},
		"additionalProperties of the user's": {start + `}},"optionalDeviceInformation":{"additionalProperties":{"hello":"world"}}}`, nil, "",
			func(s enroll.Settings) bool {
				return string(s.DeviceInformation) == `{"additionalProperties":{"hello":"world"}}`
			}},
		"capitals": {strings.Replace(start, "box-1", "Box-1", 1) + `}}}`, nil, "registration IDs are written in lower case", nil},
		"a record": {`{"endorsement_key":"` + b64(testEK()) + `"}`, nil, "", func(s enroll.Settings) bool { return reflect.DeepEqual(s, enroll.Settings{}) }},
	} {
		inv, err := Read([]byte(test.text))
		if err != nil || len(inv.Entries) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		e := inv.Entries[0]
		if !slices.Equal(inv.NotCopied, test.lost) || !strings.Contains(strings.Join(inv.Notes, " "), test.note) || test.check != nil && !test.check(e.Settings) {
			t.Errorf("%s: not copied %q, notes %q, %+v", name, inv.NotCopied, inv.Notes, e.Settings)
		}
	}
}

// Enrollments without a TPM are passed by, whoever wrote them. Their keys are known
// as secrets, and stand nowhere else.
func TestOtherAttestationsAreSkipped(t *testing.T) {
	const primary, secondary = "cHJpbWFyeS1rZXktb2YtYS1tYWNoaW5l", "c2Vjb25kYXJ5LWtleS1vZi1hLW1hY2hpbmU="
	tpm := `{"registrationId":"box-1","attestation":{"type":"tpm","tpm":{"endorsementKey":"` + b64(testEK()) + `"}}}`
	for text, want := range map[string]string{
		`{"registrationId":"s","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"` + primary + `","secondaryKey":"` + secondary + `"}}}`:                       "s (symmetricKey)",
		`{"registration_id":"s","attestation":{"type":"symmetricKey","symmetric_key":{"primary_key":"` + primary + `","secondary_key":"` + secondary + `"}}}`:                   "s (symmetricKey)",
		`{"RegistrationId":"s","Attestation":{"PrimaryKey":"` + primary + `","SecondaryKey":"` + secondary + `"}}`:                                                              "s (symmetricKey)",
		`{"registrationId":"s","attestation":{"type":"symmetricKey"}}`:                                                                                                          "s (symmetricKey)",
		`{"registrationId":"x","attestation":{"tpm":null,"type":"x509","x509":{"clientCertificates":{"primary":{"info":{}}}}}}`:                                                 "x (x509)",
		`{"RegistrationId":"x","Attestation":{"ClientCertificates":{}}}`:                                                                                                        "x (x509)",
		`{"enrollmentGroupId":"g","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"` + primary + `","secondaryKey":"` + secondary + `"}}}`:                    "g (an enrollment group)",
		`{"mode":"create","enrollmentGroups":[{"enrollmentGroupId":"h","attestation":{"type":"x509"}}]}`:                                                                        "h (an enrollment group)",
		`{"registrationId":"n","attestation":{"type":"none"}}`:                                                                                                                  "n (none)",
		`{"registrationId":"bad` + `\u001b","attestation":{"type":"x509"}}`:                                                                                                     "bad? (x509)",
		`{"registrationId":"s","allocationPolicy":"nonsense","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"` + primary + `","secondaryKey":"b","x":"y"}}}`: "s (symmetricKey)",
	} {
		inv, err := Read([]byte("[" + tpm + "," + text + "]"))
		if err != nil || len(inv.Entries) != 2 || inv.Others() != want || len(inv.Records()) != 1 {
			t.Errorf("%s: %q, %v, want %q", text, inv.Others(), err, want)
		}
		if !strings.Contains(strings.Join(inv.Summary(), "\n"), "skipped because they have no TPM: "+want) {
			t.Errorf("%s: %q", text, inv.Summary())
		}
		if strings.Contains(text, primary) && !strings.Contains(text, "Group") && !slices.Contains(inv.Secrets, primary) {
			t.Errorf("%s: secrets %q", text, inv.Secrets)
		}
		inv.Secrets = nil
		if shown := fmt.Sprintf("%+v", inv); strings.Contains(shown, primary) || strings.Contains(shown, secondary) {
			t.Errorf("%s: %s", text, shown)
		}
	}
}

// What comes from the same tools and cannot be read is refused in words, with what
// to type.
func TestRefusedInWords(t *testing.T) {
	start := `{"registrationId":"box-1","attestation":{"type":"tpm","tpm":{"endorsementKey":"` + b64(testEK()) + `"}}`
	const yaml, table = "it is YAML (-o yaml), not records in JSON; write it with az iot dps enrollment list -o json", "it is a table for people (-o table)"
	for name, test := range map[string]struct{ text, want string }{
		"yaml, list":              {"- allocationPolicy: hashed\n  attestation:\n    tpm:\n      endorsementKey: AToA\n  registrationId: box-1\n", "line 1: not a valid record: " + yaml},
		"yaml, one":               {"allocationPolicy: hashed\nattestation:\n  type: tpm\n", yaml},
		"yaml, marked":            {"---\nregistrationId: box-1\n", yaml},
		"yamlc":                   {"\x1b[94mallocationPolicy\x1b[39;49;00m: hashed\nattestation:\n", yaml},
		"table":                   {"AllocationPolicy    DeviceId    RegistrationId\n------------------  ----------  ----------------\nhashed              box-7       box-7\n", table},
		"table, one column":       {"RegistrationId\n----------------\nbox-7\n", table},
		"tsv":                     {"hashed\t2024-05-02T10:11:12\tbox-7\tbox-7\n", "it is a table with tabs (-o tsv)"},
		"az's warning":            {"WARNING: The behavior of this command has been altered by the following extension: azure-iot\n[]", "it is a message of az, not records in JSON: send only its output to the file (without 2>&1)"},
		"az's error":              {"ERROR: (ResourceNotFound) x\n", "it is a message of az"},
		"az, preview":             {"Command group 'iot dps' is in preview and under development.\n{}", "it is a message of az"},
		"PowerShell's depth":      {`{"registrationId":"box-1","attestation":{"type":"tpm","tpm":"@{endorsementKey=AToA; storageRootKey=}"}}`, "box-1: attestation.tpm has only the text that PowerShell writes for what lies deeper than -Depth: write it again with ConvertTo-Json -Depth 10"},
		"PowerShell's depth, 2":   {`{"registrationId":"box-1","attestation":"@{tpm=; type=tpm}"}`, "ConvertTo-Json -Depth 10"},
		"PowerShell's depth, 3":   {start + `,"initialTwin":{"tags":"System.Object"}}`, "initialTwin.tags has only the text that PowerShell"},
		".NET's numbers":          {start + `,"allocationPolicy":0}`, "allocationPolicy has a number where a string belongs, as .NET writes its enumerations"},
		"bulk result":             {`{"errors":[],"isSuccessful":true}`, "it is the answer to a bulk request, which says what was refused, not an enrollment; ask for the enrollments: az iot dps enrollment list -o json"},
		"bulk result, .NET":       {`{"IsSuccessful":false,"Errors":[{"RegistrationId":"x","ErrorCode":409201}]}`, "it is the answer to a bulk request"},
		"registration":            {`{"assignedHub":"h","deviceId":"box-7","registrationId":"box-7","status":"assigned"}`, "it is a registration, which says where a machine was assigned"},
		"error":                   {`{"errorCode":401002,"trackingId":"t","message":"Unauthorized"}`, "it is an error that DPS answered"},
		"device of a hub":         {`[{"deviceId":"box-7","authentication":{"symmetricKey":{}}}]`, "it is a device of an IoT Hub, which does not know its TPM"},
		"devices of a hub, query": {`[{"deviceId":"box-7","authenticationType":"sas"}]`, "it is a device of an IoT Hub"},
		"attestation mechanism":   {`{"type":"symmetricKey","symmetricKey":{"primaryKey":"cHJpbWFyeQ==","secondaryKey":"x"}}`, "it is an attestation alone, without a registration ID"},
		"a DPS":                   {`[{"id":"/subscriptions/1/resourceGroups/x","name":"dps"}]`, "it is a resource of Azure"},
		"no attestation":          {`{"registrationId":"box-1","attestation":null}`, "box-1: it has no attestation"},
		"no key":                  {`{"registrationId":"box-1","attestation":{"type":"tpm","tpm":{}}}`, "box-1: it is for a TPM, and has no endorsement key"},
		"no TPM in it":            {`{"registrationId":"box-1","attestation":{"type":"tpm"}}`, "box-1: it is for a TPM, and has no endorsement key"},
		"two attestations":        {strings.Replace(start, `"type":"tpm"`, `"type":"x509"`, 1) + "}", `box-1: its attestation is of the type "x509" and has a TPM's key`},
		"no ID":                   {strings.Replace(start, "box-1", "", 1) + "}", "it is empty"},
		"a bad ID":                {strings.Replace(start, "box-1", "AAaV%2b", 1) + "}", `invalid registration ID "AAaV%2b": "%" is not a letter`},
		"a cut key":               {start[:300] + `"}}}`, "the endorsement key is cut short"},
		"twice":                   {start + `,"deviceId":"a","deviceId":"b"}`, "deviceId appears twice"},
		"twice, two spellings":    {start + `,"device_id":"a","deviceId":"b"}`, "device_id appears twice, once as deviceId"},
		"a kind":                  {start + `,"deviceId":["a"]}`, "box-1: deviceId has a list where a string belongs"},
		"a kind, inside":          {start + `,"capabilities":{"iotEdge":"yes"}}`, "capabilities.iotEdge has a string where true or false belongs"},
		"a kind, hubs":            {start + `,"iotHubs":"h1.azure-devices.net"}`, "iotHubs has a string where a list of strings belongs"},
		"a policy":                {start + `,"allocationPolicy":"random"}`, "box-1: allocation-policy \"random\": choose one of hashed"},
		"custom without its hook": {start + `,"allocationPolicy":"custom"}`, "box-1: allocation-policy custom needs webhook-url"},
		"half a policy":           {start + `,"reprovisionPolicy":{"updateHubAssignment":true}}`, "reprovisionPolicy needs updateHubAssignment and migrateDeviceData"},
	} {
		inv, err := Read([]byte(test.text))
		if err == nil || !errors.Is(err, identity.ErrRecord) || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "line 1: ") || len(inv.Entries) > 0 {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		} else if fault := badWords(strings.TrimSuffix(strings.ReplaceAll(err.Error(), "Object", ""), " _ :")); fault != "" {
			t.Errorf("%s: %v: has %q", name, err, fault)
		}
	}
}

// Lines are those of the file, also in a list that lies in an object.
func TestLinesOfEnrollments(t *testing.T) {
	e := func(id string, n int) string {
		return `{"registrationId":"` + id + `","attestation":{"type":"tpm","tpm":{"endorsementKey":"` + b64(numberedEK(n)) + "\"}}}"
	}
	for _, text := range []string{
		"[\n" + e("a", 1) + ",\n\n" + e("b", 2) + "\n]", "{\"mode\":\"create\",\n\"enrollments\":[" + e("a", 1) + ",\n\n" + e("b", 2) + "]}", "\n" + e("a", 1) + "\n\n" + e("b", 2),
	} {
		inv, err := Read([]byte(text))
		if err != nil || len(inv.Entries) != 2 || inv.Entries[0].Line != 2 || inv.Entries[1].Line != 4 {
			t.Errorf("%.60q: %+v, %v", text, inv.Entries, err)
		}
		_, err = Read([]byte(strings.Replace(text, `"b"`, `"b`+"\u00fc"+`"`, 1)))
		if err == nil || !strings.HasPrefix(err.Error(), "line 4: not a valid record: b") {
			t.Errorf("%.60q: %v", text, err)
		}
	}
}

// However a file with keys of other machines is damaged, no part of a key is shown.
func TestDamageShowsNoKey(t *testing.T) {
	const key = "c2VjcmV0S2V5T2ZBTWFjaGluZVRoYXRJc09idGFpbmVk"
	text := `[{"registrationId":"s","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"` + key + `","secondaryKey":"` + key + `"}},"etag":"e"}]`
	from := strings.Index(text, `"symmetricKey":{`)
	shows := func(message string) bool {
		for i := 0; i+6 <= len(key); i++ {
			if strings.Contains(message, key[i:i+6]) {
				return true
			}
		}
		return false
	}
	tried := 0
	for at := from; at < len(text); at++ {
		for _, damaged := range []string{text[:at], text[:at] + text[at+1:], text[:at] + `"` + text[at:], text[:at] + "\n" + text[at:], text[:at] + "{" + text[at:], text[:at] + `":` + text[at+1:]} {
			tried++
			inv, err := Read([]byte(damaged))
			if err != nil && shows(err.Error()) {
				t.Fatalf("%s: %v", damaged, err)
			}
			if shows(strings.Join(inv.Summary(), " ") + inv.Others()) {
				t.Fatalf("%s: %q", damaged, inv.Summary())
			}
		}
	}
	t.Logf("%d files", tried)
}
