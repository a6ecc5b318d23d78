package enroll

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tpmdps/internal/dps"
	"tpmdps/internal/identity"
)

// lies are answers with an enrollment that is not the one that was asked for, or
// that says two things.
var lies = map[string]func(own string) (header http.Header, body string){
	"another ID":               replace(`"registrationId":"machine-1"`, `"registrationId":"victim-9"`),
	"a longer ID":              replace(`"registrationId":"machine-1"`, `"registrationId":"machine-10"`),
	"a shorter ID":             replace(`"registrationId":"machine-1"`, `"registrationId":"machine-"`),
	"a space behind":           replace(`"registrationId":"machine-1"`, `"registrationId":"machine-1 "`),
	"a NUL behind":             replace(`"registrationId":"machine-1"`, `"registrationId":"machine-1\u0000"`),
	"a path":                   replace(`"registrationId":"machine-1"`, `"registrationId":"../enrollments/victim-9"`),
	"a letter like one":        replace(`"registrationId":"machine-1"`, `"registrationId":"machıne-1"`),
	"escaped, another":         replace(`"registrationId":"machine-1"`, `"registrationId":"\u0076ictim-9"`),
	"no ID":                    replace(`"registrationId":"machine-1",`, ``),
	"an empty ID":              replace(`"registrationId":"machine-1"`, `"registrationId":""`),
	"null for the ID":          replace(`"registrationId":"machine-1"`, `"registrationId":null`),
	"a number for the ID":      replace(`"registrationId":"machine-1"`, `"registrationId":1`),
	"a list of IDs":            replace(`"registrationId":"machine-1"`, `"registrationId":["machine-1"]`),
	"the ID twice":             replace(`"registrationId":"machine-1"`, `"registrationId":"machine-1","registrationId":"victim-9"`),
	"the ID twice, own last":   replace(`"registrationId":"machine-1"`, `"registrationId":"victim-9","registrationId":"machine-1"`),
	"the ID in another case":   replace(`"registrationId":"machine-1"`, `"registrationId":"machine-1","RegistrationID":"victim-9"`),
	"the ID only so":           replace(`"registrationId"`, `"registrationID"`),
	"another's state":          replace(`"etag"`, `"registrationState":{"registrationId":"victim-9","status":"assigned"},"etag"`),
	"the state twice":          replace(`"etag"`, `"registrationState":{"registrationId":"machine-1"},"registrationState":{"registrationId":"victim-9"},"etag"`),
	"a text for the state":     replace(`"etag"`, `"registrationState":"assigned","etag"`),
	"null for the key":         replace(`"endorsementKey":"`, `"endorsementKey":null,"x":"`),
	"a list for the key":       replace(`"endorsementKey":"`, `"endorsementKey":[],"x":"`),
	"the key twice":            replace(`"endorsementKey":"`, `"endorsementKey":"AAAA","endorsementKey":"`),
	"the attestation twice":    replace(`"attestation":`, `"attestation":{"type":"x509"},"attestation":`),
	"null for iotEdge":         replace(`"etag"`, `"capabilities":{"iotEdge":null},"etag"`),
	"the device ID twice":      replace(`"etag"`, `"deviceId":"a","deviceId":"b","etag"`),
	"the device ID, cased":     replace(`"etag"`, `"deviceId":"a","DeviceId":"b","etag"`),
	"a number for the device":  replace(`"etag"`, `"deviceId":7,"etag"`),
	"two versions":             withHeader("ETag", `"e2"`),
	"two versions, weak":       withHeader("ETag", `W/"e2"`),
	"two headers":              withHeader("ETag", `"e1"`, `"e1"`),
	"every version":            replace(`"etag":"e1"`, `"etag":"*"`),
	"every version, quoted":    replace(`"etag":"e1"`, `"etag":"\"*\""`),
	"a list of versions":       replace(`"etag":"e1"`, `"etag":"\"e1\", \"e2\""`),
	"a version with a line":    replace(`"etag":"e1"`, `"etag":"e1\r\nX: y"`),
	"a version of letters":     replace(`"etag":"e1"`, `"etag":"ä"`),
	"the version twice":        replace(`"etag":"e1"`, `"etag":"e0","etag":"e1"`),
	"a long version":           replace(`"etag":"e1"`, `"etag":"`+strings.Repeat("e", 5000)+`"`),
	"a list":                   func(own string) (http.Header, string) { return nil, "[" + own + "]" },
	"two answers":              func(own string) (http.Header, string) { return nil, own + own },
	"null":                     func(string) (http.Header, string) { return nil, "null" },
	"half of it":               func(own string) (http.Header, string) { return nil, own[:len(own)/2] },
	"half a character":         replace(`"etag"`, `"future":"\ud800","etag"`),
	"bytes that are no text":   replace(`"etag"`, "\"future\":\"\xff\",\"etag\""),
	"deep":                     replace(`"etag"`, `"future":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`,"etag"`),
	"victim's enrollment, all": replace(`machine-1`, `victim-9`),
}

// unversioned are lies only where a version is replaced: without one, nothing may be.
var unversioned = map[string]func(string) (http.Header, string){
	"no version":         replace(`"etag":"e1",`, ``),
	"null for a version": replace(`"etag":"e1"`, `"etag":null`),
	"an empty version":   replace(`"etag":"e1"`, `"etag":""`),
}

func replace(old, by string) func(string) (http.Header, string) {
	return func(own string) (http.Header, string) {
		if !strings.Contains(own, old) {
			panic(old + " is not in " + own)
		}
		return nil, strings.ReplaceAll(own, old, by)
	}
}

func withHeader(name string, values ...string) func(string) (http.Header, string) {
	return func(own string) (http.Header, string) { return http.Header{name: values}, own }
}

// liar is a service with one enrollment that lies in the n-th answer, counted
// from 1, and keeps what it is asked.
type liar struct {
	mu       sync.Mutex
	lie      func(string) (http.Header, string)
	at       int
	own      string // "": none yet
	seen     []string
	refuses  int // status of the first PUT, 0: none
	answered int
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	l.answered++
	l.seen = append(l.seen, r.Method+" "+r.URL.Path+" "+r.Header.Get("If-Match")+" "+string(body))
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Method == http.MethodPut && l.refuses != 0:
		w.WriteHeader(l.refuses)
		fmt.Fprintf(w, `{"errorCode":%d001,"message":"changed","trackingId":"t"}`, l.refuses)
		l.refuses = 0
		return
	case r.Method == http.MethodGet && l.own == "" && l.answered != l.at:
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"errorCode":404201,"message":"not found","trackingId":"t"}`)
		return
	}
	own := l.own
	if r.Method == http.MethodPut {
		own = string(body)
		if !strings.Contains(own, `"etag"`) {
			own = strings.Replace(own, `"registrationId":"machine-1"`, `"registrationId":"machine-1","etag":"e1"`, 1)
		}
	}
	if own == "" {
		own = foreign()
	}
	if l.answered == l.at {
		header, lied := l.lie(own)
		for name, values := range header {
			w.Header()[name] = values
		}
		own = lied
	}
	io.WriteString(w, own)
}

