package emulator

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// listed are the IDs on a page of a query.
func listed(a answer) (ids []string) {
	var list []struct {
		RegistrationID    string
		RegistrationState json.RawMessage
	}
	json.Unmarshal(a.body, &list)
	for _, e := range list {
		ids = append(ids, e.RegistrationID)
		if e.RegistrationState != nil {
			ids = append(ids, "a registrationState")
		}
	}
	return ids
}

const (
	everything = `{"query":"SELECT * FROM enrollments"}`
	nextPage   = "X-Ms-Continuation"
)

func TestQueryPages(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	for _, id := range []string{"d", "B", "a", "C", "e"} {
		c.enroll(id, chip, "")
		c.clock.move(time.Second)
	}
	c.provision("a", chip)
	query := func(headers ...string) answer {
		t.Helper()
		return c.service("POST", "/enrollments/query", everything, headers...).expect(t, 200, 0)
	}
	a := query()
	order := listed(a)
	if sorted := slices.Sorted(slices.Values(order)); !slices.Equal(sorted, []string{"B", "C", "a", "d", "e"}) {
		t.Fatalf("query = %s", order)
	}
	if _, ok := a.Header[nextPage]; ok {
		t.Error("the last page has a continuation")
	}
	if _, ok := a.Header["X-Ms-Max-Item-Count"]; ok {
		t.Error("the answer has x-ms-max-item-count, the recorded ones have not")
	}
	if got := a.Header.Get("x-ms-item-type"); got != "Enrollment" {
		t.Errorf("x-ms-item-type = %q", got)
	}

	a = query("x-ms-max-item-count", "2")
	if got := listed(a); !slices.Equal(got, order[:2]) {
		t.Errorf("first page = %s, want %s", got, order[:2])
	}
	// What happens between the pages moves no other enrollment.
	c.service("DELETE", "/enrollments/"+order[0], "").expect(t, 204, 0)
	c.service("DELETE", "/enrollments/"+order[1], "").expect(t, 204, 0)
	a = query("x-ms-max-item-count", "2", "x-ms-continuation", a.Header.Get(nextPage))
	if got := listed(a); !slices.Equal(got, order[2:4]) {
		t.Errorf("second page = %s, want %s", got, order[2:4])
	}
	a = query("x-ms-max-item-count", "2", "x-ms-continuation", a.Header.Get(nextPage))
	if got := listed(a); !slices.Equal(got, order[4:]) || a.Header.Get(nextPage) != "" {
		t.Errorf("last page = %s and %q, want %s and no continuation", got, a.Header.Get(nextPage), order[4:])
	}
	for _, id := range order[2:] {
		c.service("DELETE", "/enrollments/"+id, "").expect(t, 204, 0)
	}
	if a := query(); string(a.body) != "[]" {
		t.Errorf("query of nothing = %s, want []", a.body)
	}
}

// A hundred fit on a page that nobody asked a size for; whatever the sizes, all
// enrollments come once and in one order.
func TestQueryPageSizes(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	for i := range 211 {
		c.enroll(fmt.Sprintf("box-%d", i), chip, "")
		if i%7 != 0 { // some are of one instant
			c.clock.move(100 * time.Nanosecond)
		}
	}
	var order []string
	for _, size := range []string{"", "1", "7", "99", "100", "101", "210", "211", "212", "10000", "999999999"} {
		var pages []int
		var ids []string
		for headers := []string{}; ; {
			if size != "" {
				headers = append(headers, "x-ms-max-item-count", size)
			}
			a := c.service("POST", "/enrollments/query", everything, headers...).expect(t, 200, 0)
			ids = append(ids, listed(a)...)
			pages = append(pages, len(listed(a)))
			token := a.Header.Get(nextPage)
			if token == "" {
				break
			}
			if !tokenForm(t, token) {
				t.Fatalf("the token %s is none of Cosmos DB's", token)
			}
			headers = []string{"x-ms-continuation", token}
		}
		if order == nil {
			order = ids
			if !slices.Equal(pages, []int{100, 100, 11}) {
				t.Errorf("pages without a size: %v, want 100, 100, 11", pages)
			}
		}
		if !slices.Equal(ids, order) {
			t.Errorf("in pages of %s: %v, want %v", size, ids, order)
		}
		if n, err := strconv.Atoi(size); err == nil && pages[0] != min(n, 211) {
			t.Errorf("the first page of %s has %d", size, pages[0])
		}
	}
	slices.Sort(order)
	if n := len(slices.Compact(order)); n != 211 {
		t.Errorf("%d different enrollments, want 211", n)
	}
}

