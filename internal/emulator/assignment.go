package emulator

import (
	"bytes"
	"cmp"
	"hash/fnv"
	"slices"

	"tpmdps/internal/emulator/rest"
)

// The first API version that knows reprovision policies. Before it a device
// stayed on its first hub.
const firstReprovisioningAPI = "2018-09-01"

// assign decides where the device of e goes, and returns its new registration.
// old is the one before, nil for a new device; apiVersion is the device's.
func (s *Server) assign(e *enrollment, old *registration, apiVersion string) *registration {
	now := s.opts.Now()
	r := &registration{
		RegistrationID: e.RegistrationID,
		Created:        now,
		Updated:        now,
		ETag:           rest.NewETag(),
		Settles:        now.Add(s.opts.AssignDelay),
	}
	if old != nil {
		r.Created = old.Created
	}
	switch o := s.faults.outcome(); {
	case o != nil:
		r.Status, r.ErrorCode, r.ErrorMessage = o.status, o.code, o.message
	case e.disabled():
		r.Status = "disabled"
	case e.AllocationPolicy == "custom":
		r.Status, r.ErrorCode = "failed", codeCustomAllocation
		r.ErrorMessage = "Custom allocation failed: the emulator calls no webhook."
	case old.isNew() && e.checkTwin() != nil: // kept from before it was looked at
		r.Status, r.ErrorCode = "failed", codeTwin
		r.ErrorMessage = e.checkTwin().Error()
	default:
		r.Status = "assigned"
		s.place(r, e, old, apiVersion)
		return r
	}
	if r.Status == "disabled" {
		r.Settles = now
	}
	if old != nil { // the identity on the old hub is not touched
		r.Hub, r.DeviceID, r.HubKey, r.EKName, r.Hubs = old.Hub, old.DeviceID, old.HubKey, old.EKName, old.Hubs
		r.Twin, r.Modules = old.Twin, old.Modules
		r.Substatus = old.Substatus
	}
	return r
}

// isNew tells whether no hub has the device yet.
func (r *registration) isNew() bool { return r == nil || r.HubKey == nil }

// place gives r a hub, a device ID and a key by the enrollment's policies.
func (s *Server) place(r *registration, e *enrollment, old *registration, apiVersion string) {
	r.Hub, r.DeviceID, r.EKName = s.chooseHub(e), cmp.Or(e.DeviceID, e.RegistrationID), e.ek.Name()
	if old.isNew() {
		r.Substatus, r.HubKey, r.Hubs = "initialAssignment", newHubKey(), []string{r.Hub}
		r.Twin = e.InitialTwin.twin()
		return
	}
	update, migrate := e.reprovisioning(apiVersion)
	if !update {
		r.Hub, r.DeviceID = old.Hub, old.DeviceID
	}
	stays := r.Hub == old.Hub && r.DeviceID == old.DeviceID && (migrate || !update)
	switch {
	case stays:
		r.Substatus = old.Substatus
	case r.Hub != old.Hub && slices.Contains(old.Hubs, r.Hub):
		r.Substatus = "reprovisionedToInitialAssignment"
	case migrate:
		r.Substatus = "deviceDataMigrated"
	default:
		r.Substatus = "deviceDataReset"
	}
	r.Twin = old.Twin
	if stays {
		r.Modules = old.Modules // another hub, or a new identity, has none
	}
	if !stays && !migrate {
		r.Twin = e.InitialTwin.twin()
	}
	r.Hubs = old.Hubs
	if !slices.Contains(r.Hubs, r.Hub) {
		r.Hubs = append(slices.Clone(r.Hubs), r.Hub)
	}
	r.HubKey = old.HubKey
	if !stays || !bytes.Equal(r.EKName, old.EKName) { // another chip must not share the key
		r.HubKey = newHubKey()
	}
}

// reprovisioning returns the policy for a device that comes again: whether its
// hub may change, and whether its data moves with it or is reset.
func (e *enrollment) reprovisioning(apiVersion string) (update, migrate bool) {
	if p := e.ReprovisionPolicy; p != nil {
		return *p.UpdateHubAssignment, *p.MigrateDeviceData
	}
	sticky := apiVersion < firstReprovisioningAPI
	return !sticky, !sticky
}

// chooseHub picks a hub for the device: of those the enrollment names, by hash
// of the registration ID, or the emulator's own.
func (s *Server) chooseHub(e *enrollment) string {
	hubs := e.hubs()
	if len(hubs) == 0 {
		return s.Hub()
	}
	h := fnv.New32a()
	h.Write([]byte(fold(e.RegistrationID)))
	return hubs[int(h.Sum32()%uint32(len(hubs)))]
}
