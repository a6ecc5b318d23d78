package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/audit"
	"tpmdps/internal/dps"
	"tpmdps/internal/emulator"
)

// killsVariable is how often TestKilledRunsAreOnRecord kills, besides the few
// times of every test run.
const killsVariable = "TPMDPS_TEST_KILLS"

// TestKilledRunsAreOnRecord kills enroll --audit at each of its events: a
// request that arrives, an answer that goes back, a line of the trail that shows
// up. Whatever the service has then has an intent in the trail, and an outcome
// once the same command has run again.
func TestKilledRunsAreOnRecord(t *testing.T) {
	t.Parallel()
	kills := 24
	if n, err := strconv.Atoi(os.Getenv(killsVariable)); err == nil {
		kills = n
	}
	h := newHangman(t)
	h.run(h.batch(), 0) // no event is its last
	all := h.events
	var seen struct{ killed, open, stored, printed int }
	for at := 1; seen.killed < kills; at = at%all + 1 {
		records := h.batch()
		out, killed := h.run(records, at)
		if killed {
			seen.killed++
		}
		open, stored := h.checkKilled(records)
		seen.open += open
		seen.stored += stored
		seen.printed += h.checkPrinted(records, out)
		if _, killed := h.run(records, 0); killed {
			t.Fatal("a run that nobody kills was killed")
		}
		h.checkDone(records)
	}
	t.Logf("%d kills at %d events: %d intents were left open, %d of them had been carried out; %d results were printed before", seen.killed, all, seen.open, seen.stored, seen.printed)
	if seen.open == 0 || seen.stored == 0 || seen.stored == seen.open {
		t.Errorf("no kill hit both before and after the service had stored an enrollment: %+v", seen)
	}
}

// TestKilledBesideAnother kills one of two runs that enroll the same batch into
// the same trail: neither takes the other's intents for its own.
func TestKilledBesideAnother(t *testing.T) {
	t.Parallel()
	h := newHangman(t)
	for at := 2; at < 26; at += 3 {
		records := h.batch()
		ended := make(chan error, 1)
		other := h.command()
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { ended <- other.Wait() }()
		h.run(records, at)
		if err := <-ended; err != nil {
			t.Errorf("the run beside one that was killed: %v", err)
		}
		h.checkKilled(records)
		h.run(records, 0)
		by := h.trail()
		for _, id := range records {
			s := by[id]
			if s == nil || !h.enrolled(id) || s.open > 0 {
				t.Errorf("%s after all runs: %+v", id, s)
				continue
			}
			if !slices.ContainsFunc(s.outcomes, func(e audit.Entry) bool { return e.Result == resultDone }) {
				t.Errorf("%s was done and no outcome says so: %+v", id, s.outcomes)
			}
		}
	}
}

// hangman runs the program against an emulator, and kills it at an event.
type hangman struct {
	t       *testing.T
	dir     string
	server  *emulator.Server
	client  *dps.ServiceClient
	proxy   string
	records int // handed out

	mu     sync.Mutex
	prey   *prey // the run, if one is on
	events int   // of the last run
}

// prey is a run that is to be killed.
type prey struct {
	process *os.Process
	dead    chan struct{} // closed when it is
	seen    int
	at      int // the event to be killed at; 0 is never
	killed  bool
}

func newHangman(t *testing.T) *hangman {
	h := &hangman{t: t, dir: t.TempDir()}
	var err error
	if h.server, err = emulator.New(emulator.Options{Names: []string{proxiedDPS}, Arrived: func(*http.Request) { h.event() }}); err != nil {
		t.Fatal(err)
	}
	if err := h.server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.server.Close() })
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(h.server.CAPEM())
	cs, err := dps.ParseConnectionString(h.server.ConnectionString())
	if err != nil {
		t.Fatal(err)
	}
	h.client, err = dps.NewServiceClient(h.server.Endpoint(), dps.SharedKey(cs), dps.ClientOptions{HTTPClient: dps.NewHTTPClient(roots)})
	if err != nil {
		t.Fatal(err)
	}
	h.write("ca.pem", h.server.CAPEM())
	h.proxy = h.startProxy()
	return h
}

func (h *hangman) path(name string) string { return filepath.Join(h.dir, name) }

func (h *hangman) write(name string, data []byte) {
	if err := os.WriteFile(h.path(name), data, 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// startProxy is the way to the service. Each piece of an answer is an event.
func (h *hangman) startProxy() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go h.tunnel(c)
		}
	}()
	return "http://" + l.Addr().String()
}

