package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// holds checks what an owned file has in it.
func holds(t *testing.T, o *Owned, text string) {
	t.Helper()
	data, err := io.ReadAll(o.Reader())
	if err != nil || string(data) != text || o.Size() != int64(len(text)) {
		t.Errorf("the file has %q, size %d, %v; want %q", data, o.Size(), err, text)
	}
}

func TestOwnedAppend(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	o, err := Own(path, []byte("one\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	do := func(want string, errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		holds(t, o, want)
	}
	do("one\ntwo\n", o.Append([]byte("two\n")))
	do("1\n2\n", o.Put(whole([]byte("1\n2\n"))))
	do("1\n2\n3\n", o.Append([]byte("3\n")), o.Sync())
	do("1\n2\n", o.Truncate(4))
	do("1\n2\n4\n", o.Append([]byte("4\n")))
	// What a failed write left is longer than what comes next.
	if _, err := o.file.WriteAt([]byte("cut off, and long"), o.size); err != nil {
		t.Fatal(err)
	}
	o.torn = true
	do("1\n2\n4\n5\n", o.Append([]byte("5\n")))
	want(t, dir, map[string]string{"log": "1\n2\n4\n5\n"})

	failed := errors.New("no more")
	if err := o.Put(func(w io.Writer) error {
		_, err := io.WriteString(w, strings.Repeat("x", 1<<16))
		return errors.Join(err, failed)
	}); !errors.Is(err, failed) {
		t.Errorf("Put() = %v, want %v", err, failed)
	}
	do("1\n2\n4\n5\n6\n", o.Append([]byte("6\n")))
	want(t, dir, map[string]string{"log": "1\n2\n4\n5\n6\n"})

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := o.Append([]byte("7\n")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("Append() to a file that is gone = %v", err)
	}
	do("again\n", o.Put(whole([]byte("again\n"))))
	write(t, path+"~", "theirs", 0o600)
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
	if err := o.Append([]byte("8\n")); !errors.Is(err, ErrChanged) {
		t.Errorf("Append() to another file = %v, want %v", err, ErrChanged)
	}
	want(t, dir, map[string]string{"log": "theirs"})
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}
