package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"github.com/rogpeppe/go-internal/testscript"

	"tpmdps/internal/identity"
	"tpmdps/internal/softtpm"
	"tpmdps/internal/softtpm/softtpmtest"
)

// setKeys gives the scripts endorsement keys: of another machine, the same
// without its size, as PEM, and a public sample.
func setKeys(env *testscript.Env) error {
	ek := otherEK()
	raw, err := base64.StdEncoding.DecodeString(ek)
	if err != nil {
		return err
	}
	sample, err := publicSample()
	if err != nil {
		return err
	}
	env.Setenv("OTHER_EK", ek)
	ids := identity.RegistrationIDs(raw)
	env.Setenv("OTHER_ID", ids.Base32)
	env.Setenv("OTHER_ID_HEX", ids.Hex)
	env.Setenv("OTHER_EK_TPMT", base64.StdEncoding.EncodeToString(raw[2:]))
	env.Setenv("PEM_KEY", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: raw})))
	env.Setenv("SAMPLE_EK", sample)
	line := fmt.Sprintf("{\"endorsement_key\":%q}\n", sample)
	return os.WriteFile(filepath.Join(env.WorkDir, "sample.jsonl"), []byte(line), 0o600)
}

// publicSample is the first of the published keys: the C# SDK's.
func publicSample() (string, error) {
	data, err := os.ReadFile(filepath.Join("..", "..", "internal", "identity", "testdata", "published_eks.json"))
	if err != nil {
		return "", err
	}
	var published []struct {
		EndorsementKey string `json:"endorsement_key"`
	}
	if err := json.Unmarshal(data, &published); err != nil {
		return "", err
	}
	return published[0].EndorsementKey, nil
}

// otherEK is the endorsement key of a machine that is not there: well formed,
// and made of nothing.
func otherEK() string {
	public := tpm2.RSAEKTemplate
	modulus := bytes.Repeat([]byte{0xa5, 0x5b}, 128)
	public.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: modulus})
	return base64.StdEncoding.EncodeToString(tpm2.Marshal(tpm2.New2B(public)))
}

// occupy puts an SRK where it does not belong.
func occupy(chip *softtpm.Process, handle string) error {
	n, err := strconv.ParseUint(handle, 0, 32)
	if err != nil {
		return err
	}
	return softtpmtest.PersistPrimary(chip, tpm2.TPMRHOwner, tpm2.RSASRKTemplate, tpm2.TPMHandle(n))
}

// anger: anger KIND. Brings the chip into a state that it refuses from.
func anger(ts *testscript.TestScript, neg bool, args []string) {
	kinds := map[string]func(transport.TPM) error{
		"objects":         softtpmtest.TakeObjects,
		"sessions":        softtpmtest.TakeSessions,
		"nv":              softtpmtest.TakeNV,
		"lockout":         softtpmtest.LockOut,
		"guess":           func(t transport.TPM) error { return softtpmtest.Guess(t, 1) },
		"leftover":        func(t transport.TPM) error { return softtpmtest.LeaveObjects(t, 1) },
		"endorsement-off": func(t transport.TPM) error { return softtpmtest.SwitchOff(t, tpm2.TPMRHEndorsement) },
		"owner-off":       func(t transport.TPM) error { return softtpmtest.SwitchOff(t, tpm2.TPMRHOwner) },
	}
	chip := of(ts).chip
	defer func() { of(ts).lockout.before = lockoutCounter(ts, chip) }()
	if make := kinds[args[0]]; make != nil {
		ts.Check(softtpmtest.On(chip, make))
		return
	}
	switch args[0] {
	case "recipe-srk":
		ts.Check(softtpmtest.PersistPrimary(chip, tpm2.TPMRHOwner, softtpmtest.RecipeSRK(), 0x81000001))
	case "srk-password", "srk-password-da":
		template := tpm2.RSASRKTemplate
		if args[0] == "srk-password-da" {
			template = softtpmtest.RecipeSRK()
			of(ts).lockout.guess = true
		}
		ts.Check(softtpmtest.On(chip, func(t transport.TPM) error {
			return softtpmtest.PersistWithPassword(t, tpm2.TPMRHOwner, template, 0x81000001, "canary-srk")
		}))
	case "ek-password":
		ts.Check(softtpmtest.On(chip, func(t transport.TPM) error {
			return softtpmtest.PersistWithPassword(t, tpm2.TPMRHEndorsement, tpm2.RSAEKTemplate, 0x81010001, "canary-ek")
		}))
	case "ecc-srk":
		ts.Check(softtpmtest.PersistPrimary(chip, tpm2.TPMRHOwner, tpm2.ECCSRKTemplate, 0x81000001))
	default:
		ts.Fatalf("unknown anger %q", args[0])
	}
	of(ts).persistent = persistent(ts, chip)
}

// listenOn: listen KIND [timed]. Starts something that is no DPS, or no TPM, and sets
// the variables with which the program finds it. With timed, behind silence or
// tpm-hangs, the time of the next program is over when it has asked.
func listenOn(ts *testscript.TestScript, neg bool, args []string) {
	over := func() {}
	ts.Setenv(timeEvent, "")
	if len(args) > 1 && args[1] == "timed" {
		over = endTime(ts)
	}
	if kind, ok := strings.CutPrefix(args[0], "tpm-"); ok {
		listenTPM(ts, kind, over)
		return
	}
	server := httptest.NewUnstartedServer(impostor(args[0], over))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	ts.Defer(func() { server.CloseClientConnections(); server.Close() })
	ca := ts.MkAbs("impostor.pem")
	ts.Check(os.WriteFile(ca, pemOf(server), 0o600))
	ts.Setenv("SSL_CERT_FILE", ca)
	ts.Setenv("IOTHUB_DEVICE_DPS_ENDPOINT", server.URL)
	ts.Setenv("TPMDPS_DPS", server.URL)
	ts.Setenv("IOTHUB_DEVICE_DPS_ID_SCOPE", "0ne00000E11")
}

func pemOf(server *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

// impostor answers instead of a DPS. The pauses that it asks for are short.
func impostor(kind string, over func()) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // or the server would not notice that the client left
		w.Header().Set("retry-after-ms", "1")
		status, body, found := strings.Cut(kind, ":")
		code, err := strconv.Atoi(status)
		switch {
		case kind == "silence":
			over()
			<-r.Context().Done()
		case kind == "huge":
			w.Header().Set("Content-Type", "application/json")
			for range 100 << 10 {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		case err == nil && found:
			w.Header().Set("Content-Type", "application/json")
			if strings.HasPrefix(body, "<") {
				w.Header().Set("Content-Type", "text/html")
			}
			w.WriteHeader(code)
			fmt.Fprint(w, body)
		default:
			panic("unknown impostor " + kind)
		}
	})
}

// listenTPM listens on a unix socket and behaves in a way that no TPM does.
func listenTPM(ts *testscript.TestScript, kind string, over func()) {
	dir, err := os.MkdirTemp("", "tpmdps-script-") // a socket's path must be short
	ts.Check(err)
	ts.Defer(func() { os.RemoveAll(dir) })
	path := dir + "/tpm.sock"
	l, err := net.Listen("unix", path)
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv("TPMDPS_TPM", path)
	if kind == "dead" { // the socket's file stays, nobody listens
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		l.Close()
		return
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			switch kind {
			case "closes":
				conn.Close()
			case "garbage":
				conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			case "hangs":
				go func() {
					defer conn.Close()
					io.ReadFull(conn, make([]byte, 10)) // a command has begun
					over()
					io.Copy(io.Discard, conn) // until the program has gone
				}()
			}
		}
	}()
}
