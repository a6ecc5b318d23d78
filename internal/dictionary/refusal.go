package dictionary

import (
	"cmp"
	"net/http"
	"strconv"
)

// Meaning is what a refusal comes down to, no matter who was refused and in which step.
type Meaning string

// What a refusal can mean.
const (
	EndorsementKey Meaning = "endorsement-key" // not a key, or not the enrolled one
	RegistrationID Meaning = "registration-id" // not one that DPS accepts
	BadRequest     Meaning = "bad-request"     // a setting, or the form of the request
	NotEnrolled    Meaning = "not-enrolled"
	NotRegistered  Meaning = "not-registered"
	NoService      Meaning = "no-service" // no DPS has this ID scope
	Disabled       Meaning = "disabled"
	Unauthorized   Meaning = "unauthorized"
	Forbidden      Meaning = "forbidden"
	Conflict       Meaning = "conflict" // it exists, or was changed meanwhile
	TooLarge       Meaning = "too-large"
	Unavailable    Meaning = "unavailable" // throttled or down: it may pass
	Allocation     Meaning = "allocation"  // the custom allocation failed
	NoHub          Meaning = "no-hub"
	HubLink        Meaning = "hub-link" // the hub refuses DPS
	// What no DPS wrote.
	ProxyLogin   Meaning = "proxy-login"
	HubAnswered  Meaning = "hub-answered" // an IoT Hub's form
	Contradicted Meaning = "contradicted" // status and code belong to two refusals
	Foreign      Meaning = "not-of-a-dps" // another form, another status, a redirect
)

// refusal is an answer that refuses a request to DPS: plain values, as they came.
type refusal struct {
	status  int
	code    int
	message string
	form    string
}

// Judgement is a refusal understood. It is the only one in the program: what
// enroll and verify do about an answer, and what explain says of it, follow
// from here.
type Judgement struct {
	Meaning Meaning
	// Entry is what explain prints; empty where no code says anything.
	Entry Entry
	// Operator and Device are what to do where the one or the other was refused, if
	// that is something other than Entry.Do.
	Operator, Device string
}

// Do is what to do about the refusal.
func (j Judgement) Do(operator bool) string {
	if operator {
		return cmp.Or(j.Operator, j.Entry.Do)
	}
	return cmp.Or(j.Device, j.Entry.Do)
}

// devices have other means than operators.
var devices = map[Meaning]string{
	Forbidden:     "look at the network settings of the DPS, which may not let this network in",
	Conflict:      "run the same command again: another registration of this machine was under way",
	NotRegistered: "run the same command again: DPS does not have this registration any more",
}

// reading is one meaning of a code. A code that has several has them in one row
// each, told apart by their words; the first that fits counts.
type reading struct {
	code     int    // errorCode, or an HTTP status
	name     string // of the row of services, where a code has several
	words    *pattern
	means    Meaning
	operator string
}

var (
	ofEK           = newPattern(`(?i)endorsement ?key|^$`)
	ofRegistration = newPattern(`(?i)registration ?id`)
	ofDisabled     = newPattern(`(?i)enrollment\b.*\bdisabled|disabled\b.*\benrollment`)
	ofHubLink      = newPattern(`(?i)IotHubUnauthorizedAccess`)
	ofScope        = newPattern(`(?i)(id|provisioning service) ?scope|no such (device )?provisioning service`)
	// ofNetwork is what a refusal by address says. Nobody documents its form.
	ofNetwork = newPattern(`(?i)\bip\b|private (endpoint|link)|public (network )?access|network access|firewall`)
)

const (
	doDPS        = "does the DPS that was named exist? Its name is on its overview page in the portal"
	doReadKey    = "read the chip's key as DPS accepts it: tpmdps read-ek; list the key each tool would derive: tpmdps read-ek --compare"
	doKeys       = "check the policy's key and this machine's clock; this DPS may accept Entra ID only: --auth-type login"
	doStartAnew  = "run the same command again: it starts from what is there now"
	nameID       = "of a registration ID"
	nameSettings = "of anything else"
)

var readings = []reading{
	{400004, "", ofEK, EndorsementKey, doReadKey},
	{400004, nameID, ofRegistration, RegistrationID, ""},
	{400004, nameSettings, nil, BadRequest, ""},
	{400207, "", nil, Allocation, ""},
	{400208, "", nil, NoHub, ""},
	{400209, "", nil, HubLink, ""},
	{400, "", ofHubLink, HubLink, ""},
	{400, "", ofRegistration, RegistrationID, ""},
	{400, "", nil, BadRequest, ""},
	{401000, "", ofDisabled, Disabled, ""},
	{401000, "", nil, Unauthorized, doKeys},
	{401002, "", ofHubLink, HubLink, ""},
	{401002, "", ofDisabled, Disabled, ""},
	{401002, "", nil, Unauthorized, doKeys},
	{401, "", ofDisabled, Disabled, ""},
	{401, "", nil, Unauthorized, doKeys},
	{403, "", ofDisabled, Disabled, ""},
	{403, "", nil, Forbidden, ""},
	{404000, "", nil, NoService, doDPS},
	{404201, "", nil, NotEnrolled, doStartAnew},
	{404202, "", nil, NotRegistered, doStartAnew},
	{404, "", ofScope, NoService, doDPS},
	{404, "", nil, NotEnrolled, doStartAnew},
	{409201, "", nil, Conflict, ""},
	{409202, "", nil, Conflict, ""},
	{409, "", nil, Conflict, ""},
	{412, "", nil, Conflict, ""},
	{413, "", nil, TooLarge, ""},
	{429, "", nil, Unavailable, ""},
	{408, "", nil, Unavailable, ""},
	{405, "", nil, Foreign, ""},
	{415, "", nil, Foreign, ""},
}

