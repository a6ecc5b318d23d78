package aziot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/host"
	"tpmdps/internal/tpm"
)

// A daemon that may not open the chip goes before one that does not run, and that
// before one that was not restarted.
func TestJudgeDaemons(t *testing.T) {
	files := people("")
	files["dev/tpmrm0"] = ""
	denied := tree(t, files)
	must(t, os.Chmod(denied.Machine.Path("/dev/tpmrm0"), 0o600))
	up := []Daemon{{Name: "aziot-edged", State: stateRunning}, {Name: tpmDaemon, State: stateReady}}
	tpmDown := []Daemon{{Name: "aziot-edged", State: stateRunning}, {Name: tpmDaemon, State: stateFailed, Detail: "exit-code"}}
	otherDown := []Daemon{{Name: "aziot-certd", State: stateStopped}, {Name: tpmDaemon, State: stateRunning}}
	free := tree(t, nil)
	for name, tt := range map[string]struct {
		on   Installation
		o    Effect
		is   error
		want string
	}{
		"all run":                     {free, Effect{Daemons: up}, nil, ""},
		"nothing is known":            {free, Effect{}, nil, ""},
		"all run, denied":             {denied, Effect{Daemons: up}, nil, ""},
		"TPM daemon down":             {free, Effect{Daemons: tpmDown}, ErrDaemons, "not all of IoT Edge came up: aziot-tpmd is failed (exit-code)"},
		"TPM daemon down, denied":     {denied, Effect{Daemons: tpmDown}, ErrAccess, ""},
		"another one down":            {denied, Effect{Daemons: otherDown}, ErrDaemons, "not all of IoT Edge came up: aziot-certd is stopped"},
		"not restarted":               {free, Effect{Daemons: up, Restart: []string{tpmDaemon}}, ErrOldDaemon, ErrOldDaemon.Error()},
		"not restarted, another down": {free, Effect{Daemons: otherDown, Restart: []string{tpmDaemon}}, ErrDaemons, ""},
		"both down":                   {free, Effect{Daemons: append(otherDown[:1:1], tpmDown...)}, ErrDaemons, "not all of IoT Edge came up: aziot-certd is stopped, aziot-tpmd is failed (exit-code)"},
	} {
		asked := 0
		err := tt.o.judge(tt.on, func() string { asked++; return DefaultTCTI })
		if !errors.Is(err, tt.is) || (err == nil) != (tt.is == nil) || tt.want != "" && err.Error() != tt.want {
			t.Errorf("%s: %v, want %v", name, err, tt.is)
		}
		if len(down(tt.o.Daemons)) == 0 && asked > 0 {
			t.Errorf("%s: the way to the chip is asked for", name)
		}
	}
}

// The trip's error counts unless the daemons' explains it. None is lost but those that
// follow from the one that counts.
func TestFirstCause(t *testing.T) {
	trip, access := errors.New("trip"), fmt.Errorf("%w: x", ErrAccess)
	for name, tt := range map[string]struct{ comeUp, trip, cause, warning error }{
		"neither":          {nil, nil, nil, nil},
		"the trip":         {nil, trip, trip, nil},
		"a daemon":         {ErrDaemons, nil, ErrDaemons, nil},
		"old daemon":       {ErrOldDaemon, trip, trip, ErrOldDaemon},
		"daemons and trip": {ErrDaemons, trip, trip, ErrDaemons},
		"access":           {access, nil, access, nil},
		"access and trip":  {access, trip, access, nil},
	} {
		if cause, warning := firstCause(tt.comeUp, tt.trip); cause != tt.cause || warning != tt.warning {
			t.Errorf("%s: %v and %v, want %v and %v", name, cause, warning, tt.cause, tt.warning)
		}
	}
}

