// Package examine judges the chips of records: it loads what the user gave for that,
// roots, lists and a program of the user's own, and makes of each record a verdict and
// what the policy says to it.
package examine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tpmdps/internal/ektrust"
	"tpmdps/internal/ektrust/chain"
	"tpmdps/internal/ektrust/fetch"
	"tpmdps/internal/ektrust/rootfile"
	"tpmdps/internal/identity"
	"tpmdps/internal/input"
	"tpmdps/internal/text"
)

// ErrSource is wrapped by the error for a file that was given to judge by and cannot
// be used.
var ErrSource = errors.New("cannot be used to judge chips")

// maxAllowList bounds a list of EKs, in bytes: half a million of them.
const maxAllowList = 64 << 20

// Sources are what chips are judged by.
type Sources struct {
	// Roots and Extra are files or folders of CA certificates; "" for none. Those of
	// Extra are trusted, whatever the table of roots says.
	Roots, Extra string
	// CRLs is a folder of lists of revoked certificates, "" for none.
	CRLs string
	// AllowList is a file of EK hashes, "" for none.
	AllowList string
	// Policy says what follows; its Allow is filled in from AllowList.
	Policy ektrust.Policy
	// Program is a program of the user's own that has to accept each record, "" for
	// none, and Env its environment.
	Program string
	Env     []string
	// Kept has certificates of chips that do not store their own; nil has none.
	Kept *fetch.Kept
}

// Asked tells that something was given that chips are to be judged by. Without it only
// a key that is known to be weak is of interest.
func (s Sources) Asked() bool {
	return cmp.Or(s.Roots, s.Extra, s.CRLs, s.AllowList, s.Program) != "" || len(s.Policy.Vendors) > 0 || s.Policy.Mode == ektrust.Require
}

// Examiner judges records. The zero value, and nil, judge none.
type Examiner struct {
	store  *ektrust.Store
	policy ektrust.Policy
	own    *ownCheck
	kept   *fetch.Kept
	// Notes are sentences on what was given and not used, such as a file in a folder
	// of roots that is not a certificate.
	Notes []string
}

// Result is what became of a record.
type Result struct {
	// Verdict is nil where the policy is off.
	Verdict *ektrust.Verdict
	// Decision is what follows.
	Decision ektrust.Decision
}

// Open loads what is given. Errors wrap [ErrSource], or are [input]'s.
func (s Sources) Open(ctx context.Context) (*Examiner, error) {
	x := &Examiner{policy: s.Policy, kept: s.Kept}
	if x.off() {
		return x, nil
	}
	if slices.Contains([]string{s.Roots, s.Extra, s.CRLs, s.AllowList}, "-") {
		return nil, fmt.Errorf("-: %w: standard input is not read for this; save it as a file", ErrSource)
	}
	roots, err := x.certificates(ctx, s.Roots)
	if err != nil {
		return nil, err
	}
	extra, err := x.certificates(ctx, s.Extra)
	if err != nil {
		return nil, err
	}
	x.store = ektrust.NewStore(roots, extra)
	if err := x.lists(ctx, s); err != nil {
		return nil, err
	}
	if s.Program != "" {
		x.own, err = newOwnCheck(s.Program, s.Env)
	}
	return x, err
}

// certificates reads a file or folder of CA certificates.
func (x *Examiner) certificates(ctx context.Context, path string) ([]*chain.Certificate, error) {
	if path == "" {
		return nil, nil
	}
	bundle, err := load(ctx, path)
	if err != nil {
		return nil, err
	}
	x.note(path, bundle.Ignored)
	return bundle.Certificates, nil
}

// lists reads the lists: of revoked certificates, and of allowed keys.
func (x *Examiner) lists(ctx context.Context, s Sources) error {
	type lists struct {
		crls    []*chain.CRL
		ignored []rootfile.Ignored
	}
	if s.CRLs != "" {
		got, err := input.Await(ctx, s.CRLs, "its end did not come", func() (lists, error) {
			crls, ignored, err := rootfile.LoadCRLs(s.CRLs)
			return lists{crls, ignored}, err
		})
		switch {
		case err != nil:
			return fault(err)
		case len(got.crls) == 0:
			return fmt.Errorf("%s: %w: there is no list of revoked certificates (CRL) in it", s.CRLs, ErrSource)
		}
		x.note(s.CRLs, got.ignored)
		x.store = x.store.WithCRLs(got.crls)
	}
	if s.AllowList != "" {
		data, err := input.ReadFile(ctx, s.AllowList, maxAllowList)
		if err != nil {
			return err
		}
		if x.policy.Allow, err = ektrust.ParseAllowList(data); err != nil {
			return fmt.Errorf("%s: %w: %w", s.AllowList, ErrSource, err)
		}
	}
	return nil
}

