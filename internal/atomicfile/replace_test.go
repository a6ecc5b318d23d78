package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

const stamp = ".20260304T120000Z.bak"

// files returns what is in a directory, by name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(text)
	}
	return all
}

func want(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := files(t, dir)
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s = %q, want %q", name, got[name], text)
		}
	}
	if len(got) != len(want) {
		t.Errorf("files = %q, want %q", got, want)
	}
}

func write(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestReplace(t *testing.T) {
	for name, link := range map[string]func(string, string) error{"with links": os.Link, "without links": noLinks} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "c")
			write(t, path, "one", 0o640)
			do := system
			do.link = link
			for i, next := range []string{"two", "three"} {
				old := []string{"one", "two"}[i]
				backup, err := replace(path, []byte(old), []byte(next), noon, do)
				if err != nil {
					t.Fatal(err)
				}
				if want := path + []string{stamp, ".20260304T120000Z-2.bak"}[i]; backup != want {
					t.Errorf("backup = %s, want %s", backup, want)
				}
				for _, name := range []string{path, backup} {
					if info, err := os.Stat(name); err != nil || info.Mode() != 0o640 && runtime.GOOS != "windows" {
						t.Errorf("%s: %v, %v; want mode 0640", name, info.Mode(), err)
					}
				}
			}
			want(t, dir, map[string]string{"c": "three", "c" + stamp: "one", "c.20260304T120000Z-2.bak": "two"})
		})
	}
}

// The link stays a link; what it points to is replaced where it lies.
func TestReplaceFollowsLinks(t *testing.T) {
	dir, far := t.TempDir(), t.TempDir()
	write(t, filepath.Join(far, "real"), "one", 0o600)
	for from, to := range map[string]string{
		filepath.Join(far, "relative"): "real",
		filepath.Join(dir, "c"):        filepath.Join(far, "relative"),
	} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	backup, err := Replace(filepath.Join(dir, "c"), []byte("one"), []byte("two"), noon)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(backup) != "real"+stamp || len(files(t, dir)) != 1 {
		t.Errorf("backup = %s, files beside the link = %v", backup, files(t, dir))
	}
	if to, err := os.Readlink(filepath.Join(dir, "c")); err != nil || to != filepath.Join(far, "relative") {
		t.Errorf("the link is now %s, %v", to, err)
	}
	want(t, far, map[string]string{"real": "two", "relative": "two", "real" + stamp: "one"})
}

func TestReplaceRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c")
	write(t, path, "theirs", 0o600)
	for name, target := range map[string]string{"dangling": "nowhere", "circle": "circle"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, wanted := range map[string]error{"c": ErrChanged, "none": fs.ErrNotExist, "dangling": fs.ErrNotExist, ".": nil, "circle": nil} {
		_, err := Replace(filepath.Join(dir, name), []byte("ours"), []byte("new"), noon)
		if err == nil || wanted != nil && !errors.Is(err, wanted) {
			t.Errorf("Replace(%s) = %v, want %v", name, err, wanted)
		}
	}
	for _, name := range []string{"dangling", "circle"} {
		os.Remove(filepath.Join(dir, name))
	}
	want(t, dir, map[string]string{"c": "theirs"})
}

// Whatever call fails, the file is as it was and nothing else is there.
func TestReplaceFails(t *testing.T) {
	broken := errors.New("broken")
	fail := func(string, string) error { return broken }
	for name, change := range map[string]func(*calls){
		"link and copy": func(n *calls) { n.link = func(_, to string) error { return os.WriteFile(to, nil, 0) }; n.rename = fail },
		"rename":        func(n *calls) { n.rename = fail },
		"mount":         func(n *calls) { n.rename = func(string, string) error { return syscall.EBUSY } },
		"sync":          func(n *calls) { n.sync = func(string) error { return broken } },
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "c")
		write(t, path, "one", 0o600)
		do := system
		change(&do)
		if backup, err := replace(path, []byte("one"), []byte("two"), noon, do); err == nil || backup != "" {
			t.Errorf("%s: replace() = %q, %v; want an error", name, backup, err)
		}
		want(t, dir, map[string]string{"c": "one"})
	}
}