func TestChipInUse(t *testing.T) {
	for name, tt := range map[string]struct {
		holders []Holder
		want    string
	}{
		"nobody":                  {nil, ""},
		"through the manager":     {[]Holder{{Name: tpmDaemon, Node: "/dev/tpmrm0"}}, ""},
		"the node itself":         {[]Holder{{Name: "x", Node: "/dev/tpmrm0"}, {Name: tpmDaemon, Node: "/dev/tpm0"}}, "/dev/tpm0"},
		"another has that itself": {[]Holder{{Name: "tpm2-abrmd", Node: "/dev/tpm0"}}, ""},
	} {
		if got := (Effect{Holders: tt.holders}).chipInUse(); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestStopCommand(t *testing.T) {
	for h, want := range map[Holder]string{{PID: 7}: "sudo kill 7", {PID: 7, Unit: "tpm2-abrmd.service"}: "sudo systemctl stop tpm2-abrmd.service"} {
		if got := h.stopCommand(); got != want {
			t.Errorf("%+v: %q, want %q", h, got, want)
		}
	}
}

// A configuration is applied on a machine that is made up, and everything that can be
// wrong after that: what is said, what is tried, and with what it ends.
func TestPutIntoEffect(t *testing.T) {
	const good, file = "echo configured successfully", "/srv/config.toml"
	trip := errors.New("hub.tls: no way")
	noChip := fmt.Errorf("%w: nowhere", tpm.ErrAddress)
	up := healthy()
	oldDaemon := func(m Installation) { process(t, m, "77", tpmDaemon, "500", "") }
	for name, tt := range map[string]struct {
		tool, units string
		machine     func(Installation)
		uid         int
		plan, trip  error
		is          error
		says        string // one of what is said or warned of; "" where there is no warning
		applied     bool
		proved      bool
	}{
		"not installed":             {"", up, nil, 1000, nil, nil, nil, "run later: sudo iotedge config apply -c " + file, false, false},
		"not root":                  {good, up, nil, 1000, nil, nil, host.ErrNotRoot, "", false, false},
		"refused":                   {"echo no; exit 1", up, nil, 0, nil, nil, ErrApply, "", false, false},
		"all well":                  {good, up, nil, 0, nil, nil, nil, "", true, true},
		"the trip fails":            {good, up, nil, 0, nil, trip, trip, "", true, true},
		"a daemon is down":          {good, healthy("aziot-keyd.service=failed"), nil, 0, nil, nil, ErrDaemons, "", true, true},
		"both":                      {good, healthy("aziot-keyd.service=failed"), nil, 0, nil, trip, trip, "warning: not all of IoT Edge came up: aziot-keyd is failed", true, true},
		"no systemd":                {good, "", nil, 0, nil, nil, nil, "warning: systemd does not report the state of the daemons", true, true},
		"not restarted":             {good, up, oldDaemon, 0, nil, nil, ErrOldDaemon, "", true, true},
		"not restarted, trip fails": {good, up, oldDaemon, 0, nil, trip, trip, "warning: " + ErrOldDaemon.Error(), true, true},
		"another has the chip": {good, up, func(m Installation) {
			process(t, m, "120", "tpm2-abrmd", "400", "0::/system.slice/tpm2-abrmd.service\n", "/dev/tpm0")
		}, 0, nil, nil, nil, "warning: tpm2-abrmd (process 120) holds /dev/tpm0, past the kernel's resource manager; what it leaves there may be in the way: sudo systemctl stop tpm2-abrmd.service", true, true},
		"the daemon has the chip": {good, up, func(m Installation) {
			process(t, m, "77", tpmDaemon, "500", "", "/dev/tpm0")
		}, 0, nil, trip, ErrOldDaemon, "warning: verify is left out: aziot-tpmd itself has /dev/tpm0", true, false},
		"no chip to try":                {good, up, nil, 0, noChip, trip, nil, "warning: verify is left out: " + noChip.Error(), true, false},
		"no chip, and a daemon is down": {good, healthy("aziot-keyd.service=failed"), nil, 0, noChip, trip, ErrDaemons, "warning: verify is left out", true, false},
		"no plan":                       {good, up, nil, 0, fs.ErrPermission, trip, fs.ErrPermission, "", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := tree(t, nil)
			m.Machine.UID, m.Pause = tt.uid, time.Nanosecond
			scripts := map[string]string{"systemctl": "cat <<'EOF'\n" + tt.units + "EOF\n"}
			if tt.tool != "" {
				scripts["iotedge"] = tt.tool
			}
			programs(t, scripts)
			if tt.machine != nil {
				tt.machine(m)
			}
			var said []string
			proved, warned := false, false
			e, err := m.PutIntoEffect(t.Context(), EffectRequest{
				File: file, TCTI: func() string { return DefaultTCTI },
				Plan: func() (func() error, error) {
					return func() error { proved = true; return tt.trip }, tt.plan
				},
				Say:  func(text string) { said = append(said, text) },
				Warn: func(text string) { said, warned = append(said, "warning: "+text), true },
				Line: func(string) {},
			})
			if !errors.Is(err, tt.is) || (err == nil) != (tt.is == nil) || e.Applied != tt.applied || proved != tt.proved {
				t.Errorf("PutIntoEffect() = %+v, %v; the trip was made: %t", e, err, proved)
			}
			if all := strings.Join(said, "\n"); !strings.Contains(all, tt.says) || tt.says == "" && warned {
				t.Errorf("it is said:\n%s\nwant %q", all, tt.says)
			}
			if e.File != file || e.Command == "" || e.Daemons == nil || e.Restart == nil || e.Holders == nil {
				t.Errorf("the effect is %+v", e)
			}
			if len(e.Restart) > 0 != (errors.Is(err, ErrOldDaemon) || strings.Contains(tt.says, ErrOldDaemon.Error())) {
				t.Errorf("to restart are %q", e.Restart)
			}
			if kept := m.MayPutIntoEffect(); (kept != nil) != (tt.tool != "" && tt.uid != 0) || kept != nil && !errors.Is(kept, host.ErrNotRoot) {
				t.Errorf("MayPutIntoEffect() = %v", kept)
			}
		})
	}
}

// A run that is called off while IoT Edge is stopped says so, and tries nothing.
func TestPutIntoEffectIsInterrupted(t *testing.T) {
	programs(t, map[string]string{"iotedge": "trap 'exit 1' INT; echo ready; while :; do sleep 0.01; done"})
	setStopLimit(t, 2*time.Minute) // only ends a hang
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var said []string
	e, err := tree(t, nil).PutIntoEffect(ctx, EffectRequest{
		File: ConfigFile, TCTI: func() string { return DefaultTCTI },
		Plan: func() (func() error, error) { t.Error("a trip is planned"); return nil, nil },
		Say:  func(string) {}, Warn: func(text string) { said = append(said, text) }, Line: func(string) { cancel() },
	})
	want := []string{"IoT Edge may be stopped half-way; run it again: sudo iotedge config apply"}
	if !errors.Is(err, context.Canceled) || e.Applied || !slices.Equal(said, want) {
		t.Errorf("PutIntoEffect() = %+v, %v; it warns %q", e, err, said)
	}
}

// As people read it.
func TestAccessInALine(t *testing.T) {
	a := Access{User: User, Node: "/dev/tpmrm0", Owner: "tss", Group: "tss", Mode: "crw-rw----", Reason: "r"}
	for verdict, want := range map[Verdict]string{
		Allowed: "aziottpm may open /dev/tpmrm0 (crw-rw---- tss:tss): r",
		Denied:  "aziottpm may not open /dev/tpmrm0 (crw-rw---- tss:tss): r",
		NoUser:  "aziottpm, who would open /dev/tpmrm0 (crw-rw---- tss:tss): r",
	} {
		a.Verdict = verdict
		if got := a.String(); got != want {
			t.Errorf("%s: %q, want %q", verdict, got, want)
		}
	}
	if got := (Access{User: User, Verdict: NoNode, Reason: "r"}).String(); got != "aziottpm opens no TPM here: r" {
		t.Errorf("no node: %q", got)
	}
}
