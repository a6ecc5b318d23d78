package emulator

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// toBeKilled names the state's file in the environment of a process that goes on changing
// it until it is killed.
const toBeKilled = "EMULATOR_TEST_STATE"

func TestMain(m *testing.M) {
	if path := os.Getenv(toBeKilled); path != "" {
		fmt.Fprintln(os.Stderr, changeForEver(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// changeForEver counts in five registrations, and says of each count when it is saved.
// Every few of them the file is compacted.
func changeForEver(path string) error {
	st, _, err := openState(path)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	for n := highest(st) + 1; ; n++ {
		id := fmt.Sprintf("dev%d", n%5)
		st.registrations.put(id, &registration{RegistrationID: id, ErrorCode: n, ErrorMessage: strings.Repeat("x", 20_000+n%7)})
		if err := st.save(); err != nil {
			return err
		}
		fmt.Fprintln(out, n)
		if err := out.Flush(); err != nil {
			return err
		}
	}
}

// highest is the last count that a state has.
func highest(st *state) (n int) {
	for r := range st.registrations.all() {
		n = max(n, r.ErrorCode)
	}
	return n
}

// A process that is killed at any moment, in the middle of a new file, too, has lost
// nothing that it had saved, and the next one goes on with its file.
func TestKilledProcessesLoseNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(15, 9))
	for round := range 40 {
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = append(os.Environ(), toBeKilled+"="+path)
		cmd.Stderr = os.Stderr
		said, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(said)
		last, ends := 0, 1+random.IntN(60)
		for count := 1; lines.Scan(); count++ {
			if last, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
			if count == ends {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("it ended by itself")
		}
		st, _ := reread(t, path)
		// One that was not said yet may be saved already.
		if got := highest(st); got != last && got != last+1 {
			t.Fatalf("round %d: the file has %d, and %d was saved", round, got, last)
		}
		for r := range st.registrations.all() {
			if n := r.ErrorCode; n <= highest(st)-5 || len(r.ErrorMessage) != 20_000+n%7 {
				t.Fatalf("round %d: %s has %d, of %d", round, r.RegistrationID, n, highest(st))
			}
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) > 1 { // the next start removes one that is left now
		t.Errorf("left behind: %v, %v", left, err)
	}
}
