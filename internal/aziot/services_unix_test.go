//go:build unix

package aziot

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/contexttest"
)

// unitText is what systemctl show says of units, given as NAME=STATE with more
// properties behind blanks.
func unitText(all ...string) string {
	var blocks []string
	for _, text := range all {
		name, rest, _ := strings.Cut(text, "=")
		words := strings.Fields(rest)
		block := "Id=" + name + "\nLoadState=loaded\nActiveState=" + words[0] + "\n" + strings.Join(words[1:], "\n")
		blocks = append(blocks, strings.TrimSuffix(block, "\n")+"\n")
	}
	return strings.Join(blocks, "\n")
}

// healthy are the units of a device that is provisioned with its TPM; more
// replaces some of them.
func healthy(more ...string) string {
	all := []string{
		"aziot-edged.service=active", "aziot-edged.mgmt.socket=active", "aziot-edged.workload.socket=active",
		"aziot-identityd.service=active", "aziot-identityd.socket=active", "aziot-keyd.service=active", "aziot-keyd.socket=active",
		"aziot-certd.service=inactive", "aziot-certd.socket=active", "aziot-tpmd.service=active", "aziot-tpmd.socket=active",
	}
	for _, m := range more {
		name, _, _ := strings.Cut(m, "=")
		for i := range all {
			if strings.HasPrefix(all[i], name+"=") {
				all[i] = m
			}
		}
	}
	return unitText(all...)
}

// systemctl answers with one text after the other, and then with the last one.
func systemctl(t *testing.T, texts ...string) func() []string {
	script := "n=$(cat n 2>/dev/null || echo 0); n=$((n+1)); echo $n > n; case $n in\n"
	for i, text := range texts {
		pattern := fmt.Sprint(i + 1)
		if i == len(texts)-1 {
			pattern = "*"
		}
		script += pattern + ") cat <<'EOF'\n" + text + "EOF\n;;\n"
	}
	return programs(t, map[string]string{"systemctl": script + "esac"})
}

func states(all []Daemon) string {
	var words []string
	for _, d := range all {
		words = append(words, strings.TrimPrefix(d.Name, "aziot-")+":"+string(d.State))
	}
	return strings.Join(words, " ")
}

func TestDaemons(t *testing.T) {
	const auto = "activating SubState=auto-restart Result=exit-code NRestarts="
	tests := []struct {
		name  string
		texts []string
		want  string
		down  string
		looks int
	}{
		{"healthy", []string{healthy()}, "edged:running identityd:running keyd:running certd:ready tpmd:running", "", 4},
		{"on its way", []string{healthy("aziot-edged.service=activating"), healthy("aziot-tpmd.service=inactive"), healthy()},
			"edged:running identityd:running keyd:running certd:ready tpmd:running", "", 6},
		{"never asked for its chip", []string{healthy("aziot-tpmd.service=inactive")}, "edged:running identityd:running keyd:running certd:ready tpmd:ready", "", 4},
		{"ends again and again", []string{healthy(), healthy("aziot-tpmd.service=" + auto + "1"), healthy("aziot-tpmd.service=active NRestarts=1"), healthy("aziot-tpmd.service=" + auto + "3")},
			"edged:running identityd:running keyd:running certd:ready tpmd:starting", "it ended 3 times and is being restarted: exit-code", 4},
		{"failed", []string{healthy("aziot-identityd.service=failed Result=start-limit-hit")}, "edged:running identityd:failed keyd:running certd:ready tpmd:running", "start-limit-hit", 4},
		{"the first one has to run", []string{healthy("aziot-edged.service=inactive SubState=dead")}, "edged:stopped identityd:running keyd:running certd:ready tpmd:running", "dead", 4},
		{"nobody listens", []string{healthy("aziot-tpmd.socket=inactive")}, "edged:running identityd:running keyd:running certd:ready tpmd:failed", "aziot-tpmd.socket does not listen", 4},
		{"the identity service alone", []string{"Id=aziot-edged.service\nLoadState=not-found\nActiveState=inactive\n\n" + unitText("aziot-identityd.service=active", "aziot-identityd.socket=active", "aziot-tpmd.service=inactive", "aziot-tpmd.socket=active")},
			"identityd:running tpmd:ready", "", 4},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			calls := systemctl(t, test.texts...)
			all, err := Installation{Pause: time.Nanosecond}.Daemons(t.Context())
			if err != nil || states(all) != test.want {
				t.Errorf("Daemons() = %s, %v, want %s", states(all), err, test.want)
			}
			var details []string
			for _, d := range down(all) {
				details = append(details, d.Detail)
			}
			if got := strings.Join(details, "; "); got != test.down {
				t.Errorf("down because %q, want %q", got, test.down)
			}
			if n := len(calls()); n != test.looks {
				t.Errorf("%d looks, want %d", n, test.looks)
			}
		})
	}
}

