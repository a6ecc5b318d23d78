package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/bundle/gather"
	"tpmdps/internal/environment"
)

var quoted = regexp.MustCompile("`([^`]+)`")

// TestPipelineEnvironment compares the page's variables with those that the source and
// azidentity know: neither may have one more.
func TestPipelineEnvironment(t *testing.T) {
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?`) \\|").FindAllStringSubmatch(section(t, pipeline, "## Environment variables"), -1) {
		for _, name := range quoted.FindAllStringSubmatch(row[1], -1) {
			documented = append(documented, name[1])
		}
	}
	// Those that Go's own packages read for this program: os.TempDir and exec.LookPath.
	read := []string{"PATH", "TMPDIR", "TMP", "TEMP"}
	for _, c := range allCommands() {
		for _, f := range c.Flags {
			if d, ok := f.(cli.DocGenerationFlag); ok {
				read = append(read, d.GetEnvVars()...)
			}
		}
	}
	read = append(read, readVariables(t)...)
	read = append(read, gather.Variables()...)
	read = append(read, environment.Secrets...)
	words := []string{"ACCESS_KEY", "CONNECTION_STRING", "SAS_TOKEN", "SYMMETRIC_KEY"} // parts of names
	name := regexp.MustCompile(`"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[a-z]+_proxy)"`)
	for _, folder := range []string{".", "../../internal/environment", "../../internal/operator", "../../internal/bundle/gather"} {
		read = append(read, matches(t, folder, name, words)...)
	}
	// Those of Azure Pipelines' service connections are for a credential that there is no flag for.
	library := regexp.MustCompile(`= +"((?:AZURE_|IDENTITY_|IMDS_|MSI_|DEFAULT_IDENTITY_)[A-Z_]+)"`)
	read = append(read, matches(t, moduleFolder(t, "github.com/Azure/azure-sdk-for-go/sdk/azidentity"), library, nil)...)
	for _, name := range read {
		if !slices.Contains(documented, name) {
			t.Errorf("%s lacks %s, which is read", pipeline, name)
		}
	}
	for i, name := range documented {
		if !slices.Contains(read, name) {
			t.Errorf("%s has %s, which nothing reads", pipeline, name)
		}
		if slices.Contains(documented[:i], name) {
			t.Errorf("%s has %s twice", pipeline, name)
		}
	}
	t.Logf("%d variables", len(documented))
}

// matches are the first groups of an expression in the Go files of a folder that are not
// tests, without some.
func matches(t *testing.T, folder string, expression *regexp.Regexp, without []string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, %d files", folder, err, len(files))
	}
	var found []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range expression.FindAllStringSubmatch(string(text), -1) {
			if !slices.Contains(without, m[1]) {
				found = append(found, m[1])
			}
		}
	}
	if len(found) == 0 {
		t.Errorf("%s has nothing like %v: is the search broken?", folder, expression)
	}
	return found
}

// moduleFolder is where a module's source lies.
func moduleFolder(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
