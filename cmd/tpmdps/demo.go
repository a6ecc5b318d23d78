package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tpmdps/internal/emulator"
	"tpmdps/internal/environment"
	"tpmdps/internal/softtpm"
)

func demoCommand() command {
	return command{
		name:  "demo",
		usage: "run all steps on a software TPM, against an emulated DPS",
		description: "Starts swtpm and the emulator in a folder for the time of the demo, and runs\n" +
			"read-ek, enroll, verify and config as a person would. It needs no chip, no cloud\n" +
			"and no privileges.",
		exits:   []int{10, 12, 20},
		timeout: 2 * time.Minute,
		run:     demo,
	}
}

// demo runs the commands of this program in this process, on streams of their
// own, so that what is shown is what they print.
func demo(s *session, _ flags) (err error) {
	dir, err := os.MkdirTemp("", "tpmdps-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	chip, err := softtpm.Start(s.ctx, softtpm.Options{Dir: filepath.Join(dir, "tpm"), Env: variables().WithoutSecrets()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, chip.Stop()) }()
	server, err := emulator.New(emulator.Options{Dir: dir, MQTT: "127.0.0.1:0", RetryAfter: 200 * time.Millisecond, AssignDelay: 200 * time.Millisecond, Log: s.log})
	if err != nil {
		return err
	}
	if err := server.Start(s.ctx); err != nil {
		return err
	}
	defer joinClose(&err, server)
	if err := server.WriteFiles(dir); err != nil {
		return err
	}
	secret := filepath.Join(dir, "connection-string")
	if err := os.WriteFile(secret, []byte(server.ConnectionString()), 0o600); err != nil {
		return err
	}
	ca := filepath.Join(dir, "ca.pem")
	for _, step := range []struct {
		says string
		args []string
	}{
		{"1. Read the chip's endorsement key.", []string{"read-ek", "--tpm", chip.Address()}},
		{"2. Enroll it in the Device Provisioning Service.", []string{"enroll", "--tpm", chip.Address(), "--connection-string-file", secret, "--ca-file", ca, "--edge-enabled"}},
		{"3. Prove that the chip can provision itself.", []string{"verify", "--even-if-provisioned", "--tpm", chip.Address(), "--id-scope", server.IDScope(), "--global-endpoint", server.Endpoint(), "--ca-file", ca}},
		{"4. Write the configuration of IoT Edge.", []string{"config", "--tpm", chip.Address(), "--id-scope", server.IDScope(), "--global-endpoint", server.Endpoint(), "--config", "-"}},
	} {
		s.say("\n%s\n$ tpmdps %s", step.says, strings.ReplaceAll(strings.Join(step.args, " "), dir, "$DEMO"))
		if err := s.runStep(s.ctx, step.args); err != nil {
			return err
		}
	}
	if err := s.print(demoResult{Outcome: "pass"}); err != nil {
		return err
	}
	s.say("Next, with a real chip and a real DPS: sudo tpmdps read-ek -o json >box.json; tpmdps enroll --from box.json; sudo tpmdps verify --id-scope SCOPE")
	return nil
}

// runStep runs one command; its result is part of what is shown, so it goes where
// the words for people go unless a person reads stdout.
func (u *ui) runStep(ctx context.Context, args []string) error {
	inner := u.streams
	switch {
	case u.quiet:
		inner.out = io.Discard
		args = append(args, "--quiet")
	case u.format != "table":
		inner.out = u.err
	}
	// The environment of a person who works with a real DPS must not reach
	// the demo.
	for _, name := range demoHides {
		if value, ok := os.LookupEnv(name); ok {
			os.Unsetenv(name)
			defer os.Setenv(name, value)
		}
	}
	return runApp(ctx, append([]string{"tpmdps"}, args...), inner)
}

// demoHides are the variables that name a service or a chip, or the way to one: the
// demo does not leave this machine.
var demoHides = append(environment.ProxyVariables(), "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"PROVISIONING_CONNECTION_STRING", "TPMDPS_DPS", "PROVISIONING_REGISTRATION_ID")

// demoResult is printed when all of the demo went well; otherwise there is an
// error instead.
type demoResult struct {
	Outcome string `json:"result"` // pass
}

func (r demoResult) lines() []any       { return []any{r} }
func (r demoResult) fields() [][]string { return [][]string{{r.Outcome}} }

func (r demoResult) show(w io.Writer) error {
	_, err := fmt.Fprintf(w, "\n%sa software TPM was read, enrolled, provisioned and configured\n", passed(w))
	return err
}
