package verdict

import (
	"cmp"
	"errors"

	"tpmdps/internal/dictionary"
	"tpmdps/internal/dps"
	"tpmdps/internal/enroll"
	"tpmdps/internal/provision"
)

// judged says what the refusal in an error means; the zero value if there is none.
func judged(err error) dictionary.Judgement {
	var refused *dps.Error
	var failed *provision.RegistrationError
	switch {
	case errors.As(err, &refused):
		return dictionary.Judge(refused.Details())
	case errors.As(err, &failed):
		return dictionary.JudgeFailed(failed.Code, failed.Message)
	}
	return dictionary.Judgement{}
}

// What to do about an answer that no DPS wrote.
const (
	hintForeign      = "something other than DPS answered: a proxy, a captive portal, or a wrong endpoint"
	hintHubAnswered  = "an IoT Hub answered, not a DPS: the endpoint of the DPS stands on its overview page in the portal"
	hintContradicted = "no DPS says both: a proxy or a cache changes answers; try from a network without it"
	hintProxyLogin   = "put name and password into HTTPS_PROXY, parted by a colon, before the host and an @"
	hintTracking     = "keep the tracking id; Microsoft's support can look it up"
)

// operatorExits are the exit codes of what an operator's request can be refused
// with. A device's have sentinels, in package provision.
var operatorExits = map[dictionary.Meaning]Verdict{
	dictionary.EndorsementKey: {Code: 14},
	dictionary.RegistrationID: {Code: 2},
	dictionary.BadRequest:     {Code: 2},
	dictionary.TooLarge:       {Code: 2},
	dictionary.Allocation:     {Code: 2},
	dictionary.NoHub:          {Code: 2},
	dictionary.NotEnrolled:    {Code: 15},
	dictionary.NotRegistered:  {Code: 15},
	dictionary.Conflict:       {Code: 15},
	dictionary.Unauthorized:   {Code: 30},
	dictionary.Forbidden:      {Code: 30},
	dictionary.HubLink:        {Code: 30},
	dictionary.Disabled:       {Code: 30},
	dictionary.NoService:      {Code: 21},
	dictionary.Unavailable:    {Code: 32},
	dictionary.ProxyLogin:     {Code: 21, Hint: hintProxyLogin},
	dictionary.HubAnswered:    {Code: 21, Hint: hintHubAnswered},
	dictionary.Contradicted:   {Code: 21, Hint: hintContradicted},
	dictionary.Foreign:        {Code: 21, Hint: hintForeign},
}

// serviceVerdict is for refusals of the service API. What to do about one, the
// dictionary says.
func serviceVerdict(e *dps.Error) Verdict {
	j := dictionary.Judge(e.Details())
	v := operatorExits[j.Meaning]
	v.Hint = cmp.Or(v.Hint, j.Do(true))
	return v
}

// refusedHint is what to do about a refusal whose error has a row in the table of
// exits for several reasons: the dictionary tells them apart.
func refusedHint(err error, e Verdict) string {
	j := judged(err)
	switch e.Is {
	case dps.ErrMalformed:
		if j.Meaning == dictionary.Contradicted {
			return hintContradicted
		}
	case provision.ErrUnavailable:
		return cmp.Or(j.Do(false), e.Hint)
	case provision.ErrRefused:
		if do := j.Do(false); do != "" {
			return do + "; " + hintTracking
		}
	case provision.ErrNotAssigned: // of what the message names, not of hubs
		if j.Meaning == dictionary.BadRequest && len(j.Entry.Code) == 6 || j.Meaning == dictionary.RegistrationID {
			return j.Do(false)
		}
	case enroll.ErrConflict: // by the service, not by the plan
		if j.Meaning == dictionary.Conflict {
			return j.Do(true)
		}
	}
	return e.Hint
}

// Served is what the service said of a failure, as fields for scripts: nothing of
// it has to be looked for in a sentence.
type Served struct {
	Status     int    `json:"http_status"`
	Code       int    `json:"service_code"`
	TrackingID string `json:"tracking_id"`
}

func ServedIn(err error) Served {
	var refused *dps.Error
	var foreign *dps.AnswerError
	var failed *provision.RegistrationError
	switch {
	case errors.As(err, &refused):
		id := refused.TrackingID
		if id == "" {
			id = refused.RequestID
		}
		return Served{refused.Status, refused.Code, id}
	case errors.As(err, &foreign):
		return Served{Status: foreign.Status}
	case errors.As(err, &failed):
		return Served{Status: 200, Code: failed.Code}
	}
	return Served{}
}
