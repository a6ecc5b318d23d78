package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/commandline"
	"tpmdps/internal/disk"
	"tpmdps/internal/emulator"
	"tpmdps/internal/input"
)

func emulatorCommand() command {
	return command{
		name:     "emulator",
		argument: commandline.Command{FileFlag: "state"},
		usage:    "run a DPS and a hub on this machine, for trials and for tests",
		description: "Serves the device API and the enrollment API of a DPS over HTTPS, and an IoT hub\n" +
			"over MQTT, with a certificate authority of its own, real challenges for the TPM\n" +
			"and real checks of tokens. With --dir it writes ca.pem and emulator.env; a shell that sources the\n" +
			"latter (set -a; . DIR/emulator.env) has all other commands speak to it. It runs\n" +
			"until it is interrupted. In the background wait for --ready-file before you go on.",
		flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Value: "127.0.0.1:8443", Usage: "serve HTTPS on `HOST:PORT`"},
			&cli.StringFlag{Name: "mqtt", Value: "127.0.0.1:8883", Usage: "serve the hub, MQTT and WebSockets, on `HOST:PORT`"},
			&cli.StringFlag{Name: "hub-name", Usage: "call the hub `HOST` (default: the host of --mqtt; 127.0.0.1 for loopback, because some clients want a dot)"},
			&cli.StringFlag{Name: "dir", Usage: "keep the certificate authority in `DIR`, and write ca.pem and emulator.env there"},
			&cli.StringFlag{Name: "ready-file", Usage: "write the process ID to `FILE` when requests are answered and all other files are there; remove it at the end"},
			&cli.StringFlag{Name: "id-scope", Value: emulator.DefaultIDScope, Usage: "answer for `SCOPE`"},
			&cli.StringFlag{Name: "state", Usage: "keep enrollments and keys in `FILE` across restarts"},
			&cli.IntFlag{Name: "limit", Usage: "answer 429 beyond `N` operations a minute"},
			&cli.StringFlag{Name: "limit-counts", Value: emulator.LimitCalls, Usage: "count `WHAT` for --limit: calls, or items, where a bulk call is as many as it has enrollments"},
			&cli.StringFlag{Name: "role", Value: "contributor", Usage: "give those who sign in with Entra ID the `ROLE`: contributor, reader or none"},
			&cli.BoolFlag{Name: "whole-resources", Usage: "refuse SAS tokens for a part of the service, such as those of token mint"},
			&cli.BoolFlag{Name: "read-only-policy", Usage: "give the policy EnrollmentRead only"},
			&cli.StringSliceFlag{Name: "fault", Usage: "fail as `NAME` says; docs/emulator.md lists the names; may be given several times"},
		},
		rules:    []rule{{flag: "limit", only: []string{"limit-counts"}}},
		exits:    []int{15, 20},
		examples: []string{"tpmdps emulator --dir dps", "set -a; . dps/emulator.env; set +a; tpmdps verify", "tpmdps emulator --fault tls-intercept"},
		run:      runEmulator,
	}
}

func readEmulatorOptions(f flags) emulator.Options {
	return emulator.Options{
		IDScope:   f.text("id-scope"),
		Listen:    f.text("listen"),
		MQTT:      f.text("mqtt"),
		HubName:   cmp.Or(f.text("hub-name"), dottedName(f.text("mqtt"))),
		Dir:       f.text("dir"),
		StateFile: f.text("state"),
		Limit:     f.number("limit"),
		Role:      f.text("role"),
		Faults:    f.list("fault"),

		LimitCounts:    f.text("limit-counts"),
		WholeResources: f.yes("whole-resources"),
		ReadOnlyPolicy: f.yes("read-only-policy"),
	}
}

