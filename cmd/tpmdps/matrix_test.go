package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tpmdps/internal/hint"
	"tpmdps/internal/softtpm/softtpmtest"
	"tpmdps/internal/verdict"
)

// quickRetries is the key, in a run's context, of tests that do not wait between
// two tries.
type quickRetries struct{}

func init() {
	retryDelay = func(ctx context.Context) time.Duration {
		if ctx.Value(quickRetries{}) != nil {
			return time.Millisecond
		}
		return 0
	}
}

// matrixOutcome is one row of the table.
type matrixOutcome struct {
	answer, step string
	code         int
	hint         string
	failed       failure
}

// answerBench is what the runs have in common.
type answerBench struct {
	*misleader
	t  *testing.T
	ca string
}

func newBench(t *testing.T, ek string) *answerBench {
	t.Helper()
	b := &answerBench{misleader: newMisleader(t, ek), t: t, ca: filepath.Join(t.TempDir(), "ca.pem")}
	t.Setenv("PROVISIONING_CONNECTION_STRING", "HostName="+strings.TrimPrefix(b.URL, "https://")+";SharedAccessKeyName=owner;SharedAccessKey=c2VjcmV0")
	if err := os.WriteFile(b.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

// verify has a chip meet a wrong answer.
func (b *answerBench) verify(chip, id, step string, a wrongAnswer) matrixOutcome {
	return b.run(id, step, a, "verify", "--tpm", chip, "--plain-bus", "--id-scope", b.scope, "--registration-id", id,
		"--global-endpoint", b.URL, "--until", "assigned", "--timeout", "1h")
}

// enroll has an operator meet one.
func (b *answerBench) enroll(id, step string, a wrongAnswer) matrixOutcome {
	args := []string{"enroll", "--no-remote-check", "--ek", b.ek, "--registration-id", id, "--device-id", id, "--provisioning-status", "enabled", "--timeout", "1h"}
	if step == atDryRun {
		args = append(args, "--dry-run")
	}
	return b.run(id, step, a, args...)
}

// ownOfRun are the flags of these runs that a hint repeats, whose values differ from
// run to run.
var ownOfRun = regexp.MustCompile(` --(?:tpm|ca-file) [^ ;|]+| --plain-bus`)

func (b *answerBench) run(id, step string, a wrongAnswer, args ...string) matrixOutcome {
	m := b.mislead(id, step, a)
	var out, errs bytes.Buffer
	ctx := context.WithValue(b.t.Context(), quickRetries{}, true)
	code := run(ctx, append([]string{"tpmdps"}, append(args, "--ca-file", b.ca, "-o", "json", "-q")...), streams{strings.NewReader(""), &out, &errs})
	o := matrixOutcome{answer: a.name, step: step, code: code}
	var failed failure
	if err := json.Unmarshal(errs.Bytes(), &failed); err != nil && code != 0 {
		b.t.Errorf("%s at %s: stderr %q: %v", a.name, step, errs.String(), err)
	}
	o.hint, o.failed = ownOfRun.ReplaceAllString(strings.ReplaceAll(failed.Hint, " "+id, " ID"), ""), failed
	switch {
	case !b.wasGiven(m):
		b.t.Errorf("%s at %s: the run did not come as far: %d %s", a.name, step, code, errs.String())
	case code == 0:
		b.t.Errorf("%s at %s: passed", a.name, step)
	case code == 1:
		b.t.Errorf("%s at %s: nobody foresaw it: %s", a.name, step, failed.Error)
	case failed.Code != code, failed.Hint == "", failed.Hint == hint.Nothing:
		b.t.Errorf("%s at %s: exit code %d, error %+v", a.name, step, code, failed)
	}
	return o
}

// Each wrong answer at each step ends in a failure that was foreseen, with a hint.
// docs/faults.md has the table: go test -run AnswersMatrix -update writes it.
func TestAnswersMatrix(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "")
	ek := keyOf(t, softtpmtest.Start(t, "persisted").Address())
	b := newBench(t, ek)
	b.undisturbed()
	todo := make(chan func(chip string) matrixOutcome)
	var mu sync.Mutex
	var rows []matrixOutcome
	var workers sync.WaitGroup
	for range 3 {
		chip := softtpmtest.Start(t, "persisted")
		if err := softtpmtest.PersistSRK(chip); err != nil {
			t.Fatal(err)
		}
		workers.Go(func() {
			for do := range todo {
				row := do(chip.Address())
				mu.Lock()
				rows = append(rows, row)
				mu.Unlock()
			}
			if left, err := softtpmtest.Leftovers(chip); err != nil || len(left) > 0 {
				t.Errorf("left on the chip: %#x, %v", left, err)
			}
		})
	}
	n := 0
	for _, a := range wrongAnswers {
		for _, step := range answerSteps {
			if a.steps != nil && !slices.Contains(a.steps, step) {
				continue
			}
			n++
			id := fmt.Sprintf("box-%d", n)
			switch {
			case slices.Contains(atVerify, step):
				todo <- func(chip string) matrixOutcome { return b.verify(chip, id, step, a) }
			case step == atDryRun:
				todo <- func(string) matrixOutcome { return b.enroll("dry-"+id, step, a) }
			default:
				todo <- func(string) matrixOutcome { return b.enroll(id, step, a) }
			}
		}
	}
	close(todo)
	workers.Wait()
	t.Logf("%d answers, %d runs", len(wrongAnswers), n)
	checkSection(t, answersHeading, answersTable(rows))
}

// keyOf is the endorsement key of a chip, as text.
func keyOf(t *testing.T, chip string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"tpmdps", "read-ek", "--tpm", chip, "-o", "tsv"}, streams{strings.NewReader(""), &out, &errs}); code != 0 {
		t.Fatalf("read-ek: %d, %s", code, errs.String())
	}
	return strings.Split(out.String(), "\t")[3]
}

