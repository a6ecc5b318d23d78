package emulator

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/emulator/object"
)

// recording is testdata/recorded_service.json: what the real service answered.
type recording struct {
	EndorsementKey string
	Exchanges      []exchange
}

// exchange is one recorded request and its answer.
type exchange struct {
	Flow, Step   string
	Method, Path string
	Times        int               // how often; 0 is once
	Sent         map[string]string // headers that matter
	Body         json.RawMessage
	Status       int
	Headers      map[string]string
	Answer       json.RawMessage
	Items        int // of the answer, all of the form of its first; 0 is what it has
}

// ours are the headers that differ from the recordings, with the reason.
var ours = map[string]string{
	"Transfer-Encoding": "a length instead: some builds of the C SDK hang on a chunked answer",
	"Content-Length":    "see Transfer-Encoding",
	"Date":              "was not kept in the recordings",
	"X-Ms-Request-Id":   "was removed by the recording tool; other sources have it",
}

// unplayed are the steps that need what the emulator does not have.
var unplayed = map[string]string{
	"get registration":         "a device with a symmetric key registers: TestRegistrationAsRecorded has a TPM's",
	"query registrations, one": "a device with a symmetric key registers",
	"delete registration":      "a device with a symmetric key registers",
}

// tpmFlows are those of enrollments with a TPM.
var tpmFlows = []string{"client_init", "enrollment_tpm_lifecycle", "individual_enrollment_bulk_operations", "individual_enrollment_paging"}

