package identity

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"tpmdps/internal/text"
)

// Places lists what may stand in a registration ID template, for messages and
// help.
const Places = "{ek32}, {ekhex}, {serial}, {uuid}, {hostname}, {label:KEY}"

// maxTemplate bounds a template: an ID has 128 characters, and no place needs
// more than a few of its own.
const maxTemplate = 512

// ExpandRegistrationID makes a machine's registration ID from a template: text
// with places such as {serial} that are filled in from the record. Values are
// put into lower case, since DPS compares without case; nothing else is changed
// in them, so that the ID is what stands on the label.
//
// It returns an error that wraps [ErrRegistrationID] for a template that
// [CheckTemplate] refuses, for a value that the record lacks, and for an ID that
// DPS would refuse; the reason names the part of the template that it comes
// from.
func ExpandRegistrationID(template string, r Record) (string, error) {
	parts, err := parseTemplate(template)
	if err != nil {
		return "", err
	}
	var id strings.Builder
	for i := range parts {
		if err := parts[i].fill(r); err != nil {
			return "", templateError(template, err.Error())
		}
		id.WriteString(parts[i].value)
	}
	if reason := refusal(id.String()); reason != "" {
		return "", templateError(template, fmt.Sprintf("makes %q: %s; %s", text.Printable(id.String(), 140), reason, faultyPart(id.String(), parts)))
	}
	return id.String(), nil
}

// CheckTemplate refuses a template that no record could make a registration ID
// of: an unknown place, a brace without its other, text that DPS does not accept.
// The error wraps [ErrRegistrationID]. An ID without places is a template too.
func CheckTemplate(template string) error {
	_, err := parseTemplate(template)
	return err
}

// part is a piece of a template: a text, or a place.
type part struct {
	place string // between the braces, or "" for a text
	value string // the text, or what the place was filled with
}

// name is how a message calls the part.
func (p part) name() string {
	if p.place != "" {
		return "{" + p.place + "}"
	}
	return fmt.Sprintf("the text %q", text.Printable(p.value, 40))
}

// parseTemplate splits a template, and checks what can be checked without a
// record.
func parseTemplate(template string) ([]part, error) {
	if !strings.ContainsAny(template, "{}") {
		return []part{{value: template}}, CheckRegistrationID(template)
	}
	if len(template) > maxTemplate {
		return nil, templateError(template, fmt.Sprintf("it has %d characters, a template has %d at most", len(template), maxTemplate))
	}
	parts, err := split(template)
	if err != nil {
		return nil, templateError(template, err.Error())
	}
	shortest := ""
	for _, p := range parts {
		if err := p.checkText(); err != nil {
			return nil, templateError(template, err.Error())
		}
		shortest += cmp.Or(p.value, "x")
	}
	if reason := refusal(shortest); reason != "" {
		return nil, templateError(template, reason)
	}
	return parts, nil
}

// split takes a template apart at its braces.
func split(template string) ([]part, error) {
	var parts []part
	for rest := template; rest != ""; {
		literal, inside, opened := strings.Cut(rest, "{")
		if strings.Contains(literal, "}") {
			return nil, errors.New("there is a } without its {")
		}
		if literal != "" {
			parts = append(parts, part{value: literal})
		}
		if !opened {
			break
		}
		place, after, closed := strings.Cut(inside, "}")
		if !closed || strings.Contains(place, "{") {
			return nil, errors.New("there is a { without its }")
		}
		if !knownPlace(place) {
			return nil, fmt.Errorf("{%s} is not known; there are %s", text.Printable(place, 40), Places)
		}
		parts = append(parts, part{place: place})
		rest = after
	}
	return parts, nil
}

func knownPlace(place string) bool {
	if key, ok := strings.CutPrefix(place, "label:"); ok {
		return isLabelKey(key)
	}
	switch place {
	case "ek32", "ekhex", "serial", "uuid", "hostname":
		return true
	}
	return false
}

// checkText refuses a text of the template that could not be used as it is.
func (p part) checkText() error {
	switch lower := asciiLower(p.value); {
	case p.place != "" || idChars.MatchString(p.value):
		return nil
	case idChars.MatchString(lower):
		return fmt.Errorf("%s has capital letters; write %q", p.name(), lower)
	}
	return fmt.Errorf("in %s %s", p.name(), badCharacter(p.value))
}

// fill gives a place its value in the ID of one machine.
func (p *part) fill(r Record) error {
	if p.place == "" {
		return nil
	}
	value, missing := lookUp(p.place, r)
	p.value = asciiLower(value)
	switch {
	case value == "":
		return fmt.Errorf("%s is empty: %s", p.name(), missing)
	case !idChars.MatchString(p.value):
		return fmt.Errorf("%s is %q, and %s", p.name(), text.Printable(value, 140), badCharacter(p.value))
	}
	return nil
}

// lookUp returns what the record has for a place, and what to say when that is
// nothing.
func lookUp(place string, r Record) (value, missing string) {
	switch place {
	case "ek32":
		return r.RegistrationIDs.Base32, "the record has no endorsement key"
	case "ekhex":
		return r.RegistrationIDs.Hex, "the record has no endorsement key"
	case "serial":
		return r.Host.Serial, noFact(r, place, "serial number")
	case "uuid":
		return r.Host.UUID, noFact(r, place, "UUID")
	case "hostname":
		return r.Host.Hostname, "the record has no host name"
	}
	key := strings.TrimPrefix(place, "label:")
	return r.Labels[key], fmt.Sprintf("the record has no such label; give it with --label %s=VALUE", key)
}

// noFact is why the firmware's word on a machine can be missing: placeholders
// were already taken out of the record.
func noFact(r Record, place, what string) string {
	if why := r.HostAccount[place]; why != "" {
		return "the record has no " + what + ": " + why
	}
	return "the record has no " + what + ": the firmware has none or a placeholder, or only root may read it; tpmdps read-ek -v says which"
}

// faultyPart names the part that an ID is refused for, whose characters are all
// good ones: it is too long, or it begins or ends with one that cannot be there.
func faultyPart(id string, parts []part) string {
	first, last, longest := parts[0], parts[len(parts)-1], parts[0]
	for _, p := range parts {
		if len(p.value) > len(longest.value) {
			longest = p
		}
	}
	switch {
	case len(id) > maxID:
		return fmt.Sprintf("%s alone has %d", longest.name(), len(longest.value))
	case !alphanumeric(id[0]):
		return "it starts with " + first.name()
	}
	return "it ends with " + last.name()
}

// asciiLower leaves letters beyond ASCII alone: some have a lower case that is
// an ASCII letter, such as the Kelvin sign, and would be replaced in silence.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, s)
}

func templateError(template, reason string) error {
	return fmt.Errorf("%w: template %q: %s", ErrRegistrationID, text.Printable(template, 140), reason)
}
