package emulator

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/emulator/hub"
)

// stateSchema names the layout of the state file.
const stateSchema = "tpmdps/emulator/1"

// policyName is the policy that every new DPS has.
const policyName = "provisioningserviceowner"

// state is what a service remembers. The maps are keyed by [fold]ed
// registration ID.
type state struct {
	file          *atomicfile.Owned // nil for memory only
	policy        policy
	enrollments   map[string]*enrollment
	groups        map[string]*enrollment
	registrations map[string]*registration
}

// policy is a shared access policy of the service API.
type policy struct {
	Name string `json:"name"`
	Key  []byte `json:"key"`
}

func (p policy) encoded() string { return base64.StdEncoding.EncodeToString(p.Key) }

// fold makes the map key of a registration ID: the service does not tell case.
func fold(registrationID string) string { return strings.ToLower(registrationID) }

// stateFile is the state as it is written.
type stateFile struct {
	Schema        string            `json:"schema"`
	Policy        policy            `json:"policy"`
	Enrollments   []json.RawMessage `json:"enrollments"`
	Groups        []json.RawMessage `json:"enrollmentGroups,omitempty"`
	Registrations []*registration   `json:"registrations"`
}

// openState reads the state at path, or begins a new one where there is none. The
// file is this process's until the state is closed: a second emulator would write
// over what the first one has confirmed, with what it read before.
func openState(path string) (*state, error) {
	st := &state{
		policy:        policy{Name: policyName, Key: make([]byte, 64)},
		enrollments:   map[string]*enrollment{},
		groups:        map[string]*enrollment{},
		registrations: map[string]*registration{},
	}
	rand.Read(st.policy.Key)
	if path == "" {
		return st, nil
	}
	begin, err := st.encode()
	if err != nil {
		return nil, err
	}
	file, data, err := atomicfile.Own(path, begin, 0o600)
	if err != nil {
		return nil, err
	}
	if err := st.decode(data); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	st.file = file
	return st, nil
}

// close gives the file to the next one.
func (st *state) close() error {
	if st.file == nil {
		return nil
	}
	return st.file.Close()
}

func (st *state) decode(data []byte) error {
	var f stateFile
	if err := json.Unmarshal(data, &f); err != nil {
		return err
	}
	if f.Schema != stateSchema {
		return fmt.Errorf("schema %q, want %q", f.Schema, stateSchema)
	}
	if f.Policy.Name == "" || len(f.Policy.Key) == 0 {
		return errors.New("no policy key in it")
	}
	st.policy = f.Policy
	for c, list := range map[*collection][]json.RawMessage{individuals: f.Enrollments, groups: f.Groups} {
		for _, text := range list {
			e, err := c.read(text)
			if err != nil {
				return err
			}
			c.enrollments(st)[fold(e.id())] = e
		}
	}
	for _, r := range f.Registrations {
		if r == nil {
			return errors.New("a registration is null")
		}
		if r.HubKey != nil && r.Twin == nil { // written before there were twins
			r.Twin = hub.NewTwin(nil, nil)
		}
		st.registrations[fold(r.RegistrationID)] = r
	}
	return nil
}

// save writes the state file. It is called after every change, so that a killed
// emulator forgets nothing that it has confirmed.
func (st *state) save() error {
	if st.file == nil {
		return nil
	}
	data, err := st.encode()
	if err == nil {
		err = st.file.Put(data)
	}
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	return nil
}

// encode is the content of the state file.
func (st *state) encode() ([]byte, error) {
	f := stateFile{Schema: stateSchema, Policy: st.policy, Registrations: []*registration{}}
	var err error
	if f.Enrollments, err = written(st.enrollments); err != nil {
		return nil, err
	}
	if f.Groups, err = written(st.groups); err != nil {
		return nil, err
	}
	for _, r := range st.registrations {
		f.Registrations = append(f.Registrations, r)
	}
	slices.SortFunc(f.Registrations, func(a, b *registration) int {
		return cmp.Compare(a.RegistrationID, b.RegistrationID)
	})
	return json.Marshal(f)
}

// written returns the enrollments as they are kept, ordered by ID.
func written(all map[string]*enrollment) ([]json.RawMessage, error) {
	list := []json.RawMessage{}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		data, err := json.Marshal(all[id])
		if err != nil {
			return nil, err
		}
		list = append(list, data)
	}
	return list, nil
}
