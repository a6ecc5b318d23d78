package dps

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// ServiceClient speaks the service API: what an operator does with enrollments.
// It may be used by several goroutines.
type ServiceClient struct{ client }

// NewServiceClient makes a client for the DPS at an endpoint: anything that
// [ServiceEndpoint] accepts.
func NewServiceClient(endpoint string, cred Credential, o ClientOptions) (*ServiceClient, error) {
	u, err := ServiceEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	if cred.err != nil {
		return nil, cred.err
	}
	if cred.policy == nil {
		return nil, fmt.Errorf("%w: none was given", ErrCredential)
	}
	return &ServiceClient{newClient(u, serviceAPIVersion, cred.policy(), o)}, nil
}

// Endpoint is the URL of the service API, without a path.
func (c *ServiceClient) Endpoint() string { return c.endpoint }

// Enrollment returns the enrollment of a registration ID. There being none is
// an [*Error] with status 404.
func (c *ServiceClient) Enrollment(ctx context.Context, id string) (Enrollment, error) {
	a, err := c.do(ctx, request{method: http.MethodGet, path: enrollmentPath(id), subject: subjectOf(id)})
	if err != nil {
		return Enrollment{}, err
	}
	e, err := readEnrollment(a)
	return e, checkNotFound(a, err)
}

// PutEnrollment creates or replaces the enrollment of e's registration ID and
// returns it as the service now has it. With ifMatch, the ETag of a version that
// was read, it replaces only that one; otherwise the service answers 412. An
// empty ifMatch is for a new enrollment: DPS has no way to say that it must not
// exist yet, and is reported to answer 409 when there is one.
func (c *ServiceClient) PutEnrollment(ctx context.Context, e Enrollment, ifMatch string) (Enrollment, error) {
	if ifMatch != "" && !isETag(ifMatch) {
		return Enrollment{}, fmt.Errorf("put enrollment %q: %q is not one version's ETag", show(e.RegistrationID, 140), show(ifMatch, 80))
	}
	a, err := c.do(ctx, request{
		method: http.MethodPut, path: enrollmentPath(e.RegistrationID),
		body: e.writable(), header: ifMatchHeader(ifMatch), subject: subjectOf(e.RegistrationID),
	})
	if err != nil {
		return Enrollment{}, err
	}
	return readEnrollment(a)
}

// DeleteEnrollment removes an enrollment: the version with the ETag ifMatch, or
// with "*" whichever is there. The machine keeps its identity in the hub.
func (c *ServiceClient) DeleteEnrollment(ctx context.Context, id, ifMatch string) error {
	return c.delete(ctx, enrollmentPath(id), ifMatch)
}

// DeleteRegistration removes the record of a machine's last registration, so that
// the next one is like its first. It is the version with the ETag ifMatch, or with
// "*" whichever is there. The machine keeps its identity in the hub.
func (c *ServiceClient) DeleteRegistration(ctx context.Context, id, ifMatch string) error {
	return c.delete(ctx, registrationPath(id), ifMatch)
}

func (c *ServiceClient) delete(ctx context.Context, path, ifMatch string) error {
	a, err := c.do(ctx, request{method: http.MethodDelete, path: path, header: ifMatchHeader(ifMatch)})
	if err != nil {
		return err
	}
	return checkNotFound(a, checkDeleted(a))
}

// checkDeleted accepts 204, which is what the service answers, and a 200 without a
// body. A page of a portal has a 200, too, and deletes nothing.
func checkDeleted(a answer) error {
	code := errorCode([]byte(a.header.Get("x-ms-error-code")))
	switch {
	case a.status != http.StatusNoContent && a.status != http.StatusOK:
		return refusal(a)
	case code != 0:
		return a.malformed(fmt.Sprintf("its status is %d, and it has the error code %d of a refusal", a.status, code))
	case len(a.body) > 0:
		return a.malformed("it has a body, which the answer to a deletion does not have")
	}
	return nil
}

// RegistrationState returns what became of a machine's last registration. A
// machine that never registered is an [*Error] with status 404.
func (c *ServiceClient) RegistrationState(ctx context.Context, id string) (RegistrationState, error) {
	a, err := c.do(ctx, request{method: http.MethodGet, path: registrationPath(id), subject: subjectOf(id)})
	if err != nil {
		return RegistrationState{}, err
	}
	var s RegistrationState
	if err := a.decode(&s, http.StatusOK); err != nil {
		return RegistrationState{}, err
	}
	if s.Status == "" {
		return RegistrationState{}, a.malformed("it has no status")
	}
	if s.ETag, err = a.checkETag(s.ETag); err != nil {
		return RegistrationState{}, err
	}
	return s, nil
}

