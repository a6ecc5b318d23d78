package dictionary

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestPatternsCompile: a pattern is compiled when it is first asked for, so one that
// cannot be is found here, and not by who asks.
func TestPatternsCompile(t *testing.T) {
	source := func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }
	packages, err := parser.ParseDir(token.NewFileSet(), ".", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	ast.Inspect(packages["dictionary"], func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if name, ok := call.Fun.(*ast.Ident); !ok || name.Name != "newPattern" {
			return true
		}
		expression, err := literal(call.Args[0])
		if err == nil {
			_, err = regexp.Compile(expression)
		}
		if err != nil {
			t.Errorf("%q: %v", expression, err)
		}
		seen++
		return true
	})
	if seen < len(forms)+len(finders)+len(softwareWords) {
		t.Errorf("%d patterns in the source", seen)
	}
}

// literal is the text of a string literal, or of several with a + between them.
func literal(e ast.Expr) (string, error) {
	switch e := e.(type) {
	case *ast.BasicLit:
		return strconv.Unquote(e.Value)
	case *ast.BinaryExpr:
		left, err := literal(e.X)
		if err != nil {
			return "", err
		}
		right, err := literal(e.Y)
		return left + right, err
	}
	return "", os.ErrInvalid
}
