//go:build linux

package bench

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"tpmdps/internal/emulator"
)

// Variables of the test that kills: how often it does, and with which seed.
const (
	killsVariable = "TPMDPS_TEST_KILLS"
	seedVariable  = "TPMDPS_TEST_SEED"
)

// What the test is without them, and with them.
const (
	fewMachines, fewKills = 300, 8
	killedMachines        = 2000
	// mostRestarts is how often the program may need to be started, once nobody kills it, until
	// it has met no trouble that outlasts its tries.
	mostRestarts = 50
)

// A run of 2,000 machines at a service in trouble is killed again and again, each time at an
// event that is drawn, and started again with the same command. At the end the service has
// exactly the batch, each machine has one final line, no line is torn, and the trail has all
// that was done.
func TestKilledBatch(t *testing.T) {
	machines, kills, seed := fewMachines, fewKills, rand.Uint64()
	for name, set := range map[string]func(string) error{
		killsVariable: func(s string) (err error) { machines = killedMachines; kills, err = strconv.Atoi(s); return err },
		seedVariable:  func(s string) (err error) { seed, err = strconv.ParseUint(s, 10, 64); return err },
	} {
		if text := os.Getenv(name); text != "" {
			if err := set(text); err != nil {
				t.Fatal(err)
			}
		}
	}
	killBatch(t, machines, kills, seed)
}

func killBatch(t testing.TB, machines, kills int, seed uint64) {
	t.Helper()
	t.Logf("%d machines, %d kills, %s=%d", machines, kills, seedVariable, seed)
	random := rand.New(rand.NewPCG(seed, 1))
	v := &victim{}
	f := newOffice(t, machines, emulator.Options{
		Faults: []string{fmt.Sprintf("chaos=%d", 1+random.Int32N(1_000_000))}, Arrived: v.arrive, Log: v.log(),
	})
	v.watch(t, f.dir, "batch.jsonl.results.jsonl", "trail.jsonl")
	enroll := f.enroll(t, f.server.Host(), "--rate", "100000", "--audit", f.path("trail.jsonl"))
	at := map[event]int{}
	for killed, ended := 0, 0; killed < kills; {
		m := drawMoment(random, 1+killed*machines/kills/100)
		switch is, err := f.runVictim(v, enroll, m); {
		case is:
			killed++
			at[m.event]++
		case err == nil:
			t.Fatalf("all was done after %d kills", killed)
		default:
			if ended++; ended > kills+mostRestarts {
				t.Fatalf("it ends by itself: %v", err)
			}
		}
	}
	for n := 0; ; n++ {
		_, err := f.runVictim(v, enroll, moment{})
		if err == nil {
			break
		}
		if n == mostRestarts {
			t.Fatalf("started %d times, and it has not enrolled all: %v", n, err)
		}
	}
	v.mu.Lock()
	v.release()
	v.mu.Unlock()
	t.Logf("killed at %v", at)
	f.check(t)
	f.checkTrail(t)
}

// runVictim runs the program, to be killed at a moment; err is how it ended otherwise.
func (f *office) runVictim(v *victim, j job, m moment) (killed bool, err error) {
	cmd := exec.Command(j.args[0], j.args[1:]...)
	cmd.Env, cmd.Dir = j.env, j.dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := v.begin(cmd, m); err != nil {
		return false, err
	}
	err = cmd.Wait()
	if killed = v.ended(); killed || err == nil {
		return killed, nil
	}
	return false, fmt.Errorf("%w: %s", err, &stderr)
}
