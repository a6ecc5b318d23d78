package emulator

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A file that says that an emulator is ready is its own, and no other file is
// touched.
func TestReadyFile(t *testing.T) {
	for name, tt := range map[string]struct {
		before string // "-" is none
		id     int    // who removes it
		stays  bool
		fails  bool
	}{
		"none":                  {before: "-", id: 7},
		"its own":               {before: "7\n", id: 7},
		"another one's":         {before: "8\n", id: 7, stays: true},
		"at the start":          {before: "8\n", id: 0},
		"of another program":    {before: "secret\n", id: 0, stays: true, fails: true},
		"a number and more":     {before: "8\n9\n", id: 0, stays: true, fails: true},
		"a number with a blank": {before: "8 \n", id: 0, stays: true, fails: true},
		"a number, no line":     {before: "8", id: 0, stays: true, fails: true},
		"empty":                 {before: "", id: 0, stays: true, fails: true},
		"a folder":              {before: "/", id: 0, stays: true, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ready")
			switch tt.before {
			case "-":
			case "/":
				if err := os.Mkdir(path, 0o700); err != nil {
					t.Fatal(err)
				}
			default:
				if err := os.WriteFile(path, []byte(tt.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := RemoveReady(path, tt.id)
			if (err != nil) != tt.fails || err != nil && !errors.Is(err, ErrOptions) {
				t.Errorf("RemoveReady() = %v", err)
			}
			if _, err := os.Lstat(path); (err == nil) != tt.stays {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "ready")
	if err := WriteReady(path, 42); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "42\n" {
		t.Errorf("%q, %v", text, err)
	}
	if err := WriteReady(filepath.Join(path, "below"), 42); err == nil {
		t.Error("a file below a file was written")
	}
}
