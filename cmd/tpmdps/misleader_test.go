package main

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"tpmdps/internal/emulator"
)

// misleader is a DPS of which one answer is replaced, for each registration ID
// another one.
type misleader struct {
	*httptest.Server
	t      *testing.T
	device http.RoundTripper // an emulator's device API
	scope  string
	ek     string
	mu     sync.Mutex
	wrong  map[string]*misled // by registration ID
}

// misled is one run's wrong answer, and whether it was given.
type misled struct {
	step   string
	answer wrongAnswer
	given  bool
}

func newMisleader(t *testing.T, ek string) *misleader {
	service, err := emulator.New(emulator.Options{EnrollOnSight: true, Hub: "hub.example", RetryAfter: time.Millisecond, AssignDelay: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	p := &misleader{t: t, device: service.InProcess(), scope: service.IDScope(), ek: ek, wrong: map[string]*misled{}}
	p.Server = httptest.NewUnstartedServer(p)
	p.Server.Config.ErrorLog = nil
	p.StartTLS()
	t.Cleanup(p.Close)
	return p
}

func (p *misleader) mislead(id, step string, answer wrongAnswer) *misled {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong[id] = &misled{step: step, answer: answer}
	return p.wrong[id]
}

func (p *misleader) wasGiven(m *misled) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return m.given
}

// ServeHTTP gives the right answer, or the wrong one if this is its step.
func (p *misleader) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, step := p.stepOf(r)
	status, header, body := p.right(r, id, step)
	p.mu.Lock()
	m := p.wrong[id]
	now := m != nil && m.step == step
	if now {
		m.given = true
	}
	p.mu.Unlock()
	if now {
		p.replace(w, m.answer, status, header, body)
		return
	}
	for name, values := range header {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	w.Write(body)
}

// stepOf says whose request this is, and of which step.
func (p *misleader) stepOf(r *http.Request) (id, step string) {
	parts := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	switch {
	case len(parts) == 2 && parts[0] == "enrollments":
		id, _ = url.PathUnescape(parts[1])
		step = atWrite
		if r.Method == http.MethodGet {
			step = atLook
			if strings.HasPrefix(id, "dry") {
				step = atDryRun
			}
		}
	case len(parts) > 3 && parts[1] == "registrations":
		id, _ = url.PathUnescape(parts[2])
		switch {
		case r.Method == http.MethodGet:
			step = atAssigned
		case r.Header.Get("Authorization") == "":
			step = atChallenge
		default:
			step = atRegister
		}
	}
	return id, step
}

// right is the right answer to a request.
func (p *misleader) right(r *http.Request, id, step string) (status int, header http.Header, body []byte) {
	header = http.Header{"Content-Type": {jsonType}}
	switch step {
	case atWrite:
		return 200, header, p.enrollment(id)
	case atLook, atDryRun:
		p.mu.Lock()
		m := p.wrong[id]
		p.mu.Unlock()
		if m != nil && m.step == step {
			return 200, header, p.enrollment(id) // what the wrong one is made from
		}
		return 404, header, refuses(404201, "Enrollment not found.")(nil)
	}
	resp, err := p.device.RoundTrip(r)
	if err != nil {
		p.t.Errorf("%s %s: %v", r.Method, r.URL, err)
		return 500, header, nil
	}
	body, _ = io.ReadAll(resp.Body)
	header = resp.Header.Clone()
	header.Del("Content-Length")
	if step == atRegister {
		// A state that says where it will go, so that an answer can contradict it.
		return resp.StatusCode, header, member("registrationState", map[string]any{"registrationId": id, "status": "assigning"})(body)
	}
	return resp.StatusCode, header, body
}

func (p *misleader) enrollment(id string) []byte {
	out, _ := json.Marshal(map[string]any{
		"registrationId": id, "etag": "IjA5MDA1OWI3LTAwMDAtMDgwMC0wMDAwLTY0NjgwMWYyMDAwMCI=", "provisioningStatus": "enabled",
		"attestation": map[string]any{"type": "tpm", "tpm": map[string]any{"endorsementKey": p.ek}},
	})
	return out
}

// replace gives the wrong answer.
func (p *misleader) replace(w http.ResponseWriter, a wrongAnswer, status int, header http.Header, body []byte) {
	if a.body != nil {
		body = a.body(body)
	}
	if a.raw != "" {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			p.t.Error(err)
			return
		}
		defer conn.Close()
		if a.raw != "-" {
			io.WriteString(conn, strings.ReplaceAll(a.raw, "{body}", string(body)))
		}
		return
	}
	header.Set("retry-after-ms", "1") // where it is retried, soon
	for name, value := range a.header {
		header.Set(name, value)
		if name == "Retry-After" {
			header.Del("retry-after-ms")
		}
	}
	for name, values := range header {
		w.Header()[name] = values
	}
	w.WriteHeader(cmp.Or(a.status, status))
	if status := cmp.Or(a.status, status); status != 204 && status != 304 && status != 205 {
		w.Write(body)
	}
}
