package emulator

import (
	"net"
	"net/http"
	"time"

	"tpmdps/internal/emulator/rest"
)

// Answers that stand in for the right ones.
func proxyRefusal(time.Time) rest.Reply {
	return rest.Reply{Status: http.StatusProxyAuthRequired, Body: rest.Page("Proxy authentication required")}.
		With("Proxy-Authenticate", `Basic realm="corporate proxy"`)
}

func loginPage(time.Time) rest.Reply {
	return rest.Reply{Status: http.StatusOK, Body: rest.Page("Sign in to the guest network")}
}

func throttled(now time.Time) rest.Reply {
	return rest.Refusal(&rest.Error{Code: codeThrottled, Message: "Too many requests.", RetryAfter: 1}, now)
}

func broken(now time.Time) rest.Reply {
	return rest.Refusal(rest.Refuse(codeInternal, "Internal server error."), now)
}

// faultReply returns the answer that a fault puts instead of the right one, and
// whether there is one. It does not return when the connection is to end.
func (s *Server) faultReply(hr *http.Request) (rest.Reply, bool) {
	if s.faults.take(faultDrop) {
		panic(http.ErrAbortHandler) // the way to close a connection without an answer
	}
	if s.faults.on(faultRedirect) && hr.Header.Get("Authorization") != "" {
		return rest.Reply{Status: http.StatusFound}.With("Location", s.otherAddress()), true
	}
	for _, row := range faultTable {
		if row.answer == nil || !s.faults.on(row.Name) || row.Arg != "" && !s.faults.take(row.Name) {
			continue
		}
		return row.answer(s.opts.Now()), true
	}
	return rest.Reply{}, false
}

// otherAddress is this server under another name: to a client it is another host,
// and whatever it sends there is seen.
func (s *Server) otherAddress() string {
	host := "127.0.0.1"
	if s.listener != nil {
		_, port, _ := net.SplitHostPort(s.Addr())
		host = net.JoinHostPort(host, port)
	}
	return "https://" + host + "/elsewhere"
}

// writer is w, with the faults that act while an answer is written.
func (s *Server) writer(w http.ResponseWriter, hr *http.Request) http.ResponseWriter {
	switch {
	case s.faults.on(faultOneByte):
		return slowWriter{w, hr}
	case s.faults.on(faultHeaders):
		return headersOnly{w}
	}
	return w
}

// slowWriter writes a byte a second.
type slowWriter struct {
	http.ResponseWriter
	request *http.Request
}

// Write implements http.ResponseWriter. It ends when the client has gone.
func (w slowWriter) Write(p []byte) (int, error) {
	flush := http.NewResponseController(w.ResponseWriter)
	for i := range p {
		if _, err := w.ResponseWriter.Write(p[i : i+1]); err != nil {
			return i, err
		}
		if err := flush.Flush(); err != nil {
			return i, err
		}
		select {
		case <-time.After(time.Second):
		case <-w.request.Context().Done():
			return i, w.request.Context().Err()
		}
	}
	return len(p), nil
}

// headersOnly ends the connection where the body would begin.
type headersOnly struct{ http.ResponseWriter }

// Write implements http.ResponseWriter.
func (w headersOnly) Write([]byte) (int, error) {
	if err := http.NewResponseController(w.ResponseWriter).Flush(); err != nil {
		return 0, err
	}
	panic(http.ErrAbortHandler)
}
