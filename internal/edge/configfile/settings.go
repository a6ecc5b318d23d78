package configfile

import (
	"strings"

	"tpmdps/internal/edge"
)

// shared is a setting that the environment may give.
type shared struct {
	flag, key string
	setting   Setting
	field     *string
}

// settings are what the file is to say, the registration ID aside: what comes from
// the environment gives way to what the file has.
func (t *Target) settings() edge.Config {
	c := t.request.Other
	c.RegistrationID = ""
	for _, s := range []shared{
		{"id-scope", "provisioning.id_scope", t.request.IDScope, &c.IDScope},
		{"global-endpoint", "provisioning.global_endpoint", t.request.GlobalEndpoint, &c.GlobalEndpoint},
	} {
		*s.field = t.effective(s).Text
	}
	return c
}

// registrationID is the ID that was given, or a template; without a text where the
// file's stays or one is derived.
func (t *Target) registrationID() Setting {
	return t.effective(shared{flag: "registration-id", key: "provisioning.attestation.registration_id", setting: t.request.RegistrationID})
}

// effective is a setting, without a text where the file's own value stays. That the
// environment has another value is reported once.
func (t *Target) effective(s shared) Setting {
	if !t.exists || s.setting.Text == "" || s.setting.From == CommandLine {
		return s.setting
	}
	own, ok := edge.Lookup(t.text, s.key)
	if !ok {
		return s.setting
	}
	bare := func(url string) string { return strings.TrimSuffix(strings.TrimPrefix(url, "https://"), "/") }
	if !strings.EqualFold(bare(s.setting.Text), bare(own)) && !t.warned[s.key] {
		t.warned[s.key] = true
		t.request.Notify("warning: %s keeps the value of the file, not that of the environment; --%s changes it", s.key, s.flag)
	}
	return Setting{}
}

// isTemplate reports whether an ID has parts to be filled in.
func isTemplate(id string) bool { return strings.Contains(id, "{") }

// fileID is what the file says of its registration ID, "" if nothing yet.
func (t *Target) fileID() string {
	if !t.exists {
		return ""
	}
	c, err := edge.Parse(t.text)
	if err != nil || edge.IsPlaceholder(c.RegistrationID) {
		return ""
	}
	return c.RegistrationID
}