// The deadline comes while daemons are still on their way: during a look, which
// is interrupted, or when the look after it may have begun. It is the third look
// that brings the deadline, so that no time is guessed.
func TestDaemonsAtTheDeadline(t *testing.T) {
	for name, rest := range map[string]string{
		"during a look": "trap 'exit 1' INT; while :; do sleep 0.01; done", // until it is interrupted
		"after a look":  "",
	} {
		t.Run(name, func(t *testing.T) {
			third := pipe(t)
			calls := programs(t, map[string]string{"systemctl": "n=$(cat n 2>/dev/null || echo 0); n=$((n+1)); echo $n > n\n" +
				"if [ $n = 3 ]; then echo > '" + third.Name() + "'; " + rest + "\nfi\n" +
				"cat <<'EOF'\n" + healthy("aziot-edged.service=activating") + "EOF\n"})
			ctx, expire := contexttest.WithDeadline(t)
			go func() {
				third.Read(make([]byte, 1))
				expire()
			}()
			all, err := Installation{Pause: time.Nanosecond}.Daemons(ctx)
			if err != nil || !changing(all) || len(down(all)) != 1 {
				t.Errorf("Daemons() = %s, %v after %d looks", states(all), err, len(calls()))
			}
			if n := len(calls()); n < 3 {
				t.Errorf("%d looks before the deadline, want 3 at least", n)
			}
		})
	}
}

func TestDaemonsWithoutSystemd(t *testing.T) {
	for name, scripts := range map[string]map[string]string{
		"a container":     {"systemctl": "echo 'System has not been booted with systemd as init system (PID 1).' >&2; exit 1"},
		"other units":     {"systemctl": "printf 'Id=aziot-edged.service\\nLoadState=not-found\\n'"},
		"an empty answer": {"systemctl": ""},
	} {
		programs(t, scripts)
		if all, err := (Installation{}).Daemons(t.Context()); !errors.Is(err, errNoUnits) || len(all) != 0 {
			t.Errorf("%s: Daemons() = %v, %v", name, all, err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := (Installation{}).Daemons(t.Context()); !errors.Is(err, errNoUnits) || !errors.Is(err, ErrNoProgram) {
		t.Errorf("no systemctl: %v", err)
	}
}

func TestUnitsThatAreAskedFor(t *testing.T) {
	calls := systemctl(t, healthy())
	if _, err := (Installation{Pause: time.Nanosecond}).Daemons(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := "systemctl show --property=Id,LoadState,ActiveState,SubState,NRestarts,Result -- " +
		"aziot-edged.service aziot-edged.mgmt.socket aziot-edged.workload.socket aziot-identityd.service aziot-identityd.socket " +
		"aziot-keyd.service aziot-keyd.socket aziot-certd.service aziot-certd.socket aziot-tpmd.service aziot-tpmd.socket"
	if got := calls(); !slices.Contains(got, want) {
		t.Errorf("called %q", got)
	}
}
