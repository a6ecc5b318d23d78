package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Only internal/input opens what a user named, so that no wait for it is without an
// end. The kernel's own files, which are always there, are read without, and so are
// other files by packages that are handed what was opened.
func TestInputsAreOpenedInOnePlace(t *testing.T) {
	opens := []string{"Open", "OpenFile", "ReadFile", "OpenInRoot", "Stdin"}
	allowed := map[string][]string{"wait.go": {"Open"}, "removable_linux.go": {"ReadFile"}, "main.go": {"Stdin"}}
	var files []string
	for _, pattern := range []string{"*.go", "../../internal/input/*.go", "../../internal/secretfile/*.go", "../../internal/operator/*.go"} {
		some, err := filepath.Glob(pattern)
		if err != nil || len(some) == 0 {
			t.Fatalf("%s: %q, %v", pattern, some, err)
		}
		files = append(files, some...)
	}
	found := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			use, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := use.X.(*ast.Ident); !ok || pkg.Name != "os" || !slices.Contains(opens, use.Sel.Name) {
				return true
			}
			found++
			if !slices.Contains(allowed[filepath.Base(name)], use.Sel.Name) {
				t.Errorf("%s uses os.%s; read what a user named with input.Open or input.ReadFile", fset.Position(use.Pos()), use.Sel.Name)
			}
			return true
		})
	}
	if found < 3 {
		t.Errorf("only %d places were found: the search is blind", found)
	}
}
