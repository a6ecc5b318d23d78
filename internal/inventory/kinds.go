package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"

	"tpmdps/internal/identity"
)

// members are those of a JSON object, by their names without case, underscores and
// hyphens: the service, Python and .NET each write the same ones in another way.
type members map[string]json.RawMessage

// fold is the name by which members has a member.
func fold(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}

// topLevel are the members of a text that is an object. Which of two of one name
// counts is decided, and refused, later.
func topLevel(raw []byte) (members, bool) {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil || object == nil {
		return nil, false
	}
	m := members{}
	for name, value := range object {
		m[fold(name)] = value
	}
	return m, true
}

func (m members) has(names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { _, is := m[name]; return !is })
}

// isRecord tells without a closer look that an object is a record, as most are.
func isRecord(raw []byte) bool {
	return !bytes.Contains(raw, []byte("ttestation")) && bytes.Contains(raw, []byte(`"endorsement_key"`))
}

// isEnrollment tells an enrollment, of one machine or a group, from a record.
func isEnrollment(m members) bool { return m.has("attestation") || m.has("enrollmentgroupid") }

// wrapped is the list in an object that is there only for the list: a bulk request,
// a page of an SDK, what ConvertTo-Json of Windows PowerShell makes of a list. offset
// is where it begins.
func wrapped(raw []byte, m members) (list []byte, offset int) {
	for _, name := range []string{"enrollments", "enrollmentgroups", "value", "items"} {
		value := m[name]
		if bytes.HasPrefix(value, []byte("[")) && !m.has("attestation") {
			return value, max(bytes.Index(raw, value), 0)
		}
	}
	return nil, 0
}

// otherObject names an object that comes from the same tools, and has no key in it;
// "" for any other.
func otherObject(m members) string {
	const list = "; ask for the enrollments: az iot dps enrollment list -o json"
	is := ""
	switch {
	case m.has("issuccessful"):
		is = "it is the answer to a bulk request, which says what was refused"
	case m.has("registrationid", "status"), m.has("registrationid", "assignedhub"):
		is = "it is a registration, which says where a machine was assigned"
	case m.has("errorcode"):
		is = "it is an error that DPS answered"
	case m.has("deviceid", "authentication"), m.has("deviceid", "authenticationtype"):
		is = "it is a device of an IoT Hub, which does not know its TPM"
	case m.has("type", "tpm"), m.has("type", "symmetrickey"), m.has("type", "x509"):
		is = "it is an attestation alone, without a registration ID"
	case bytes.HasPrefix(m["id"], []byte(`"/subscriptions/`)):
		is = "it is a resource of Azure"
	case m.has("query"), m.has("additionaldata", "continuationtoken"):
		is = "it is a query"
	default:
		return ""
	}
	return is + ", not an enrollment" + list
}

var (
	yamlLine = regexp.MustCompile(`^(?:---\s*$|(?:- )?"?[A-Za-z][\w.-]*"?:(?:\s|$))`)
	// headerLine is a row of names, with more than one separator.
	headerLine = regexp.MustCompile(`^"?[A-Za-z_][\w .-]{0,40}"?(?:[;,]"?[A-Za-z_][\w .-]{0,40}"?){2,}\s*$`)
	ruler      = regexp.MustCompile(`(?m)^-{2,}(?: +-{2,})*\s*$`)
	warning    = regexp.MustCompile(`^(?i)(?:WARNING|ERROR|DEBUG|INFO|cli\.azure[\w.]*)\s*:|^(?i)(?:This )?command(?: group)? .*(?:preview|experimental|deprecated)`)
)

const noKeyColumn = "it is a table (CSV) without the column endorsement_key in its first line"

// otherText recognises what is given for an inventory and is not JSON; "" for
// anything else. line is its first line.
func otherText(line, all []byte) string {
	const rewriteHint = "; write it with az iot dps enrollment list -o json"
	_, rest, _ := bytes.Cut(all, []byte("\n"))
	second, _, _ := bytes.Cut(rest, []byte("\n"))
	switch {
	case warning.Match(line):
		return "it is a message of az, not records in JSON: send only its output to the file (without 2>&1)"
	case headerLine.Match(line):
		return noKeyColumn
	case isKey(line) || isKey(all[:min(len(all), maxKey)]):
		return `it is a key, not a record; write {"endorsement_key":"…"} with a registration_id beside it, or give the one key with --ek`
	case yamlLine.Match(line):
		return "it is YAML (-o yaml), not records in JSON" + rewriteHint
	case ruler.Match(second):
		return "it is a table for people (-o table), not records in JSON" + rewriteHint
	case bytes.Count(line, []byte("\t")) > 0:
		return "it is a table with tabs (-o tsv), which has no names in it, not records in JSON" + rewriteHint
	case bytes.Count(line, []byte(",")) > 1 || bytes.Count(line, []byte(";")) > 1:
		return noKeyColumn
	case bytes.HasPrefix(all, []byte("<")):
		return "it is XML or HTML, not records in JSON"
	case bytes.HasPrefix(all, []byte("PK\x03\x04")):
		return "it is a zip file or a workbook, not records in JSON"
	}
	return ""
}

// maxKey bounds how much text is tried as a key.
const maxKey = 16 << 10

// isKey tells whether a text is a key that could be enrolled, or nearly one.
func isKey(candidate []byte) bool {
	_, err := identity.ParseEndorsementKey(string(candidate))
	var format *identity.FormatError
	return err == nil || errors.As(err, &format) && (format.Convert != "" || format.Differs != "")
}
