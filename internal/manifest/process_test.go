package manifest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// appendVariable makes the test binary a process that appends: PATH, the first box,
// and how many.
const appendVariable = "TEST_MANIFEST_APPEND"

func TestMain(m *testing.M) {
	if path := os.Getenv(appendVariable); path != "" {
		os.Exit(appendMany(path, os.Args[len(os.Args)-2:]))
	}
	os.Exit(m.Run())
}

// appendMany appends boxes one after the other, and says of each when it is done.
func appendMany(path string, args []string) int {
	first, _ := strconv.Atoi(args[0])
	count, _ := strconv.Atoi(args[1])
	for n := first; n < first+count; n++ {
		// Opened each time, as by read-ek.
		b, err := Open(context.Background(), path, nil)
		if err == nil {
			_, err = b.Append(context.Background(), testBox(n), AppendOptions{})
			err = errors.Join(err, b.Close())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(testBox(n).RegistrationID)
	}
	return 0
}

func appender(t *testing.T, path string, first, count int) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^$", strconv.Itoa(first), strconv.Itoa(count))
	cmd.Env = append(os.Environ(), appendVariable+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

// Several processes that append at once lose nothing, and write nothing twice.
func TestProcessesAppendAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "batch")
	const each = 40
	var all []*exec.Cmd
	for _, first := range []int{1, 1 + each/2, 1 + each} { // the one in the middle has boxes of both others
		cmd := appender(t, path, first, each)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	report, err := Verify(bytes.NewReader(read(t, path)), Options{})
	if err != nil || report.Lines != 2*each || report.Boxes != 2*each {
		t.Errorf("Verify() = %+v, %v", report, err)
	}
}

// A process that is killed at any moment leaves every box that it had reported, and a
// batch that goes on.
func TestKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "batch")
	const runs, each = 20, 50
	reported := map[string]bool{}
	for run := range runs {
		cmd := appender(t, path, 1+run*each, each)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n <= run%3 && lines.Scan(); n++ {
			reported[lines.Text()] = true
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			reported[lines.Text()] = true
		}
		_ = cmd.Wait() // it was killed
	}
	b := openBatch(t, path)
	add(t, b, testBox(runs*each+1), AppendOptions{})
	for l, err := range Lines(bytes.NewReader(read(t, path))) {
		if err != nil {
			t.Fatal(err)
		}
		delete(reported, l.Record.RegistrationID)
	}
	if len(reported) > 0 {
		t.Errorf("reported and not in the batch: %v", reported)
	}
}

// Eight benches with 25 boxes each, and one that is killed among them: every box that was
// reported is in the batch, once, and the batch is whole.
func TestManyProcessesAndOneIsKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "batch")
	const benches, each = 8, 25
	var all []*exec.Cmd
	for n := range benches {
		cmd := appender(t, path, 1+n*each, each)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	victim := appender(t, path, 1+benches*each, 10*each)
	out, err := victim.StdoutPipe()
	if err == nil {
		err = victim.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines, reported := bufio.NewScanner(out), map[string]bool{}
	for len(reported) < 5 && lines.Scan() {
		reported[lines.Text()] = true
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		reported[lines.Text()] = true
	}
	_ = victim.Wait() // it was killed
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	openBatch(t, path) // puts right what the killed one left
	for n := 1; n <= benches*each; n++ {
		reported[testBox(n).RegistrationID] = true
	}
	report, err := Verify(bytes.NewReader(read(t, path)), Options{})
	if err != nil || report.Lines != report.Boxes || report.Lines < len(reported) {
		t.Errorf("Verify() = %+v, %v; %d boxes were reported", report, err, len(reported))
	}
	ids, _ := idsOf(read(t, path))
	for _, id := range ids {
		delete(reported, id)
	}
	if len(reported) > 0 {
		t.Errorf("reported and not in the batch: %v", reported)
	}
}
