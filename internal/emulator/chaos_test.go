package emulator

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func init() { chaosSilence = time.Millisecond } // TestChaosSilence has the real one's effect

// troubleStatus is what a client sees of a trouble: a status, or 0 for no answer.
func troubleStatus(t *trouble) int {
	if status, _, _ := strings.Cut(t.name, ","); status == "429" {
		return 429
	} else if status == "500" {
		return 500
	}
	return 0
}

// statusOf is the status of the answer to the operator, or 0 where there is none. Each
// request has a connection of its own: net/http sends some again when one that it kept is closed.
func (c *client) statusOf(method, path, body string) int {
	c.Helper()
	req, err := http.NewRequestWithContext(c.Context(), method, c.srv.Endpoint()+path+"?api-version=2021-10-01", strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	transport := c.http.Transport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	req.Header.Set("Authorization", c.serviceToken())
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Retry-After"); (resp.StatusCode == 429) != (got == "1") {
		c.Errorf("status %d with Retry-After %q", resp.StatusCode, got)
	}
	return resp.StatusCode
}

// What was said to be carried out is, and what was not is not; the file has the same.
func TestChaosCarriesOutWhatItSays(t *testing.T) {
	chip, _ := chips()
	for _, seed := range []uint64{1, 77, 1_000_000} {
		path := filepath.Join(t.TempDir(), "state")
		c := start(t, Options{StateFile: path, Faults: []string{fmt.Sprintf("chaos=%d", seed)}})
		for n := range uint64(150) {
			want := troubleOf(seed, n+1)
			status, done := 200, want == nil || want.after
			if want != nil {
				status = troubleStatus(want)
			}
			id := fmt.Sprintf("dev%d", n)
			if got := c.statusOf("PUT", "/enrollments/"+id, enrollmentBody(id, chip, "")); got != status {
				t.Errorf("seed %d, request %d, %+v: status %d, want %d", seed, n+1, want, got, status)
			}
			c.srv.mu.Lock()
			if got := c.srv.state.enrollments.get(id) != nil; got != done {
				t.Errorf("seed %d, request %d, %+v: carried out = %v", seed, n+1, want, got)
			}
			c.srv.mu.Unlock()
		}
		c.killed()
		st, _ := reread(t, path)
		if got := dump(t, st); got != dump(t, c.srv.state) {
			t.Errorf("seed %d: the file has %d enrollments, want %d", seed, st.enrollments.len(), c.srv.state.enrollments.len())
		}
	}
}

// Each seed has a row of its own, the same every time, and the shares are as documented.
func TestChaosShares(t *testing.T) {
	page, err := os.ReadFile("../../docs/emulator.md")
	if err != nil {
		t.Fatal(err)
	}
	const requests = 20000
	count := map[string]int{}
	rows := map[string]bool{}
	for seed := range uint64(10) {
		var row strings.Builder
		for n := range uint64(requests / 10) {
			name := ""
			if trouble := troubleOf(seed, n); trouble != nil {
				name = trouble.name
			}
			if again := troubleOf(seed, n); (again == nil) != (name == "") || again != nil && again.name != name {
				t.Fatalf("seed %d, request %d: %q, and then %v", seed, n, name, again)
			}
			count[name]++
			row.WriteString(name + ".")
		}
		rows[row.String()] = true
	}
	if len(rows) != 10 {
		t.Errorf("10 seeds have %d rows", len(rows))
	}
	sum := 0
	for _, trouble := range troubles {
		sum += trouble.percent
		if got := 100 * float64(count[trouble.name]) / requests; math.Abs(got-float64(trouble.percent)) > 1 {
			t.Errorf("%s: %.1f %%, want %d", trouble.name, got, trouble.percent)
		}
		if want := fmt.Sprintf("\n| %s | %d |", trouble.name, trouble.percent); !strings.Contains(string(page), want) {
			t.Errorf("docs/emulator.md has no row %q", want)
		}
	}
	if sum != 20 {
		t.Errorf("together %d %%, and not one in five", sum)
	}
}

// A client that gives up ends the silence.
func TestChaosSilence(t *testing.T) {
	srv, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		silent := &trouble{silence: true, pause: time.Hour}
		ended := make(chan any, 1)
		ctx, giveUp := context.WithCancel(t.Context())
		defer giveUp()
		req, err := http.NewRequestWithContext(ctx, "GET", "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		go func() {
			defer func() { ended <- recover() }()
			silent.strike(srv, req)
		}()
		synctest.Wait() // until it has ended, or is silent
		select {
		case <-ended:
			t.Error("the silence ended by itself")
			return
		default:
		}
		giveUp()
		if got := <-ended; got != http.ErrAbortHandler || time.Since(began) != 0 {
			t.Errorf("it ended with %v after %s", got, time.Since(began))
		}
	})
}
