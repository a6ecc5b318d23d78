package dps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"
)

// DeviceClient speaks the device API: what a machine does to register itself.
// It may be used by several goroutines.
type DeviceClient struct {
	client
	idScope string
}

// NewDeviceClient makes a client for the DPS behind an endpoint (anything that
// [DeviceEndpoint] accepts) that owns an ID scope.
func NewDeviceClient(endpoint, idScope string, o ClientOptions) (*DeviceClient, error) {
	u, err := DeviceEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	if idScope == "" {
		return nil, errors.New("register with DPS: no ID scope")
	}
	return &DeviceClient{newClient(u, deviceAPIVersion, nil, o), idScope}, nil
}

// Registration is what a machine says of itself when it registers. The keys are
// marshalled TPM2B_PUBLICs, size prefix included.
type Registration struct {
	RegistrationID string
	EndorsementKey []byte
	StorageRootKey []byte
	// Payload is handed to a custom allocation policy: a JSON object, or nil.
	Payload json.RawMessage
}

// Answer is what the service says to a registration: exactly one is not nil.
type Answer struct {
	Challenge *Challenge
	Operation *Operation
}

// Operation is a registration under way or ended.
type Operation struct {
	// ID names it in polls.
	ID string
	// Status is the service's word: assigning, assigned, failed, disabled,
	// unassigned, or one that is not known yet. It is printable.
	Status string
	// State is what is known of the registration; nil early on.
	State *RegistrationState
	// RetryAfter is how long the service asks to wait; 0 if it did not say.
	RetryAfter time.Duration
	// Date is the service's clock, zero if it did not say.
	Date time.Time
}

// Register sends a registration. token is empty the first time; the service
// then answers with a [Challenge], and is asked again with the token that the
// TPM signed. A refusal is an [*Error].
func (c *DeviceClient) Register(ctx context.Context, r Registration, token string) (Answer, error) {
	type keys struct {
		EndorsementKey []byte `json:"endorsementKey"`
		StorageRootKey []byte `json:"storageRootKey"`
	}
	body := struct {
		RegistrationID string          `json:"registrationId"`
		TPM            keys            `json:"tpm"`
		Payload        json.RawMessage `json:"payload,omitempty"`
	}{r.RegistrationID, keys{r.EndorsementKey, r.StorageRootKey}, r.Payload}

	a, err := c.do(ctx, c.request(http.MethodPut, r.RegistrationID, "/register", token, body))
	if err != nil {
		return Answer{}, err
	}
	if a.status == http.StatusUnauthorized {
		challenge, err := readChallenge(a)
		return Answer{Challenge: challenge}, err
	}
	op, err := readOperation(a, "")
	if err != nil {
		return Answer{}, err
	}
	return Answer{Operation: &op}, nil
}

// Operation asks how a registration is doing, with the token that it was sent
// with.
func (c *DeviceClient) Operation(ctx context.Context, registrationID, operationID, token string) (Operation, error) {
	if !pathSafe(operationID) {
		return Operation{}, fmt.Errorf("ask for operation %q: not an operation ID", show(operationID, 40))
	}
	r := c.request(http.MethodGet, registrationID, "/operations/"+url.PathEscape(operationID), token, nil)
	r.subject.operationID = operationID
	a, err := c.do(ctx, r)
	if err != nil {
		return Operation{}, err
	}
	return readOperation(a, operationID)
}

func (c *DeviceClient) request(method, registrationID, rest, token string, body any) request {
	r := request{
		method: method,
		path:   "/" + url.PathEscape(c.idScope) + "/registrations/" + url.PathEscape(registrationID) + rest,
		body:   body,

		subject: subject{registrationIDs: []string{registrationID}},
	}
	if token != "" {
		r.header = map[string]string{"Authorization": token}
	}
	return r
}

// operationBody is RegistrationOperationStatus.
type operationBody struct {
	OperationID       string             `json:"operationId,omitempty"`
	Status            string             `json:"status"`
	RegistrationState *RegistrationState `json:"registrationState"`
	// The name of 2017, with the same content.
	RegistrationStatus *RegistrationState `json:"registrationStatus"`
}

// readOperation reads an operation. A poll's answer may leave the operation ID
// out, since it was asked for by it.
func readOperation(a answer, askedFor string) (Operation, error) {
	var body operationBody
	if err := a.decode(&body, http.StatusOK, http.StatusAccepted); err != nil {
		return Operation{}, err
	}
	if body.OperationID == "" {
		body.OperationID = askedFor
	}
	op := Operation{
		ID:         body.OperationID,
		Status:     show(body.Status, 40),
		State:      body.RegistrationState,
		RetryAfter: a.retryAfter(),
		Date:       a.date(),
	}
	if op.State == nil {
		op.State = body.RegistrationStatus
	}
	if op.State != nil && op.State.ETag != "" {
		if _, err := a.checkETag(op.State.ETag); err != nil {
			return Operation{}, err
		}
	}
	switch {
	case body.RegistrationStatus != nil && !reflect.DeepEqual(op.State, body.RegistrationStatus):
		return Operation{}, a.malformed("its registrationState and its registrationStatus, the name of 2017 for the same, differ")
	case op.Status == "":
		return Operation{}, a.malformed("it has no status")
	case !pathSafe(op.ID):
		return Operation{}, a.malformed("it has no usable operationId")
	}
	return op, nil
}

// pathSafe reports whether an operation ID can be one segment of a URL's path.
// The service's look like 5.316aac5bdc130deb.b1e02da8-c3a0-4ff2-a121-7ea7a6b7f550;
// one of 2017 had base64 in it.
func pathSafe(id string) bool {
	return id != "" && id != "." && id != ".." && len(id) <= 256 &&
		!strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
