package enroll

import (
	"net/url"
	"slices"
	"strings"

	"tpmdps/internal/dps"
)

// customAPIVersion is the version of the call to a web hook; service.json names
// 2018-09-01-preview as the oldest.
const customAPIVersion = "2021-10-01"

func (m *merger) allocation(s Settings) {
	if len(s.IoTHubs) > 0 {
		m.field("iotHubs", listHubs(*m.e), joinHubs(s.IoTHubs), true, func() {
			m.e.IoTHubs, m.e.IoTHubHostName = s.IoTHubs, ""
		})
	}
	if s.AllocationPolicy != "" {
		m.field("allocationPolicy", m.e.AllocationPolicy, s.AllocationPolicy, true, func() { m.e.AllocationPolicy = s.AllocationPolicy })
	}
	if s.WebhookURL != "" {
		m.webhook(s)
	}
}

// listHubs are the hubs of an enrollment, which may name one in the older way.
func listHubs(e dps.Enrollment) string {
	if len(e.IoTHubs) == 0 && e.IoTHubHostName != "" {
		return e.IoTHubHostName
	}
	return joinHubs(e.IoTHubs)
}

// joinHubs puts hubs into one order, since they are a set.
func joinHubs(hubs []string) string {
	lower := make([]string, len(hubs))
	for i, hub := range hubs {
		lower[i] = strings.ToLower(hub)
	}
	slices.Sort(lower)
	return strings.Join(slices.Compact(lower), ", ")
}

// webhook compares whole URLs but shows them without their query.
func (m *merger) webhook(s Settings) {
	var have dps.CustomAllocation
	if m.e.CustomAllocation != nil {
		have = *m.e.CustomAllocation
	}
	hook := func() *dps.CustomAllocation {
		if m.e.CustomAllocation == nil {
			m.e.CustomAllocation = &dps.CustomAllocation{APIVersion: customAPIVersion}
		}
		return m.e.CustomAllocation
	}
	if want := s.WebhookURL; have.WebhookURL != want {
		haveShown, wantShown := hideQuery(have.WebhookURL), hideQuery(want)
		if haveShown == wantShown {
			wantShown += " (another query)"
		}
		m.field("customAllocationDefinition.webhookUrl", haveShown, wantShown, false, func() { hook().WebhookURL = want })
	}
	if want := s.WebhookAPIVersion; want != "" && have.APIVersion != want {
		m.field("customAllocationDefinition.apiVersion", have.APIVersion, want, true, func() { hook().APIVersion = want })
	}
}

func hideQuery(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "unreadable"
	}
	shown := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	if u.RawQuery != "" {
		shown += "?[hidden]"
	}
	return shown
}
