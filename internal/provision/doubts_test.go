package provision

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/check"
	"tpmdps/internal/network"
	"tpmdps/internal/softtpm/softtpmtest"
	"tpmdps/internal/tpm"
)

// The handle that is looked at is the one of the file's auth_key_index, and the hint
// names the file.
func TestKeyHandleOfTheFile(t *testing.T) {
	b := setUp(t, "persisted")
	if err := softtpmtest.PersistPrimary(b.chip, tpm2.TPMRHOwner, tpm2.ECCSRKTemplate, 0x81000101); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		handle uint32
		taken  bool
	}{{0, false}, {tpm.HandleDPSKey, false}, {0x81000101, true}, {0x81000102, false}} {
		req := b.request(t, nil)
		req.Configured, req.Until = &Configured{File: "c 3.toml", KeyHandle: test.handle}, UntilChallenge
		res, err := Run(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		s := res.Steps[slices.IndexFunc(res.Steps, func(s Step) bool { return s.Name == "tpm.capabilities" })]
		warns := s.Status == check.Warn && strings.Contains(s.Detail, "0x81000101, where IoT Edge keeps the key") &&
			s.Hint == "let IoT Edge use another handle: tpmdps config --auth-key-index 0x000102 --config 'c 3.toml'"
		if warns != test.taken || !test.taken && s.Status != check.OK {
			t.Errorf("%#x: %+v", test.handle, s)
		}
	}
}

// A survey ends with what is wrong in the file, as a trip does, and shows the rest.
// What follows from the password alone is no second fault.
func TestSurvey(t *testing.T) {
	for _, test := range []struct {
		fixture, endorsement, owner string
		given                       tpm.HierarchyAuths
		ek                          check.Status
	}{
		{"persisted", "", "", tpm.HierarchyAuths{Owner: []byte("x")}, check.OK},
		{"persisted", "", "", tpm.HierarchyAuths{Endorsement: []byte("x")}, check.OK},
		{"persisted", "", "right", tpm.HierarchyAuths{}, check.OK},
		{"persisted", "", "right", tpm.HierarchyAuths{Owner: []byte("wrong")}, check.OK},
		{"", "right", "", tpm.HierarchyAuths{}, check.Skipped},
		{"", "right", "", tpm.HierarchyAuths{Endorsement: []byte("wrong")}, check.Skipped},
	} {
		name := fmt.Sprintf("%q with %q and %q, told %s", test.fixture, test.endorsement, test.owner, test.given)
		b := setUp(t, test.fixture)
		if err := softtpmtest.SetAuth(b.chip, test.endorsement, test.owner); err != nil {
			t.Fatal(err)
		}
		var ends []string
		for _, survey := range []bool{false, true} {
			req := b.request(t, nil)
			req.Configured, req.Until, req.Survey = &Configured{File: "c.toml", Auths: test.given}, UntilChallenge, survey
			res, err := Run(context.Background(), req)
			var failed *StepError
			if !errors.As(err, &failed) || !errors.Is(err, ErrConfiguredAuth) {
				t.Fatalf("%s: %v", name, err)
			}
			ends = append(ends, failed.Error())
			fails := 0
			for _, s := range res.Steps {
				if s.Status == check.Fail {
					fails++
				}
				if survey && s.Name == "tpm.ek" && s.Status != test.ek || survey && test.ek == check.OK && test.owner == "" && s.Name == "dps.challenge" && s.Status != check.OK ||
					survey && test.owner != "" && s.Name == "tpm.srk" && s.Status != check.Skipped {
					t.Errorf("%s: %+v", name, s)
				}
			}
			if fails != 1 {
				t.Errorf("%s: %d steps failed: %+v", name, fails, res.Steps)
			}
		}
		if ends[0] != ends[1] {
			t.Errorf("%s: a trip ends with %q, a survey with %q", name, ends[0], ends[1])
		}
	}
}

// cutting ends each answer after its header, or before it.
type cutting struct {
	http.RoundTripper
	err error
}

func (c cutting) RoundTrip(req *http.Request) (*http.Response, error) {
	answer, err := c.RoundTripper.RoundTrip(req)
	if err == nil {
		answer.Body.Close()
		answer.Body = io.NopCloser(failingReader{c.err})
		if c.err == io.EOF {
			return nil, c.err
		}
	}
	return answer, err
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// An answer that breaks off is not an unplugged cable: name, connection and TLS were
// seen to be in order.
func TestAnswerBreaksOff(t *testing.T) {
	b := setUp(t, "persisted")
	for _, cut := range []error{io.ErrUnexpectedEOF, io.EOF} {
		req := b.request(t, func(next http.RoundTripper) http.RoundTripper { return cutting{next, cut} })
		res, err := Run(context.Background(), req)
		if !errors.Is(err, network.ErrBroken) {
			t.Errorf("%v: %v", cut, err)
		}
		clock := res.Steps[slices.IndexFunc(res.Steps, func(s Step) bool { return s.Name == "clock" })]
		if clock.Detail != "no complete answer came" {
			t.Errorf("%v: %+v", cut, clock)
		}
	}
}

// Where the name of a hub is from is said of one that cannot be reached, and of no
// other fault.
func TestHubErrorNamesTheAssignment(t *testing.T) {
	tr := &trip{result: Result{AssignedHub: "gone.azure-devices.net"}}
	for _, test := range []struct {
		err  error
		says bool
	}{
		{fmt.Errorf("%w: x", network.ErrName), true},
		{fmt.Errorf("%w: x", network.ErrConnect), true},
		{fmt.Errorf("%w: x", network.ErrTLS), false},
		{fmt.Errorf("%w: x", network.ErrProxy), false},
		{fmt.Errorf("%w: x", network.ErrCertificate), false},
	} {
		err := tr.ofAssignment(test.err)
		var of *hubError
		if errors.As(err, &of) != test.says || !errors.Is(err, test.err) {
			t.Errorf("%v becomes %v", test.err, err)
		}
		if test.says && (!strings.Contains(of.Hint(), "iotHubs") || !strings.Contains(err.Error(), "gone.azure-devices.net is the hub that DPS assigned")) {
			t.Errorf("%v: %s", err, of.Hint())
		}
	}
}
