package main

import (
	"net/http"

	"tpmdps/internal/dps"
)

// traced has -vv see what goes over HTTP. There is no other way out of this
// program for a request, so there is nothing else to redact.
func (s *session) traced(transport http.RoundTripper) http.RoundTripper {
	if !s.trace {
		return transport
	}
	return dps.Trace(transport, s.err)
}
