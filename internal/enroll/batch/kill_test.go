package batch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"crypto/tls"
	"crypto/x509"

	"tpmdps/internal/audit"
	"tpmdps/internal/emulator"
	"tpmdps/internal/enroll"
)

// childVariable makes the test binary the one run that TestKilledRuns kills; its value
// is the folder with the batch.
const childVariable = "TPMDPS_TEST_BULK"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child enrolls the batch in a folder, with a results file and a trail.
func child(dir string) error {
	at := func(name string) string { return dir + string(os.PathSeparator) + name }
	read := func(name string) string { data, _ := os.ReadFile(at(name)); return string(data) }
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(read("ca")))
	who, err := openOperator(read("cs"), &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, nil)
	if err != nil {
		return err
	}
	results, err := OpenResults(at("results"), read("endpoint"))
	if err != nil {
		return err
	}
	trail, err := audit.Open(context.Background(), at("trail"), nil, audit.Notices{})
	if err != nil {
		return err
	}
	look, err := LookAt(strings.NewReader(read("batch")), enroll.Settings{})
	if err != nil {
		return err
	}
	_, err = Bulk{
		Run: Run{Service: who, Trail: NewTrail(trail, audit.Entry{Service: read("endpoint")}, func(s string) string { return s }),
			Warn: func(string) {}, Stops: stopsTest},
		Look: look, Again: func() (io.ReadCloser, error) { return os.Open(at("batch")) }, Results: results,
		Judge: func(err error) Failure { return Failure{Error: err.Error(), Code: 1} }, RemoteCheck: true, Pace: NewPace(1_000_000, nil),
		Each: func(Outcome) error { return nil },
	}.Enroll(context.Background())
	return err
}

// A run of 300 machines is killed again and again, at requests drawn at random, and
// started again each time. At the end the service has exactly the batch, each machine
// has one final line, no line is torn, and the trail has every enrollment.
func TestKilledRuns(t *testing.T) {
	t.Parallel()
	const records, kills = 300, 20
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	b := newBench(t, emulator.Options{})
	for name, text := range map[string]string{"batch": boxes(0, records), "ca": string(b.server.CAPEM()), "cs": b.server.ConnectionString(), "endpoint": b.server.Endpoint()} {
		if err := os.WriteFile(b.path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	killed, begun := 0, 0
	for killed < kills {
		if b.runChild(1+random.IntN(7), random.IntN(2) == 0) {
			killed++
			begun += b.openIntents()
		}
	}
	if b.runChild(0, false) {
		t.Fatal("the last run was killed")
	}
	t.Logf("%d kills left %d machines of which nothing was on record but that they were begun", killed, begun)
	if begun == 0 {
		t.Error("no kill hit a request that was under way")
	}
	if got := len(b.stored()); got != records {
		t.Errorf("the service has %d enrollments", got)
	}
	results, _ := b.lines()
	for i := range records {
		id := "box-" + strconv.Itoa(i)
		if lines := results[id]; len(lines) != 1 || lines[0].Result != ResultDone || lines[0].Action != "create" {
			t.Errorf("%s: %+v", id, lines)
		}
	}
	b.checkTrail(records)
}

// openIntents is how many machines were begun and have no result.
func (b *bench) openIntents() int {
	data, err := os.ReadFile(b.path("results"))
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	open := map[string]bool{}
	for raw := range strings.Lines(string(data)) {
		var l ResultLine
		if json.Unmarshal([]byte(raw), &l) == nil { // the last one may be torn
			open[l.RegistrationID] = l.Stage == StageIntent
		}
	}
	n := 0
	for _, is := range open {
		if is {
			n++
		}
	}
	return n
}

// runChild starts the run, and kills it when so many requests have arrived: before the
// service has one, or while it answers. 0 kills never.
func (b *bench) runChild(at int, before bool) (killed bool) {
	b.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+b.dir)
	var errs strings.Builder
	cmd.Stderr = &errs
	var once sync.Once
	b.mu.Lock()
	n := 0
	b.onRequest = func() {
		if n++; at == 0 || n < at {
			return
		}
		kill := func() { killed = true; _ = cmd.Process.Kill() }
		if before {
			once.Do(kill)
			return
		}
		go once.Do(kill)
	}
	err := cmd.Start()
	b.mu.Unlock()
	if err != nil {
		b.t.Fatal(err)
	}
	err = cmd.Wait()
	b.mu.Lock()
	b.onRequest = nil
	b.mu.Unlock()
	once.Do(func() {}) // who is late kills nobody, and is waited for
	if err != nil && !killed {
		b.t.Fatalf("a run that nobody killed: %v: %s", err, &errs)
	}
	return killed
}

// checkTrail has every enrollment on the trail: one intent with the outcome done, and
// none that is open.
func (b *bench) checkTrail(records int) {
	b.t.Helper()
	data, err := os.ReadFile(b.path("trail"))
	if err != nil {
		b.t.Fatal(err)
	}
	report, err := audit.Verify(strings.NewReader(string(data)), audit.Options{})
	if err != nil || len(report.Open) != 0 {
		b.t.Errorf("the trail: %d open, %v", len(report.Open), err)
	}
	for i := range records {
		outcomes := 0
		for _, part := range strings.Split(string(data), "\n") {
			if strings.Contains(part, fmt.Sprintf(`"registration_id":"box-%d"`, i)) && strings.Contains(part, `"result":"done"`) {
				outcomes++
			}
		}
		if outcomes == 0 {
			b.t.Errorf("box-%d was enrolled and the trail does not say so", i)
		}
	}
}
