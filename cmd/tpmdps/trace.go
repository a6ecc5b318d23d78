package main

import (
	"fmt"
	"io"
	"net/http"
	"os"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"

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

// listenToAzure takes the log that AZURE_SDK_GO_LOGGING=all switches on: the
// SDK would write it to stderr past the redactor, with what az has said in it.
func listenToAzure(w io.Writer) {
	if os.Getenv("AZURE_SDK_GO_LOGGING") == "all" {
		azlog.SetListener(func(event azlog.Event, text string) { fmt.Fprintf(w, "%s: %s\n", event, text) })
	}
}
