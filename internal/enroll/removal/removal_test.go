package removal

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/audit"
	"tpmdps/internal/dps"
	"tpmdps/internal/enroll"
	"tpmdps/internal/enroll/batch"
	"tpmdps/internal/operator"
)

const anEnrollment = `{"registrationId":"box-7","etag":"e1","attestation":{"type":"tpm","tpm":{"endorsementKey":"AAEC"}}}`

// run is a run at a service with one enrollment and a registration, which answers to a
// DELETE with a status, and lists the paths that were written to.
func run(t *testing.T, trail string, status int) (Run, *[]string) {
	t.Helper()
	wrote := &[]string{}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet:
			*wrote = append(*wrote, r.URL.Path)
			w.WriteHeader(status)
			if status >= 400 {
				w.Write([]byte(`{"errorCode":` + map[int]string{412: "412001", 403: "403001"}[status] + `,"message":"no"}`))
			}
		case strings.HasPrefix(r.URL.Path, "/registrations"):
			w.Write([]byte(`{"registrationId":"box-7","status":"assigned","etag":"r1"}`))
		default:
			w.Write([]byte(anEnrollment))
		}
	}))
	t.Cleanup(s.Close)
	client, err := dps.NewServiceClient(s.URL, dps.SharedAccessToken("SharedAccessSignature sr=x&sig=y&se=2000000000&skn=p"), dps.ClientOptions{HTTPClient: s.Client(), RetryDelay: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	file, err := audit.Open(t.Context(), trail, nil, audit.Notices{})
	if err != nil {
		t.Fatal(err)
	}
	on := batch.NewTrail(file, audit.Entry{Service: "s"}, func(s string) string { return s })
	t.Cleanup(func() { on.Close() })
	return Run{Service: &operator.Operator{ServiceClient: client}, Trail: on, Policy: enroll.RemovalPolicy{Delete: true, Registration: true}, Reason: "sold",
		Stops: func(error) bool { return false }}, wrote
}

// lines are a trail's, as stage, action and result.
func lines(t *testing.T, path string) (all []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var e audit.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.TrimSpace(string(e.Stage)+" "+e.Action+" "+e.Result))
	}
	return all
}

// Enrollment and registration go in this order, on record; after a refusal nothing more
// is done, and a dry run does nothing.
func TestRemove(t *testing.T) {
	target := Target{Target: enroll.Target{RegistrationID: "box-7"}}
	for name, tt := range map[string]struct {
		status      int
		dryRun      bool
		wrote, says string
		is          error
	}{
		"done":    {204, false, "/enrollments/box-7 /registrations/box-7", "intent delete,outcome delete done,intent delete-registration,outcome delete-registration done", nil},
		"changed": {412, false, "/enrollments/box-7", "intent delete,outcome delete failed", enroll.ErrChanged},
		"dry run": {204, true, "", "", nil},
	} {
		path := filepath.Join(t.TempDir(), "trail")
		r, wrote := run(t, path, tt.status)
		r.DryRun = tt.dryRun
		o := r.Remove(t.Context(), target)
		if !errors.Is(o.Err, tt.is) || o.OffRecord != nil || o.Item.Action != enroll.Delete || o.Wrote != (tt.status == 204 && !tt.dryRun) {
			t.Errorf("%s: %+v", name, o)
		}
		if got := strings.Join(*wrote, " "); got != tt.wrote {
			t.Errorf("%s: wrote to %q, want %q", name, got, tt.wrote)
		}
		if got := strings.Join(lines(t, path), ","); got != tt.says {
			t.Errorf("%s: the trail says %q, want %q", name, got, tt.says)
		}
	}
	r, wrote := run(t, filepath.Join(t.TempDir(), "trail"), 204)
	if o := r.Remove(t.Context(), Target{Target: target.Target, Other: "x509"}); !errors.Is(o.Err, enroll.ErrNotOurs) || o.Item.Action != enroll.Skipped || len(*wrote) > 0 {
		t.Errorf("another attestation: %+v", o)
	}
}

// What a killed run left open is told from what is there now.
func TestResultOf(t *testing.T) {
	gone, disabled := enroll.Removal{Action: enroll.Unchanged}, enroll.Removal{Action: enroll.Unchanged, Found: "disabled", ETag: "e2"}
	same := enroll.Removal{Action: enroll.Delete, Found: "enabled", ETag: "e1"}
	other := enroll.Removal{Action: enroll.Disable, Found: "enabled", ETag: "e3"}
	noRecord := enroll.Removal{Action: enroll.Unchanged, RegistrationAction: enroll.Unchanged}
	for _, tt := range []struct {
		action string
		found  enroll.Removal
		want   string
	}{
		{"delete", gone, batch.ResultDone},
		{"delete", same, batch.ResultNotDone},
		{"delete", disabled, batch.ResultUnknown},
		{"delete", other, batch.ResultUnknown},
		{"disable", disabled, batch.ResultDone},
		{"disable", same, batch.ResultNotDone},
		{"disable", gone, batch.ResultUnknown},
		{"disable", other, batch.ResultUnknown},
		{actRegistration, gone, ""},
		{actRegistration, noRecord, batch.ResultDone},
		{actRegistration, enroll.Removal{RegistrationAction: enroll.Delete}, batch.ResultUnknown},
		{"create", gone, ""},
		{"update", disabled, ""},
		{"update", same, batch.ResultNotDone},
		{"update", other, batch.ResultUnknown},
	} {
		if got := resultOf(audit.Line{Entry: audit.Entry{Action: tt.action, ETag: "e1"}}, tt.found); got != tt.want {
			t.Errorf("%s, found %+v: %q, want %q", tt.action, tt.found, got, tt.want)
		}
	}
}

