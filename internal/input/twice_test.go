package input_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tpmdps/internal/input"
)

// An input is the same each time, whatever it comes from, and bounded where it is kept.
func TestAgain(t *testing.T) {
	const limit = 3 << 20
	file := filepath.Join(t.TempDir(), "file")
	for _, size := range []int{0, 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, limit - 1, limit, limit + 1} {
		text := strings.Repeat("0123456789abcde\n", size/16+1)[:size]
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, other := range []io.Reader{nil, strings.NewReader(text)} {
			in, err := input.Again(t.Context(), file, other, limit)
			if size > limit && other != nil {
				if !errors.Is(err, input.ErrUnreadable) || !strings.Contains(err.Error(), "larger than") {
					t.Errorf("%d bytes: %v", size, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%d bytes, %T: %v", size, other, err)
			}
			for range 3 {
				r, err := in.Open()
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(r)
				if err != nil || string(got) != text || r.Close() != nil {
					t.Errorf("%d bytes, %T: %d came, %v", size, other, len(got), err)
				}
			}
			if err := in.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := input.Again(t.Context(), filepath.Join(file, "none"), nil, limit); !errors.Is(err, input.ErrUnreadable) {
		t.Errorf("no file: %v", err)
	}
}
