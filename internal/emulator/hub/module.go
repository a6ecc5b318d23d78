package hub

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

// Module is the identity of a module on the hub: IoT Edge's identity service
// makes one for each module that it runs.
type Module struct {
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

func (h *Server) listModules(r Request) (rest.Reply, error) {
	list := []*Module{}
	err := h.asDevice(r, func(d *Device) (bool, error) {
		for _, id := range slices.Sorted(maps.Keys(d.Modules)) {
			list = append(list, d.Modules[id])
		}
		return false, nil
	})
	return rest.Reply{Status: http.StatusOK, Body: list}, err
}

func (h *Server) getModule(r Request) (rest.Reply, error) {
	var m *Module
	err := h.asDevice(r, func(d *Device) (_ bool, err error) {
		m, err = d.module(r.Path[3])
		return false, err
	})
	return rest.Reply{Status: http.StatusOK, Body: m}, err
}

// module finds a module of the device.
func (d *Device) module(id string) (*Module, error) {
	m := d.Modules[id]
	if m == nil {
		return nil, rest.Refuse(codeModuleNotFound, "ErrorCode:ModuleNotFound;%s", rest.Clip(id))
	}
	return m, nil
}

// putModule makes a module, or changes the one that If-Match names.
func (h *Server) putModule(r Request) (rest.Reply, error) {
	var m Module
	err := h.asDevice(r, func(d *Device) (bool, error) {
		if err := json.Unmarshal(r.Body, &m); err != nil || m.ModuleID != r.Path[3] || m.DeviceID != r.Path[1] || !ValidID(m.ModuleID) {
			return false, rest.Refuse(codeArgument, "ErrorCode:ArgumentInvalid;moduleId and deviceId have to be those of the path")
		}
		return true, d.put(&m, r.Header.Get("If-Match"))
	})
	return rest.Reply{Status: http.StatusOK, Body: m}, err
}

// put keeps a module, which is a new one unless a condition says otherwise.
func (d *Device) put(m *Module, ifMatch string) error {
	if err := m.Authentication.check(); err != nil {
		return err
	}
	old := d.Modules[m.ModuleID]
	switch {
	case old == nil && ifMatch != "":
		return rest.Refuse(codeModuleNotFound, "ErrorCode:ModuleNotFound;%s", rest.Clip(m.ModuleID))
	case old != nil && ifMatch == "":
		return rest.Refuse(codeModuleExists, "ErrorCode:ModuleAlreadyExistsOnDevice;%s", rest.Clip(m.ModuleID))
	case old != nil && rest.CheckMatch(ifMatch, old.ETag) != nil:
		return rest.Refuse(codePrecondition, "ErrorCode:PreconditionFailed;the ETag is not the current one")
	}
	m.stamp(old)
	if d.Modules == nil {
		d.Modules = map[string]*Module{}
	}
	d.Modules[m.ModuleID] = m
	return nil
}

// moduleTypes are the values of AuthenticationMechanismType; none given is sas.
var moduleTypes = []string{"", "sas", "selfSigned", "certificateAuthority", "none"}

// check refuses what names an unknown way to prove oneself, and keys that are not base64.
func (a *moduleIdentity) check() error {
	if a == nil {
		return nil
	}
	if !slices.Contains(moduleTypes, a.Type) {
		return rest.Refuse(codeArgument, "ErrorCode:ArgumentInvalid;authentication.type %q is not valid", rest.Clip(a.Type))
	}
	var keys struct {
		Primary   []byte `json:"primaryKey"`
		Secondary []byte `json:"secondaryKey"`
	}
	if object.Given(a.SymmetricKey) && json.Unmarshal(a.SymmetricKey, &keys) != nil {
		return rest.Refuse(codeArgument, "ErrorCode:ArgumentInvalid;authentication.symmetricKey has keys that are not base64")
	}
	return nil
}

// stamp sets what only the hub writes: keys too, where none were given.
func (m *Module) stamp(old *Module) {
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

func (h *Server) deleteModule(r Request) (rest.Reply, error) {
	err := h.asDevice(r, func(d *Device) (bool, error) {
		m, err := d.module(r.Path[3])
		if err != nil {
			return false, err
		}
		if rest.CheckMatch(r.Header.Get("If-Match"), m.ETag) != nil {
			return false, rest.Refuse(codePrecondition, "ErrorCode:PreconditionFailed;the ETag is not the current one")
		}
		delete(d.Modules, m.ModuleID)
		return true, nil
	})
	return rest.Reply{Status: http.StatusNoContent}, err
}