func (h *hangman) tunnel(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	if _, err := http.ReadRequest(in); err != nil {
		return
	}
	s, err := net.Dial("tcp", h.server.Addr())
	if err != nil {
		return
	}
	defer s.Close()
	fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		io.Copy(s, in)
		s.Close()
	}()
	piece := make([]byte, 64<<10)
	for {
		n, err := s.Read(piece)
		if n > 0 {
			h.event()
			if _, err := c.Write(piece[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// event counts, and kills where it is time. It returns when the process is gone:
// what goes on after it happens without it.
func (h *hangman) event() {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.prey
	if p == nil || p.killed {
		return
	}
	p.seen++
	if p.seen == p.at {
		p.killed = true
		p.process.Kill()
		<-p.dead
	}
}

// batch makes three records that nobody has seen before.
func (h *hangman) batch() (ids []string) {
	var lines bytes.Buffer
	for range 3 {
		h.records++
		id := fmt.Sprint("box-", h.records)
		ids = append(ids, id)
		fmt.Fprintf(&lines, "{\"registration_id\":%q,\"endorsement_key\":%q}\n", id, ekNumber(h.records))
	}
	h.write("batch.jsonl", lines.Bytes())
	return ids
}

// ekNumber is the key of a machine that is not there.
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

// run enrolls the batch, and kills the program at an event.
func (h *hangman) run(ids []string, at int) (stdout string, killed bool) {
	h.t.Helper()
	cmd := h.command()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	p := &prey{at: at, dead: make(chan struct{})}
	h.mu.Lock() // no event before the process is known
	if err := cmd.Start(); err != nil {
		h.mu.Unlock()
		h.t.Fatal(err)
	}
	p.process, h.prey = cmd.Process, p
	h.mu.Unlock()
	go h.watchTrail(p)
	err := cmd.Wait()
	close(p.dead)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.prey, h.events = nil, p.seen
	if err != nil && !p.killed {
		h.t.Fatalf("%v: %v\n%s%s", ids, err, &out, &errs)
	}
	return out.String(), p.killed
}

// command enrolls the batch.
func (h *hangman) command() *exec.Cmd {
	h.t.Helper()
	program, err := exec.LookPath("tpmdps")
	if err != nil {
		h.t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(h.server.Addr())
	cmd := exec.Command(program, "enroll", "--from", h.path("batch.jsonl"), "--audit", h.path("trail"), "-o", "jsonl")
	cmd.Env = append(os.Environ(), "HTTPS_PROXY="+h.proxy, "SSL_CERT_FILE="+h.path("ca.pem"), "GORACE=atexit_sleep_ms=0",
		"PROVISIONING_CONNECTION_STRING="+strings.Replace(h.server.ConnectionString(), h.server.Host(), net.JoinHostPort(proxiedDPS, port), 1))
	return cmd
}

// watchTrail makes an event of each growth of the trail while the process lives.
func (h *hangman) watchTrail(p *prey) {
	size := h.size()
	for {
		select {
		case <-p.dead:
			return
		case <-time.After(time.Millisecond / 4): // a look, not a limit
		}
		if now := h.size(); now > size {
			size = now
			h.event()
		}
	}
}

func (h *hangman) size() int64 {
	info, err := os.Stat(h.path("trail"))
	if err != nil {
		return 0
	}
	return info.Size()
}

// stages are the lines of the trail about one enrollment.
type stages struct {
	intents, outcomes []audit.Entry
	open              int
}

// trail verifies the trail, and sorts it by enrollment.
func (h *hangman) trail() map[string]*stages {
	h.t.Helper()
	data, err := os.ReadFile(h.path("trail"))
	if err != nil && !os.IsNotExist(err) {
		h.t.Fatal(err)
	}
	report, err := audit.Verify(bytes.NewReader(data), audit.Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	by := map[string]*stages{}
	of := func(id string) *stages {
		if by[id] == nil {
			by[id] = &stages{}
		}
		return by[id]
	}
	for line := range bytes.Lines(data) {
		var e audit.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			h.t.Fatal(err)
		}
		s := of(e.RegistrationID)
		if e.Stage == audit.Intent {
			s.intents = append(s.intents, e)
		} else {
			s.outcomes = append(s.outcomes, e)
		}
	}
	for _, l := range report.Open {
		of(l.RegistrationID).open++
	}
	return by
}

// enrolled asks the service itself.
func (h *hangman) enrolled(id string) bool {
	h.t.Helper()
	_, err := h.client.Enrollment(h.t.Context(), id)
	if err != nil && !dps.HasStatus(err, http.StatusNotFound) {
		h.t.Fatal(err)
	}
	return err == nil
}

// checkKilled compares service and trail after a kill.
func (h *hangman) checkKilled(ids []string) (open, stored int) {
	h.t.Helper()
	by := h.trail()
	for _, id := range ids {
		s, there := by[id], h.enrolled(id)
		if there && (s == nil || len(s.intents) == 0) {
			h.t.Errorf("%s is enrolled and the trail has no line of it", id)
		}
		if s != nil && s.open > 0 {
			open++
			if there {
				stored++
			}
		}
	}
	return open, stored
}

// checkPrinted compares what a killed run printed with the trail: all that is
// done is printed, but perhaps the last.
func (h *hangman) checkPrinted(ids []string, out string) int {
	h.t.Helper()
	by, done := h.trail(), 0
	for _, id := range ids {
		if s := by[id]; s != nil && len(s.outcomes) > 0 {
			done++
		}
	}
	printed := 0
	for line := range strings.Lines(out) {
		var item enrollItem
		if err := json.Unmarshal([]byte(line), &item); err != nil || !strings.HasSuffix(line, "\n") {
			h.t.Errorf("printed %q: %v", line, err)
		}
		if s := by[item.RegistrationID]; s == nil || len(s.outcomes) == 0 {
			h.t.Errorf("%s was printed before the trail had its outcome", item.RegistrationID)
		}
		printed++
	}
	if printed < done-1 {
		h.t.Errorf("%d were done and %d printed", done, printed)
	}
	return printed
}

// checkDone is for the run after: all is enrolled, nothing is open, and the last
// outcome of each intent says what happened.
func (h *hangman) checkDone(ids []string) {
	h.t.Helper()
	by := h.trail()
	for _, id := range ids {
		s := by[id]
		if s == nil || !h.enrolled(id) || s.open > 0 || len(s.outcomes) != len(s.intents) {
			h.t.Errorf("%s after the second run: %+v", id, s)
			continue
		}
		done := 0
		for _, o := range s.outcomes {
			if o.Result == resultDone {
				done++
			} else if o.Result != resultNotDone {
				h.t.Errorf("%s: outcome %+v", id, o)
			}
		}
		if done != 1 {
			h.t.Errorf("%s was done %d times: %+v", id, done, s.outcomes)
		}
	}
}
