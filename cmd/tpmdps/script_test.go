package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2/transport"
	"github.com/rogpeppe/go-internal/testscript"

	"tpmdps/internal/emulator"
	"tpmdps/internal/softtpm"
	"tpmdps/internal/softtpm/softtpmtest"
)

var update = flag.Bool("update", false, "rewrite the expectations of the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tpmdps": watched, onStick: watched})
}

// TestScripts runs the real program on real software TPMs and a real emulator:
// one chip and one service a script.
func TestScripts(t *testing.T) {
	t.Cleanup(func() { t.Log(&schemasMet) })
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[worldKey{}] = &world{}
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("NEWMOUNTS", newMounts())
			// A program under the race detector would wait a second before it
			// ends, for reports that may come: it has said all by then.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			if err := watch(env); err != nil {
				return err
			}
			if err := setKeys(env); err != nil {
				return err
			}
			program, err := exec.LookPath("tpmdps")
			env.Setenv("TPMDPS", program)
			top, fault := filepath.Abs(filepath.Join("..", ".."))
			env.Setenv("TOP", top)
			return errors.Join(err, fault)
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Getuid() == 0, nil
			case "mounts":
				return exec.Command("unshare", newMounts(), "true").Run() == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"tpm":       startTPM,
			"tpms":      startTPMs,
			"emulator":  startEmulator,
			"clock":     setClock,
			"login":     prepareLogin,
			"secret":    secretFiles,
			"clean":     chipIsClean,
			"exits":     exitsWith,
			"setauth":   setAuth,
			"liar":      startLiar,
			"listen":    listenOn,
			"proxy":     startForwardProxy,
			"proxied":   proxied,
			"poisontpm": poison,
			"anger":     anger,
			"unpack":    unpackBundle,
			"refuse":    refuse,
			"quirk":     giveQuirk,
			"cert":      copyCertificate,
			"counted":   isCounted,
			"factory":   makeFactory,
			"vouch":     vouchFor,
			"asked":     wasAsked,
			"schema":    fitsSchema,
			"release":   makeRelease,
		},
	})
}

// newMounts is what unshare needs for mounts of a process's own. Root needs no user of its
// own for that, and in a chroot cannot have one.
func newMounts() string {
	if os.Getuid() == 0 {
		return "-m"
	}
	return "-Urm"
}

// world is what the commands of one script share.
type world struct {
	chips      int // started so far
	chip       *softtpm.Process
	persistent string
	bus        *softtpmtest.Bus // before tapped
	tapped     *softtpm.Process
	lockout    *lockout
	server     *emulator.Server
	log        emulatorLog
	clock      atomic.Pointer[func() time.Time] // the service's; nil is this machine's
	proxy      *forwardProxy
}

type worldKey struct{}

func of(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

func (w *world) now() time.Time {
	if clock := w.clock.Load(); clock != nil {
		return (*clock)()
	}
	return time.Now()
}

// setClock: clock TIME [stopped]. The service's clock is ahead of this machine's by
// TIME, such as -2h, from now on; with stopped it shows that instant for good.
func setClock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 || len(args) == 2 && args[1] != "stopped" {
		ts.Fatalf("usage: clock TIME [stopped]")
	}
	ahead, err := time.ParseDuration(args[0])
	ts.Check(err)
	clock := func() time.Time { return time.Now().Add(ahead) }
	if len(args) == 2 {
		instant := clock()
		clock = func() time.Time { return instant }
	}
	of(ts).clock.Store(&clock)
}

// startTPM: tpm [-12] [-tcp] [fixture]. Starts a software TPM and points
// TPMDPS_TPM at it, and with -tcp tpm2-tools too.
func startTPM(ts *testscript.TestScript, neg bool, args []string) {
	of(ts).chips++
	o := softtpm.Options{Dir: ts.MkAbs(fmt.Sprint("chip", of(ts).chips))}
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		o.TPM12 = o.TPM12 || args[0] == "-12"
		o.TCP = o.TCP || args[0] == "-tcp"
		args = args[1:]
	}
	ts.Check(os.MkdirAll(o.Dir, 0o700))
	if len(args) > 0 {
		ts.Check(softtpmtest.Copy(o.Dir, args[0]))
	}
	chip, err := softtpm.Start(context.Background(), o)
	ts.Check(err)
	ts.Defer(func() { ts.Check(chip.Stop()) })
	of(ts).chip = chip
	if !o.TPM12 {
		of(ts).persistent = persistent(ts, chip)
		watchLockout(ts, chip)
	}
	ts.Setenv("TPMDPS_TPM", chip.Address())
	ts.Setenv("TPM_SOCKET", strings.TrimPrefix(chip.Address(), "swtpm:path="))
	ts.Setenv("TPM_SOCKET_DIR", filepath.Dir(ts.Getenv("TPM_SOCKET")))
	if o.TCP {
		ts.Setenv("TPM2TOOLS_TCTI", chip.Address())
	}
}