func readRecording(t *testing.T) recording {
	t.Helper()
	data, err := os.ReadFile("testdata/recorded_service.json")
	if err != nil {
		t.Fatal(err)
	}
	var r recording
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// Every recorded exchange is played again, in order, against a new emulator for
// each flow: status, names and values of headers, and the members of the body,
// their order and their values. ETags are compared by form.
func TestAnswersAsRecorded(t *testing.T) {
	rec := readRecording(t)
	played, tpm := map[string]int{}, 0
	for i := 0; i < len(rec.Exchanges); {
		flow := rec.Exchanges[i].Flow
		end := i
		for end < len(rec.Exchanges) && rec.Exchanges[end].Flow == flow {
			end++
		}
		steps := rec.Exchanges[i:end]
		i = end
		t.Run(flow, func(t *testing.T) {
			p := player{client: start(t, Options{}), ek: rec.EndorsementKey, etags: map[string]string{}, tokens: map[string]string{}}
			for _, x := range steps {
				if unplayed[x.Step] != "" {
					continue
				}
				for n := range max(1, x.Times) {
					p.play(x, n)
				}
				played[flow]++
				if slices.Contains(tpmFlows, flow) {
					tpm++
				}
			}
		})
	}
	count := 0
	for _, n := range played {
		count += n
	}
	if want := len(rec.Exchanges) - len(unplayed); count != want || tpm != 19 {
		t.Errorf("%d exchanges were played, %d of them with a TPM, want %d: %v", count, tpm, want, played)
	}
}

// player plays the exchanges of one flow.
type player struct {
	*client
	ek            string
	etags, tokens map[string]string // from the recorded one to the emulator's
	seen          []string          // registration IDs of the pages of one query
}

// play sends one request and compares the answer.
func (p *player) play(x exchange, n int) {
	p.Helper()
	fill := strings.NewReplacer("{EK}", p.ek, "{n}", strconv.Itoa(n))
	path, body := fill.Replace(x.Path), fill.Replace(string(x.Body))
	p.setClock(x.Answer)
	body = strings.ReplaceAll(body, `"certificate": "certificate"`, `"certificate":`+string(object.String(p.certificate(x.Answer))))
	var headers []string
	for name, value := range x.Sent {
		switch name {
		case "if-match":
			value = p.etags[value]
		case "x-ms-continuation":
			value = p.tokens[value]
		}
		if value == "" {
			p.Fatalf("%s: the emulator gave nothing that stands for the recorded %s", x.Step, name)
		}
		headers = append(headers, name, value)
	}
	a := p.service(x.Method, path, body, headers...)
	if a.StatusCode != x.Status {
		p.Fatalf("%s: status %d, recorded %d: %s", x.Step, a.StatusCode, x.Status, a.body)
	}
	p.compareHeaders(x, a)
	want, got := items(p.T, []byte(fill.Replace(string(x.Answer)))), items(p.T, a.body)
	if x.Items > 0 {
		want = p.page(x, got)
	}
	if len(got) != len(want) {
		p.Fatalf("%s: %d items, recorded %d: %s", x.Step, len(got), len(want), a.body)
	}
	for i := range want {
		if err := p.compare("", decoder(want[i]), decoder(got[i])); err != nil {
			p.Errorf("%s: %v\ngot      %s\nrecorded %s", x.Step, err, got[i], want[i])
		}
	}
}

// page returns the recorded form of each item of a page, and checks that no two
// pages of a query have the same item.
func (p *player) page(x exchange, got []json.RawMessage) []json.RawMessage {
	p.Helper()
	if x.Sent["x-ms-continuation"] == "" {
		p.seen = nil
	}
	template := items(p.T, x.Answer)[0]
	var want []json.RawMessage
	for _, item := range got {
		var e struct{ RegistrationID string }
		if err := json.Unmarshal(item, &e); err != nil {
			p.Fatal(err)
		}
		n := strings.TrimSuffix(strings.TrimPrefix(e.RegistrationID, "ind_enroll_tpm_"), "7cef397f")
		text := strings.NewReplacer("{EK}", p.ek, "{n}", n).Replace(string(template))
		want = append(want, json.RawMessage(text))
		if slices.Contains(p.seen, e.RegistrationID) {
			p.Errorf("%s: %s comes twice", x.Step, e.RegistrationID)
		}
		p.seen = append(p.seen, e.RegistrationID)
	}
	if len(want) != x.Items {
		p.Fatalf("%s: %d items, recorded %d", x.Step, len(want), x.Items)
	}
	return want
}

// items are those of an array, by name since their order is that of a hash; what
// is not an array is one.
func items(t *testing.T, body []byte) (list []json.RawMessage) {
	t.Helper()
	if len(body) == 0 {
		return nil
	}
	if body[0] != '[' {
		return []json.RawMessage{body}
	}
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(list, func(a, b json.RawMessage) int { return strings.Compare(idOf(a), idOf(b)) })
	return list
}

func idOf(item json.RawMessage) string {
	var e struct{ RegistrationID, EnrollmentGroupID string }
	json.Unmarshal(item, &e)
	return e.RegistrationID + e.EnrollmentGroupID
}

// setClock makes it the time that the answer has.
func (p *player) setClock(answer json.RawMessage) {
	var e struct{ LastUpdatedDateTimeUTC time.Time }
	if json.Unmarshal(answer, &e) == nil && !e.LastUpdatedDateTimeUTC.IsZero() {
		p.clock.move(e.LastUpdatedDateTimeUTC.Sub(p.clock.Now()))
	}
}

// compareHeaders compares the names of all headers, and the values of those that
// have one.
func (p *player) compareHeaders(x exchange, a answer) {
	p.Helper()
	want := map[string]string{}
	for name, value := range x.Headers {
		want[http.CanonicalHeaderKey(name)] = value
	}
	got := map[string]string{}
	for name, values := range a.Header {
		got[name] = strings.Join(values, ", ")
	}
	for name := range ours {
		delete(want, name)
		delete(got, name)
	}
	const next = "X-Ms-Continuation"
	if want[next] != "" && got[next] != "" {
		p.tokens[want[next]] = got[next]
		if !tokenForm(p.T, got[next]) || !tokenForm(p.T, want[next]) {
			p.Errorf("%s: the token %s has not the form of %s", x.Step, got[next], want[next])
		}
		got[next] = want[next]
	}
	if !maps.Equal(got, want) {
		p.Errorf("%s: headers %v, recorded %v", x.Step, got, want)
	}
	if x.Status == http.StatusNoContent && a.Header.Get("Content-Length")+a.Header.Get("Content-Type") != "" {
		p.Errorf("%s: 204 with %v", x.Step, a.Header)
	}
}

// What a device's registration looks like to the operator, as recorded: only the
// values are a TPM's.
func TestRegistrationAsRecorded(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	c.enroll("dev1", chip, "")
	c.provision("dev1", chip)
	for _, x := range readRecording(t).Exchanges {
		if x.Step != "get registration" {
			continue
		}
		a := c.service("GET", "/registrations/dev1", "").expect(t, 200, 0)
		if got, want := names(t, a.body), names(t, x.Answer); !slices.Equal(got, want) {
			t.Errorf("members %v, recorded %v", got, want)
		}
		p := player{client: c}
		p.compareHeaders(x, a)
		return
	}
	t.Error("there is no such recording")
}

// names are those of an object's members, in order.
func names(t *testing.T, object []byte) (list []string) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(object))
	d.Token()
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, name.(string))
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return list
}
