package main

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/provision"
	"tpmdps/internal/tpm"
	"tpmdps/internal/verdict"
)

// The tests below hold the manual to the program: what the program has stands
// in the manual, and what stands in the manual the program has.

// page reads a page of the manual, named from the top of the project.
func page(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// section returns what stands below a heading, down to the next one of its rank
// or a higher one. The heading is given with its number signs.
func section(t *testing.T, name, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut("\n"+page(t, name), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", name, heading)
	}
	rank := strings.Count(strings.Fields(heading)[0], "#")
	end := regexp.MustCompile(`(?m)^#{1,` + strconv.Itoa(rank) + `} `).FindStringIndex(rest)
	if end == nil {
		return rest
	}
	return rest[:end[0]]
}

var codeRow = regexp.MustCompile("(?m)^\\| ([0-9]+) \\| `?([a-z-]+)`? \\|")

func TestDocsExitCodes(t *testing.T) {
	for _, name := range []string{"docs/exit-codes.md", "docs/tpmdps.1.md"} {
		documented := map[int]string{}
		for _, row := range codeRow.FindAllStringSubmatch(page(t, name), -1) {
			code, err := strconv.Atoi(row[1])
			if err != nil {
				t.Fatal(err)
			}
			documented[code] = row[2]
		}
		if !maps.Equal(documented, verdict.Names) {
			t.Errorf("%s: the table has %v, the program %v", name, documented, verdict.Names)
		}
	}
	for _, e := range verdict.Table() {
		if verdict.Names[e.Code] == "" {
			t.Errorf("%v ends with code %d, which has no name", e.Is, e.Code)
		}
	}
}

const manual = "docs/tpmdps.1.md"

var boldFlag = regexp.MustCompile(`\*\*--?([a-z][a-z-]*)\*\*`)

func TestDocsCommandsAndFlags(t *testing.T) {
	groups := map[string][]cli.Flag{
		"use a chip": chipFlags(), "use the network": networkFlags(), "read or write a secret": secretFlags(), "judge a chip": trustFlags(),
	}
	shared := commandline.Names(outputFlags())
	for _, group := range groups {
		shared = append(shared, commandline.Names(group)...)
	}
	sharedSection := section(t, manual, "## SHARED FLAGS")
	missing(t, "SHARED FLAGS", sharedSection, shared)
	surplus(t, "SHARED FLAGS", sharedSection, shared)
	for words, group := range groups {
		var with []string
		for _, c := range allCommands() {
			if slices.Contains(commandline.Names(c.Flags), group[0].Names()[0]) {
				with = append(with, c.Name)
			}
		}
		want := fmt.Sprintf("On the commands that %s (%s):", words, strings.Join(with, ", "))
		if !strings.Contains(strings.ReplaceAll(sharedSection, "\n", " "), want) {
			t.Errorf("%s: SHARED FLAGS lacks: %s", manual, want)
		}
	}

	synopsis := section(t, manual, "## SYNOPSIS")
	for _, c := range allCommands() {
		if top, _, _ := strings.Cut(c.Name, " "); !strings.Contains(synopsis, "**tpmdps "+top+"**") {
			t.Errorf("%s: SYNOPSIS lacks **tpmdps %s**", manual, top)
		}
		heading := "### tpmdps " + c.Name
		text := section(t, manual, heading)
		all := commandline.Names(c.Flags)
		own := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return slices.Contains(shared, name) })
		missing(t, heading, text, own)
		surplus(t, heading, text, all)
		for _, f := range c.Flags {
			if d := defaultText(f); d != "" && !strings.Contains(text+sharedSection, "`"+d+"`") && !strings.Contains(text, "Default: "+d+",") {
				t.Errorf("%s: %s: the default of --%s is not named: `%s`", manual, heading, f.Names()[0], d)
			}
		}
		description := strings.ReplaceAll(c.Description, "\u00a0", " ")
		status := regexp.MustCompile(`Exit status: .*`).FindString(description)
		codes := strings.Join(regexp.MustCompile(`[0-9]+`).FindAllString(status, -1), ", ")
		if want := "Exit status: " + codes + "."; !strings.Contains(text, want) {
			t.Errorf("%s: %s lacks %q", manual, heading, want)
		}
	}
}

// allCommands are those that do something: of a group its members, under their
// whole name.
func allCommands() []*cli.Command {
	var all []*cli.Command
	for _, c := range newApp(streams{}).Commands {
		if len(c.Subcommands) == 0 {
			all = append(all, c)
		}
		for _, sub := range c.Subcommands {
			sub.Name = c.Name + " " + sub.Name
			all = append(all, sub)
		}
	}
	return all
}

// defaultText is what a flag stands at, where that says something.
func defaultText(f cli.Flag) string {
	s, ok := f.(*cli.StringFlag)
	if named, is := f.(variableFlag); is {
		s, ok = named.StringFlag, true
	}
	switch {
	case !ok:
		return ""
	case s.DefaultText != "":
		return s.DefaultText
	}
	return s.Value
}

func missing(t *testing.T, where, text string, flags []string) {
	t.Helper()
	for _, name := range flags {
		if !strings.Contains(text, "**"+commandline.Dashed(name)+"**") {
			t.Errorf("%s: %s lacks **%s**", manual, where, commandline.Dashed(name))
		}
	}
}

