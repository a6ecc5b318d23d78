package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"

	"tpmdps/internal/dps"
	"tpmdps/internal/environment"
	"tpmdps/internal/redact"
)

// learning can be switched off by tests, to see that their search finds what is
// taken out otherwise.
var learning = true

// redacted are the streams as a command gets them: what was learned does not pass,
// nor, on stderr, what looks like a secret. flush passes on what they hold back.
func (s streams) redacted() (_ streams, flush func()) {
	known := &redact.Set{}
	out, errs := known.Writer(s.out, nil), known.Writer(s.err, redact.Patterns)
	s.out, s.err = out, errs
	return s, func() {
		_ = errs.Flush() // there is nobody left to be told
		_ = out.Flush()
	}
}

// known is the set of this run's secrets.
func (s streams) known() *redact.Set {
	if !learning {
		return &redact.Set{}
	}
	if w, ok := s.err.(*redact.Writer); ok {
		return w.Set()
	}
	return &redact.Set{} // the streams of a test
}

// learn makes secrets known to whatever is printed from now on. It is called where a
// secret is read, with all that was read.
func (s streams) learn(secrets ...string) { s.known().Learn(secrets...) }

// redact takes out of a text what is known and what looks like a secret: for texts
// that go elsewhere than to the streams.
func (s streams) redact(text string) string { return redact.Patterns(s.known().Text(text)) }

// learnEnvironment learns what the environment has, whether this run uses it or not.
func (s streams) learnEnvironment() {
	for _, name := range environment.Secrets {
		s.learn(os.Getenv(name))
	}
	for _, name := range environment.ProxyVariables() {
		_, login, _ := environment.SplitLogin(os.Getenv(name))
		_, password, _ := strings.Cut(login, ":")
		s.known().LearnLogin(login, password)
	}
}

// traced has -vv see what goes over HTTP, and the redactor learn what is secret in
// it. There is no other way out of this program for a request.
func (u *ui) traced(transport http.RoundTripper) http.RoundTripper {
	transport = &redact.Transport{Next: transport, Set: u.known()}
	if !u.trace {
		return transport
	}
	return dps.Trace(transport, u.err)
}

// listenToAzure takes the log that AZURE_SDK_GO_LOGGING=all switches on: the
// SDK would write it to stderr past the redactor, with what az has said in it.
func listenToAzure(w io.Writer) {
	if os.Getenv("AZURE_SDK_GO_LOGGING") == "all" {
		azlog.SetListener(func(event azlog.Event, text string) { fmt.Fprintf(w, "%s: %s\n", event, text) })
	}
}
