package layout_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The race detector runs where several goroutines do: every package that starts one,
// in the program or in its tests, is in the Makefile's list.
func TestConcurrent(t *testing.T) {
	root := filepath.Join("..", "..")
	raced := append(strings.Fields(ofMake(t, "CONCURRENT")), "./cmd/tpmdps")
	packages := concurrent(t, os.DirFS(root))
	if len(packages) < 10 {
		t.Errorf("only %q start goroutines", packages)
	}
	for _, name := range packages {
		if !slices.ContainsFunc(raced, func(pattern string) bool { return match(pattern, "./"+name) }) {
			t.Errorf("%s starts goroutines, and is not in CONCURRENT of the Makefile", name)
		}
	}
}

// concurrent lists the packages in whose files goroutines are started. What runs in a
// virtual machine, or is measured, has another way to be run.
func concurrent(t *testing.T, root fs.FS) (packages []string) {
	t.Helper()
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "bin", "dist", "testdata", "node_modules", "vmtest"}, entry.Name()):
			return fs.SkipDir
		case path.Ext(name) != ".go" || slices.Contains(packages, path.Dir(name)):
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		found, err := startsGoroutines(name, source)
		if found {
			packages = append(packages, path.Dir(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

// startsGoroutines looks for go statements, and for the calls that stand for one:
// Go of a sync.WaitGroup or an errgroup, and AfterFunc of time and context.
func startsGoroutines(name string, source []byte) (found bool, err error) {
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
	if err != nil {
		return false, err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = true
		case *ast.CallExpr:
			if called, ok := n.Fun.(*ast.SelectorExpr); ok && (called.Sel.Name == "Go" || called.Sel.Name == "AfterFunc") {
				found = true
			}
		}
		return !found
	})
	return found, err
}

func TestStartsGoroutines(t *testing.T) {
	for body, want := range map[string]bool{
		"go func() {}()": true, "go f()": true, "var wg sync.WaitGroup; wg.Go(f)": true, "time.AfterFunc(1, f)": true,
		"stop := context.AfterFunc(ctx, f)": true, "f(func() { go g() })": true, "f(); g.Goes(); // go f()": false, `s := "go f()"`: false,
	} {
		if found, err := startsGoroutines("x.go", []byte("package x\nfunc x() {\n"+body+"\n}")); err != nil || found != want {
			t.Errorf("%s: %v, %v, want %v", body, found, err, want)
		}
	}
}
