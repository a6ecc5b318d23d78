package emulator

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// A pause below a second is told in milliseconds, in the header that Microsoft's
// SDKs read before Retry-After; a longer one is not.
func TestRetryAfterInMilliseconds(t *testing.T) {
	chip, _ := chips()
	for after, want := range map[time.Duration]string{0: "", time.Millisecond: "1", 999 * time.Millisecond: "999", time.Second: "", 90 * time.Second: ""} {
		c := start(t, Options{RetryAfter: after, AssignDelay: time.Hour})
		c.enroll("dev1", chip, "")
		token := c.challenge("dev1", chip)
		a := c.send("PUT", c.registerPath("dev1"), registerBody("dev1", chip), "Authorization", token).expect(t, 202, 0)
		poll := c.send("GET", c.operationPath("dev1", a.str(t, "operationId")), "", "Authorization", token).expect(t, 202, 0)
		if got := []string{a.Header.Get("retry-after-ms"), poll.Header.Get("retry-after-ms")}; !slices.Equal(got, []string{want, want}) {
			t.Errorf("retry-after-ms with %v = %q, want %q", after, got, want)
		}
	}
}

// Each request is announced before it is handled, whatever becomes of it.
func TestArrived(t *testing.T) {
	chip, _ := chips()
	var mu sync.Mutex
	var arrived []string
	c := start(t, Options{Arrived: func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		arrived = append(arrived, r.Method+" "+r.URL.Path)
	}})
	c.enroll("dev1", chip, "")
	c.send("GET", "/nowhere", "").expect(t, 404, 404000)
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"PUT /enrollments/dev1", "GET /nowhere"}; !slices.Equal(arrived, want) {
		t.Errorf("arrived: %q, want %q", arrived, want)
	}
}
