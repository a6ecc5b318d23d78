package emulator

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"tpmdps/internal/emulator/hub"
)

// policyName is the policy that every new DPS has.
const policyName = "provisioningserviceowner"

// state is what a service remembers, and the log that it is written to.
type state struct {
	log           *stateLog // nil for memory only
	policy        policy
	enrollments   *table[*enrollment]
	groups        *table[*enrollment]
	registrations *table[*registration]
}

// policy is a shared access policy of the service API.
type policy struct {
	Name string `json:"name"`
	Key  []byte `json:"key"`
}

func (p policy) encoded() string { return base64.StdEncoding.EncodeToString(p.Key) }

// fold makes the map key of a registration ID: the service does not tell case.
func fold(registrationID string) string { return strings.ToLower(registrationID) }

// newState is that of a service nobody has used.
func newState() *state {
	st := &state{
		policy:        policy{Name: policyName, Key: make([]byte, 64)},
		enrollments:   newTable(individuals.readRow),
		groups:        newTable(groups.readRow),
		registrations: newTable(readRegistration),
	}
	rand.Read(st.policy.Key)
	return st
}

// tables are the tables by their names in the file.
func (st *state) tables() map[string]tabled {
	return map[string]tabled{"enrollments": st.enrollments, "enrollmentGroups": st.groups, "registrations": st.registrations}
}

// tableNames is their order there.
var tableNames = []string{"enrollments", "enrollmentGroups", "registrations"}

// readRow reads an enrollment that the file has.
func (c *collection) readRow(data []byte) (string, *enrollment, error) {
	e, err := c.read(data)
	if err != nil {
		return "", nil, err
	}
	return e.id(), e, nil
}

// readRegistration reads a registration that the file has.
func readRegistration(data []byte) (string, *registration, error) {
	var r *registration
	if err := json.Unmarshal(data, &r); err != nil {
		return "", nil, err
	}
	if r == nil {
		return "", nil, errors.New("a registration is null")
	}
	if r.HubKey != nil && r.Twin == nil { // written before there were twins
		r.Twin = hub.NewTwin(nil, nil)
	}
	return r.RegistrationID, r, nil
}
