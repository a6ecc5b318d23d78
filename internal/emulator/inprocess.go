package emulator

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// InProcess returns a transport whose requests this server answers in the same
// process: no socket, no name, no certificate. The server need not be started.
func (s *Server) InProcess() http.RoundTripper { return inProcess{s} }

type inProcess struct{ server *Server }

// RoundTrip implements http.RoundTripper.
func (p inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if req.Body == nil {
		req = req.Clone(req.Context())
		req.Body = http.NoBody
	}
	defer req.Body.Close()
	w := &collected{header: http.Header{}, status: http.StatusOK}
	p.server.ServeHTTP(w, req)
	return &http.Response{
		StatusCode:    w.status,
		Status:        fmt.Sprint(w.status, " ", http.StatusText(w.status)),
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        w.header,
		Body:          io.NopCloser(&w.body),
		ContentLength: int64(w.body.Len()),
		Request:       req,
	}, nil
}

// collected is an http.ResponseWriter that keeps what is written.
type collected struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (c *collected) Header() http.Header         { return c.header }
func (c *collected) WriteHeader(status int)      { c.status = status }
func (c *collected) Write(p []byte) (int, error) { return c.body.Write(p) }
