package emulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"tpmdps/internal/emulator/object"
	"tpmdps/internal/emulator/rest"
	"tpmdps/internal/emulator/sas"
)

// module is the identity of a module on the hub: IoT Edge's identity service
// makes one for each module that it runs.
type module struct {
	ModuleID       string          `json:"moduleId"`
	ManagedBy      string          `json:"managedBy,omitempty"`
	DeviceID       string          `json:"deviceId"`
	GenerationID   string          `json:"generationId"`
	ETag           string          `json:"etag"`
	Authentication *moduleIdentity `json:"authentication"`
}

// moduleIdentity says how a module proves itself.
type moduleIdentity struct {
	SymmetricKey   json.RawMessage `json:"symmetricKey,omitempty"`
	X509Thumbprint json.RawMessage `json:"x509Thumbprint,omitempty"`
	Type           string          `json:"type,omitempty"`
}

// device finds the registration behind a request to the hub, whose token must be
// the device's.
func (s *Server) device(r *request) (*registration, error) {
	if s.hub != nil && s.authenticateOnHub(r.Host, r.path[1], sasText(r)) == nil {
		return s.onHub(r.Host, r.path[1]), nil
	}
	return nil, rest.Refuse(codeHubNoAccess, "ErrorCode:IotHubUnauthorizedAccess;Unauthorized")
}

func (s *Server) listModules(r *request) (rest.Reply, error) {
	reg, err := s.device(r)
	if err != nil {
		return rest.Reply{}, err
	}
	list := []*module{}
	for _, id := range slices.Sorted(maps.Keys(reg.Modules)) {
		list = append(list, reg.Modules[id])
	}
	return rest.Reply{Status: http.StatusOK, Body: list}, nil
}

func (s *Server) getModule(r *request) (rest.Reply, error) {
	_, m, err := s.module(r)
	if err != nil {
		return rest.Reply{}, err
	}
	return rest.Reply{Status: http.StatusOK, Body: m}, nil
}

// module finds the module that the path names, and its device.
func (s *Server) module(r *request) (*registration, *module, error) {
	reg, err := s.device(r)
	if err != nil {
		return nil, nil, err
	}
	m := reg.Modules[r.path[3]]
	if m == nil {
		return nil, nil, rest.Refuse(codeModuleNotFound, "ErrorCode:ModuleNotFound;%s", rest.Clip(r.path[3]))
	}
	return reg, m, nil
}

// putModule makes a module, or changes the one that If-Match names.
func (s *Server) putModule(r *request) (rest.Reply, error) {
	reg, err := s.device(r)
	if err != nil {
		return rest.Reply{}, err
	}
	var m module
	if err := json.Unmarshal(r.body, &m); err != nil || m.ModuleID != r.path[3] || m.DeviceID != r.path[1] || !validDeviceID(m.ModuleID) {
		return rest.Reply{}, rest.Refuse(codeHubArgument, "ErrorCode:ArgumentInvalid;moduleId and deviceId have to be those of the path")
	}
	if err := m.Authentication.check(); err != nil {
		return rest.Reply{}, err
	}
	old, ifMatch := reg.Modules[m.ModuleID], r.Header.Get("If-Match")
	switch {
	case old == nil && ifMatch != "":
		return rest.Reply{}, rest.Refuse(codeModuleNotFound, "ErrorCode:ModuleNotFound;%s", rest.Clip(m.ModuleID))
	case old != nil && ifMatch == "":
		return rest.Reply{}, rest.Refuse(codeModuleExists, "ErrorCode:ModuleAlreadyExistsOnDevice;%s", rest.Clip(m.ModuleID))
	case old != nil && rest.CheckMatch(ifMatch, old.ETag) != nil:
		return rest.Reply{}, rest.Refuse(codeHubPrecondition, "ErrorCode:PreconditionFailed;the ETag is not the current one")
	}
	m.stamp(old)
	if reg.Modules == nil {
		reg.Modules = map[string]*module{}
	}
	reg.Modules[m.ModuleID] = &m
	return rest.Reply{Status: http.StatusOK, Body: m}, s.state.save()
}

// moduleTypes are the values of AuthenticationMechanismType; none given is sas.
var moduleTypes = []string{"", "sas", "selfSigned", "certificateAuthority", "none"}

// check refuses what names no way to prove oneself, and keys that are none.
func (a *moduleIdentity) check() error {
	if a == nil {
		return nil
	}
	if !slices.Contains(moduleTypes, a.Type) {
		return rest.Refuse(codeHubArgument, "ErrorCode:ArgumentInvalid;authentication.type %q is not valid", rest.Clip(a.Type))
	}
	var keys struct {
		Primary   []byte `json:"primaryKey"`
		Secondary []byte `json:"secondaryKey"`
	}
	if object.Given(a.SymmetricKey) && json.Unmarshal(a.SymmetricKey, &keys) != nil {
		return rest.Refuse(codeHubArgument, "ErrorCode:ArgumentInvalid;authentication.symmetricKey has keys that are not base64")
	}
	return nil
}

// stamp sets what only the hub writes: keys too, where none were given.
func (m *module) stamp(old *module) {
	var before json.RawMessage
	m.ETag, m.GenerationID = rest.NewETag(), rest.NewGUID()
	if old != nil {
		m.GenerationID = old.GenerationID
		before, _ = json.Marshal(old.Authentication) // plain texts
		if m.Authentication == nil {
			m.Authentication = old.Authentication
		}
	}
	if m.Authentication == nil {
		m.Authentication = &moduleIdentity{}
	}
	a := m.Authentication
	if !object.Given(a.X509Thumbprint) {
		a.Type = cmp.Or(a.Type, "sas")
	}
	if a.Type == "sas" {
		a.SymmetricKey = sas.FillKeys(bytes.Clone(a.SymmetricKey), before)
	}
}

func (s *Server) deleteModule(r *request) (rest.Reply, error) {
	reg, m, err := s.module(r)
	if err != nil {
		return rest.Reply{}, err
	}
	if rest.CheckMatch(r.Header.Get("If-Match"), m.ETag) != nil {
		return rest.Reply{}, rest.Refuse(codeHubPrecondition, "ErrorCode:PreconditionFailed;the ETag is not the current one")
	}
	delete(reg.Modules, m.ModuleID)
	return rest.Reply{Status: http.StatusNoContent}, s.state.save()
}