// MaxBulk is how many enrollments one bulk request may hold (service.json:
// "maximum of 10 enrollments").
const MaxBulk = 10

// The modes of a bulk request. There is "update", too, which DPS refuses for each
// enrollment without an ETag, as recorded.
const (
	BulkCreate            = "create"
	BulkUpdateIfMatchETag = "updateIfMatchETag"
	BulkDelete            = "delete"
)

// BulkResult says which of a bulk request's enrollments were refused.
type BulkResult struct {
	IsSuccessful bool        `json:"isSuccessful"`
	Errors       []BulkError `json:"errors"`
}

// BulkError is the refusal of one enrollment.
type BulkError struct {
	RegistrationID string `json:"registrationId"`
	ErrorCode      int    `json:"errorCode"`
	ErrorStatus    string `json:"errorStatus"`
}

// Refusal is the same refusal as an error of a request for this one alone.
func (b BulkError) Refusal() *Error {
	return &Error{
		Status: b.ErrorCode / 1000, Code: b.ErrorCode, Form: FormDPS, Message: b.ErrorStatus,
		Method: http.MethodPost, Path: "/enrollments",
	}
}

// Bulk creates, updates or deletes 1 to 10 enrollments. mode is "create",
// "update", "updateIfMatchETag" or "delete". The refusal of single enrollments
// is not an error but in the result.
func (c *ServiceClient) Bulk(ctx context.Context, mode string, enrollments []Enrollment) (BulkResult, error) {
	if n := len(enrollments); n == 0 || n > MaxBulk {
		return BulkResult{}, fmt.Errorf("bulk %s: %d enrollments, from 1 to %d fit", mode, n, MaxBulk)
	}
	body := struct {
		Enrollments []Enrollment `json:"enrollments"`
		Mode        string       `json:"mode"`
	}{make([]Enrollment, 0, len(enrollments)), mode}
	var asked subject
	for _, e := range enrollments {
		body.Enrollments = append(body.Enrollments, e.writable())
		asked.registrationIDs = append(asked.registrationIDs, e.RegistrationID)
	}
	a, err := c.do(ctx, request{method: http.MethodPost, path: "/enrollments", body: body, subject: asked})
	if err != nil {
		return BulkResult{}, err
	}
	var r BulkResult
	if err := a.decode(&r, http.StatusOK); err != nil {
		return BulkResult{}, err
	}
	switch {
	case r.IsSuccessful && len(r.Errors) > 0:
		return BulkResult{}, a.malformed("isSuccessful is true, and errors follow")
	case !r.IsSuccessful && len(r.Errors) == 0:
		return BulkResult{}, a.malformed("isSuccessful is not true, and no errors follow")
	}
	for i := range r.Errors {
		r.Errors[i].RegistrationID = show(r.Errors[i].RegistrationID, 140)
		r.Errors[i].ErrorStatus = show(r.Errors[i].ErrorStatus, 300)
	}
	return r, nil
}

func subjectOf(id string) subject { return subject{registrationIDs: []string{id}} }

func enrollmentPath(id string) string { return "/enrollments/" + url.PathEscape(id) }

func registrationPath(id string) string { return "/registrations/" + url.PathEscape(id) }

// ifMatchHeader quotes an ETag as RFC 9110 section 8.8.3 wants it; the service
// gives it without quotes in the body.
func ifMatchHeader(etag string) map[string]string {
	switch {
	case etag == "":
		return nil
	case etag != "*" && !strings.HasPrefix(etag, `"`) && !strings.HasPrefix(etag, "W/"):
		etag = `"` + etag + `"`
	}
	return map[string]string{"If-Match": etag}
}

func readEnrollment(a answer) (Enrollment, error) {
	var e Enrollment
	if err := a.decode(&e, http.StatusOK); err != nil {
		return Enrollment{}, err
	}
	if kind := e.Attestation.Type; e.Attestation.TPM != nil && kind != "" && !strings.EqualFold(kind, "tpm") {
		return Enrollment{}, a.malformed(fmt.Sprintf("its attestation is of the type %q and has a TPM's key", show(kind, 40)))
	}
	etag, err := a.checkETag(e.ETag)
	if err != nil {
		return Enrollment{}, err
	}
	e.ETag = etag
	e.RequestID = show(a.header.Get("x-ms-request-id"), 80)
	return e, nil
}

// HasStatus reports whether an error is a refusal by the service with that HTTP
// status.
func HasStatus(err error, status int) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == status
}
