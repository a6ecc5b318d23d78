package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/dps"
	"tpmdps/internal/emulator"
	"tpmdps/internal/environment"
)

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
	puts   int   // enrollments that were on their way when their run was killed
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
	if h.server, err = emulator.New(emulator.Options{Names: []string{proxiedDPS}, Arrived: h.arrived}); err != nil {
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
	h.client, err = dps.NewServiceClient(h.server.Endpoint(), dps.SharedKey(cs), dps.ClientOptions{HTTPClient: dps.NewHTTPClient(roots, environment.Proxies{})})
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

// arrived is the event of a request. Of the enrollments whose run is killed at it every
// other one is lost, as if the service had never been reached; the others are stored.
func (h *hangman) arrived(r *http.Request) {
	if !h.event() || r.Method != http.MethodPut {
		return
	}
	h.mu.Lock()
	h.puts++
	lost := h.puts%2 == 1
	h.mu.Unlock()
	if lost {
		panic(http.ErrAbortHandler)
	}
}

// event counts, and kills where it is time, which it reports. It returns when the process
// is gone: what goes on after it happens without it.
func (h *hangman) event() (killed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.prey
	if p == nil || p.killed {
		return false
	}
	p.seen++
	if p.seen == p.at {
		p.killed = true
		p.process.Kill()
		<-p.dead
	}
	return p.killed
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
