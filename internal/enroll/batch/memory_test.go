package batch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tpmdps/internal/enroll"
)

// A batch of 100,000 machines is enrolled in memory that hardly grows with it. The
// service has none of them, then all; it is one that keeps nothing, so that what is
// measured is the run.
func TestMemoryOfALongBatch(t *testing.T) {
	const records, mostMB = 100_000, 100
	path := filepath.Join(t.TempDir(), "batch")
	writeLongBatch(t, path, records)
	open := func() (io.ReadCloser, error) { return os.Open(path) }
	in, err := open()
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var peak uint64
	measure := func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapInuse+m.StackInuse)
	}
	look, err := LookAt(in, enroll.Settings{})
	if err != nil || in.Close() != nil || look.Records != records {
		t.Fatalf("%d records, %v", look.Records, err)
	}
	measure()
	results, err := OpenResults(filepath.Join(fastDir(t), "results"), "https://plant.example")
	if err != nil {
		t.Fatal(err)
	}
	defer results.Close()
	who, err := openOperator("HostName=plant.example;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0LW9mLXRoZS1wb2xpY3k=", roundTripper(forgetful), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	tally, err := Bulk{
		Run:  Run{Service: who, Warn: func(string) {}, Stops: stopsTest},
		Look: look, Again: open, Results: results, RemoteCheck: true, Pace: NewPace(100_000_000, nil),
		Judge: func(err error) Failure { return Failure{Error: err.Error()} },
		Each: func(o Outcome) error {
			if n++; n%2000 == 0 {
				measure()
			}
			return o.Err
		},
	}.Enroll(context.Background())
	if err != nil || tally.Created != records {
		t.Fatalf("%+v, %v", tally, err)
	}
	t.Logf("peak: %d MB for %d machines", peak>>20, records)
	if peak>>20 > mostMB {
		t.Errorf("peak: %d MB, at most %d are allowed", peak>>20, mostMB)
	}
}

// forgetful is a service that has nothing, and says of everything that it is done.
func forgetful(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	if strings.HasSuffix(r.URL.Path, "/query") {
		return answerOf(r, http.StatusOK, "[]"), nil
	}
	return answerOf(r, http.StatusOK, `{"errors":[],"isSuccessful":true}`), nil
}

// writeLongBatch writes records, the keys of which differ in their last bytes.
func writeLongBatch(t *testing.T, path string, records int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	key := ekNumber(0)
	const digits = 8
	at := len(key) - 40 // inside of the modulus
	var b bytes.Buffer
	for i := range records {
		fmt.Fprintf(&b, "{\"registration_id\":\"box-%d\",\"endorsement_key\":%q,\"host\":{\"serial\":\"S-%d\"}}\n", i, key[:at]+fmt.Sprintf("%0*d", digits, i)+key[at+digits:], i)
		if b.Len() > 1<<20 || i == records-1 {
			if _, err := f.Write(b.Bytes()); err != nil {
				t.Fatal(err)
			}
			b.Reset()
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