func runEmulator(s *session, f flags) (err error) {
	opts, ready := readEmulatorOptions(f), f.text("ready-file")
	opts.Log = s.log
	if ready != "" {
		if err := emulator.CheckReady(ready); err != nil {
			return err
		}
	}
	if opts.Dir != "" {
		lock, err := emulator.OwnDir(opts.Dir) // waits for nothing
		if err != nil {
			return err
		}
		defer joinClose(&err, lock)
	}
	server, err := newEmulator(s.ctx, opts)
	if err != nil {
		return err
	}
	if err := server.Start(s.ctx); err != nil {
		return &listenFault{fmt.Errorf("%w: %w", emulator.ErrOptions, err)}
	}
	defer joinClose(&err, server)
	for _, addr := range []string{opts.Listen, opts.MQTT} {
		if !loopback(addr) {
			s.say("warning: %s can be reached from other machines; its keys protect nothing", addr)
		}
	}
	return serve(s, server, opts.Dir, ready)
}

// serve says where the emulator is, in files and on stdout, and waits for the end of the
// run. A ready file that a killed run left says nothing of this one; a run that is at
// work would have the ports.
func serve(s *session, server *emulator.Server, dir, ready string) (err error) {
	if ready != "" {
		if err := emulator.RemoveReady(ready, 0); err != nil {
			return err
		}
	}
	r := emulatorResult{Endpoint: server.Endpoint(), Hub: server.Hub(), IDScope: server.IDScope()}
	if dir != "" {
		if err := server.WriteFiles(dir); err != nil {
			return err
		}
		r.CAFile, r.EnvFile = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "emulator.env")
	}
	if ready != "" {
		if err := emulator.WriteReady(ready, os.Getpid()); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, emulator.RemoveReady(ready, os.Getpid())) }()
	}
	if err := s.print(r); err != nil {
		return err
	}
	s.say("running; end it with Ctrl-C")
	<-s.ctx.Done()
	return nil // being ended is how an emulator is done
}

// dottedName is how the hub is called that nobody gave a name: the address, where
// it listens on IPv4's loopback. The C SDK refuses the hub "localhost" because
// it has no dot, and this is the one name with dots that every resolver knows.
// It is "" where the host of addr is a name for clients already.
func dottedName(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	if err == nil && (host == "" || ip != nil && ip.To4() != nil && (ip.IsLoopback() || ip.IsUnspecified())) {
		return "127.0.0.1"
	}
	return ""
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// emulatorResult says where the emulator is.
type emulatorResult struct {
	Endpoint string `json:"endpoint"`
	Hub      string `json:"hub"`
	IDScope  string `json:"id_scope"`
	CAFile   string `json:"ca_file"`
	EnvFile  string `json:"env_file"`
}

func (r emulatorResult) lines() []any { return []any{r} }

func (r emulatorResult) fields() [][]string {
	return [][]string{{r.Endpoint, r.IDScope, r.CAFile, r.EnvFile, r.Hub}}
}

func (r emulatorResult) show(w io.Writer) error {
	rows := [][]string{{"endpoint", r.Endpoint}, {"hub", r.Hub}, {"ID scope", r.IDScope}}
	if r.EnvFile != "" {
		rows = append(rows, []string{"use it with", "set -a; . " + r.EnvFile + "; set +a"})
	}
	return table(w, nil, rows)
}

// newEmulator reads the files of --dir and --state, which may take as long as it will.
func newEmulator(ctx context.Context, opts emulator.Options) (*emulator.Server, error) {
	server, err := input.Await(ctx, "the files of --dir and --state", "their end did not come", func() (*emulator.Server, error) { return emulator.New(opts) })
	if err != nil && !errors.Is(err, emulator.ErrOptions) && !errors.Is(err, input.ErrTimeOver) && !errors.Is(err, atomicfile.ErrInUse) {
		err = emulatorFiles(err)
	}
	if address := (*net.AddrError)(nil); errors.As(err, &address) {
		err = &listenFault{err}
	}
	return server, err
}

// emulatorFiles says of files that the emulator does not understand that they cannot
// be read. A failure of the file system says itself what was tried: to read, or to
// make them.
func emulatorFiles(err error) error {
	if _, isDisk := disk.Find(err); isDisk {
		return err
	}
	return fmt.Errorf("%w its files: %w", input.ErrUnreadable, err)
}

// listenFault is for an address at which the emulator cannot be.
type listenFault struct{ error }

func (e *listenFault) Unwrap() error { return e.error }

// Hint implements hinter.
func (e *listenFault) Hint() string { return "choose another address with --listen and --mqtt" }