func surplus(t *testing.T, where, text string, flags []string) {
	t.Helper()
	for _, m := range boldFlag.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(flags, m[1]) {
			t.Errorf("%s: %s has %s, which is no flag there", manual, where, m[0])
		}
	}
}

func TestDocsEnvironment(t *testing.T) {
	variables := []string{"SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", // read by internal/environment
		"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE",
		"AZURE_AUTHORITY_HOST", "AZURE_TOKEN_CREDENTIALS"}
	for _, c := range allCommands() {
		for _, f := range c.Flags {
			if d, ok := f.(cli.DocGenerationFlag); ok {
				variables = append(variables, d.GetEnvVars()...)
			}
		}
	}
	variables = append(variables, readVariables(t)...)
	text := section(t, manual, "## ENVIRONMENT")
	for _, name := range variables {
		if !strings.Contains(text, "**"+name+"**") {
			t.Errorf("%s: ENVIRONMENT lacks **%s**", manual, name)
		}
	}
}

// readVariables finds the environment variables that the commands read by name.
func readVariables(t *testing.T) []string {
	t.Helper()
	var found []string
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			f, isSelector := call.Fun.(*ast.SelectorExpr)
			name, isLiteral := call.Args[0].(*ast.BasicLit)
			if isSelector && isLiteral && (f.Sel.Name == "Getenv" || f.Sel.Name == "LookupEnv") {
				found = append(found, strings.Trim(name.Value, `"`))
			}
			return true
		})
	}
	if len(found) == 0 {
		t.Error("no command reads a variable by name: is the search broken?")
	}
	return found
}

// tripSteps takes the steps' names from a trip that ends at its first one.
func tripSteps(t *testing.T) (names []string) {
	t.Helper()
	nowhere, err := tpm.ParseAddress("swtpm:path=" + filepath.Join(t.TempDir(), "nobody"))
	if err != nil {
		t.Fatal(err)
	}
	trip, err := provision.Run(context.Background(), provision.Request{TPM: nowhere, Until: provision.UntilAssigned})
	if err == nil {
		t.Fatal("a trip without a chip succeeded")
	}
	for _, s := range trip.Steps {
		names = append(names, s.Name)
	}
	return names
}

func TestDocsSteps(t *testing.T) {
	want, got := tripSteps(t), []string(nil)
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+(?:\\.[a-z]+)?)` \\|").FindAllStringSubmatch(section(t, manual, "### tpmdps verify"), -1) {
		got = append(got, row[1])
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: the table of steps has %v, the trip %v", manual, got, want)
	}
}

const scripting = "docs/scripting.md"

// TestDocsRules compares the rules of config --check with their table.
func TestDocsRules(t *testing.T) {
	_, table, found := strings.Cut(section(t, scripting, "## config --check"), "| rule |")
	if !found {
		t.Fatalf("%s has no table of rules", scripting)
	}
	var got []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?`) \\|").FindAllStringSubmatch(table, -1) {
		for name := range strings.SplitSeq(row[1], ", ") {
			got = append(got, strings.Trim(name, "`"))
		}
	}
	if want := append(lint.Rules(), checkup.RuleAccess, checkup.RuleChip, checkup.RuleAuth); !slices.Equal(got, want) {
		t.Errorf("%s: the table of rules has %q, config --check %q", scripting, got, want)
	}
}

// pages lists all pages of the manual by name, this project's front page first.
func pages(t *testing.T) []string {
	t.Helper()
	list := []string{"README.md"}
	root := os.DirFS(filepath.Join("..", ".."))
	err := fs.WalkDir(root, "docs", func(name string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(name, ".md") {
			list = append(list, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestDocsCommandLines looks for flags that no command has in every command
// line of every page, and of every help.
func TestDocsCommandLines(t *testing.T) {
	flags := map[string][]string{}
	for _, c := range allCommands() {
		flags[c.Name] = append(commandline.Names(c.Flags), "help")
	}
	line := regexp.MustCompile(`tpmdps (` + strings.Join(slices.Sorted(maps.Keys(flags)), "|") + `)((?: [^\n|;&]*)?)`)
	flag := regexp.MustCompile(` --([a-z][a-z-]*)`)
	texts := map[string]string{}
	for _, name := range pages(t) {
		texts[name] = page(t, name)
	}
	for _, c := range allCommands() {
		texts[c.Name+" --help"] = c.Description
	}
	for name, text := range texts {
		for _, m := range line.FindAllStringSubmatch(text, -1) {
			typed, _, _ := strings.Cut(m[2], "`")
			for _, f := range flag.FindAllStringSubmatch(typed, -1) {
				if !slices.Contains(flags[m[1]], f[1]) {
					t.Errorf("%s: %q: %s has no flag --%s", name, m[0], m[1], f[1])
				}
			}
		}
	}
}

// TestDocsForm: a front page that can be read in one go, and text that every
// terminal and every pager shows.
func TestDocsForm(t *testing.T) {
	if n := strings.Count(page(t, "README.md"), "\n"); n > 200 {
		t.Errorf("README.md has %d lines, more than 200", n)
	}
	for _, name := range pages(t) {
		for i, line := range strings.Split(page(t, name), "\n") {
			for _, r := range line {
				if unicode.Is(unicode.So, r) || r == '\t' {
					t.Errorf("%s:%d: %s has no place here", name, i+1, fmt.Sprintf("%q", r))
				}
			}
		}
	}
}