// Judge says what a refusal means: its HTTP status; its errorCode (or the header
// x-ms-error-code), 0 if it has none; the service's words, or those of the body
// that was not a refusal of a service, "" if there were none; and the form of the
// body: "dps", "hub" or "".
func Judge(status, code int, message, form string) Judgement {
	r := refusal{status, code, message, form}
	switch {
	case r.status == http.StatusProxyAuthRequired:
		return Judgement{Meaning: ProxyLogin}
	case r.status == http.StatusNotImplemented, r.status == http.StatusHTTPVersionNotSupported,
		r.status == http.StatusNetworkAuthenticationRequired, r.status >= 600: // a proxy's, a portal's, nobody's
		return Judgement{Meaning: Foreign}
	case r.status >= 500:
		j := judgement(reading{code: r.status, means: Unavailable})
		if j.Entry.Code == "" {
			j.Entry = entryOf(reading{code: http.StatusInternalServerError})
		}
		return j
	case r.status == http.StatusRequestTimeout, r.status == http.StatusTooManyRequests:
		return r.read(0)
	case r.status < 400:
		return Judgement{Meaning: Foreign}
	case r.form == "hub":
		return Judgement{Meaning: HubAnswered}
	case r.code != 0 && !r.codeFits():
		return Judgement{Meaning: Contradicted}
	case r.code == 0 && r.form != "dps" && !r.plain():
		return Judgement{Meaning: Foreign}
	}
	return r.read(r.code)
}

// JudgeFailed says what the errorCode and errorMessage of a registration mean
// that DPS reports as failed. A hub's refusal comes under many codes.
func JudgeFailed(code int, message string) Judgement {
	if ofHubLink.compiled().MatchString(message) {
		code = 400209
	}
	return refusal{status: code / 1000, message: message}.read(code)
}

// codeFits tells whether the code is one of the HTTP status: its first three
// digits. That an enrollment exists and that it is another version are one thing
// to the one who writes.
func (r refusal) codeFits() bool {
	family := r.code / 1000
	return family == r.status || r.code == r.status ||
		family == http.StatusConflict && r.status == http.StatusPreconditionFailed
}

// plain tells whether an answer in none of the forms may be the service's
// anyway. It writes its form into each refusal that was ever seen, so one without a
// body counts only where nothing is lost by believing it: never for "there is no
// such enrollment". A refusal by address comes from the network in front of it.
func (r refusal) plain() bool {
	switch r.status {
	case http.StatusForbidden:
		return r.form == "" || ofNetwork.compiled().MatchString(r.message)
	case http.StatusUnauthorized, http.StatusConflict, http.StatusPreconditionFailed:
		return r.form == ""
	}
	return false
}

// read finds the reading of a code, or of the HTTP status for one that is not
// known. A status that is in no row is not one of a DPS.
func (r refusal) read(code int) Judgement {
	for _, key := range []int{code, r.status} {
		for _, one := range readings {
			if key != 0 && one.code == key && (one.words == nil || one.words.compiled().MatchString(r.message)) {
				return judgement(one)
			}
		}
	}
	return Judgement{Meaning: Foreign}
}

func judgement(one reading) Judgement {
	return Judgement{Meaning: one.means, Entry: entryOf(one), Operator: one.operator, Device: devices[one.means]}
}

// entryOf is the row of the services' table for a reading.
func entryOf(one reading) Entry {
	for _, e := range services {
		if e.Kind == kindDPS && e.Code == strconv.Itoa(one.code) && (one.name == "" || e.Name == one.name) {
			return e
		}
	}
	return Entry{}
}

// saidWith finds the message that stands with a code in a text: a member of its
// JSON, or what follows it on the line.
var saidWith = newPattern(`(?i)\bmessage["']?\s*:\s*["']((?:[^"'\\]|\\.)*)["']|\b[45][0-9]{5}\b["']?[:,]?[ \t]+(?:["'])?([a-z][^\n]*)`)

// maxMessage is how far from its code a message may stand.
const maxMessage = 600

// narrow leaves of the meanings of a code the one that the text around it tells:
// "400004: Invalid RegistrationId" is not about a key.
func narrow(found []hit, text string) []hit {
	for i, h := range found {
		code, _ := strconv.Atoi(h.Code)
		if h.Kind != kindDPS || code < 1000 || h.quoted {
			continue
		}
		message := ""
		_, start := lineAt(text, h.at)
		for _, part := range []string{text[start:min(len(text), h.at+maxMessage)], text} {
			if m := saidWith.compiled().FindStringSubmatch(part); m != nil {
				message = m[1] + m[2]
				break
			}
		}
		switch r := (refusal{status: code / 1000, message: message}); {
		case ofHubLink.compiled().MatchString(message):
			found[i].Entry = r.read(400209).Entry // a hub's refusal comes under many codes
		case severalMeanings(h.Code):
			found[i].Entry = r.read(code).Entry
		}
	}
	return found
}

// severalMeanings tells whether a code has more than one row.
func severalMeanings(code string) bool {
	n := 0
	for _, e := range services {
		if e.Kind == kindDPS && e.Code == code {
			n++
		}
	}
	return n > 1
}
