package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

// noLinks stands for a filesystem without hard links.
func noLinks(string, string) error { return &os.LinkError{Op: "link", Err: syscall.EPERM} }

var namings = map[string]func(from, to string) error{"with links": os.Link, "without links": noLinks}

func TestCreate(t *testing.T) {
	for name, link := range namings {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "config.toml")
			if err := create(path, []byte("first"), 0o600, link); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if mode := info.Mode(); mode != 0o600 && runtime.GOOS != "windows" {
				t.Errorf("mode = %v, want %v", mode, fs.FileMode(0o600))
			}
			if err := create(path, []byte("second"), 0o600, link); !errors.Is(err, fs.ErrExist) {
				t.Errorf("second Create() = %v, want %v", err, fs.ErrExist)
			}
			wantOnly(t, dir, "config.toml", "first")
		})
	}
}

// A file that appears after the first look is not replaced either.
func TestCreateLosesTheRace(t *testing.T) {
	for name, link := range namings {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "config.toml")
			linkLate := func(from, to string) error {
				if err := os.WriteFile(path, []byte("theirs"), 0o600); err != nil {
					t.Fatal(err)
				}
				return link(from, to)
			}
			if err := create(path, []byte("ours"), 0o600, linkLate); !errors.Is(err, fs.ErrExist) {
				t.Errorf("Create() = %v, want %v", err, fs.ErrExist)
			}
			wantOnly(t, dir, "config.toml", "theirs")
		})
	}
}

func TestCreateOnceOfMany(t *testing.T) {
	for name, link := range namings {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "config.toml")
			var wg sync.WaitGroup
			results := make(chan error, 8)
			for range cap(results) {
				wg.Go(func() { results <- create(path, []byte("whole"), 0o600, link) })
			}
			wg.Wait()
			close(results)
			written := 0
			for err := range results {
				switch {
				case err == nil:
					written++
				case !errors.Is(err, fs.ErrExist):
					t.Errorf("Create() = %v, want nil or %v", err, fs.ErrExist)
				}
			}
			if written != 1 {
				t.Errorf("%d of %d calls succeeded, want 1", written, cap(results))
			}
			wantOnly(t, dir, "config.toml", "whole")
		})
	}
}

func TestCreateRefusesLinksAndMissingDirectories(t *testing.T) {
	dir := t.TempDir()
	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), dangling); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path string
		want       error
	}{
		{"dangling link", dangling, fs.ErrExist},
		{"the directory itself", dir, fs.ErrExist},
		{"no directory", filepath.Join(dir, "aziot", "config.toml"), fs.ErrNotExist},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := Create(test.path, []byte("x"), 0o600); !errors.Is(err, test.want) {
				t.Errorf("Create() = %v, want %v", err, test.want)
			}
		})
	}
}

// wantOnly checks that dir holds one file with that content and no leftovers.
func wantOnly(t *testing.T, dir, name, content string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != name {
		t.Errorf("directory holds %v, want %s alone", entries, name)
	}
	if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != content {
		t.Errorf("%s holds %q, %v, want %q", name, got, err, content)
	}
}

// What is written piece by piece is there whole or not at all, and never over another file.
func TestCreateFrom(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sheet.html")
	refused := errors.New("refused")
	begun := func(w io.Writer) error {
		for range 10000 {
			if _, err := io.WriteString(w, "a line\n"); err != nil {
				return err
			}
		}
		return refused
	}
	if err := CreateFrom(path, 0o600, begun); err != refused {
		t.Errorf("CreateFrom() = %v, want the writer's error", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	whole := func(w io.Writer) error {
		_, err := io.WriteString(w, "whole")
		return err
	}
	if err := CreateFrom(path, 0o600, whole); err != nil {
		t.Fatal(err)
	}
	if err := CreateFrom(path, 0o600, begun); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second CreateFrom() = %v, want %v", err, fs.ErrExist)
	}
	wantOnly(t, dir, "sheet.html", "whole")
	if err := CreateFrom(filepath.Join(dir, "none", "f"), 0o600, whole); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a directory: %v", err)
	}
}