// fault marks an error as one of a source. One of the run's end is left as it is.
func fault(err error) error {
	if errors.Is(err, input.ErrTimeOver) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrSource, err)
}

// maxNotes bounds the notes of one source: a folder may hold thousands of other files.
const maxNotes = 5

func (x *Examiner) note(path string, ignored []rootfile.Ignored) {
	for i, one := range ignored {
		if i == maxNotes {
			x.Notes = append(x.Notes, fmt.Sprintf("%s: %d more files were not used", path, len(ignored)-i))
			return
		}
		x.Notes = append(x.Notes, fmt.Sprintf("%s: %s was not used: %s", path, one.Name, one.Reason))
	}
}

func (x *Examiner) off() bool {
	return x == nil || x.policy.Mode == "" || x.policy.Mode == ektrust.Off
}

// Rootless tells that no certificates of CAs were given, so that no chip can be
// trusted.
func (x *Examiner) Rootless() bool { return !x.off() && x.store.Len() == 0 }

// Rooted tells that chips are judged, and by certificates that somebody gave for it.
func (x *Examiner) Rooted() bool { return !x.off() && x.store.Len() > 0 }

// Policy is the one that records are compared with.
func (x *Examiner) Policy() ektrust.Policy {
	if x == nil {
		return ektrust.Policy{}
	}
	return x.policy
}

// Record judges the chip of a record at a time. The error is for a record whose fields
// cannot be read, or for a run that is over; that a chip is refused is in the result.
func (x *Examiner) Record(ctx context.Context, r identity.Record, now time.Time) (Result, error) {
	if x.off() {
		return Result{}, nil
	}
	evidence, err := ektrust.FromRecord(r)
	if err != nil {
		return Result{}, err
	}
	missing := x.complete(ctx, &evidence)
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	v := x.store.Assess(evidence, now)
	if missing != nil {
		v.Reasons = append(v.Reasons, ektrust.Reason{Code: ektrust.CodeNotFetched, Text: text.Printable(missing.Error(), maxReason)})
	}
	result := Result{&v, x.policy.Judge(v, evidence)}
	if x.own == nil {
		return result, nil
	}
	r.EKVerdict = v.InRecord()
	line, err := json.Marshal(r)
	if err != nil {
		return Result{}, err
	}
	refusal, err := x.own.ask(ctx, append(line, '\n'))
	if err != nil || refusal == "" {
		return result, err
	}
	result.Decision.Reasons = append(result.Decision.Reasons, ektrust.Reason{Code: ektrust.CodeOwnCheck, Text: "your own check refused it: " + refusal})
	result.Decision.Refused = result.Decision.Refused || x.policy.Mode == ektrust.Require
	return result, nil
}

// complete adds the certificate that a maker keeps on a server. The error is why it is
// not there; nil also where nobody was to be asked.
func (x *Examiner) complete(ctx context.Context, e *ektrust.Evidence) error {
	address := ektrust.CertificateURL(e.Manufacturer, e.EK)
	if x.kept == nil || e.Certificate != nil || address == "" {
		return nil
	}
	der, err := x.kept.Certificate(ctx, address, e.EK)
	if len(der) > 0 {
		e.Certificate = der
	}
	return err
}

// Line is the verdict in one line, and whether somebody should look at it; "" where the
// policy is off.
func (r Result) Line(rootless bool) (line string, warn bool) {
	if r.Verdict == nil {
		return "", false
	}
	warnings := r.Warnings(rootless)
	warn = len(warnings) > 0
	if !rootless && r.Verdict.Verdict == ektrust.Trusted || !warn {
		warnings = append([]string{"the verdict on this chip is " + r.Verdict.Summary()}, warnings...)
	}
	return strings.Join(warnings, "; "), warn
}

// Warnings are what somebody should look at although the chip is not refused. Without
// roots, a chip that is only not known to be real is not among it: nobody asked.
func (r Result) Warnings(rootless bool) []string {
	var list []string
	for _, reason := range r.Decision.Reasons {
		switch quiet := r.Verdict.Verdict == ektrust.Unknown || r.Verdict.Verdict == ektrust.Absent; {
		case reason.Code != ektrust.CodeVerdict:
			list = append(list, reason.Text)
		case !rootless || !quiet:
			list = append(list, "the verdict on this chip is "+reason.Text)
		}
	}
	for _, w := range r.Verdict.Weaknesses {
		list = append(list, "the chip's firmware is known for "+w.String())
	}
	return list
}
