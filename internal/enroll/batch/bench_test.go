package batch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/audit"
	"tpmdps/internal/dps"
	"tpmdps/internal/emulator"
	"tpmdps/internal/environment"
	"tpmdps/internal/operator"
	"tpmdps/internal/secretfile"
)

// ekNumber is an endorsement key of its own for each number: a public area as chips have
// it, with a modulus that nobody knows the factors of.
func ekNumber(n int) string {
	public := tpm2.RSAEKTemplate
	var modulus []byte
	for i := range 8 {
		part := sha256.Sum256(fmt.Append(nil, n, "/", i))
		modulus = append(modulus, part[:]...)
	}
	modulus[0] |= 0x80
	modulus[255] |= 1
	public.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: modulus})
	return base64.StdEncoding.EncodeToString(tpm2.Marshal(tpm2.New2B(public)))
}

// boxes are the records from..to-1.
func boxes(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "{\"registration_id\":\"box-%d\",\"endorsement_key\":%q}\n", i, ekNumber(i))
	}
	return b.String()
}

// bench is a service, and where a batch and its files are.
type bench struct {
	t      testing.TB
	dir    string
	server *emulator.Server

	mu        sync.Mutex
	requests  map[string]int // by method and path, of bulk with its mode
	onRequest func()         // called when a request arrives
	sent      map[string]int // by registration ID, how often it was in a request that writes
}

func newBench(t testing.TB, o emulator.Options) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), requests: map[string]int{}, sent: map[string]int{}}
	if hook := o.Arrived; hook != nil {
		o.Arrived = func(r *http.Request) { hook(r); b.arrived(r) }
	} else {
		o.Arrived = b.arrived
	}
	var err error
	if b.server, err = emulator.New(o); err != nil {
		t.Fatal(err)
	}
	if err := b.server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.server.Close() })
	return b
}

// peek reads the body of a request, and leaves it there.
func peek(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, err
}

// brings tells whether it is the bulk request with a machine. Several are under way at
// once: which of them is the first to arrive, nobody knows.
func brings(r *http.Request, id string) (bool, error) {
	if r.Method != http.MethodPost || r.URL.Path != "/enrollments" {
		return false, nil
	}
	body, err := peek(r)
	return bytes.Contains(body, fmt.Appendf(nil, "%q", id)), err
}

