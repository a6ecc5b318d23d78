package hub

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"tpmdps/internal/text"
)

// answer is one to a request about the twin.
type answer struct {
	status  int
	id      string
	version int64 // of the reported properties, after a report
	body    []byte
}

// parseAnswer reads "$iothub/twin/res/204/?$rid=1&$version=6". Nothing in it may
// stand twice, or be left out.
func parseAnswer(topic string, body []byte) (answer, error) {
	malformed := fmt.Errorf("%w: the topic %q", ErrMalformed, text.Printable(topic, 100))
	rest, found := strings.CutPrefix(topic, topicAnswers)
	status, query, cut := strings.Cut(rest, "/?")
	if !found || !cut || !httpStatus.MatchString(status) {
		return answer{}, malformed
	}
	code, err := strconv.Atoi(status)
	if err != nil {
		return answer{}, malformed
	}
	values, err := url.ParseQuery(query)
	if err != nil || len(values["$rid"]) != 1 || len(values["$version"]) > 1 {
		return answer{}, malformed
	}
	a := answer{status: code, id: values.Get("$rid"), body: body}
	if values.Has("$version") {
		version := values.Get("$version")
		if a.version, err = strconv.ParseInt(version, 10, 64); err != nil || !number.MatchString(version) {
			return answer{}, malformed
		}
	}
	return a, nil
}

var (
	httpStatus = regexp.MustCompile(`^[1-5][0-9][0-9]$`)
	number     = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)
)

// refusal is the error of a status other than success.
func (a answer) refusal() error {
	switch {
	case a.status/100 == 2:
		return nil
	case a.status == http.StatusTooManyRequests || a.status >= 500:
		return fmt.Errorf("%w: status %d: %s", ErrUnavailable, a.status, text.Printable(string(a.body), 300))
	}
	return fmt.Errorf("%w: status %d: %s", ErrRefused, a.status, text.Printable(string(a.body), 300))
}