// startTPMs: tpms N. Starts software TPMs that were never used, and sets TPM_1 to TPM_N to their
// addresses. The last one is the script's chip.
func startTPMs(ts *testscript.TestScript, neg bool, args []string) {
	count, err := strconv.Atoi(args[0])
	ts.Check(err)
	for n := 1; n <= count; n++ {
		startTPM(ts, false, nil)
		ts.Setenv(fmt.Sprint("TPM_", n), ts.Getenv("TPMDPS_TPM"))
	}
}

func persistent(ts *testscript.TestScript, chip *softtpm.Process) string {
	handles, err := softtpmtest.Persistent(chip)
	ts.Check(err)
	return fmt.Sprintf("%#x", handles)
}

// lockout is what a script's programs may do to a chip's count of wrong passwords:
// nothing, or add one where a key has a password that has to be found out.
type lockout struct {
	before uint32
	guess  bool
}

// watchLockout has the chip's lockout counter compared when the script is over,
// with what it was after the script itself last changed the chip.
func watchLockout(ts *testscript.TestScript, chip *softtpm.Process) {
	l := &lockout{before: lockoutCounter(ts, chip)}
	of(ts).lockout = l
	ts.Defer(func() {
		now := lockoutCounter(ts, chip)
		if now != l.before && !(l.guess && l.before == 0 && now == 1) {
			ts.Fatalf("the chip's lockout counter was %d and is %d", l.before, now)
		}
	})
}

// isCounted: counted N. The chip has counted N wrong passwords.
func isCounted(ts *testscript.TestScript, neg bool, args []string) {
	if now := fmt.Sprint(lockoutCounter(ts, of(ts).chip)); (now != args[0]) != neg {
		ts.Fatalf("the chip's lockout counter is %s, want %s", now, args[0])
	}
}

func lockoutCounter(ts *testscript.TestScript, chip *softtpm.Process) (n uint32) {
	ts.Check(softtpmtest.On(chip, func(t transport.TPM) (err error) {
		n, err = softtpmtest.LockoutCounter(t)
		return err
	}))
	return n
}

// chipIsClean: clean. The chip has no session, no transient object, and the
// persistent handles it started with.
func chipIsClean(ts *testscript.TestScript, neg bool, args []string) {
	left, err := softtpmtest.Leftovers(of(ts).chip)
	ts.Check(err)
	if len(left) > 0 {
		ts.Fatalf("left on the chip: %#x", left)
	}
	if now := persistent(ts, of(ts).chip); (now != of(ts).persistent) != neg {
		ts.Fatalf("persistent handles were %s and are %s", of(ts).persistent, now)
	}
}

// setAuth: setauth ENDORSEMENT OWNER. Gives the hierarchies passwords.
func setAuth(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(softtpmtest.SetAuth(of(ts).chip, args[0], args[1]))
}

// startEmulator: emulator [limit=N] [role=ROLE]. Starts a DPS, and sets the variables with
// which the program finds it.
func startEmulator(ts *testscript.TestScript, neg bool, args []string) {
	o := emulator.Options{RetryAfter: time.Millisecond, Now: of(ts).now, MQTT: "127.0.0.1:0", Names: []string{proxiedDPS, proxiedHub}, Log: of(ts).log.logger(), Arrived: of(ts).log.arrived}
	for _, arg := range args {
		var err error
		switch name, value, _ := strings.Cut(arg, "="); name {
		case "limit":
			o.Limit, err = strconv.Atoi(value)
		case "role":
			o.Role = value
		case "fault":
			o.Faults = append(o.Faults, value)
		case "whole":
			o.WholeResources = true
		case "read-only":
			o.ReadOnlyPolicy = true
		default:
			ts.Fatalf("unknown option %q", arg)
		}
		ts.Check(err)
	}
	o.StateFile = canaryState(ts)
	server, err := emulator.New(o)
	ts.Check(err)
	ts.Check(server.Start(context.Background()))
	ts.Defer(func() { ts.Check(server.Close()) })
	of(ts).server = server
	of(ts).log.taken() // what it says of itself
	secretsOf(ts).known = append(secretsOf(ts).known, drawn(server)...)
	ca := ts.MkAbs("ca.pem")
	ts.Check(os.WriteFile(ca, server.CAPEM(), 0o600))
	ts.Setenv("SSL_CERT_FILE", ca)
	ts.Check(os.WriteFile(ts.MkAbs("cs"), []byte(server.ConnectionString()+"\n"), 0o600))
	ts.Setenv("EMULATOR_HOST", server.Host())
	ts.Setenv("PROVISIONING_CONNECTION_STRING", server.ConnectionString())
	ts.Setenv("IOTHUB_DEVICE_DPS_ENDPOINT", server.Endpoint())
	ts.Setenv("IOTHUB_DEVICE_DPS_ID_SCOPE", server.IDScope())
}

// exitsWith: verdict.Table() CODE program args... Runs a program and compares its exit code.
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: verdict.Table() CODE program [args]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	var exit interface{ ExitCode() int }
	if errors.As(err, &exit) {
		code = fmt.Sprint(exit.ExitCode())
	} else if err != nil {
		ts.Fatalf("%s: %v", args[1], err)
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}

// poison: poisontpm HANDLE. Persists an SRK at a handle where something else
// belongs.
func poison(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(occupy(of(ts).chip, args[0]))
	of(ts).persistent = persistent(ts, of(ts).chip)
}
