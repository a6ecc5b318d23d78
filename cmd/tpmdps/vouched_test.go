package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// vouchFor: vouch NAME VENDOR. Writes the certificate of a maker's root of its own for the
// key in the record NAME.json, as that of a chip of the vendor: NAME.der, and the root,
// NAME.pem. The software TPMs' own CA is forgotten when they are made.
func vouchFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: vouch NAME VENDOR")
	}
	var record struct {
		EndorsementKey string `json:"endorsement_key"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0]+".json")), &record))
	root := newMaker(ts, "Root of "+args[0])
	der, err := base64.StdEncoding.DecodeString(root.certify(record.EndorsementKey, args[1]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".der"), der, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.root.Raw}), 0o600))
}

// emulatorLog is what a service was asked for since it was last looked at: each request, as
// it arrives, and what the service logs of other things. What it logs when a request was
// answered, or a device has left the hub, can come after the program's end.
type emulatorLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *emulatorLog) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(`msg="hub disconnect"`)) || bytes.Contains(p, []byte(`msg=request `)) {
		return len(p), nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// arrived is [emulator.Options.Arrived].
func (l *emulatorLog) arrived(r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(&l.text, r.Method, r.URL.Path)
}

func (l *emulatorLog) taken() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

func (l *emulatorLog) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// wasAsked: asked. The emulator has been asked for something since this was last looked
// at; with ! it has not.
func wasAsked(ts *testscript.TestScript, neg bool, args []string) {
	if text := of(ts).log.taken(); (text == "") != neg {
		ts.Fatalf("the emulator has logged %q", text)
	}
}
