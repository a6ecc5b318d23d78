package enroll

import (
	"cmp"
	"strings"
)

// WithDefaults returns the settings that hold where s was given for a whole run and file
// stands beside one record: each that s says, and of the others those of the file.
//
// An object, and the list of hubs, is replaced as a whole. A web hook of the file
// goes where s chooses another allocation than custom.
func (s Settings) WithDefaults(file Settings) Settings {
	s.DeviceID = cmp.Or(s.DeviceID, file.DeviceID)
	s.EdgeEnabled = cmp.Or(s.EdgeEnabled, file.EdgeEnabled)
	s.ReprovisionPolicy = cmp.Or(s.ReprovisionPolicy, file.ReprovisionPolicy)
	s.ProvisioningStatus = cmp.Or(s.ProvisioningStatus, file.ProvisioningStatus)
	s.AllocationPolicy = cmp.Or(s.AllocationPolicy, file.AllocationPolicy)
	if s.WebhookURL == "" && strings.EqualFold(s.AllocationPolicy, "custom") {
		s.WebhookURL, s.WebhookAPIVersion = file.WebhookURL, file.WebhookAPIVersion
	}
	if len(s.IoTHubs) == 0 {
		s.IoTHubs = file.IoTHubs
	}
	if len(s.InitialTwinTags) == 0 {
		s.InitialTwinTags = file.InitialTwinTags
	}
	if len(s.InitialTwinProperties) == 0 {
		s.InitialTwinProperties = file.InitialTwinProperties
	}
	if len(s.DeviceInformation) == 0 {
		s.DeviceInformation = file.DeviceInformation
	}
	return s
}