// Somebody who saves the file at the last moment does not lose his work.
func TestReplaceLosesTheRace(t *testing.T) {
	for name, save := range map[string]func(path string) error{
		"in place": func(path string) error { return os.WriteFile(path, []byte("theirs"), 0o600) },
		"by renaming": func(path string) error {
			if err := os.WriteFile(path+"~", []byte("one"), 0o600); err != nil {
				return err
			}
			return os.Rename(path+"~", path)
		},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "c")
		write(t, path, "one", 0o600)
		do := system
		do.sync = func(dir string) error { return errors.Join(save(path), syncDir(dir)) }
		if _, err := replace(path, []byte("one"), []byte("two"), noon, do); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: replace() = %v, want ErrChanged", name, err)
		}
		for name, text := range files(t, dir) {
			if name != "c" || text == "two" {
				t.Errorf("%s = %q is left", name, text)
			}
		}
	}
}

// drive is what a directory's file system holds for good, and what it may lose
// when the power fails: names that were not synced since they were changed.
type drive struct {
	files   map[string]string // after everything that was synced
	pending []func(map[string]string)
}

func (d *drive) do(change func(map[string]string)) { d.pending = append(d.pending, change) }

func (d *drive) sync() {
	for _, change := range d.pending {
		change(d.files)
	}
	d.pending = nil
}

// after returns every state in which a loss of power may leave the directory:
// each change of a name that is not synced has happened or has not.
func (d *drive) after() []map[string]string {
	var states []map[string]string
	for set := range 1 << len(d.pending) {
		state := map[string]string{}
		for name, text := range d.files {
			state[name] = text
		}
		for i, change := range d.pending {
			if set>>i&1 == 1 {
				change(state)
			}
		}
		states = append(states, state)
	}
	return states
}

// torn is the content of a file that was not synced itself: some of it, or none.
const torn = "\x00torn\x00"

// record runs replace on a real directory and follows what of it would be on the
// drive after each call. check sees every state that a loss of power may leave.
func record(t *testing.T, do calls, check func(step string, state map[string]string)) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "c")
	write(t, path, "one", 0o600)
	d := drive{files: map[string]string{"c": "one"}}
	text := torn
	look := func(step string, err error) error {
		for _, state := range d.after() {
			check(step, state)
		}
		return err
	}
	rec := calls{
		flush: func(f *os.File) error {
			if do.flush == nil {
				return nil
			}
			text = "two"
			return do.flush(f)
		},
		link: func(from, to string) error {
			d.do(func(m map[string]string) { m[filepath.Base(to)] = "one" })
			return look("link", do.link(from, to))
		},
		rename: func(from, to string) error {
			d.do(func(m map[string]string) { delete(m, filepath.Base(from)); m[filepath.Base(to)] = text })
			return look("rename", do.rename(from, to))
		},
		remove: do.remove,
		sync: func(dir string) error {
			err := do.sync(dir)
			d.sync()
			return look("sync", err)
		},
	}
	if _, err := replace(path, []byte("one"), []byte("two"), noon, rec); err != nil {
		t.Fatal(err)
	}
}

// A loss of power leaves the old file or the new one, and the backup is there
// whenever the new one is.
func TestReplacePowerLoss(t *testing.T) {
	states := 0
	record(t, system, func(step string, state map[string]string) {
		states++
		if fault := fault(state); fault != "" {
			t.Errorf("after %s: %q: %s", step, state, fault)
		}
	})
	if states < 6 {
		t.Errorf("only %d states were looked at", states)
	}
}

func fault(state map[string]string) string {
	backup, kept := state["c"+stamp]
	switch {
	case state["c"] != "one" && state["c"] != "two":
		return "the file is neither the old one nor the new one"
	case kept && backup != "one":
		return "the backup is not the old file"
	case state["c"] == "two" && !kept:
		return "the old file is lost"
	}
	return ""
}

// The check above finds what it is there for: content that was not synced before
// the renaming, and a backup whose name was not.
func TestReplacePowerLossFindsFaults(t *testing.T) {
	var faults []string
	note := func(step string, state map[string]string) {
		if f := fault(state); f != "" && !slices.Contains(faults, f) {
			faults = append(faults, f)
		}
	}
	careless := system
	careless.flush = nil
	record(t, careless, note)
	var d drive
	d.files = map[string]string{"c": "one"}
	d.do(func(m map[string]string) { m["c"+stamp] = "one" })
	d.do(func(m map[string]string) { m["c"] = "two" })
	for _, state := range d.after() {
		note("", state)
	}
	if got := strings.Join(faults, "; "); got != "the file is neither the old one nor the new one; the old file is lost" {
		t.Errorf("faults = %s", got)
	}
}
