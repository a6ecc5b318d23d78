package input_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tpmdps/internal/disk"
	"tpmdps/internal/input"
)

// A file is read whole up to its limit, and refused beyond it.
func TestLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int64]string{5: "12345", 6: "12345", 4: ""} {
		got, err := input.ReadFile(t.Context(), path, limit)
		if string(got) != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, input.ErrUnreadable) {
			t.Errorf("limit %d: %q, %v", limit, got, err)
		}
		got, err = input.ReadRegular(t.Context(), path, limit)
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("regular, limit %d: %q, %v", limit, got, err)
		}
	}
}

// What is not a file is named as what it is.
func TestNotAFile(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		dir: "a directory", filepath.Join(dir, "none"): "no such file", filepath.Join(dir, "none", "f"): "no such file",
	} {
		for _, read := range []func(context.Context, string, int64) ([]byte, error){input.ReadFile, input.ReadRegular, input.ReadText} {
			_, err := read(t.Context(), path, 10)
			if err == nil || !errors.Is(err, input.ErrUnreadable) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v, want %s", path, err, want)
			}
		}
	}
	_, err := input.ReadFile(t.Context(), dir, 10)
	if cause, is := disk.Find(err); !is || cause.Cause != disk.IsFolder {
		t.Errorf("a directory: %v", err)
	}
}

// A text is read in the encodings of Windows.
func TestText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for data, want := range map[string]string{"a\u00fc": "a\u00fc", "\xef\xbb\xbfa": "a", "\xff\xfea\x00": "a"} {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := input.ReadText(t.Context(), path, 100); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", data, got, err)
		}
	}
	if err := os.WriteFile(path, []byte("a\xfc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := input.ReadText(t.Context(), path, 100); !errors.Is(err, input.ErrUnreadable) {
		t.Errorf("Latin-1: %v", err)
	}
}

// The end of the run ends a read that nothing comes for, and what had come before it is
// handed on.
func TestEndOfTheRunEndsARead(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	in := input.NewReader(ctx, "standard input", r)
	go func() { _, _ = w.Write([]byte("begun")) }()
	buf := make([]byte, 5)
	if _, err := io.ReadFull(in, buf); err != nil || string(buf) != "begun" {
		t.Fatalf("%q, %v", buf, err)
	}
	cancel()
	_, err := in.Read(buf)
	var wait *input.WaitError
	if !errors.As(err, &wait) || wait.What == "" || !errors.Is(err, input.ErrTimeOver) || !errors.Is(err, context.Canceled) {
		t.Errorf("after what had come: %v", err)
	}
	if _, err := input.Await(ctx, "x", "it did not come", func() (int, error) { t.Error("called after the end"); return 0, nil }); !errors.As(err, &wait) || wait.What != "" {
		t.Errorf("after the end: %v", err)
	}
	if _, err := input.NewReader(ctx, "late", r).Read(buf); !errors.As(err, &wait) || wait.What != "" {
		t.Errorf("a read that never began: %v", err)
	}
	if err := in.Close(); err != nil {
		t.Errorf("close what is not a file: %v", err)
	}
}