// What a run ends with.
func TestConclude(t *testing.T) {
	done, failed, stops := Outcome{}, Outcome{Err: enroll.ErrChanged}, Outcome{Err: context.DeadlineExceeded, Stops: true}
	for name, tt := range map[string]struct {
		outcomes []Outcome
		machines int
		ended    error
		is       error
		says     string
	}{
		"all done":          {[]Outcome{done, done}, 2, nil, nil, ""},
		"ended at the end":  {[]Outcome{done, done}, 2, context.Canceled, nil, ""},
		"ended before":      {[]Outcome{done}, 2, context.Canceled, context.Canceled, "stopped: 1 of 2 done, 0 failed, 1 not tried"},
		"the only one":      {[]Outcome{failed}, 1, nil, enroll.ErrChanged, "it was changed meanwhile"},
		"one of two":        {[]Outcome{failed, done}, 2, nil, ErrPartly, "1 of 2 done, 1 failed, 0 not tried; the last error: it was"},
		"the network went":  {[]Outcome{done, stops}, 4, nil, context.DeadlineExceeded, "stopped: 1 of 4 done, 1 failed, 2 not tried"},
		"it never was":      {[]Outcome{stops}, 4, nil, context.DeadlineExceeded, ""},
		"off the record":    {[]Outcome{{OffRecord: batch.ErrOffRecord}}, 3, nil, batch.ErrOffRecord, ""},
		"failed, off it":    {[]Outcome{{Err: enroll.ErrChanged, OffRecord: batch.ErrOffRecord}}, 1, nil, batch.ErrOffRecord, "changed meanwhile"},
		"stops after a few": {[]Outcome{failed, stops}, 3, nil, context.DeadlineExceeded, "0 of 3 done, 2 failed, 1 not tried"},
	} {
		err := Conclude(tt.outcomes, tt.machines, tt.ended)
		if !errors.Is(err, tt.is) || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %v, %q", name, err, tt.is, tt.says)
		}
	}
}

// The next step names the hub, the device and the way back.
func TestNext(t *testing.T) {
	assigned := enroll.Removal{RegistrationID: "box-7", Action: enroll.Disable, Found: "enabled", AssignedHub: "plant.azure-devices.net", DeviceID: "it's"}
	deleted, missing, already := assigned, enroll.Removal{Action: enroll.Unchanged}, enroll.Removal{RegistrationID: "box-7", Action: enroll.Unchanged, Found: "disabled"}
	deleted.Action = enroll.Delete
	ids := Source{DPS: "plant.azure-devices-provisioning.net"}
	for name, tt := range map[string]struct {
		item   enroll.Removal
		source Source
		want   []string
	}{
		"disabled by ID":     {assigned, ids, []string{"az iot dps enrollment update --dps-name plant --enrollment-id box-7 --provisioning-status enabled", `az iot hub device-identity update --hub-name plant --device-id 'it'\''s' --status disabled`}},
		"deleted by ID":      {deleted, ids, []string{"tpmdps enroll on the machine", "az iot hub device-identity delete --hub-name plant --device-id"}},
		"of a file":          {already, Source{File: "my batch"}, []string{"tpmdps enroll --from 'my batch' --provisioning-status enabled --update"}},
		"of the chip":        {already, Source{Chip: true, IDFormat: "hex"}, []string{"tpmdps enroll --id-format hex --provisioning-status enabled --update"}},
		"another host":       {already, Source{DPS: "127.0.0.1:443"}, []string{"--dps-name NAME "}},
		"there was nothing":  {missing, ids, nil},
		"not in DPS, a file": {missing, Source{File: "my batch"}, []string{"if the machine is enrolled under another ID: tpmdps enroll --from 'my batch' --dry-run names it; to remove it: tpmdps unenroll --registration-id ID"}},
		"not in DPS, a chip": {missing, Source{Chip: true}, []string{"tpmdps enroll --dry-run names it"}},
		"its other form":     {enroll.Removal{Action: enroll.Unchanged, Others: []enroll.Other{{RegistrationID: "x"}}}, Source{Chip: true}, nil},
		"refused":            {enroll.SkipRemoval("box-7", "x509"), ids, nil},
	} {
		got := Next(tt.item, tt.source)
		if got == nil || len(got) != len(tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
			continue
		}
		for i, words := range tt.want {
			if !strings.Contains(got[i], words) {
				t.Errorf("%s: %q, want %q", name, got[i], words)
			}
		}
	}
}

// Each machine once, whatever the case of its ID.
func TestNamed(t *testing.T) {
	if got := Named([]string{"box-7", "BOX-7", "box-8", "box-7"}); len(got) != 2 || got[0].RegistrationID != "box-7" || got[1].RegistrationID != "box-8" || got[0].EK != nil {
		t.Errorf("%+v", got)
	}
}
