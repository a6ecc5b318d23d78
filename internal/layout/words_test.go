package layout_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

var listWords = flag.String("list-words", "", "write every string that people see to this file, to be read aloud")

func TestWords(t *testing.T) {
	shown, comments, err := prose(os.DirFS(filepath.Join("..", "..")))
	if err != nil {
		t.Fatal(err)
	}
	if *listWords != "" {
		var list []byte
		for _, text := range shown {
			list = fmt.Appendf(list, "%s:%d: %q\n", text.file, text.lines[0].line, text.text)
		}
		if err := os.WriteFile(*listWords, list, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_ = comments
}