// undisturbed makes sure that the right answers pass, or no failure says anything.
func (b *answerBench) undisturbed() {
	chip := softtpmtest.Start(b.t, "persisted")
	for _, args := range [][]string{
		{"verify", "--tpm", chip.Address(), "--plain-bus", "--id-scope", b.scope, "--registration-id", "right", "--global-endpoint", b.URL, "--until", "assigned"},
		{"enroll", "--no-remote-check", "--ek", b.ek, "--registration-id", "right", "--device-id", "right", "--provisioning-status", "enabled"},
		{"enroll", "--no-remote-check", "--ek", b.ek, "--registration-id", "right", "--dry-run"},
	} {
		var out, errs bytes.Buffer
		if code := run(b.t.Context(), append([]string{"tpmdps"}, append(args, "--ca-file", b.ca)...), streams{strings.NewReader(""), &out, &errs}); code != 0 {
			b.t.Fatalf("%v: %d, %s", args, code, errs.String())
		}
	}
}

const answersHeading = "## What is said of wrong answers"

// answersTable has a row for each answer and each way in which it ends.
func answersTable(rows []matrixOutcome) string {
	place := func(o matrixOutcome) int {
		return slices.IndexFunc(wrongAnswers, func(a wrongAnswer) bool { return a.name == o.answer })
	}
	slices.SortFunc(rows, func(a, b matrixOutcome) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(slices.Index(answerSteps, a.step), slices.Index(answerSteps, b.step)))
	})
	var b strings.Builder
	b.WriteString("\nEach row is a test too: an answer that a proxy, a cache, a portal or a service in trouble gives instead of the right\n" +
		"one, what it was the answer to, the [exit code](exit-codes.md), and the hint. It was given at the steps `dps.challenge`,\n" +
		"`dps.register` and `dps.assigned` of `verify`, and to the two requests of `enroll`, one of them in a dry run, too. No such\n" +
		"answer passes, and none is unexpected (code 1).\n\n| answer | to | exit code | hint |\n| --- | --- | --- | --- |\n")
	for i := 0; i < len(rows); {
		var same []string
		first := rows[i]
		rest := rows[i:]
		rows = rows[:i]
		for _, o := range rest {
			if o.answer == first.answer && o.code == first.code && o.hint == first.hint {
				same = append(same, "`"+o.step+"`")
				continue
			}
			rows = append(rows, o)
		}
		to := strings.Join(same, ", ")
		if len(same) == len(answerSteps) {
			to = "each"
		}
		fmt.Fprintf(&b, "| %s | %s | %d %s | %s |\n", first.answer, to, first.code, verdict.Names[first.code], first.hint)
	}
	return b.String()
}

// checkSection compares a part of docs/faults.md, from its heading to the end of
// the page, with what it should be; with -update it writes it.
func checkSection(t *testing.T, heading, want string) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", "faults.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, got, _ := strings.Cut(string(page), heading+"\n")
	if *update {
		if err := os.WriteFile(path, []byte(strings.TrimRight(before, "\n")+"\n\n"+heading+"\n"+want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("%s is not what the runs say; write it with -update", path)
	}
}
