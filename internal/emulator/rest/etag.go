package rest

import (
	"encoding/base64"
	"strings"
)

// NewETag returns an ETag as the service writes it into bodies: base64 of a
// quoted GUID.
func NewETag() string { return base64.StdEncoding.EncodeToString([]byte(`"` + NewGUID() + `"`)) }

// CheckMatch refuses with 412 unless the If-Match header value names etag.
// Clients send it bare (Node), in quotes (C#, Go) or decoded; an empty header
// sets no condition.
func CheckMatch(ifMatch, etag string) error {
	if ifMatch == "" {
		return nil
	}
	decoded, _ := base64.StdEncoding.DecodeString(etag)
	for candidate := range strings.SplitSeq(ifMatch, ",") {
		switch bareETag(candidate) {
		case "*", etag, bareETag(string(decoded)):
			return nil
		}
	}
	return Refuse(codePrecondition, "The ETag %q does not match the current one.", Clip(ifMatch))
}

// bareETag strips the weakness mark and the quotes.
func bareETag(text string) string {
	text = strings.TrimPrefix(strings.TrimSpace(text), "W/")
	return strings.Trim(text, `"`)
}