func (b *bench) arrived(r *http.Request) {
	body, err := peek(r)
	if err != nil {
		return // it was cut off
	}
	var bulk struct {
		Mode        string           `json:"mode"`
		Enrollments []dps.Enrollment `json:"enrollments"`
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	name := r.Method + " " + strings.SplitN(r.URL.Path, "/", 3)[1]
	if r.Method == http.MethodPost && r.URL.Path == "/enrollments" && json.Unmarshal(body, &bulk) == nil {
		name += " " + bulk.Mode
		for _, e := range bulk.Enrollments {
			b.sent[e.RegistrationID]++
		}
	}
	if r.Method == http.MethodPut {
		b.sent[filepath.Base(r.URL.Path)]++
	}
	b.requests[name]++
	if b.onRequest != nil {
		b.onRequest()
	}
}

// fastDir is a folder in memory, where there is one: of a test that brings thousands of
// lines to the disk and is not about the disk.
func fastDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "batch-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// openOperator is who asks the service at an address.
func openOperator(connectionString string, transport http.RoundTripper, retrying func(dps.Retry)) (*operator.Operator, error) {
	return operator.Open(context.Background(), operator.Options{
		AuthType: "key", Credential: "default", Key: operator.Key{Text: connectionString, Source: "test"},
		Client:      dps.ClientOptions{HTTPClient: &http.Client{Transport: transport}, RetryDelay: time.Millisecond, Retrying: retrying},
		Environment: environment.Of(nil, false), Files: secretfile.Policy{Warn: func(string) {}},
		Warn: func(string) {}, Inform: func(string) {}, Learn: func(...string) {},
		Await: func(_ context.Context, _ string, f func()) error { f(); return nil },
	})
}

// result is what came of a run.
type result struct {
	Tally
	outcomes map[string]Outcome
	warnings []string
	err      error
}

// run enrolls a text as the program does, with change made to what is usual.
func (b *bench) run(ctx context.Context, text string, change func(*Bulk)) result {
	b.t.Helper()
	var r result
	r.outcomes = map[string]Outcome{}
	pace := NewPace(1_000_000, nil)
	who, err := openOperator(b.server.ConnectionString(), b.server.InProcess(), func(r dps.Retry) {
		if r.Status == http.StatusTooManyRequests {
			pace.Throttled(r.In)
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
	bulk := Bulk{
		Run:   Run{Service: who, Warn: func(m string) { r.warnings = append(r.warnings, m) }, Stops: stopsTest},
		Again: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
		Judge: func(err error) Failure { return Failure{Error: err.Error(), Code: 1} }, RemoteCheck: true, Pace: pace,
		Each: func(o Outcome) error { r.outcomes[o.Item.RegistrationID] = o; return nil },
	}
	if bulk.Results, err = OpenResults(b.path("results"), b.server.Endpoint()); err != nil {
		b.t.Fatal(err)
	}
	if change != nil {
		change(&bulk)
	}
	defer bulk.Results.Close()
	if bulk.Look == nil {
		if bulk.Look, err = LookAt(strings.NewReader(text), bulk.Settings); err != nil {
			b.t.Fatal(err)
		}
	}
	r.Tally, r.err = bulk.Enroll(ctx)
	return r
}

// runWaiting is run where waiting takes no time: in a bubble of synctest, whose clock
// goes when all goroutines in it wait.
func (b *bench) runWaiting(t *testing.T, text string, change func(*Bulk)) (r result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { r = b.run(t.Context(), text, change) })
	return r
}

// throttling gives a service a clock that goes on with each request, however long that
// took. It starts when that of synctest does, so that the tokens of a bubble are valid.
func throttling(o emulator.Options, step time.Duration) emulator.Options {
	var arrived atomic.Int64
	began := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	o.Arrived = func(*http.Request) { arrived.Add(1) }
	o.Now = func() time.Time { return began.Add(time.Duration(arrived.Load()) * step) }
	return o
}

// stopsTest says of a lost network, and of a refused operator, that all else would fail.
func stopsTest(err error) bool {
	return dps.HasStatus(err, http.StatusUnauthorized) || errors.Is(err, context.Canceled) || errors.Is(err, dps.ErrMalformed)
}

// withTrail opens an audit trail.
func (b *bench) withTrail(bulk *Bulk) {
	b.t.Helper()
	trail, err := audit.Open(context.Background(), b.path("trail"), nil, audit.Notices{})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { trail.Close() })
	bulk.Trail = NewTrail(trail, audit.Entry{Service: b.server.Endpoint()}, func(s string) string { return s })
}

// stored are the enrollments that the service has.
func (b *bench) stored() map[string]dps.Enrollment {
	b.t.Helper()
	who, err := openOperator(b.server.ConnectionString(), b.server.InProcess(), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	all := map[string]dps.Enrollment{}
	for e, err := range who.Enrollments(context.Background(), dps.AllEnrollments, 0) {
		if err != nil {
			b.t.Fatal(err)
		}
		all[e.RegistrationID] = e
	}
	return all
}

// lines reads the results file: the results of each machine, and how many intents there
// are. A line that is not whole is an error.
func (b *bench) lines() (results map[string][]ResultLine, intents map[string]int) {
	b.t.Helper()
	results, intents = map[string][]ResultLine{}, map[string]int{}
	data, err := os.ReadFile(b.path("results"))
	if err != nil {
		b.t.Fatal(err)
	}
	for raw := range bytes.Lines(data) {
		var l ResultLine
		if err := json.Unmarshal(raw, &l); err != nil || !bytes.HasSuffix(raw, []byte("\n")) {
			b.t.Fatalf("a torn line: %q: %v", raw, err)
		}
		if l.Stage == StageIntent {
			intents[l.RegistrationID]++
		} else {
			results[l.RegistrationID] = append(results[l.RegistrationID], l)
		}
	}
	return results, intents
}

// put makes an enrollment by hand.
func (b *bench) put(e dps.Enrollment) {
	b.t.Helper()
	who, err := openOperator(b.server.ConnectionString(), b.server.InProcess(), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := who.PutEnrollment(context.Background(), e, ""); err != nil {
		b.t.Fatal(err)
	}
}

func tpmEnrollment(id string, n int) dps.Enrollment {
	return dps.Enrollment{RegistrationID: id, Attestation: dps.Attestation{Type: "tpm", TPM: &dps.TPMAttestation{EndorsementKey: ekNumber(n)}}}
}