func TestQueryForms(t *testing.T) {
	c := start(t, Options{})
	for _, x := range []struct{ collection, item string }{{"enrollments", "Enrollment"}, {"enrollmentGroups", "EnrollmentGroup"}} {
		for _, q := range []string{"*", "SELECT *", "select *", "Select  *", " select\\t* ", "SELECT * FROM " + x.collection, "select * from " + strings.ToLower(x.collection)} {
			a := c.service("POST", "/"+x.collection+"/query", `{"query":"`+q+`"}`).expect(t, 200, 0)
			if got := a.Header.Get("x-ms-item-type"); got != x.item || string(a.body) != "[]" {
				t.Errorf("%s: %q of %s %s", x.collection, q, got, a.body)
			}
		}
		for _, q := range []string{"", "{}", `{"query":"SELECT"}`, `{"query":"SELECT * FROM devices"}`, `{"query":"SELECT * FROM enrollments WHERE a = 1"}`, `{"query":1}`, `{"query":"SELECT a"}`} {
			c.service("POST", "/"+x.collection+"/query", q).expect(t, 400, 400000)
		}
	}
	c.service("POST", "/enrollments/query", `{"query":"SELECT * FROM enrollmentGroups"}`).expect(t, 400, 400000)
	foreign := base64.StdEncoding.EncodeToString([]byte(`[{"token":"+RID:~AAAA#RT:1","range":{}}]`))
	for _, h := range [][]string{{"x-ms-max-item-count", "0"}, {"x-ms-max-item-count", "-1"}, {"x-ms-max-item-count", "many"}, {"x-ms-continuation", "%%"},
		{"x-ms-continuation", "W10="}, {"x-ms-continuation", "bnVsbA=="}, {"x-ms-continuation", foreign}, {"x-ms-continuation", "YQ"}} {
		c.service("POST", "/enrollments/query", everything, h...).expect(t, 400, 400000)
	}
}

// Enrollments and groups that no TPM is in are stored, and no device registers
// by them.
func TestOtherAttestation(t *testing.T) {
	chip, _ := chips()
	dir := t.TempDir()
	o := Options{StateFile: filepath.Join(dir, "state.json")}
	c := start(t, o)
	const key = `{"registrationId":"sym","attestation":{"type":"symmetricKey"},"provisioningStatus":null}`
	a := c.service("PUT", "/enrollments/sym", key).expect(t, 200, 0)
	drawn := a.str(t, "attestation", "symmetricKey", "primaryKey")
	c.service("PUT", "/enrollmentGroups/g", `{"enrollmentGroupId":"g","attestation":{"type":"symmetricKey"}}`).expect(t, 200, 0)
	c.send("PUT", c.registerPath("sym"), registerBody("sym", chip)).expect(t, 400, 400000)
	c.send("GET", c.operationPath("sym", "5.0"), "", "Authorization", c.deviceToken("sym", []byte("x"))).expect(t, 400, 400000)

	c.killed()
	again := start(t, o)
	a = again.service("GET", "/enrollments/sym", "").expect(t, 200, 0)
	if got, _ := a.member(t, "attestation"); string(got) != `{"type":"symmetricKey"}` {
		t.Errorf("GET shows the attestation %s", got)
	}
	// What GET gave may be sent back: the keys stay.
	a = again.service("PUT", "/enrollments/sym", string(a.body), "If-Match", a.str(t, "etag")).expect(t, 200, 0)
	if got := a.str(t, "attestation", "symmetricKey", "primaryKey"); got != drawn || len(got) != 88 {
		t.Errorf("primaryKey %q after restart and update, want %q", got, drawn)
	}
	if v, ok := a.member(t, "provisioningStatus"); !ok || string(v) != "null" {
		t.Errorf("provisioningStatus = %s, want null", v)
	}
	again.service("GET", "/enrollmentGroups/G", "").expect(t, 200, 0)
	again.service("PUT", "/enrollmentGroups/t", `{"enrollmentGroupId":"t","attestation":{"type":"tpm","tpm":{"endorsementKey":"`+chip.ekText()+`"}}}`).expect(t, 400, 400000)
	again.service("PUT", "/enrollments/x", `{"registrationId":"x","attestation":{"type":"x509","x509":{"clientCertificates":{"primary":{"certificate":"AAAA"}}}}}`).expect(t, 400, 400000)
}
