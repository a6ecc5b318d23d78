package enroll

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"tpmdps/internal/identity"
	"tpmdps/internal/text"
	"tpmdps/internal/twin"
)

// Settings are what an enrollment can say besides whose it is. The zero value
// of a field means that it was not given: it is not compared, and the service's
// default holds for a new enrollment. The spellings are those of the az
// command's az iot dps enrollment, in any case.
type Settings struct {
	DeviceID              string          // in the hub; the service's default is the registration ID
	EdgeEnabled           *bool           // make it an IoT Edge device
	IoTHubs               []string        // host names of linked hubs; order does not matter
	AllocationPolicy      string          // hashed, geoLatency, static or custom
	WebhookURL            string          // of the custom allocation; may hold a secret
	WebhookAPIVersion     string          // of the call to it; only an enrollment that is copied says one
	ReprovisionPolicy     string          // reprovisionandmigratedata, reprovisionandresetdata or never
	ProvisioningStatus    string          // enabled or disabled
	InitialTwinTags       json.RawMessage // a JSON object that hubs accept
	InitialTwinProperties json.RawMessage // the same: the desired properties
	DeviceInformation     json.RawMessage // a JSON object
}

var (
	allocationPolicies  = []string{"hashed", "geoLatency", "static", "custom"}
	provisioningStates  = []string{"enabled", "disabled"}
	reprovisionPolicies = []string{"reprovisionandmigratedata", "reprovisionandresetdata", "never"}
)

// hubForm is a host name with an optional port; the emulator's hub is
// localhost.
var hubForm = regexp.MustCompile(`^(localhost|[A-Za-z0-9][A-Za-z0-9-]*(\.[A-Za-z0-9-]+)+)(:[0-9]{1,5})?$`)

// Validate reports every setting that the service would refuse, by the name of
// its flag.
func (s Settings) Validate() error {
	_, err := s.canonical()
	return err
}

// canonical returns the settings as the service spells them.
func (s Settings) canonical() (Settings, error) {
	var errs []error
	choose := func(flag string, value *string, choices []string) {
		if err := spell(flag, value, choices); err != nil {
			errs = append(errs, err)
		}
	}
	object := func(flag string, value *json.RawMessage) {
		if err := compactObject(flag, value); err != nil {
			errs = append(errs, err)
		}
	}
	choose("allocation-policy", &s.AllocationPolicy, allocationPolicies)
	choose("reprovision-policy", &s.ReprovisionPolicy, reprovisionPolicies)
	choose("provisioning-status", &s.ProvisioningStatus, provisioningStates)
	object("initial-twin-tags", &s.InitialTwinTags)
	object("initial-twin-properties", &s.InitialTwinProperties)
	object("device-information", &s.DeviceInformation)
	if oneLine(errs...) == nil { // what is not JSON has been named
		errs = append(errs, checkTwin("initial-twin-tags", twin.Tags, s.InitialTwinTags),
			checkTwin("initial-twin-properties", twin.Desired, s.InitialTwinProperties))
	}
	errs = append(errs, s.checkDeviceID(), s.checkHubs(), s.checkWebhook())
	return s, oneLine(errs...)
}

// spell replaces a value by the choice that it is apart from case.
func spell(flag string, value *string, choices []string) error {
	if *value == "" {
		return nil
	}
	for _, choice := range choices {
		if strings.EqualFold(choice, *value) {
			*value = choice
			return nil
		}
	}
	return fmt.Errorf("%s %q: choose one of %s", flag, text.Printable(*value, 40), strings.Join(choices, ", "))
}

// fileName is what az and curl accept instead of JSON, and a shell does not open.
var fileName = regexp.MustCompile(`(?i)^\s*(?:@\S|[^\s"'{}\[\]]*\.jsonc?\s*$)`)

// compactObject makes one line of a JSON object.
func compactObject(flag string, value *json.RawMessage) error {
	if len(bytes.TrimSpace(*value)) == 0 {
		*value = nil
		return nil
	}
	if decoded, err := text.Decode(*value); err == nil { // a byte order mark, from a file
		*value = decoded.UTF8
	}
	if fileName.Match(*value) {
		return fmt.Errorf("%s is the name of a file; give what is in it: --%[1]s \"$(cat FILE)\"", flag)
	}
	var object map[string]json.RawMessage
	err := text.DecodeJSON(*value, &object)
	var fault *text.JSONError
	switch {
	case object == nil && json.Valid(*value) && !bytes.HasPrefix(bytes.TrimSpace(*value), []byte("{")):
		return fmt.Errorf("%s must be a JSON object, such as {\"site\":\"north\"}", flag)
	case errors.As(err, &fault) && fault.Syntax:
		return fmt.Errorf("%s is not JSON: line %d: %s", flag, fault.Line, fault.Reason)
	case errors.As(err, &fault):
		return fmt.Errorf("%s: line %d: %s", flag, fault.Line, fault.Reason)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, *value); err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	*value = line.Bytes()
	return nil
}

func (s Settings) checkDeviceID() error {
	if s.DeviceID == "" || identity.IsDeviceID(s.DeviceID) {
		return nil
	}
	return fmt.Errorf("device-id %q: an IoT Hub accepts 1 to 128 letters, digits and - : . + %% _ # * ? ! ( ) , = @ ; $ '",
		text.Printable(s.DeviceID, 140))
}

func (s Settings) checkHubs() error {
	for _, hub := range s.IoTHubs {
		shown := text.Printable(hub, 80)
		switch {
		case strings.Contains(hub, "azure-devices-provisioning."):
			return fmt.Errorf("iot-hubs %q: that is a DPS, not an IoT Hub", shown)
		case !hubForm.MatchString(hub):
			return fmt.Errorf("iot-hubs %q: give the whole host name, such as NAME.azure-devices.net", shown)
		}
	}
	// DPS accepts static without a hub, as recorded.
	if s.AllocationPolicy == "static" && len(s.IoTHubs) > 1 {
		return fmt.Errorf("allocation-policy static accepts exactly one of iot-hubs, there are %d", len(s.IoTHubs))
	}
	return nil
}

// checkWebhook does not repeat the URL, whose query may be a function's key.
func (s Settings) checkWebhook() error {
	custom := s.AllocationPolicy == "custom"
	switch {
	case s.WebhookURL == "" && custom:
		return errors.New("allocation-policy custom needs webhook-url")
	case s.WebhookURL == "":
		return nil
	case !custom:
		return errors.New("webhook-url needs allocation-policy custom")
	}
	if u, err := url.Parse(s.WebhookURL); err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return errors.New("webhook-url must be an https URL without a user name")
	}
	return nil
}
