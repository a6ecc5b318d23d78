//go:build linux

package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/audit"
	"tpmdps/internal/dps"
	"tpmdps/internal/emulator"
	"tpmdps/internal/enroll/batch"
)

// office is where batches are enrolled: a service, and a folder with the batch and what comes
// of it.
type office struct {
	server   *emulator.Server
	dir      string
	machines int
}

// newOffice has a batch of so many machines. Its folder is in memory, where there is one: what
// is measured is the program, not this machine's disk.
func newOffice(t testing.TB, machines int, o emulator.Options) *office {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "tpmdps-bench-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	f := &office{dir: dir, machines: machines}
	if f.server, err = emulator.New(o); err != nil {
		t.Fatal(err)
	}
	if err := f.server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.server.Close() })
	if err := os.WriteFile(f.path("ca.pem"), f.server.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	writeMachines(t, f.path("batch.jsonl"), machines)
	return f
}

func (f *office) path(name string) string { return filepath.Join(f.dir, name) }

// connection is the connection string by which the service is reached at a host.
func (f *office) connection(host string) string {
	return strings.ReplaceAll(f.server.ConnectionString(), f.server.Host(), host)
}

// enroll is the program at the batch, by way of a host.
func (f *office) enroll(t testing.TB, host string, args ...string) job {
	return job{
		env:  []string{"SSL_CERT_FILE=" + f.path("ca.pem"), "PROVISIONING_CONNECTION_STRING=" + f.connection(host), "TMPDIR=" + f.dir},
		dir:  f.dir,
		args: append([]string{program(t), "enroll", "--from", f.path("batch.jsonl"), "--timeout", "1h"}, args...),
	}
}

// stored are the enrollments that the service has.
func (f *office) stored(t testing.TB) map[string]dps.Enrollment {
	t.Helper()
	who, err := dps.ParseConnectionString(f.server.ConnectionString())
	if err != nil {
		t.Fatal(err)
	}
	client, err := dps.NewServiceClient(f.server.Endpoint(), dps.SharedKey(who), dps.ClientOptions{
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.server.Roots()}}}, RetryDelay: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	// A service in trouble can refuse a request and all of its tries.
	var all map[string]dps.Enrollment
	for range mostRestarts {
		if all, err = listed(t.Context(), client); err == nil {
			return all
		}
	}
	t.Fatal(err)
	return nil
}

func listed(ctx context.Context, client *dps.ServiceClient) (map[string]dps.Enrollment, error) {
	all := map[string]dps.Enrollment{}
	for e, err := range client.Enrollments(ctx, dps.AllEnrollments, 0) {
		if err != nil {
			return nil, err
		}
		all[e.RegistrationID] = e
	}
	return all, nil
}

// check has the service hold exactly the batch, each machine with its own key and written
// once, and the results file one final line for each machine, which says so.
func (f *office) check(t testing.TB) {
	t.Helper()
	stored := f.stored(t)
	if len(stored) != f.machines {
		t.Errorf("the service has %d enrollments of %d", len(stored), f.machines)
	}
	final := map[string]int{}
	for _, l := range f.results(t) {
		if l.Stage == batch.StageResult && l.Result != batch.ResultFailed {
			final[l.RegistrationID]++
		}
	}
	for r := range machines(f.machines) {
		e, is := stored[r.RegistrationID]
		switch {
		case !is || e.Attestation.TPM == nil || e.Attestation.TPM.EndorsementKey != r.EndorsementKey:
			t.Errorf("%s is not enrolled with its key", r.RegistrationID)
		case e.CreatedAt != e.UpdatedAt:
			t.Errorf("%s was enrolled twice: %s, %s", r.RegistrationID, e.CreatedAt, e.UpdatedAt)
		}
		if n := final[r.RegistrationID]; n != 1 {
			t.Errorf("%s has %d final lines", r.RegistrationID, n)
		}
	}
}

// results are the lines of the results file, all of which have to be whole.
func (f *office) results(t testing.TB) (lines []batch.ResultLine) {
	t.Helper()
	data, err := os.ReadFile(f.path("batch.jsonl.results.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for raw := range bytes.Lines(data) {
		var l batch.ResultLine
		if err := json.Unmarshal(raw, &l); err != nil || !bytes.HasSuffix(raw, []byte("\n")) {
			t.Fatalf("a torn line: %q: %v", raw, err)
		}
		lines = append(lines, l)
	}
	return lines
}

// checkTrail has the trail be whole, without open intents, and with one outcome for each
// machine that says it was enrolled.
func (f *office) checkTrail(t testing.TB) {
	t.Helper()
	data, err := os.ReadFile(f.path("trail.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	report, err := audit.Verify(bytes.NewReader(data), audit.Options{})
	if err != nil || len(report.Open) != 0 {
		t.Errorf("the trail: %d intents are open, %v", len(report.Open), err)
	}
	done, lines := map[string]int{}, map[string]string{}
	for raw := range bytes.Lines(data) {
		var e audit.Entry
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		lines[e.RegistrationID] += string(raw)
		if e.Stage == audit.Outcome && e.Result == batch.ResultDone {
			done[e.RegistrationID]++
		}
	}
	for i := range f.machines {
		if n := done[machineID(i)]; n == 0 {
			t.Errorf("the trail does not say that %s was enrolled:\n%s", machineID(i), lines[machineID(i)])
		}
	}
}
