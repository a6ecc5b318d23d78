package text

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// Go's words do not pass, whatever stands before and after them.
func TestPlain(t *testing.T) {
	var closed error
	if f, err := os.Create(filepath.Join(t.TempDir(), "f")); err == nil {
		f.Close()
		_, closed = f.Write(nil)
	}
	var value int
	for _, tt := range []struct {
		err  error
		want string
	}{
		{io.EOF, "it ended before anything came"},
		{io.ErrUnexpectedEOF, "it ended half-way"},
		{net.ErrClosed, "the connection was closed"},
		{closed, "write " + "f: the file was closed"},
		{io.ErrClosedPipe, "the pipe was closed"},
		{context.DeadlineExceeded, "timed out"},
		{context.Canceled, "interrupted"},
		{os.ErrDeadlineExceeded, "timed out"},
		{http.ErrHandlerTimeout, ""},
		{errors.New("net/http: HTTP/1.x transport connection broken: unexpected EOF"), "it ended half-way"},
		{errors.New("net/http: HTTP/1.x transport connection broken: malformed HTTP status code \"x\""), "it is not an answer in HTTP: \"x\""},
		{errors.New("net/http: TLS handshake timeout"), "the TLS handshake timed out"},
		{errors.New("context deadline exceeded (Client.Timeout exceeded while awaiting headers)"), "timed out"},
		{errors.New("net/http: request canceled (Client.Timeout exceeded while awaiting headers)"), ""},
		{errors.New("http: server gave HTTP response to HTTPS client"), "it speaks HTTP, not HTTPS"},
		{errors.New("read tcp 10.0.0.1:8883: use of closed network connection"), "read tcp 10.0.0.1:8883: the connection was closed"},
		{errors.New("dial tcp 10.0.0.1:443: i/o timeout"), "dial tcp 10.0.0.1:443: timed out"},
		{errors.New("tls: first record does not look like a TLS handshake"), "what answered does not speak TLS"},
		{errors.New("signal: killed"), "it was ended (killed)"},
		{json.Unmarshal([]byte("<html>"), &value), "it is not valid JSON, at the character '<'"},
		{json.Unmarshal([]byte("[1;2]"), &value), "it is not valid JSON, at the character ';'"},
		{json.Unmarshal([]byte(`{'a':1}`), &value), ""},
	} {
		got := Plain(fmt.Sprintf("Put \"https://plant\": %v; then: %v.", tt.err, tt.err))
		if GoWords.MatchString(got) {
			t.Errorf("%v: %s", tt.err, got)
		}
		if want := fmt.Sprintf("Put \"https://plant\": %s; then: %[1]s.", tt.want); tt.want != "" && closed != tt.err && got != want {
			t.Errorf("%v: %s, want %s", tt.err, got, want)
		}
	}
	for _, same := range []string{"", "no connection", "the EK of box EOFX-1", "cannot read EOF: permission denied", "write <<EOF", "permission denied", "geofence", "a context"} {
		if got := Plain(same); got != same {
			t.Errorf("Plain(%q) = %q", same, got)
		}
	}
}
