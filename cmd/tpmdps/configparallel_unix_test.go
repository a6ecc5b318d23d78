//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"tpmdps/internal/atomicfile"
)

// editRounds is how often ten runs edit one file at the same time.
const editRounds = 4

// edits are ten settings, each of another key: the arguments, and what is in the
// file when it is set. N stands for the number of the round.
var edits = [][2]string{
	{"--hostname=box-N", `hostname = "box-N"`},
	{"--id-scope=0ne0012A00N", `id_scope = "0ne0012A00N"`},
	{"--global-endpoint=dpsN.example.net", `global_endpoint = "https://dpsN.example.net/"`},
	{"--registration-id=line-N", `registration_id = "line-N"`},
	{"--auto-reprovisioning-mode=AlwaysOnStartup", `auto_reprovisioning_mode = "AlwaysOnStartup"`},
	{"--payload-uri=file:///pN.json", `uri = "file:///pN.json"`},
	{"--tcti=device:/dev/tpmrmN", `tcti = "device:/dev/tpmrmN"`},
	{"--auth-key-index=0x00020N", `auth_key_index = `},
	{"--endorsement-auth-file=e", `endorsement = "swordfish-e"`},
	{"--owner-auth-file=o", `owner = "swordfish-o"`},
}

// Runs that edit one file at the same time wait for each other: each is done, and
// what it has confirmed is in the file in the end. That holds for a file that is
// not there yet, too.
func TestConfigInParallel(t *testing.T) {
	for round := range 2 * editRounds {
		there := round%2 == 0
		dir := writeFiles(t, map[string]string{"e": "swordfish-e\n", "o": "swordfish-o\n"})
		file := filepath.Join(dir, "c.toml")
		if there {
			if err := os.WriteFile(file, []byte(goodConfig), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		runs := make([]*program, len(edits))
		var wg sync.WaitGroup
		for i, e := range edits {
			args := []string{"config", "--file", "c.toml", inRound(e[0], round)}
			if !there { // a new file needs both
				args = []string{"config", "--file", "c.toml", inRound(edits[1][0], round), inRound(edits[3][0], round)}
				if own := inRound(e[0], round); !slices.Contains(args, own) {
					args = append(args, own)
				}
			}
			runs[i] = prepare(t, dir, args...)
		}
		for _, p := range runs {
			p.launch()
			wg.Go(func() { p.wait() })
		}
		wg.Wait()
		text := read(t, file)
		for i, e := range edits {
			p := runs[i]
			if code := p.cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("round %d: %s: exit code %d, %s", round, e[0], code, p.stderr.String())
			}
			if want := inRound(e[1], round); !strings.Contains(text, want) {
				t.Errorf("round %d: %q is not in the file, and was confirmed with %q", round, want, p.stdout.String())
			}
		}
		checkLeftovers(t, dir)
	}
}

func inRound(text string, round int) string {
	return strings.ReplaceAll(text, "N", fmt.Sprint(round))
}

// checkLeftovers finds temporary files and too many backups.
func checkLeftovers(t *testing.T, dir string) {
	t.Helper()
	for _, bound := range []struct {
		pattern string
		most    int
	}{{".*", 0}, {"c.toml.*.bak", atomicfile.Backups}} {
		if left, err := filepath.Glob(filepath.Join(dir, bound.pattern)); err != nil || len(left) > bound.most {
			t.Errorf("there is %q, %v", left, err)
		}
	}
}

// A run that waits for another one ends with its time and with Ctrl-C, and has
// changed nothing then. Released, it edits what the other one left.
func TestConfigWaitsForAnother(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(*program)
		code int
		says string
	}{
		"deadline":  {(*program).expire, 20, "lock c.toml: timed out waiting for another program that uses it"},
		"interrupt": {(*program).interrupt, 130, "interrupted"},
		"released":  {nil, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeFiles(t, map[string]string{"c.toml": goodConfig})
			file := filepath.Join(dir, "c.toml")
			lock, err := atomicfile.Acquire(context.Background(), file, nil)
			if err != nil {
				t.Fatal(err)
			}
			p := prepare(t, dir, "config", "--file", "c.toml", "--timeout", "1h", "--hostname", "box-2")
			waits := p.stderr.says("waiting for another program that is changing c.toml")
			p.start()
			<-waits
			want := goodConfig
			if test.end != nil {
				test.end(p)
			} else {
				theirs := strings.Replace(goodConfig, "0ne00000E11", "0ne00000E22", 1)
				if err := os.WriteFile(file, []byte(theirs), 0o600); err != nil {
					t.Fatal(err)
				}
				want = strings.Replace(theirs, `"box"`, `"box-2"`, 1)
				if err := lock.Release(); err != nil {
					t.Fatal(err)
				}
			}
			if code := p.wait(); code != test.code || !strings.Contains(p.stderr.String(), test.says) {
				t.Errorf("exit code %d, want %d; %s", code, test.code, p.stderr.String())
			}
			if got := read(t, file); got != want {
				t.Errorf("the file has\n%s\nwant\n%s", got, want)
			}
			lock.Release()
			checkLeftovers(t, dir)
		})
	}
}
