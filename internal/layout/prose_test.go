package layout_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
)

// text is one piece of what people read: a string of the program, a comment, or a
// paragraph of a document, with its lines joined by blanks.
type text struct {
	file  string
	text  string
	lines []mark
}

// mark is a place in a text at which a line of its file starts.
type mark struct{ at, line int }

// line returns the line of the file on which the byte at stands.
func (t text) line(at int) int {
	line := t.lines[0].line
	for _, m := range t.lines {
		if m.at <= at {
			line = m.line
		}
	}
	return line
}

// add puts more text behind what is there.
func (t *text) add(more string, line int) {
	if t.text != "" && !strings.HasSuffix(t.text, " ") {
		t.text += " "
	}
	t.lines = append(t.lines, mark{len(t.text), line})
	t.text += more
}

// prose returns the texts of the product's source and of its documents: strings
// that have a blank and a word, and comments if these are wanted.
func prose(root fs.FS) (shown, comments []text, err error) {
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testdata" || len(entry.Name()) > 1 && strings.HasPrefix(entry.Name(), ".")):
			return fs.SkipDir
		case strings.HasSuffix(name, ".md"):
			content, err := fs.ReadFile(root, name)
			shown = append(shown, paragraphs(name, string(content))...)
			return err
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		content, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, content, parser.ParseComments)
		if err != nil {
			return err
		}
		shown = append(shown, literals(set, name, file)...)
		comments = append(comments, commentsOf(set, name, file)...)
		return nil
	})
	return shown, comments, err
}

// paragraphs splits a document at its empty lines.
func paragraphs(name, content string) []text {
	var all []text
	this := text{file: name}
	end := func() {
		if this.text != "" {
			all = append(all, this)
		}
		this = text{file: name}
	}
	line := 0
	for l := range strings.Lines(content) {
		line++
		if l = strings.TrimSpace(l); l == "" {
			end()
		} else {
			this.add(l, line)
		}
	}
	end()
	return all
}

func commentsOf(set *token.FileSet, name string, file *ast.File) []text {
	var all []text
	for _, group := range file.Comments {
		t := text{file: name}
		for _, c := range group.List {
			first := set.Position(c.Pos()).Line
			for i, l := range strings.Split(c.Text, "\n") {
				if l = strings.Trim(l, "/* \t"); l != "" {
					t.add(l, first+i)
				}
			}
		}
		if t.text != "" {
			all = append(all, t)
		}
	}
	return all
}

// isProse wants two words with a blank between or beside them.
var isProse = regexp.MustCompile(`(^|[a-z,:;)]) [a-z"%(-]|[a-z,:;)] ($|[a-z"%(-])`)

// literals returns the strings of a file that may be seen by people. What is put
// together with + is one string, in which … stands for what is not a literal.
func literals(set *token.FileSet, name string, file *ast.File) []text {
	var all []text
	keep := func(e ast.Expr) {
		t := text{file: name}
		join(set, e, &t)
		if len(t.lines) > 0 && isProse.MatchString(t.text) {
			all = append(all, t)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field: // its tag is not for people
			if n.Tag != nil {
				return false
			}
		case *ast.CallExpr:
			if f, is := n.Fun.(*ast.SelectorExpr); is && isName(f.X, "regexp") {
				return false
			}
		case *ast.BinaryExpr:
			if n.Op == token.ADD {
				keep(n)
				ast.Inspect(n, func(in ast.Node) bool {
					if call, is := in.(*ast.CallExpr); is {
						all = append(all, callTexts(set, name, call)...)
						return false
					}
					return true
				})
				return false
			}
		case *ast.BasicLit:
			keep(n)
		}
		return true
	})
	return all
}

// callTexts returns the strings among the arguments of a call within a sum.
func callTexts(set *token.FileSet, name string, call *ast.CallExpr) []text {
	var all []text
	for _, argument := range call.Args {
		t := text{file: name}
		join(set, argument, &t)
		if len(t.lines) > 0 && isProse.MatchString(t.text) {
			all = append(all, t)
		}
	}
	return all
}

func isName(e ast.Expr, name string) bool {
	id, is := e.(*ast.Ident)
	return is && id.Name == name
}

// join adds the literals of a sum to the text, as they will stand in it.
func join(set *token.FileSet, e ast.Expr, t *text) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		join(set, e.X, t)
	case *ast.BinaryExpr:
		join(set, e.X, t)
		join(set, e.Y, t)
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return
		}
		value, err := strconv.Unquote(e.Value)
		if err != nil {
			return
		}
		t.lines = append(t.lines, mark{len(t.text), set.Position(e.Pos()).Line})
		if strings.HasPrefix(e.Value, "`") {
			for i, r := range value {
				if r == '\n' {
					t.lines = append(t.lines, mark{len(t.text) + i + 1, t.line(len(t.text)+i) + 1})
				}
			}
			value = strings.ReplaceAll(value, "\n", " ")
		}
		t.text += value
	default:
		t.text += "…"
	}
}
