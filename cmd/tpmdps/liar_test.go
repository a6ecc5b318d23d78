package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// liar: liar FILE... Starts a service that answers with these files, one after
// the other and the last again and again, and points the program at it. What it
// is asked goes to the file asked, a line each. A file that begins with HTTP/ is
// the whole answer, byte by byte; any other is the body of a 200, or of the
// status that stands in its name before the first dash. $NAME is a variable of
// the script, \0 a NUL and \e an escape.
func startLiar(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: liar FILE...")
	}
	var answers []string
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		answers = append(answers, strings.NewReplacer(`\0`, "\x00", `\e`, "\x1b").Replace(text))
	}
	log := ts.MkAbs("asked")
	ts.Check(os.WriteFile(log, nil, 0o600))
	var mu sync.Mutex
	n := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.Copy(io.Discard, r.Body)
		f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			fmt.Fprintln(f, r.Method, r.URL.Path, r.Header.Get("If-Match"))
			f.Close()
		}
		at := min(n, len(answers)-1)
		n++
		lie(w, args[at], answers[at])
	}))
	ts.Defer(server.Close)
	ca := ts.MkAbs("liar.pem")
	ts.Check(os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	host := strings.TrimPrefix(server.URL, "https://")
	ts.Setenv("SSL_CERT_FILE", ca)
	ts.Setenv("PROVISIONING_CONNECTION_STRING", "HostName="+host+";SharedAccessKeyName=p;SharedAccessKey=QUJD")
	ts.Setenv("IOTHUB_DEVICE_DPS_ENDPOINT", server.URL)
	ts.Setenv("AZURE_AUTHORITY_HOST", server.URL)
	ts.Setenv("IOTHUB_DEVICE_DPS_ID_SCOPE", "0ne00000A01")
}

// lie writes one answer.
func lie(w http.ResponseWriter, name, answer string) {
	if !strings.HasPrefix(answer, "HTTP/") {
		status := http.StatusOK
		if code, _, found := strings.Cut(name, "-"); found {
			fmt.Sscan(code, &status)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, answer)
		return
	}
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	io.WriteString(conn, strings.ReplaceAll(answer, "\n", "\r\n"))
}