// foreign is what a service without an enrollment lies with.
func foreign() string {
	return `{"registrationId":"machine-1","etag":"e1","attestation":{"type":"tpm","tpm":{"endorsementKey":"AToA"}}}`
}

func (l *liar) client(t *testing.T) *dps.ServiceClient {
	t.Helper()
	s := httptest.NewTLSServer(l)
	t.Cleanup(s.Close)
	c, err := dps.NewServiceClient(s.URL, dps.SharedAccessToken(token), dps.ClientOptions{HTTPClient: s.Client(), RetryDelay: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// attempt is a run of enroll: a plan, and the plan applied.
func attempt(svc *dps.ServiceClient, r identity.Record, s Settings, p Policy) (Item, error) {
	item, err := Plan(ctx, svc, r, s, p)
	if err != nil {
		return item, err
	}
	return Apply(ctx, svc, item)
}

// liarSteps are the answers that a run of enroll waits for, each the one that is
// a lie.
func liarSteps(t *testing.T) map[string]*liar {
	t.Helper()
	other := enrollmentJSON(t, "chip 2", "")
	return map[string]*liar{
		"create: GET":         {at: 1},
		"create: PUT":         {at: 2},
		"create: settle":      {at: 3, refuses: 409},
		"update: GET":         {at: 1, own: enrollmentJSON(t, "chip 1", "")},
		"update: PUT":         {at: 2, own: enrollmentJSON(t, "chip 1", "")},
		"update: settle":      {at: 3, own: enrollmentJSON(t, "chip 1", ""), refuses: 412},
		"replace-ek: GET":     {at: 1, own: other},
		"replace-ek: PUT":     {at: 2, own: other},
		"replace-ek: settle":  {at: 3, own: other, refuses: 412},
		"unchanged: GET only": {at: 1, own: enrollmentJSON(t, "chip 1", `,"provisioningStatus":"disabled"`)},
	}
}

// No lie of a service, wherever it comes, has anything written to another
// enrollment than the one that was asked for, any enrollment written after the
// lie, a write without the version that was seen, or success.
func TestNoLieIsBelieved(t *testing.T) {
	everything := Policy{Update: true, ReplaceEK: true}
	tried := 0
	for step, script := range liarSteps(t) {
		all := map[string]func(string) (http.Header, string){}
		for name, lie := range lies {
			all[name] = lie
		}
		if strings.HasSuffix(step, "GET") && !strings.HasPrefix(step, "create") {
			for name, lie := range unversioned {
				all[name] = lie
			}
		}
		for name, lie := range all {
			tried++
			l := &liar{at: script.at, own: script.own, refuses: script.refuses, lie: lie}
			settings := Settings{ProvisioningStatus: "disabled"}
			item, err := attempt(l.client(t), record(t, "machine-1", "chip 1"), settings, everything)
			if err == nil {
				t.Errorf("%s, %s: success: %+v", step, name, item)
			}
			if !errors.Is(err, dps.ErrMalformed) && !strings.HasSuffix(step, "settle") {
				t.Errorf("%s, %s: %v, want ErrMalformed", step, name, err)
			}
			for i, seen := range l.seen {
				method, rest, _ := strings.Cut(seen, " ")
				path, rest, _ := strings.Cut(rest, " ")
				ifMatch, body, _ := strings.Cut(rest, " ")
				if path != "/enrollments/machine-1" || strings.Contains(body, "victim") {
					t.Errorf("%s, %s: it sent %s", step, name, seen)
				}
				switch {
				case method == http.MethodGet:
				case i >= l.at:
					t.Errorf("%s, %s: after the lie it sent %s", step, name, seen)
				case method != http.MethodPut || l.own != "" && ifMatch != `"e1"`:
					t.Errorf("%s, %s: it sent %s with If-Match %q", step, name, method, ifMatch)
				}
			}
		}
	}
	t.Logf("%d lies", tried)
}

// The truth passes all of these steps.
func TestTruthIsBelieved(t *testing.T) {
	for step, script := range liarSteps(t) {
		l := &liar{own: script.own}
		if _, err := attempt(l.client(t), record(t, "machine-1", "chip 1"), Settings{ProvisioningStatus: "disabled"}, Policy{Update: true, ReplaceEK: true}); err != nil {
			t.Errorf("%s: %v", step, err)
		}
	}
	own := enrollmentJSON(t, "chip 1", "")
	for name, truth := range map[string]func(string) (http.Header, string){
		"capitals in the ID":   replace("machine-1", "Machine-1"),
		"the version in both":  withHeader("ETag", `"e1"`),
		"weak in the header":   withHeader("ETag", `W/"e1"`),
		"a state":              replace(`"etag"`, `"registrationState":{"registrationId":"MACHINE-1","status":"unassigned"},"etag"`),
		"a state without ID":   replace(`"etag"`, `"registrationState":{"status":"unassigned"},"etag"`),
		"null for what may be": replace(`"etag"`, `"deviceId":null,"iotHubs":null,"provisioningStatus":null,"capabilities":null,"etag"`),
		"a version in base64": func(own string) (http.Header, string) {
			return http.Header{"Etag": {`"g-1"`}}, strings.Replace(own, `"e1"`, `"ImctMSI="`, 1)
		},
		"members nobody knows":  replace(`"etag"`, `"future":{"registrationId":"victim-9","a":1,"A":2},"etag"`),
		"the version in quotes": replace(`"etag":"e1"`, `"etag":"\"e1\""`),
	} {
		l := &liar{at: 1, own: own, lie: truth}
		if _, err := attempt(l.client(t), record(t, "machine-1", "chip 1"), Settings{ProvisioningStatus: "disabled"}, Policy{Update: true}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A 404 that nobody's DPS wrote does not lead to an enrollment.
func TestForeign404(t *testing.T) {
	for _, body := range []string{"", "404 page not found", "<html>not found</html>", "{}", `{"error":"no route"}`, `{"errorCode":404201,"errorCode":1}`, "null"} {
		puts := 0
		svc := scripted(t, func(r *http.Request, body404 string) (int, string) {
			if r.Method != http.MethodGet {
				puts++
			}
			return 404, body
		})
		if _, err := attempt(svc, record(t, "machine-1", "chip 1"), Settings{}, Policy{}); !errors.Is(err, dps.ErrMalformed) || puts != 0 {
			t.Errorf("%q: %v after %d writes, want ErrMalformed after none", body, err, puts)
		}
	}
}

// An answer that does not say whose the enrollment is does not get it replaced.
func TestEnrollmentWithoutOwner(t *testing.T) {
	for _, attestation := range []string{"", `,"attestation":{}`, `,"attestation":{"type":""}`, `,"attestation":{"type":"tpm"}`, `,"attestation":{"type":"TPM","tpm":null}`,
		`,"attestation":{"type":"tpm","tpm":{}}`, `,"attestation":{"tpm":{"endorsementKey":""}}`, `,"attestation":{"x509":{}}`} {
		writes := 0
		svc := scripted(t, func(r *http.Request, _ string) (int, string) {
			if r.Method != http.MethodGet {
				writes++
			}
			return 200, `{"registrationId":"machine-1","etag":"1"` + attestation + `}`
		})
		for _, p := range []Policy{{}, {ReplaceEK: true, Update: true}} {
			if _, err := attempt(svc, record(t, "machine-1", "chip 1"), Settings{}, p); !errors.Is(err, dps.ErrMalformed) || writes != 0 {
				t.Errorf("%s: %v after %d writes, want ErrMalformed after none", attestation, err, writes)
			}
		}
	}
}

// Nor does one under a code that is not known to say so.
func TestUnknown404(t *testing.T) {
	for code, want := range map[int]Action{404201: Create, 404202: Create, 404: "", 404001: "", 404200: "", 404999: ""} {
		svc := scripted(t, func(*http.Request, string) (int, string) {
			return 404, fmt.Sprintf(`{"errorCode":%d,"message":"not found","trackingId":"t"}`, code)
		})
		item, err := Plan(ctx, svc, record(t, "machine-1", "chip 1"), Settings{}, Policy{})
		if item.Action != want || (err == nil) != (want == Create) || err != nil && !errors.Is(err, dps.ErrMalformed) {
			t.Errorf("%d: Plan() = %q, %v, want %q", code, item.Action, err, want)
		}
	}
}

// An ID that was derived from a key belongs to that key.
func TestForeignID(t *testing.T) {
	own, foreign := record(t, "x", "chip 1").RegistrationIDs, record(t, "x", "chip 2").RegistrationIDs
	svc := service(t)
	for id, want := range map[string]error{
		own.Base32: nil, own.Hex: nil, foreign.Base32: ErrForeignID, foreign.Hex: ErrForeignID,
		"machine-1": nil, foreign.Base32[:51]: nil, foreign.Base32 + "a": nil, foreign.Hex[:63]: nil,
		"box-" + foreign.Base32: ErrForeignID, foreign.Hex + ".box": ErrForeignID, "box-" + own.Base32: nil, "box" + foreign.Base32: nil,
		strings.Repeat("a", 52): ErrForeignID, strings.Repeat("0", 64): ErrForeignID, strings.Repeat("a", 64): ErrForeignID, strings.Repeat("1", 52): nil,
	} {
		r := record(t, id, "chip 1")
		if _, err := Plan(ctx, svc, r, Settings{}, Policy{ReplaceEK: true, Update: true}); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: Plan() = %v, want %v", id, err, want)
		}
		if err := CheckIDs([]identity.Record{r}); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: CheckIDs() = %v, want %v", id, err, want)
		}
		if item, err := Plan(ctx, svc, r, Settings{}, Policy{ForeignID: true}); err != nil || item.Action != Create {
			t.Errorf("%s: Plan() with ForeignID = %+v, %v", id, item, err)
		}
	}
	err := CheckIDs([]identity.Record{record(t, "a", "chip 1"), record(t, foreign.Hex, "chip 1"), record(t, own.Hex, "chip 1")})
	if !errors.Is(err, ErrForeignID) || !strings.Contains(err.Error(), "record 2: "+foreign.Hex) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "record 3") {
		t.Errorf("CheckIDs() = %v, want record 2 named", err)
	}
}

// Who loses an enrollment is said before it is written.
func TestLocksOut(t *testing.T) {
	state := `,"registrationState":{"registrationId":"machine-1","status":"assigned","assignedHub":"h.example","deviceId":"press\u001b7","lastUpdatedDateTimeUtc":"2026-01-02T03:04:05.1Z"}`
	for more, want := range map[string]string{
		state: "the machine with the endorsement key " + shownEK(t, "chip 2") + ", device press?7 on h.example, last registered 2026-01-02T03:04:05.1Z",
		``:    "the machine with the endorsement key " + shownEK(t, "chip 2") + ", which never registered",
		`,"registrationState":{"status":"unassigned"}`:                                       "the machine with the endorsement key " + shownEK(t, "chip 2") + ", which never registered",
		`,"registrationState":{"status":"failed","lastUpdatedDateTimeUtc":"2026-01-02T03Z"}`: "the machine with the endorsement key " + shownEK(t, "chip 2") + ", registration failed, last registered 2026-01-02T03Z",
	} {
		for _, policy := range []Policy{{}, {ReplaceEK: true}} {
			item, err := Plan(ctx, existing(t, enrollmentJSON(t, "chip 2", more)), record(t, "machine-1", "chip 1"), Settings{}, policy)
			if err != nil || item.LocksOut == nil || item.LocksOut.String() != want {
				t.Errorf("%s: Plan() = %v, %v, want %q", more, item.LocksOut, err, want)
			}
		}
		item, err := Plan(ctx, existing(t, enrollmentJSON(t, "chip 1", more)), record(t, "machine-1", "chip 1"), Settings{}, Policy{})
		if out, _ := json.Marshal(item); err != nil || !strings.Contains(string(out), `"locks_out":null`) {
			t.Errorf("%s: its own enrollment: %s, %v", more, out, err)
		}
	}
	other := `{"registrationId":"machine-1","etag":"e1","attestation":{"type":"x509"}}`
	item, err := Plan(ctx, existing(t, other), record(t, "machine-1", "chip 1"), Settings{}, Policy{ReplaceEK: true})
	if want := "the machine that has no TPM but authenticates by x509, which never registered"; err != nil || item.LocksOut.String() != want {
		t.Errorf("Plan() = %v, %v, want %q", item.LocksOut, err, want)
	}
}
