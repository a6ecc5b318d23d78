package inventory

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"tpmdps/internal/enroll"
)

func (e *enrollment) device(s *enroll.Settings) (err error) {
	if s.DeviceID, err = e.text("deviceId"); err != nil {
		return err
	}
	if s.DeviceID != "" {
		e.kept("deviceId")
	}
	capabilities, err := e.object.object("capabilities")
	if err != nil || capabilities == nil {
		return err
	}
	if s.EdgeEnabled, err = capabilities.boolean("iotEdge"); err != nil {
		return err
	}
	if s.EdgeEnabled != nil {
		e.kept("capabilities.iotEdge")
	}
	e.ignoreRemaining(capabilities)
	return nil
}

func (e *enrollment) ignoreRemaining(o *object) {
	for _, path := range o.remaining() {
		e.ignore(path)
	}
}

// allocation reads the hubs, of which the older way names a single one, and how
// one of them is chosen.
func (e *enrollment) allocation(s *enroll.Settings) (err error) {
	if s.IoTHubs, err = e.list("iotHubs"); err != nil {
		return err
	}
	single, err := e.text("iotHubHostName")
	if err != nil {
		return err
	}
	switch {
	case len(s.IoTHubs) > 0:
		e.kept("iotHubs")
		if single != "" && (len(s.IoTHubs) > 1 || !strings.EqualFold(single, s.IoTHubs[0])) {
			e.ignore("iotHubHostName")
		}
	case single != "":
		s.IoTHubs = []string{single}
		e.kept("iotHubHostName")
		e.inv.note("iotHubHostName, the older way to name a hub, is written as iotHubs")
	}
	policy, err := e.text("allocationPolicy")
	if err != nil {
		return err
	}
	if policy != "" {
		s.AllocationPolicy = strings.ReplaceAll(policy, "_", "") // Python's GEO_LATENCY
		e.kept("allocationPolicy")
	}
	return e.webhook(s)
}

// webhook reads the function that chooses a hub. Its URL may hold a key.
func (e *enrollment) webhook(s *enroll.Settings) error {
	hook, err := e.object.object("customAllocationDefinition")
	if err != nil || hook == nil {
		return err
	}
	address, err := hook.text("webhookUrl")
	if err != nil {
		return err
	}
	e.learnQuery(address)
	if !strings.EqualFold(s.AllocationPolicy, "custom") {
		e.ignore("customAllocationDefinition")
		return nil
	}
	if s.WebhookAPIVersion, err = hook.text("apiVersion"); err != nil {
		return err
	}
	s.WebhookURL = address
	e.kept("customAllocationDefinition")
	e.ignoreRemaining(hook)
	return nil
}

// learnQuery collects the values of a URL's query.
func (e *enrollment) learnQuery(address string) {
	u, err := url.Parse(address)
	if err != nil {
		e.inv.Secrets = append(e.inv.Secrets, address)
		return
	}
	for _, values := range u.Query() {
		e.inv.Secrets = append(e.inv.Secrets, values...)
	}
}

// policies reads what happens when the machine registers. That it is disabled is
// a setting like the others.
func (e *enrollment) policies(s *enroll.Settings) (err error) {
	if s.ProvisioningStatus, err = e.text("provisioningStatus"); err != nil {
		return err
	}
	if s.ProvisioningStatus != "" {
		e.kept("provisioningStatus")
	}
	policy, err := e.object.object("reprovisionPolicy")
	if err != nil || policy == nil {
		return err
	}
	update, err := policy.boolean("updateHubAssignment")
	if err != nil {
		return err
	}
	migrate, err := policy.boolean("migrateDeviceData")
	if err != nil {
		return err
	}
	e.ignoreRemaining(policy)
	if update == nil || migrate == nil {
		return fmt.Errorf("reprovisionPolicy needs updateHubAssignment and migrateDeviceData, each true or false")
	}
	switch {
	case *update && *migrate:
		s.ReprovisionPolicy = "reprovisionandmigratedata"
	case *update:
		s.ReprovisionPolicy = "reprovisionandresetdata"
	default:
		s.ReprovisionPolicy = "never"
		if *migrate {
			e.inv.note("a reprovisionPolicy that migrates data without moving the machine is written as never")
		}
	}
	e.kept("reprovisionPolicy")
	return nil
}

// documents reads the free objects. .NET has its own names for those of the twin.
func (e *enrollment) documents(s *enroll.Settings) (err error) {
	take := func(o *object, name, path string, value *json.RawMessage) {
		if err == nil && o != nil && *value == nil {
			if *value, err = o.collection(name, e.sdk); *value != nil {
				e.kept(path)
			}
		}
	}
	take(e.object, "optionalDeviceInformation", "optionalDeviceInformation", &s.DeviceInformation)
	for _, name := range []string{"initialTwin", "initialTwinState"} {
		twin, err := e.object.object(name)
		if err != nil {
			return err
		}
		if twin == nil {
			continue
		}
		take(twin, "tags", "initialTwin.tags", &s.InitialTwinTags)
		take(twin, "desiredProperties", "initialTwin.properties.desired", &s.InitialTwinProperties)
		properties, err := twin.object("properties")
		if err != nil {
			return err
		}
		if properties != nil {
			take(properties, "desired", "initialTwin.properties.desired", &s.InitialTwinProperties)
			e.ignoreRemaining(properties)
		}
		e.ignoreRemaining(twin)
	}
	return err
}
