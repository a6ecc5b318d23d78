package main

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/cpuguy83/go-md2man/v2/md2man"
)

var updateManPage = flag.Bool("update-man", false, "write docs/tpmdps.1 anew")

// docs/tpmdps.1 is docs/tpmdps.1.md, as man reads it.
func TestManPage(t *testing.T) {
	const page = "../../docs/tpmdps.1"
	source, err := os.ReadFile(page + ".md")
	if err != nil {
		t.Fatal(err)
	}
	// The title line of man, instead of the heading of a web page.
	_, body, found := bytes.Cut(source, []byte("# TPMDPS(1)\n"))
	if !found {
		t.Fatal("docs/tpmdps.1.md does not begin with its title")
	}
	body = bytes.ReplaceAll(body, []byte("\\\n"), []byte("  \n")) // a line break, in the one spelling that both know
	want := md2man.Render(append([]byte("# TPMDPS 1 \"\" \"tpmdps\" \"User Commands\"\n"), body...))
	if *updateManPage {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/tpmdps.1 is not docs/tpmdps.1.md any more; write it anew: go test ./cmd/tpmdps -run ManPage -update-man")
	}
}
